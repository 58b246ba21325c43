"""`/ops/config` and `manage.py reload_config`: verdicts, who may ask for them, and what operators see."""

from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from providers.models import PolicyVersion, ProcessVersion, Provider, ReloadAttempt, RoutingPolicy
from providers.services import policies
from tests.integration.providers.policy_rows import make_rows, order
from tests.integration.rest.answers import ELSEWHERE
from tests.keys import bearer, make_key

pytestmark = pytest.mark.django_db
RELOAD = "/ops/config/reload"


@pytest.fixture(autouse=True)
def policy() -> RoutingPolicy:
    return make_rows()


@pytest.fixture
def browser() -> Client:
    """A client whose CSRF checks are those of a real browser's requests."""
    return Client(enforce_csrf_checks=True)


def reload(client, **rest) -> dict:
    response = client.post(RELOAD, **rest)
    assert response.status_code == 200, response.content
    return response.json()


class TestReload:
    """The verdict."""

    def test_answer_has_exactly_these_keys_when_the_draft_goes_through(self, client):
        answer = reload(client)
        assert answer == {"ok": True, "policy_version": str(policies.current().number), "error": None}
        assert PolicyVersion.objects.get().author == "a program on this machine"

    def test_answer_names_the_fault_when_the_draft_is_refused(self, client, monkeypatch):
        before = reload(client)["policy_version"]
        monkeypatch.setenv("POLICY_BARS_1M", "bogus")
        assert reload(client) == {
            "ok": False,
            "policy_version": None,
            "error": "unknown provider 'bogus' in POLICY_BARS_1M",
        }
        assert str(policies.current().number) == before

    def test_dry_run_names_every_fault_and_change_and_stores_nothing(self, client, monkeypatch):
        reload(client)
        monkeypatch.setenv("POLICY_BARS_1M", "bogus,alpaca,alpaca")
        answer = reload(client, query_params={"dry_run": "true"})
        assert answer["errors"] == [
            "unknown provider 'bogus' in POLICY_BARS_1M",
            "provider 'alpaca' stands twice in POLICY_BARS_1M",
        ]
        assert (answer["ok"], answer["policy_version"], answer["error"]) == (False, None, answer["errors"][0])
        assert answer["changes"] == [
            {
                "what": "policy bars_1m for all tiers",
                "before": ["polygon", "alpaca"],
                "after": ["bogus", "alpaca", "alpaca"],
                "source": "POLICY_BARS_1M (environment)",
            }
        ]
        assert (PolicyVersion.objects.count(), ReloadAttempt.objects.count()) == (1, 1)

    def test_misspelt_parameter_is_refused_and_nothing_is_reloaded(self, client):
        response = client.post(RELOAD, query_params={"dryrun": "true"})
        assert (response.status_code, response.json()["error"]["code"]) == (422, "unknown_parameter")
        assert not PolicyVersion.objects.exists()

    def test_reading_reloads_nothing(self, client):
        assert client.get(RELOAD).status_code == 405


class TestWhoMay:
    """Programs on this machine, keys, staff with permission and CSRF token; never another site's page."""

    def test_stranger_is_refused(self, browser):
        assert browser.post(RELOAD, **ELSEWHERE).status_code == 401

    def test_key_opens_and_is_named(self, browser):
        text = make_key("admin", name="deploy")
        reload(browser, headers=bearer(text), **ELSEWHERE)
        assert PolicyVersion.objects.get().author == f"key deploy ({text[:11]})"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://testserver:3000"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_page_of_another_site_in_a_browser_on_this_machine_is_refused(self, browser, headers):
        browser.force_login(User.objects.create_superuser("root"))
        response = browser.post(RELOAD, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "csrf_failed")
        assert not PolicyVersion.objects.exists()

    def test_our_own_page_in_a_browser_on_this_machine_may(self, browser):
        reload(browser, headers={"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"})

    def test_staff_elsewhere_needs_the_token_of_its_session(self, browser):
        browser.force_login(User.objects.create_superuser("root"))
        response = browser.post(RELOAD, **ELSEWHERE)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "csrf_failed")
        browser.get("/admin/login/")  # sets the cookie
        browser.get("/admin/password_change/", **ELSEWHERE)
        token = browser.cookies["csrftoken"].value
        reload(browser, headers={"X-CSRFToken": token}, **ELSEWHERE)
        assert PolicyVersion.objects.get().author == "root"

    def test_staff_needs_the_permission(self, client):
        user = User.objects.create_user("reader", is_staff=True)
        client.force_login(user)
        response = client.post(RELOAD, **ELSEWHERE)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
        user.user_permissions.add(Permission.objects.get(codename="add_policyversion"))
        reload(client, **ELSEWHERE)


class TestSeeing:
    """Status, versions, differences, and the way back."""

    def test_status_is_told_when_nothing_is_active(self, client):
        status = client.get("/ops/config/status").json()
        assert (status["active"], status["last_attempt"], status["draft_differs"]) == (None, None, True)
        assert {change["before"] for change in status["changes"] if change["what"].startswith("policy")} == {None}

    def test_status_tells_what_runs_what_waits_and_who_lags(self, client, policy, monkeypatch):
        version = reload(client)["policy_version"]
        ProcessVersion.objects.create(
            process="h:worker:1", host="h", role="worker", version=1, seen_at=ReloadAttempt.objects.get().at
        )
        policy.providers = ["alpaca"]
        policy.save()
        monkeypatch.setenv("BREAKER_DEMOTE_THRESHOLD", "0.99")
        reload(client)
        status = client.get("/ops/config/status").json()
        assert (status["active"]["policy_version"], status["draft_differs"]) == (version, True)
        assert [change["after"] for change in status["changes"]] == [0.99, ["alpaca"]]
        assert status["errors"] == ["BREAKER_DEMOTE_THRESHOLD must be below BREAKER_PROMOTE_THRESHOLD, got 0.99 and 0.85"]
        attempt = status["last_attempt"]
        assert (attempt["ok"], attempt["policy_version"], attempt["error"]) == (False, None, status["errors"][0])
        assert {(p["role"], p["policy_version"], p["following"]) for p in status["processes"]} == {
            ("worker", "1", "lagging"),
            ("test", version, "current"),
        }

    def test_versions_are_listed_newest_first_page_by_page(self, client):
        made = [reload(client)["policy_version"] for _ in range(3)]
        found, after = [], {}
        while True:
            page = client.get("/ops/config/versions", {"limit": 2, **after}).json()
            found += [(one["policy_version"], one["is_active"]) for one in page["versions"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert found == [(made[2], True), (made[1], False), (made[0], False)]

    def test_rollback_brings_the_version_before_and_flags_the_draft(self, client, policy):
        first = reload(client)["policy_version"]
        policy.providers = ["alpaca"]
        policy.save()
        second = reload(client)["policy_version"]
        difference = client.get(f"/ops/config/versions/{first}/diff").json()
        assert (difference["against"], [change["after"] for change in difference["changes"]]) == (
            second, [["polygon", "alpaca"]],
        )  # fmt: skip
        forward = client.get(f"/ops/config/versions/{second}/diff", {"against": first}).json()
        assert [change["after"] for change in forward["changes"]] == [["alpaca"]]
        answer = client.post(f"/ops/config/rollback/{first}").json()
        assert answer == {"ok": True, "policy_version": first, "error": None, "draft_differs": True}
        assert order() == ("polygon", "alpaca")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/ops/config/rollback/7"),
            ("GET", "/ops/config/versions/7/diff"),
            ("GET", "/ops/config/versions/{active}/diff?against=7"),
        ],
    )
    def test_unknown_version_is_not_found(self, client, method, path):
        path = path.replace("{active}", str(reload(client)["policy_version"]))
        response = client.generic(method, path)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_version")


class TestCommand:
    """`manage.py reload_config`."""

    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("reload_config", *arguments, stdout=out)
        return out.getvalue()

    def test_changes_are_printed_with_their_source_when_reloaded(self, monkeypatch):
        assert "policy bars_1m for all tiers: nothing → polygon, alpaca   [routing policy row]" in self.run()
        monkeypatch.setenv("POLICY_BARS_1M", "alpaca")
        said = self.run("--dry-run")
        assert said == (
            "policy bars_1m for all tiers: polygon, alpaca → alpaca   [POLICY_BARS_1M (environment)]\n"
            "dry run: nothing was stored\n"
        )
        assert f"policy version {PolicyVersion.objects.get().number} " not in said
        assert "policy version" in self.run()
        assert "no value changes" in self.run()

    @pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
    def test_command_fails_with_every_fault_when_the_draft_is_refused(self, monkeypatch, arguments):
        monkeypatch.setenv("POLICY_BARS_1M", "bogus")
        monkeypatch.setenv("BREAKER_DEMOTE_THRESHOLD", "1")
        with pytest.raises(CommandError) as refused:
            self.run(*arguments)
        assert str(refused.value).splitlines() == [
            "unknown provider 'bogus' in POLICY_BARS_1M",
            "BREAKER_DEMOTE_THRESHOLD must be below BREAKER_PROMOTE_THRESHOLD, got 1.0 and 0.85",
        ]
        assert refused.value.returncode == 1


class TestAdmin:
    """What the draft's pages owe to the version that runs."""

    def test_provider_that_runs_can_not_be_deleted_before_it_is_out_of_the_active_version(self, admin_client, policy):
        reload(admin_client)
        page = reverse("admin:providers_provider_delete", args=[Provider.objects.get(name="polygon").pk])
        policy.providers = ["alpaca"]
        policy.save()
        Provider.objects.filter(name="polygon").update(is_enabled=False)
        assert "the active policy version may ask it" in admin_client.get(page).content.decode()
        admin_client.post(page, {"post": "yes"})
        assert Provider.objects.filter(name="polygon").exists()
        reload(admin_client)
        admin_client.post(page, {"post": "yes"})
        assert not Provider.objects.filter(name="polygon").exists()

    def test_credentials_of_the_env_file_count_as_set(self, admin_client, settings, tmp_path, monkeypatch):
        monkeypatch.delenv("POLYGON_API_KEY", raising=False)
        settings.ENV_FILE = tmp_path / ".env"
        settings.ENV_FILE.write_text("POLYGON_API_KEY=secret-of-the-file\n")
        page = admin_client.get(reverse("admin:providers_provider_changelist")).content.decode()
        assert "not set: POLYGON_API_KEY" not in page
        assert "not set: ALPACA_API_KEY_ID" in page
        assert "secret-of-the-file" not in page

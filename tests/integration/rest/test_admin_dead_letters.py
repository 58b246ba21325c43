"""Dead letters in the admin: the list with its causes, one with its tries, and pages that ask before they act."""

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from collector.models import Abandonment, Backfill, BackfillState
from ops.models import AuditEntry
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import at, make_provider, make_series, make_tier

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]
LIST = "admin:collector_deadletter_changelist"


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(at("2026-11-20 16:00"), tick=False):
        yield


@pytest.fixture
def visitor(client):
    """Staff that may look, and act on nothing."""
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_deadletter"))
    client.force_login(user)
    return client


def text(response) -> str:
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def listed(client, **query) -> list[int]:
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [letter.pk for letter in response.context["cl"].result_list]


def act(client, word: str, data: dict[str, object] | None = None, **query: object) -> str:
    return text(client.post(f"{reverse(f'admin:dead_letters_{word}', query=query)}", data or {}, follow=True))


def states() -> dict[int, str]:
    return dict(Backfill.objects.values_list("pk", "state"))


class TestList:
    """What an operator sees first."""

    def test_list_shows_dead_ones_by_filter_and_discarded_ones_when_asked(self, operator):
        first = make_dead(make_series(), 0)
        other = make_dead(
            make_series("MSFT", tier="T1", interval="1d"), 1, reason="rejected", provider="tiingo", fingerprint="beef"
        )
        gone = make_dead(make_series("GONE"), 2)
        act(operator, "discard", ids=gone.pk)
        assert listed(operator) == [other.pk, first.pk]
        for query in (
            {"tier": "T1"}, {"interval": "1d"}, {"reason": "rejected"}, {"provider": "tiingo"}, {"fingerprint": "beef"}, {"q": "MSFT"},
        ):  # fmt: skip
            assert listed(operator, **query) == [other.pk], query
        assert listed(operator, state="discarded") == [gone.pk]

    def test_causes_stand_above_the_list_and_lead_to_their_jobs(self, operator):
        series = make_series()
        for n in range(3):
            make_dead(series, n, fingerprint="beef" if n else "f00d")
        page = text(operator.get(reverse(LIST)))
        assert page.index("?fingerprint=beef") < page.index("?fingerprint=f00d")
        assert "Requeue all that the filters show" in page

    def test_number_of_questions_does_not_grow_with_the_rows(self, operator, django_assert_max_num_queries):
        for n in range(20):
            make_dead(make_series(f"S{n}"), n)
        with django_assert_max_num_queries(15) as asked:
            operator.get(reverse(LIST))
        assert not any("COUNT(*)" in query["sql"] for query in asked.captured_queries if "GROUP BY" not in query["sql"])

    def test_one_letter_shows_its_tries_and_what_can_be_done(self, operator):
        job = make_dead(make_series(), traceback="Traceback <b>")
        address = reverse("admin:collector_deadletter_change", args=[job.pk])
        page = text(operator.get(address))
        assert page.count("bad_answer") == 2
        assert "Traceback &lt;b&gt;" in page
        assert ("/requeue-this" in page, "/discard-this" in page, "/undo-this" in page) == (True, True, False)
        act(operator, "discard", ids=job.pk)
        page = text(operator.get(address))
        assert ("/requeue-this" in page, "/discard-this" in page, "/undo-this" in page) == (False, False, True)

    def test_visitor_sees_the_list_and_no_button(self, visitor):
        job = make_dead(make_series())
        page = text(visitor.get(reverse(LIST)))
        assert ("AAPL" in page, "Requeue" in page.replace("<th", ""), "Discard…" in page) == (True, "Requeued" in page, False)
        assert "Requeue all" not in page
        page = text(visitor.get(reverse("admin:collector_deadletter_change", args=[job.pk])))
        assert "requeue-this" not in page
        for word in ("requeue", "discard", "undo"):
            assert visitor.post(reverse(f"admin:dead_letters_{word}", query={"ids": job.pk})).status_code == 403
        assert states() == {job.pk: "dead"}


class TestActing:
    """A GET only asks; a POST does it through the one service and leaves its record."""

    def test_page_tells_what_a_requeue_would_do_and_does_nothing(self, operator):
        make_tier("T0")
        series = make_series()
        type(series.tier).objects.update(backfill_cap=2)
        for n in range(3):
            make_dead(series, n)
        make_dead(make_series("MSFT", tier="T1"))
        response = operator.get(reverse("admin:dead_letters_requeue", query={"tier": "T0"}))
        page = text(response)
        planned = response.context["planned"]
        assert (planned.matched, planned.requeued, planned.at_cap) == (3, 2, 1)
        assert "Requeue 3 jobs" in page
        assert len(response.context["sample"]) == 3
        assert set(states().values()) == {BackfillState.DEAD}

    def test_all_that_fit_are_requeued_up_to_the_limit(self, operator):
        series = make_series()
        make_provider("tiingo")
        made = [make_dead(series, n).pk for n in range(3)]
        said = act(operator, "requeue", {"limit": 2, "pin": "tiingo", "note": "back again"}, reason="out_of_attempts")
        assert "2 of 3 wait for a worker; 0 at cap, 1 over limit." in said
        assert states() == {made[0]: "queued", made[1]: "queued", made[2]: "dead"}
        assert set(Backfill.objects.filter(state="queued").values_list("pinned_provider", flat=True)) == {"tiingo"}
        entry = AuditEntry.objects.get()
        assert (entry.who, entry.through, entry.reason, entry.filter) == (
            "ada", "admin", "back again", {"reason": "out_of_attempts", "limit": 2, "pin": "tiingo"},
        )  # fmt: skip
        assert "dead_letter_requeue_all" in text(operator.get(reverse("admin:ops_auditentry_changelist")))

    @pytest.mark.parametrize(("action", "state"), [("requeue_chosen", "queued"), ("discard_chosen", "discarded")])
    def test_chosen_rows_are_acted_on_after_the_page_that_asks(self, operator, action, state):
        series = make_series()
        first, second, third = (make_dead(series, n).pk for n in range(3))
        response = operator.post(reverse(LIST), {"action": action, "_selected_action": [first, third]})
        assert (response.status_code, set(states().values())) == (302, {"dead"})
        assert "2 jobs" in text(operator.get(response.url))
        operator.post(response.url)
        assert states() == {first: state, second: "dead", third: state}

    def test_one_job_is_discarded_with_its_span_and_brought_back(self, operator):
        job = make_dead(make_series())
        said = act(operator, "discard", {"note": "halted", "abandon": "on"}, ids=job.pk)
        assert f"Job {job.pk} is discarded." in said
        assert Abandonment.objects.get().who == "ada"
        assert f"Job {job.pk} is dead again." in act(operator, "undo", ids=job.pk)
        assert not Abandonment.objects.exists()

    def test_what_can_not_be_done_says_why(self, operator):
        job = make_dead(make_series())
        act(operator, "requeue", ids=job.pk)
        assert f"Nothing was done: job {job.pk} is queued" in act(operator, "requeue", ids=job.pk)

    def test_nonsense_in_the_address_is_not_found(self, operator):
        assert operator.get(reverse("admin:dead_letters_discard")).status_code == 404
        assert operator.get(reverse("admin:dead_letters_requeue", query={"ids": "1,x"})).status_code == 404

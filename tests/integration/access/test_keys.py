"""What a key opens: lookups, their cost, failures, and what is kept of them."""

import logging
from datetime import timedelta
from ipaddress import ip_network

import pytest
import redis
from django.db import IntegrityError, transaction

from marketdata_site.observability import clock
from ops.access import failures
from ops.access.checking import FRESH, KeyCheck, KeyRefused, TooManyBadKeys, opening
from ops.access.failures import LIMIT, WINDOW_SECONDS, FailedKeys
from ops.access.issuing import issue, revoke
from ops.access.scopes import Scope
from ops.actors import of_command
from ops.models import ApiKey, AuditEntry
from tests.integration.rest.dead_rows import make_dead
from tests.integration.rest.rows import at, make_series
from tests.keys import bearer, elsewhere, make_key, new_peer, row_of

pytestmark = pytest.mark.django_db
NOW = at("2026-11-20 15:30")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def code(check: KeyCheck, text: str, *, peer: str, now=NOW) -> str:
    with pytest.raises((KeyRefused, TooManyBadKeys)) as refused:
        check.check(text, peer=peer, now=now)
    return refused.value.code


class TestCheck:
    """`KeyCheck`."""

    def test_busy_key_costs_a_query_a_second_and_a_write_a_minute(self, django_assert_num_queries):
        text, check = make_key(), KeyCheck()
        for later, queries in ((0.0, 2), (0.5, 0), (1.0, 1), (1.9, 0), (59.9, 1), (61.0, 2), (61.1, 0)):
            with django_assert_num_queries(queries):
                check.check(text, peer="", now=NOW + later * SECOND)
        assert row_of(text).last_used_at == NOW + 61 * SECOND

    def test_use_is_written_once_a_minute_whichever_process_sees_it(self):
        text = make_key()
        KeyCheck().check(text, peer="", now=NOW)
        KeyCheck().check(text, peer="", now=NOW + 30 * SECOND)
        assert row_of(text).last_used_at == NOW
        assert opening([row_of(text).pk], now=NOW + MINUTE) == {row_of(text).pk}
        assert row_of(text).last_used_at == NOW + MINUTE

    def test_revoked_key_opens_nothing_anywhere_after_a_second(self):
        text, check = make_key(), KeyCheck()
        check.check(text, peer="", now=NOW)
        revoke(of_command(), prefix=row_of(text).prefix, now=NOW)
        check.check(text, peer="", now=NOW + FRESH / 2)
        assert code(check, text, peer=new_peer(), now=NOW + FRESH) == "revoked_key"
        assert code(KeyCheck(), text, peer=new_peer()) == "revoked_key"
        assert opening([row_of(text).pk], now=NOW) == set()

    def test_key_expires_to_the_moment_though_its_row_was_just_seen(self):
        text, check = make_key(expires_at=NOW + SECOND / 2), KeyCheck()
        check.check(text, peer="", now=NOW)
        assert code(check, text, peer=new_peer(), now=NOW + SECOND / 2) == "expired_key"
        assert opening([row_of(text).pk], now=NOW + SECOND / 2) == set()

    @pytest.mark.parametrize(
        "wrong", ["", "x", "md_", "é" * 30, "md_00000000_" + "A" * 43, "{0[0]}", "{0} ", "{1}", "\ud800", "x" * 100_000]
    )
    def test_what_is_no_key_of_ours_opens_nothing(self, wrong):
        text = make_key()
        forged = wrong.format(text, text[:-1] + ("A" if text[-1] != "A" else "B"))
        assert code(KeyCheck(), forged, peer=new_peer()) == "unknown_key"

    def test_refusal_is_told_to_operators_without_the_key(self, caplog):
        text, peer = make_key(state="revoked", name="grafana"), new_peer()
        with caplog.at_level(logging.WARNING):
            code(KeyCheck(), text, peer=peer)
        assert f"A key from {peer} opened nothing: key grafana ({text[:11]}) was revoked" in caplog.text
        assert text[12:] not in caplog.text


class TestFailures:
    """`FailedKeys`: bounded, shared, and nobody else's trouble."""

    def test_peer_has_to_wait_after_too_many_and_costs_no_query_then(self, django_assert_num_queries):
        check, peer = KeyCheck(), new_peer()
        assert [code(check, f"guess {n}", peer=peer) for n in range(LIMIT)] == ["unknown_key"] * LIMIT
        right = make_key()
        with django_assert_num_queries(0):
            assert code(check, right, peer=peer) == "too_many_bad_keys"
        assert check.check(right, peer=new_peer(), now=NOW).prefix == row_of(right).prefix
        later = NOW + timedelta(seconds=WINDOW_SECONDS)
        assert check.check(right, peer=peer, now=later).scope is Scope.READ

    def test_key_that_opened_before_is_not_locked_out_by_its_neighbour(self):
        check, peer, text = KeyCheck(), new_peer(), make_key()
        check.check(text, peer=peer, now=NOW)
        for n in range(LIMIT + 1):
            code(check, f"guess {n}", peer=peer)
        assert check.check(text, peer=peer, now=NOW + 5 * SECOND)

    def test_processes_share_what_they_counted(self):
        one, other, peer = FailedKeys(), FailedKeys(), new_peer()
        for _ in range(LIMIT):
            one.add(peer, now=NOW)
        assert other.wait_seconds(peer, now=NOW) == 0
        other.add(peer, now=NOW + SECOND)
        assert other.wait_seconds(peer, now=NOW + 2 * SECOND) == WINDOW_SECONDS - 2

    def test_process_counts_alone_when_valkey_is_away(self, monkeypatch):
        monkeypatch.setattr(failures, "_valkey", lambda: redis.Redis(port=1, retry=None))
        alone, peer = FailedKeys(), new_peer()
        for _ in range(LIMIT):
            assert alone.wait_seconds(peer, now=NOW) == 0
            alone.add(peer, now=NOW)
        assert alone.wait_seconds(peer, now=NOW) > 0

    def test_addresses_of_one_site_count_together_and_memory_is_bounded(self):
        counts = FailedKeys()
        for n in range(LIMIT):
            counts.add(f"2001:db8:7:7::{n:x}", now=NOW)
        assert counts.wait_seconds("2001:db8:7:7:ffff::1", now=NOW) > 0
        assert counts.wait_seconds("2001:db8:7:8::1", now=NOW) == 0
        assert {failures._bucket(f"peer {n}") < 65_536 for n in range(1_000)} == {True}

    def test_rest_says_when_to_try_again(self, client, monkeypatch):
        monkeypatch.setattr(failures, "WINDOW_SECONDS", 86_400)  # none ends in between
        peer = elsewhere()
        for n in range(LIMIT):
            assert client.get("/instruments", headers=bearer(f"guess {n}"), **peer).status_code == 401
        for path in ("/instruments", "/metrics", "/openapi.json"):
            response = client.get(path, headers={"X-API-Key": "guess"}, **peer)
            assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_bad_keys")
            assert 1 <= int(response["Retry-After"]) <= 86_400
        assert client.get("/instruments", headers=bearer(make_key()), **elsewhere()).status_code == 200


class TestRequests:
    """What a key does to a request beside opening it."""

    def test_key_decides_where_this_machine_alone_would_have_opened(self, client):
        assert client.get("/ops/dlq/stats").status_code == 200
        assert client.get("/ops/dlq/stats", headers=bearer(make_key("read"))).status_code == 403
        assert client.get("/ops/dlq/stats", headers=bearer(make_key(state="revoked")), **elsewhere()).status_code == 401

    def test_other_authorization_is_no_key(self, client):
        assert client.get("/instruments", headers={"Authorization": "Basic dXNlcjpwYXNz"}).status_code == 200

    def test_audit_names_the_key(self, client):
        make_dead(make_series())
        text = make_key("ops", name="runbook")
        response = client.post("/ops/dlq/backfills/requeue-all", headers=bearer(text), **elsewhere())
        assert response.status_code == 200, response.content
        assert AuditEntry.objects.get(action="dead_letter_requeue_all").who == f"key runbook ({text[:11]})"

    def test_networks_of_scrapers_open_metrics_and_nothing_else(self, client, settings):
        settings.METRICS_NETWORKS = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
        for peer, status in (("192.0.2.7", 200), ("::ffff:192.0.2.7", 200), ("2001:db8::1", 200), ("192.0.3.1", 401)):
            assert client.get("/metrics", REMOTE_ADDR=peer).status_code == status
        assert client.get("/metrics", REMOTE_ADDR="192.0.2.7", headers={"Via": "x"}).status_code == 401
        assert client.get("/instruments", REMOTE_ADDR="192.0.2.7").status_code == 401


class TestRows:
    """What is kept."""

    def test_row_holds_no_part_of_the_key_that_is_secret(self):
        _, token = issue(of_command(), name="x", scope=Scope.OPS, expires_at=None, now=NOW, reason="why")
        row = ApiKey.objects.values().get()
        assert token.text[12:] not in str(row) + str(list(AuditEntry.objects.values()))
        assert row["prefix"] == token.text[:11]
        assert AuditEntry.objects.get().filter == {"name": "x", "prefix": token.prefix, "scope": "ops"}

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"name": ""}, "api_key_has_a_name"),
            ({"scope": "root"}, "api_key_scope_is_known"),
            ({"digest": "A" * 64}, "api_key_digest_is_a_digest"),
            ({"expires_at": NOW, "created_at": NOW}, "api_key_expires_after_it_was_made"),
            ({"prefix": "md_00000000"}, "api_key_prefix_once"),
        ],
    )
    def test_database_refuses_what_makes_no_sense(self, change, constraint):
        ApiKey.objects.filter(pk=row_of(make_key()).pk).update(prefix="md_00000000")
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            ApiKey.objects.filter(pk=row_of(make_key()).pk).update(**change)

    def test_revoking_twice_keeps_the_first_moment_and_record(self):
        prefix = row_of(make_key()).prefix
        for later in range(2):
            revoke(of_command(), prefix=prefix, now=clock.now() + later * MINUTE)
        assert ApiKey.objects.get().revoked_at < clock.now()
        assert AuditEntry.objects.filter(action="api_key_revoke").count() == 1

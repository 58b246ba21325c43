"""`POST /ops/ranges/invalidate` and `manage.py invalidate_range`: what an operator knows better."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from collector.core.spans import spans_of
from collector.models import Abandonment, Absence, Backfill, BarAlternate, BarRevision, DeadLetter, RangeInvalidation
from collector.models.backfills import Lane
from collector.services.backfill.claiming import claim
from collector.services.backfill.draining import drain
from collector.services.backfill.judging import broken
from collector.services.backfill.settling import settle
from collector.store import write_bars
from collector.store_batch import AbsentSlots
from marketdata_site.observability.clock import now_us
from ops.models import AuditEntry
from providers.market.types import MINUTE_US
from providers.models import RoutingPolicy
from tests.builders import minutes, moment, row, us
from tests.integration.collector.reading import closes, coverage, held, messages
from tests.integration.collector.rows import make_provider, make_series, make_write
from tests.integration.rest.bad_ranges.ranges import BAD, RANGE, SESSION, SLOTS, post


def test_bad_range_is_taken_back_and_filled_anew_by_the_pinned_provider_for_good(world, client, series):
    before = closes(series)
    world.control.set_fault("late_correction", vendor="alpaca", price_delta=0.5)
    assert post(client, provider="alpaca") == {"bars": 4, "slots": 4, "jobs": 1}
    assert coverage(series)[0] == spans_of(np.array(SLOTS[:2] + SLOTS[6:]), MINUTE_US).tolist()
    assert [bar.withdrawn_by for bar in held(series).values()] == [None] * 2 + ["operator"] * 4 + [None] * 4
    assert [(m["rev"], m["withdrawn"]) for m in messages() if "withdrawn" in m] == [(2, True)] * 4
    assert sorted(BarRevision.objects.values_list("close", flat=True)) == sorted(before[start] for start in BAD)

    drain(worker="me", loop=world.loop)
    assert world.asked() == ["alpaca"]
    filled = held(series)
    assert [filled[start].provider.name for start in SLOTS] == ["polygon"] * 2 + ["alpaca"] * 4 + ["polygon"] * 4
    assert [filled[start].close for start in BAD] == [before[start] + 0.5 for start in BAD]
    assert {filled[start].rev for start in BAD} == {3}
    assert coverage(series)[0] == [[SLOTS[0], SLOTS[-1] + MINUTE_US]]

    world.set_clock("2025-10-08 16:10:00")
    world.collect("AAPL", start="2025-10-08 14:00", end="2025-10-08 14:10")  # the first of the policy says otherwise again
    assert {held(series)[start].provider.name for start in BAD} == {"alpaca"}
    assert {(old.provider.name, old.times_seen) for old in BarAlternate.objects.all()} == {("polygon", 1)}


def test_only_the_pinned_provider_fills_the_range_and_its_silence_alone_proves_anything(world, client, series):
    post(client, provider="alpaca")
    Backfill.objects.all().delete()
    polygon = make_provider("polygon")
    absent = AbsentSlots(series.pk, SESSION, spans_of(np.array(BAD[:1]), MINUTE_US), True, "settled")
    batch = make_write([series], [row(BAD[1], 77.0)], provider=polygon, asked_at=now_us() + MINUTE_US, absent=[absent])
    result = write_bars(batch, history_before=0)
    assert (result.new, result.replaced, result.alternates, result.disregarded) == (0, 0, 1, {series.pk})
    assert not Absence.objects.exists()
    assert coverage(series) == ([[SLOTS[0], SLOTS[2]], [SLOTS[6], SLOTS[-1] + MINUTE_US]], [])


def test_answer_that_was_on_its_way_when_the_range_was_declared_bad_does_not_bring_it_back(world, client, series):
    post(client)
    late = make_write([series], [row(BAD[0], 77.0)], provider=make_provider("polygon"), asked_at=now_us() - MINUTE_US)
    assert (write_bars(late, history_before=0).replaced, held(series)[BAD[0]].withdrawn_by) == (0, "operator")
    drain(worker="me", loop=world.loop)
    assert {bar.withdrawn_by for bar in held(series).values()} == {None}


def test_answer_that_was_on_its_way_fills_no_slot_that_was_missing_then(world, client, series):
    series.collect_until = moment("2025-10-08 14:20")
    series.save()
    first, second, third = minutes(us("2025-10-08 14:10"), 3)
    post(client, end="2025-10-08T14:12:00Z")
    absent = AbsentSlots(series.pk, SESSION, spans_of(np.array([second]), MINUTE_US), True, "settled")
    rows = [row(first, 77.0), row(third, 77.0)]
    late = make_write([series], rows, provider=make_provider("polygon"), asked_at=now_us() - MINUTE_US, absent=[absent])
    result = write_bars(late, history_before=0)
    assert (result.new, result.alternates, result.disregarded) == (1, 1, {series.pk})
    assert (first in held(series), third in held(series), coverage(series)[1]) == (False, True, [])


def test_silence_of_who_was_asked_before_the_pinned_provider_in_one_job_is_no_witness_either(world, client, series):
    post(client, provider="alpaca")
    Backfill.objects.all().delete()
    world.control.set_fault("mute")
    world.collect("AAPL", start="2025-10-08 14:00", end="2025-10-08 14:10")
    assert world.asked() == ["polygon", "alpaca"]
    assert {(one.provider.name, one.is_believed) for one in Absence.objects.all()} == {("alpaca", False)}
    assert coverage(series)[1] == []


def test_silence_that_was_doubted_before_a_range_was_declared_bad_is_no_witness_in_it(world, client, series):
    doubted = AbsentSlots(series.pk, SESSION, spans_of(np.array(BAD), MINUTE_US), False, "mute_answer")
    write_bars(
        make_write([series], [], provider=make_provider("polygon"), asked_at=now_us(), absent=[doubted]), history_before=0
    )
    post(client, provider="alpaca")
    world.control.set_fault("mute", vendor="alpaca")
    drain(worker="me", loop=world.loop)
    assert world.asked() == ["alpaca"]
    assert coverage(series)[1] == [], "one silence on its own word"
    assert Backfill.objects.get().state == "retry_wait"


def test_pinned_provider_is_asked_for_the_live_window_too_since_it_may_be_in_no_policy(world, client, series, settings):
    settings.LIVE_WINDOW_SECONDS = 3 * 3_600
    assert post(client) == {"bars": 4, "slots": 0, "jobs": 0}, "live collection asks for them"
    RoutingPolicy.objects.all().delete()
    world.policy("polygon")
    assert post(client, provider="alpaca") == {"bars": 0, "slots": 4, "jobs": 1}
    drain(worker="me", loop=world.loop)
    assert world.asked() == ["alpaca"]
    assert {held(series)[start].provider.name for start in BAD} == {"alpaca"}


def test_what_was_abandoned_of_the_range_is_wanted_again_and_the_rest_is_not(world, client, series):
    given_up = {"series": series, "who": "me", "why": "thin", "created_at": moment("2025-10-08 15:00")}
    for start, end in (("14:00", "14:03"), ("14:04", "14:08"), ("14:08", "14:09")):
        Abandonment.objects.create(start=moment(f"2025-10-08 {start}"), end=moment(f"2025-10-08 {end}"), **given_up)
    post(client, dry_run="true")
    assert Abandonment.objects.count() == 3
    assert post(client) == {"bars": 4, "slots": 4, "jobs": 1}
    left = [(f"{one.start:%H:%M}", f"{one.end:%H:%M}", one.why) for one in Abandonment.objects.order_by("start")]
    assert left == [("14:00", "14:02", "thin"), ("14:06", "14:08", "thin"), ("14:08", "14:09", "thin")]


def test_counting_a_range_counts_no_jobs(world, client, series, monkeypatch):
    counted = []
    monkeypatch.setattr("collector.services.invalidation.metrics.backfills_enqueued", lambda **what: counted.append(what))
    post(client, dry_run="true")
    assert counted == []
    post(client)
    assert counted == [{"tier": "T0", "count": 1}]


def test_open_and_dead_jobs_of_the_range_end_and_the_record_says_who_did_what(world, client, series, monkeypatch):
    enqueued: list[int] = []
    ended: list[tuple[str, str, int]] = []
    monkeypatch.setattr("collector.metrics.backfills_enqueued", lambda tier, count: enqueued.append(count))
    monkeypatch.setattr("collector.metrics.backfill_completed", lambda tier, status, count: ended.append((tier, status, count)))
    values = {
        "series": series,
        "end": moment("2025-10-08 14:08"),
        "slots": 1,
        "tier": "T0",
        "due_at": moment("2025-10-08 16:00"),
        "found_at": moment("2025-10-08 16:00"),
    }
    dead = Backfill.objects.create(start=moment("2025-10-08 14:03"), state="dead", **values)
    DeadLetter.objects.create(backfill=dead, reason="rejected", fingerprint="f", missing_minutes=1, died_at=values["due_at"])
    out = StringIO()
    call_command(
        "invalidate_range",
        "AAPL",
        "--from",
        RANGE["start"],
        "--to",
        RANGE["end"],
        "--reason",
        "halted",
        "--dry-run",
        stdout=out,
    )
    assert "4 bars would be taken back, 4 slots would be asked for anew by 1 jobs" in out.getvalue()
    assert not enqueued + ended, "a dry run makes no job and ends none"
    assert (
        DeadLetter.objects.count(),
        RangeInvalidation.objects.count(),
        AuditEntry.objects.count(),
        len(coverage(series)[0]),
    ) == (1, 0, 0, 1)
    call_command("invalidate_range", "AAPL", "--from", RANGE["start"], "--to", RANGE["end"], "--reason", "halted", stdout=out)
    assert not DeadLetter.objects.exists()
    assert (enqueued, ended) == ([1], [("T0", "done", 1)])
    assert sorted(Backfill.objects.values_list("state", flat=True)) == ["done", "queued"]
    entry, bad = AuditEntry.objects.get(), RangeInvalidation.objects.get()
    assert (entry.action, entry.through, entry.counts, entry.reason) == (
        "range_invalidate",
        "command",
        {"bars": 4, "slots": 4, "jobs": 1},
        "halted",
    )
    assert (bad.bars, bad.provider, bad.why) == (4, None, "halted")


def test_job_that_runs_in_the_range_is_taken_from_its_worker_or_its_slots_would_not_be_the_pinned_providers(
    world,
    client,
    series,
):
    at = moment("2025-10-08 16:00")
    span = {"series": series, "start": moment("2025-10-08 14:02"), "end": moment("2025-10-08 14:09"), "slots": 7, "tier": "T0"}
    running = Backfill.objects.create(due_at=at, found_at=at, **span)
    batch = claim(lane=Lane.RECENT, tiers=["T0"], now=at, worker="me")
    assert post(client, provider="alpaca") == {"bars": 4, "slots": 4, "jobs": 1}
    assert settle([broken(job, error="late", is_alone=True, now=at) for job in batch.jobs], now=at) == 0
    running.refresh_from_db()
    assert (running.state, running.leased_until, running.tries) == ("done", None, [])
    assert Backfill.objects.exclude(pk=running.pk).get().pinned_provider == "alpaca"


REFUSALS = [
    ({"end": RANGE["start"]}, 422, "bad_range"),
    ({"end": "2027-10-08T14:06:00Z"}, 422, "bad_range"),
    ({"provider": "nobody"}, 404, "unknown_provider"),
    ({"symbol": "AAPX"}, 404, "unknown_symbol"),
    ({"start": "2025-10-11T00:00:00Z", "end": "2025-10-12T00:00:00Z"}, 422, "nothing_expected"),
    ({"reason": "+"}, 422, "invalid_parameter"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_can_not_be_done_is_refused_by_name_and_changes_nothing(world, client, series, refusal):
    parameters, status, code = refusal
    assert post(client, status, **parameters)["error"]["code"] == code
    assert (RangeInvalidation.objects.count(), len(coverage(series)[0])) == (0, 1)


def test_range_whose_jobs_have_no_room_is_refused_whole(world, client, series):
    series.tier.backfill_cap = 1
    series.tier.save()
    other = make_series("OTHR")
    Backfill.objects.create(
        series=other,
        start=moment("2025-10-08 14:03"),
        end=moment("2025-10-08 14:04"),
        slots=1,
        tier="T0",
        due_at=moment("2025-10-09 16:00"),
        found_at=moment("2025-10-08 16:00"),
    )
    assert post(client, 409)["error"]["code"] == "at_cap"
    assert {bar.withdrawn_by for bar in held(series).values()} == {None}

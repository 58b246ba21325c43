"""The write path on Postgres: what is held, what was replaced, what differs, what is told."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import store_sql
from collector.core.bars import check
from collector.models import Bar, BarAlternate, BarRevision, FeedBatch
from collector.store import write_bars
from collector.store_batch import WriteResult
from providers.market.types import DAY_US, MINUTE_US, AssetClass, Interval, to_us
from tests.builders import NAN, VALUES, batch_of, minutes, row, us
from tests.integration.collector.reading import closes, counted_messages, coverage, held, known_at, messages, spans
from tests.integration.collector.rows import make_provider, make_series, make_write

pytestmark = pytest.mark.usefixtures("database")

OPEN = us("2025-10-08 13:30")
ASKED = us("2025-10-08 13:40")
NO_HISTORY = 0
FIRST, SECOND, THIRD = minutes(OPEN, 3)


def write(series, rows, *, provider=None, asked_at=ASKED, history_before=NO_HISTORY, **rest) -> WriteResult:
    batch = make_write([series], rows, provider=provider or make_provider(), asked_at=asked_at, **rest)
    return write_bars(batch, history_before=history_before)


def test_write_stores_new_rows_and_tells_each_once():
    series = make_series()
    result = write(series, [row(FIRST), row(SECOND, 10.3)])
    assert (result.new, result.replaced, result.unchanged, result.alternates) == (2, 0, 0, 0)
    assert closes(series) == {FIRST: 10.25, SECOND: 10.3}
    assert [(m["start"], m["rev"]) for m in messages()] == [("2025-10-08T13:30:00Z", 1), ("2025-10-08T13:31:00Z", 1)]
    assert coverage(series) == ([[FIRST, SECOND + MINUTE_US]], [])
    batch = FeedBatch.objects.get(pk=result.feed_batch_id)
    assert batch.published_at is not None
    assert batch.message_count == 2


def test_write_of_the_same_batch_again_changes_nothing_and_says_nothing():
    series = make_series()
    write(series, [row(FIRST)])
    before = held(series)[FIRST].recorded_at
    again = write(series, [row(FIRST)], asked_at=ASKED + MINUTE_US)
    assert (again.new, again.replaced, again.unchanged, again.feed_batch_id) == (0, 0, 1, None)
    assert held(series)[FIRST].recorded_at == before
    assert len(messages()) == 1
    assert not BarRevision.objects.exists()
    assert not BarAlternate.objects.exists()


def test_write_keeps_the_replaced_value_as_a_revision_and_tells_the_new_one():
    series = make_series()
    write(series, [row(FIRST, 10.1, volume=NAN)])
    first = held(series)[FIRST]
    result = write(series, [row(FIRST, 10.4)], asked_at=ASKED + MINUTE_US)
    now = held(series)[FIRST]
    old = BarRevision.objects.get()
    assert (result.replaced, now.close, now.volume, now.rev) == (1, 10.4, 100.0, 2)
    assert (old.close, old.volume, old.rev, old.provider_id) == (10.1, None, 1, first.provider_id)
    assert (old.recorded_at, old.asked_at, old.replaced_at) == (first.recorded_at, first.asked_at, now.recorded_at)
    assert [(m["rev"], m["close"]) for m in messages()] == [(1, 10.1), (2, 10.4)]


@pytest.mark.parametrize("name", VALUES)
def test_write_replaces_whichever_column_changed(name):
    series = make_series()
    write(series, [row(FIRST)])
    changed = {"high": 10.9, "low": 9.1, "trade_count": 8.0}.get(name, 10.2)
    assert write(series, [row(FIRST, **{name: changed})], asked_at=ASKED + 1).replaced == 1
    assert getattr(held(series)[FIRST], name) == changed


def test_write_does_not_let_an_older_answer_of_the_same_provider_replace_a_newer_one():
    series = make_series()
    write(series, [row(FIRST, 10.4)], asked_at=ASKED)
    late = write(series, [row(FIRST, 10.1)], asked_at=ASKED - 1)
    assert (late.replaced, late.feed_batch_id) == (0, None)
    assert closes(series) == {FIRST: 10.4}
    assert not BarRevision.objects.exists()


def two_providers():
    best, other = make_provider("polygon"), make_provider("alpaca")
    return best, other, {best.pk: 0, other.pk: 1}


def test_write_keeps_a_differing_value_of_a_lower_ranked_provider_as_an_alternate_and_counts_it():
    series = make_series()
    best, other, ranks = two_providers()
    write(series, [row(FIRST, 10.1)], provider=best, ranks=ranks)
    for minute, close in enumerate([10.2, 10.3], start=1):
        result = write(series, [row(FIRST, close)], provider=other, ranks=ranks, asked_at=ASKED + minute * MINUTE_US)
        assert (result.alternates, result.replaced, result.unchanged, result.feed_batch_id) == (1, 0, 0, None)
    alternate = BarAlternate.objects.get()
    assert (alternate.close, alternate.times_seen, alternate.provider_id) == (10.3, 2, other.pk)
    assert closes(series) == {FIRST: 10.1}


def test_write_keeps_the_newest_alternate_when_an_older_answer_comes_late():
    series = make_series()
    best, other, ranks = two_providers()
    write(series, [row(FIRST, 10.1)], provider=best, ranks=ranks)
    write(series, [row(FIRST, 10.3)], provider=other, ranks=ranks, asked_at=ASKED + MINUTE_US)
    write(series, [row(FIRST, 10.2)], provider=other, ranks=ranks, asked_at=ASKED)
    alternate = BarAlternate.objects.get()
    assert (alternate.close, alternate.times_seen, to_us(alternate.asked_at)) == (10.3, 2, ASKED + MINUTE_US)


def test_write_lets_a_higher_ranked_provider_replace_once_the_slot_is_settled():
    series = make_series()
    best, other, ranks = two_providers()
    settles = FIRST + MINUTE_US + 90_000_000
    write(series, [row(FIRST, 10.2)], provider=other, ranks=ranks, asked_at=settles)
    assert write(series, [row(FIRST, 10.1)], provider=best, ranks=ranks, asked_at=settles - 1).alternates == 1
    assert closes(series) == {FIRST: 10.2}
    assert write(series, [row(FIRST, 10.1)], provider=best, ranks=ranks, asked_at=settles).replaced == 1
    assert held(series)[FIRST].provider_id == best.pk


@pytest.mark.parametrize("name", ["volume", "vwap", "trade_count"])
def test_write_sees_no_difference_in_what_only_one_of_two_providers_knows(name):
    series = make_series()
    best, other, ranks = two_providers()
    write(series, [row(FIRST, **{name: NAN}), row(SECOND)], provider=best, ranks=ranks)
    result = write(series, [row(FIRST), row(SECOND, **{name: NAN})], provider=other, ranks=ranks, asked_at=ASKED + 1)
    assert (result.unchanged, result.alternates, result.replaced) == (2, 0, 0)


def test_write_takes_an_unknown_value_of_the_same_provider_for_a_change():
    series = make_series()
    write(series, [row(FIRST)])
    assert write(series, [row(FIRST, vwap=NAN)], asked_at=ASKED + 1).replaced == 1
    assert held(series)[FIRST].vwap is None


def test_write_tells_old_rows_by_one_notice_a_series():
    series, other = make_series("AAPL"), make_series("MSFT")
    rows = [row(start, symbol=symbol) for symbol in ("AAPL", "MSFT") for start in (FIRST, THIRD)]
    batch = make_write([series, other], rows, provider=make_provider(), asked_at=ASKED)
    write_bars(batch, history_before=THIRD)
    told = messages()
    assert [(m["type"], m["symbol"]) for m in told] == [
        ("history", "AAPL"),
        ("history", "MSFT"),
        ("bar", "AAPL"),
        ("bar", "MSFT"),
    ]
    assert [m["rows"] for m in told[:2]] == [1, 1]


def test_write_of_off_session_rows_keeps_them_under_the_local_date():
    series = make_series()
    evening = us("2025-10-09 00:30")  # 20:30 of the 8th in New York
    write(series, [row(evening)])
    assert list(held(series)) == [evening]
    assert coverage(series)[0] == [[evening, evening + MINUTE_US]]


def test_write_makes_partitions_ahead_of_rows_around_a_month_edge_and_deep_in_history():
    series = make_series(calendar="24/7", mic="XXXX", symbol="BTC-USD")
    edge = us("2031-03-01 00:00")
    starts = [us("1999-12-31 23:59"), edge - MINUTE_US, edge]
    assert write(series, [row(start, symbol="BTC-USD") for start in starts]).new == 3
    assert sorted(held(series)) == starts


def test_write_of_daily_bars_goes_to_their_own_table_also_before_1970():
    series = make_series(interval="1d")
    starts = [us("1962-01-02 00:00"), us("2025-10-08 00:00")]
    assert write(series, [row(start) for start in starts]).new == 2
    assert write(series, [row(start) for start in starts], asked_at=ASKED + 1).unchanged == 2
    assert sorted(held(series)) == starts
    assert not Bar.objects.exists()
    assert coverage(series)[0] == [[start, start + DAY_US] for start in starts]


def test_write_of_nothing_is_harmless():
    result = write(make_series(), [])
    assert (result.new, result.feed_batch_id) == (0, None)


def test_write_leaves_nothing_behind_when_a_late_statement_fails(monkeypatch):
    series = make_series()
    write(series, [row(FIRST, 10.1)])
    before = (closes(series), coverage(series), len(messages()))

    def fail(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(store_sql, "add_feed_batch", fail)
    with pytest.raises(RuntimeError, match="disk is full"):
        write(series, [row(FIRST, 10.4), row(SECOND)], asked_at=ASKED + 1)
    assert (closes(series), coverage(series), len(messages())) == before
    assert not BarRevision.objects.exists()
    monkeypatch.undo()
    assert write(series, [row(FIRST, 10.4), row(SECOND)], asked_at=ASKED + 1).new == 1


def test_write_publishes_nothing_before_its_commit(monkeypatch):
    told = []
    monkeypatch.setattr("collector.announcing.publish", lambda *, batch_ids: told.append(FeedBatch.objects.count()))
    monkeypatch.setattr("collector.store.sql.add_feed_batch", seeing(told, store_sql.add_feed_batch))
    write(make_series(), [row(FIRST)])
    assert told == ["writing", 1]


def seeing(told, real):
    def add(*args):
        assert told == []
        told.append("writing")
        return real(*args)

    return add


exact = st.integers(1, 10**15 - 1).flatmap(lambda n: st.integers(0, 14).map(lambda digits: float(f"{n}e-{digits}")))
prices = st.one_of(exact, st.floats(min_value=5e-324, max_value=1e300, allow_nan=False))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(prices, prices), min_size=1, max_size=20))
def test_prices_come_back_exactly(pairs):
    series = make_series(f"P{np.random.default_rng().integers(1 << 60)}")
    symbol = series.instrument.symbol
    rows = [
        row(start, symbol=symbol, open=a, close=b, high=max(a, b), low=min(a, b), volume=a, vwap=b)
        for start, (a, b) in zip(minutes(OPEN, len(pairs)), pairs, strict=True)
    ]
    kept = check(batch_of(rows), interval=Interval.M1, asset_class=AssetClass.EQUITY, closed_before=OPEN + DAY_US)
    assert not kept.rejected
    write(series, rows)
    got = [(bar.open, bar.close, bar.high, bar.low, bar.volume, bar.vwap) for bar in held(series).values()]
    assert got == [(r["open"], r["close"], r["high"], r["low"], r["volume"], r["vwap"]) for r in rows]


one_write = st.tuples(
    st.dictionaries(st.integers(0, 4), st.sampled_from([10.1, 10.2, 10.3]), min_size=1),
    st.integers(0, 6),
    st.sampled_from(["polygon", "alpaca"]),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(one_write, min_size=1, max_size=8))
def test_held_bars_and_revisions_tell_what_was_known_at_any_time(writes):
    series = make_series(f"K{np.random.default_rng().integers(1 << 60)}")
    symbol = series.instrument.symbol
    providers = {p.name: p for p in two_providers()[:2]}
    ranks = two_providers()[2]
    seen = [(0, {})]
    for values, minute, name in writes:
        rows = [row(OPEN + n * MINUTE_US, close, symbol=symbol) for n, close in values.items()]
        write(series, rows, provider=providers[name], ranks=ranks, asked_at=ASKED + minute * MINUTE_US)
        stamps = [to_us(bar.recorded_at) for bar in held(series).values()]
        seen.append((max(stamps), closes(series)))
    for instant, known in seen:
        assert known_at(series, instant) == known
    told = {key: count for key, count in counted_messages().items() if key[0] == symbol}
    changes = Bar.objects.filter(series=series).count() + BarRevision.objects.filter(series=series).count()
    assert (set(told.values()), len(told)) == ({1}, changes)
    assert coverage(series)[0] == spans(sorted(closes(series)))

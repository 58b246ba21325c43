"""What a write of quotes leaves behind: each quote once, changes as revisions, the newest never moves back, and the feed told of it."""

import json

import pytest
from django.db import IntegrityError, connection

from collector.models import FeedBatch, LatestQuote, Quote, RejectedQuote
from collector.quotes_store import write_quotes
from collector.selectors.kept import quotes_kept_from
from providers.market.quotes import SizeUnit
from providers.market.types import DAY_US, SECOND_US, to_us
from tests.builders import NAN, us
from tests.integration.collector.reading import messages
from tests.integration.collector.rows import make_provider
from tests.quotes import make_quote_series, make_quote_write, quote

pytestmark = pytest.mark.usefixtures("database")

AT = us("2025-10-08 14:00")
LONG_AGO = us("2020-01-01 00:00")


def instrument(symbol="AAPL", **values):
    return make_quote_series(symbol, **values).instrument


def write(one, *rows, asked_at=AT + SECOND_US, provider="polygon", keep_from=LONG_AGO):
    instruments = one if isinstance(one, list) else [one]
    batch = make_quote_write(instruments, rows, provider=make_provider(provider), asked_at=asked_at)
    return write_quotes(batch, keep_from=keep_from)


def held(one):
    return [(to_us(q.at), q.bid, q.ask, q.rev) for q in Quote.objects.filter(instrument=one).order_by("at", "provider_id")]


def latest(one):
    found = LatestQuote.objects.get(instrument=one)
    return to_us(found.at), found.bid, found.rev


def test_write_keeps_every_column_and_tells_the_feed():
    one = instrument()
    result = write(one, quote(AT, 10.25, 10.2, ask_size=NAN, unit=SizeUnit.ROUND_LOTS))
    assert (result.new, result.revised, result.unchanged) == (1, 0, 0)
    for row in (Quote.objects.get(), LatestQuote.objects.get()):
        assert (to_us(row.at), row.bid, row.ask, row.bid_size, row.ask_size) == (AT, 10.25, 10.2, 3.0, None)
        assert (row.size_unit, row.is_crossed, row.is_locked, row.has_vendor_time) == ("round_lots", True, False, True)
        assert (to_us(row.asked_at), to_us(row.received_at), row.rev) == (AT + SECOND_US, AT + 2 * SECOND_US, 1)
        assert row.provider.name == "polygon"
    assert messages() == [
        {
            "type": "quote", "symbol": "AAPL", "mic": "XNAS", "bid": 10.25, "ask": 10.2, "bid_size": 3.0, "ask_size": None,
            "size_unit": "round_lots", "at": "2025-10-08T14:00:00Z", "crossed": True, "locked": False, "has_vendor_time": True,
            "provider": "polygon", "rev": 1,
        }
    ]  # fmt: skip


def test_repeat_is_no_news_whenever_it_was_asked():
    one = instrument()
    write(one, quote(AT, ask=NAN))
    for asked_at in (AT + SECOND_US, AT + 60 * SECOND_US, AT):
        result = write(one, quote(AT, ask=NAN), asked_at=asked_at)
        assert (result.new, result.revised, result.unchanged, result.feed_batch_id) == (0, 0, 1, None)
    assert (len(held(one)), FeedBatch.objects.count()) == (1, 1)


def test_other_values_of_the_same_time_become_the_next_revision_when_they_were_asked_later():
    one = instrument()
    write(one, quote(AT, 10.0))
    assert write(one, quote(AT, 9.0), asked_at=AT).revised == 0
    assert write(one, quote(AT, 10.1), asked_at=AT + 2 * SECOND_US).revised == 1
    assert held(one) == [(AT, 10.1, 10.5, 2)]
    assert latest(one) == (AT, 10.1, 2)
    assert [(m["bid"], m["rev"]) for m in messages()] == [(10.0, 1), (10.1, 2)]
    assert Quote.objects.get().recorded_at == LatestQuote.objects.get().recorded_at


def test_newest_quote_never_moves_back():
    one = instrument()
    write(one, quote(AT, 10.2), quote(AT - SECOND_US, 10.1))
    write(one, quote(AT - 2 * SECOND_US, 10.0), asked_at=AT + 9 * SECOND_US)
    assert latest(one) == (AT, 10.2, 1)
    assert [at for at, *_ in held(one)] == [AT - 2 * SECOND_US, AT - SECOND_US, AT]


def test_newest_quote_of_one_time_stays_with_the_provider_that_said_it_first():
    one = instrument()
    write(one, quote(AT, 10.2))
    write(one, quote(AT, 10.3), provider="alpaca", asked_at=AT + 9 * SECOND_US)
    assert latest(one) == (AT, 10.2, 1)
    assert len(held(one)) == 2


def test_quote_without_vendor_time_is_kept_at_its_receipt_and_says_so():
    one = instrument()
    write(one, quote(0))
    row = Quote.objects.get()
    assert (row.has_vendor_time, row.at) == (False, row.received_at)
    assert messages()[0]["has_vendor_time"] is False


def test_quotes_on_both_sides_of_midnight_go_to_the_partitions_of_their_days():
    one = instrument()
    midnight = us("2025-10-31 00:00") + DAY_US
    write(one, quote(midnight - 1), quote(midnight), asked_at=midnight + SECOND_US)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM collector_quote ORDER BY at")
        assert [name for (name,) in cursor.fetchall()] == ["collector_quote_20251031", "collector_quote_20251101"]


def test_quotes_find_a_partition_again_that_another_process_has_dropped():
    one = instrument()
    write(one, quote(AT))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE collector_quote_20251008")
    assert write(one, quote(AT, 10.25), asked_at=AT + 5 * SECOND_US).new == 1
    assert held(one) == [(AT, 10.25, 10.5, 1)]


def test_late_quote_of_ten_days_ago_is_kept_and_told_and_the_newest_stays():
    one = instrument()
    write(one, quote(AT))
    result = write(one, quote(AT - 10 * DAY_US, 9.0), asked_at=AT + 5 * SECOND_US)
    assert result.new == 1
    assert [at for at, *_ in held(one)] == [AT - 10 * DAY_US, AT]
    assert latest(one)[0] == AT
    assert messages()[-1]["at"] == "2025-09-28T14:00:00Z"


def test_quote_older_than_what_is_kept_is_left_out_and_counted():
    one = instrument()
    result = write(one, quote(AT - 1), quote(AT), keep_from=AT)
    assert (result.new, result.expired) == (1, 1)
    assert write(one, quote(AT - 1), keep_from=AT).expired == 1
    assert [at for at, *_ in held(one)] == [AT]


def test_refused_quote_is_kept_with_its_reason_once_and_costs_no_other():
    one, other = instrument(), instrument("MSFT")
    rows = [quote(AT, bid=-1.0), quote(AT, symbol="MSFT")]
    for asked_at in (AT, AT + SECOND_US):
        assert write([one, other], *rows, asked_at=asked_at).rejected == 1
    refused = RejectedQuote.objects.get()
    assert (refused.instrument, to_us(refused.at), refused.reason, refused.times_seen) == (one, AT, "price_not_positive", 2)
    assert json.loads(refused.raw)["bid"] == -1.0
    assert (len(held(one)), len(held(other))) == (0, 1)


def test_write_is_all_or_nothing_when_it_breaks(monkeypatch):
    one = instrument()

    def break_off(*_, **__):
        raise IntegrityError("the feed's batch was refused")

    monkeypatch.setattr("collector.announcing.sql.add_feed_batch", break_off)
    with pytest.raises(IntegrityError):
        write(one, quote(AT))
    assert (Quote.objects.count(), LatestQuote.objects.count()) == (0, 0)


def test_a_thousand_quotes_go_in_at_once():
    instruments = [instrument(f"S{i}", mic="XXXX", calendar="24/7") for i in range(1_000)]
    rows = [quote(AT - i % 7, 10.0 + i / 1000, 12.0, symbol=f"S{i}", ask_size=NAN if i % 3 else 1.0) for i in range(1_000)]
    assert write(instruments, *rows).new == 1_000
    assert write(instruments, *rows).unchanged == 1_000
    assert LatestQuote.objects.count() == 1_000


def test_quote_of_a_day_that_is_not_kept_is_left_out(settings):
    settings.QUOTE_DAYS = 5
    one = instrument()
    kept = quotes_kept_from(AT)
    written = write(one, quote(kept - 1, 9.9), quote(kept), keep_from=kept)
    assert (written.new, written.expired) == (1, 1)
    assert [at for at, *_ in held(one)] == [kept]

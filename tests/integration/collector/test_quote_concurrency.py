"""Several workers that write the same quotes at once, as processes: each quote once, each change told once, nobody fails."""

from collections import Counter

import pytest

from collector.models import LatestQuote, Quote
from providers.market.types import DAY_US, to_us
from tests.builders import us
from tests.integration.collector.reading import messages
from tests.integration.collector.rows import make_provider
from tests.integration.collector.test_concurrency import race
from tests.quotes import make_quote_series

pytestmark = pytest.mark.usefixtures("database")

ASKED = us("2040-01-01 00:00")
SYMBOLS = ("A", "B", "C")


def rounds(count):
    """Each round opens instants that nobody has written, on both sides of a midnight, and says the ones before again."""
    midnight = us("2027-03-01 00:00")
    return [[midnight + day * DAY_US + i for day in range(3) for i in range(-n - 1, n + 1)] for n in range(count)]


def test_workers_that_write_the_same_quotes_at_once_keep_each_once_and_say_each_change_once():
    make_provider("polygon")
    for symbol in SYMBOLS:
        make_quote_series(symbol, mic="XXXX", calendar="24/7")
    writers, count = 3, 8
    bids = {ASKED + i: 10 + i / 1000 for i in range(writers * count)}
    race("tests.integration.collector.quote_writers", writers, rounds(count), asked_at=ASKED, bid=bids)
    times, newest = rounds(count)[-1], ASKED + count * writers - 1
    assert Quote.objects.count() == len(times) * len(SYMBOLS)
    told = Counter((m["symbol"], m["at"], m["rev"]) for m in messages())
    assert set(told.values()) == {1}
    assert len(told) == sum(quote.rev for quote in Quote.objects.all())
    for quote in Quote.objects.all():
        assert (to_us(quote.asked_at), quote.bid) == (newest, bids[newest])
    assert {(to_us(row.at), row.bid) for row in LatestQuote.objects.all()} == {(max(times), bids[newest])}

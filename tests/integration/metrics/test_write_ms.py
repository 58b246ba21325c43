"""`write_batch_ms`: one observation for each committed write, made before the feed is told; none for one that is rolled back."""

import re
from collections.abc import Sequence

import pytest
from django.db import DatabaseError

from collector import announcing, store_sql
from collector.partitions import forget_known
from collector.quotes_store import write_quotes
from collector.store import write_bars
from marketdata_site.observability.metrics import page
from tests.builders import minutes, row, us
from tests.integration.collector.rows import make_provider, make_series, make_write
from tests.quotes import make_quote_write, quote

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = us("2025-10-08 13:40")
FIRST, SECOND = minutes(us("2025-10-08 13:30"), 2)


@pytest.fixture(autouse=True)
def _no_partition_is_known() -> None:
    forget_known()


def _writes() -> int:
    found = re.search(r"^write_batch_ms_count (\S+)$", page().decode(), flags=re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_write_of_bars_and_write_of_quotes_count_once_each() -> None:
    before, provider, series = _writes(), make_provider(), make_series()
    write_bars(make_write([series], [row(FIRST), row(SECOND)], provider=provider, asked_at=ASKED), history_before=0)
    assert _writes() == before + 1
    quotes = make_quote_write([series.instrument], [quote(FIRST)], provider=provider, asked_at=ASKED)
    write_quotes(quotes, keep_from=0)
    assert _writes() == before + 2


def test_write_that_is_rolled_back_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the disk is full")

    before, provider, series = _writes(), make_provider(), make_series()
    monkeypatch.setattr(store_sql, "set_answered_through", fail)
    with pytest.raises(DatabaseError, match="disk"):
        write_bars(make_write([series], [row(FIRST)], provider=provider, asked_at=ASKED), history_before=0)
    assert _writes() == before


def test_write_is_over_before_the_feed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def publish(*, batch_ids: Sequence[int]) -> None:
        counted.append(_writes())

    before, provider, series = _writes(), make_provider(), make_series()
    monkeypatch.setattr(announcing, "publish", publish)
    write_bars(make_write([series], [row(FIRST)], provider=provider, asked_at=ASKED), history_before=0)
    assert counted == [before + 1]

"""Rows and their columns, whatever the vendor calls them."""

import json
import math
from dataclasses import replace

import pytest

from providers.market.types import AssetClass, Interval
from tests.unit.providers.adapters.alpha_vantage.answers import META, NOON, PAIR, ROW, answer, parse


@pytest.mark.parametrize(
    "row",
    [
        {"1. open": "1.5", "2. high": "2", "3. low": "1", "4. close": "1.25", "5. adjusted close": "9", "6. volume": "1000"},
        {"1a. open (EUR)": "1.5", "1b. open (USD)": "9", "2a. high (EUR)": "2", "2b. high (USD)": "9"}
        | {"3a. low (EUR)": "1", "3b. low (USD)": "9", "4a. close (EUR)": "1.25", "4b. close (USD)": "9"}
        | {"5. volume": "1000", "6. market cap (USD)": "8"},
        {"1b. open (USD)": "9", "1a. open (EUR)": "1.5", "2b. high (USD)": "9", "2a. high (EUR)": "2"}
        | {"3b. low (USD)": "9", "3a. low (EUR)": "1", "4b. close (USD)": "9", "4a. close (EUR)": 1.25, "5. volume": 1000},
    ],
)
def test_columns_are_found_by_their_words(row: dict[str, object]) -> None:
    query = replace(PAIR, interval=Interval.D1)
    document = answer("2024-01-02", name="Time Series (Digital Currency Daily)", row=row, **{"2. Symbol": "BTC"})
    batch = parse(document, query).batch
    assert (batch.open[0], batch.high[0], batch.low[0], batch.close[0], batch.volume[0]) == (1.5, 2, 1, 1.25, 1000)


def test_pair_without_volume_has_an_unknown_one() -> None:
    row = {key: value for key, value in ROW.items() if key != "5. volume"}
    document = answer("2024-01-02 12:00:00", name="Time Series FX (1min)", row=row, **{"2. Symbol": "EUR"})
    query = replace(PAIR, symbols=("EUR/USD",), asset_class=AssetClass.FX)
    assert math.isnan(parse(document, query).batch.volume[0])


def test_row_that_comes_twice_is_read_twice() -> None:
    body = json.dumps(answer(NOON)).replace(f'"{NOON}"', f'"{NOON}": {json.dumps(ROW | {"4. close": "7"})}, "{NOON}"').encode()
    assert parse(body).batch.close.tolist() == [7, 1.25]


def test_bad_rows_are_kept_aside_as_they_came() -> None:
    document = answer(NOON)
    series = document["Time Series (1min)"]
    assert isinstance(series, dict)
    series |= {"2024-01-02 12:01:00": ROW | {"1. open": "-"}, "2024-01-02 12:02:00": 5, "yesterday": ROW}
    batch = parse(document).batch
    assert len(batch) == 1
    assert [json.loads(row.raw)["stamp"] for row in batch.malformed] == [
        "2024-01-02 12:01:00",
        "2024-01-02 12:02:00",
        "yesterday",
    ]


def test_columns_are_known_from_all_rows_not_from_the_first_alone() -> None:
    newest = {name: value for name, value in ROW.items() if name not in ("4. close", "5. volume")}
    page = parse({"Meta Data": META, "Time Series (1min)": {"2024-01-02 09:31:00": newest, "2024-01-02 09:30:00": ROW}})
    assert page.batch.volume.tolist() == [1000]
    assert [row.reason for row in page.batch.malformed] == ["4. close must be a number, got 'None'"]

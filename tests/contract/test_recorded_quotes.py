"""Every recorded quote or error answer of a vendor that has quotes, read by its adapter, means what the vendor meant."""

import json
from dataclasses import replace

import numpy as np
import pytest

from providers.errors import ProviderError, VendorFault
from providers.market.quotes import SIZE_UNITS, QuoteQuery
from providers.quote_adapter import QuotePage
from providers.registry import get_adapter
from tests.contract.asking import account_of
from tests.contract.meanings import MEANINGS, QUOTES
from tests.recorded import Recording, needs_recorded, recordings

BID_NAMES = {"bp", "p", "bid", "bid_price", "bidPrice"}
RECORDED = [r for vendor in QUOTES for r in recordings(vendor) if r.kind == "quotes" and r.name in QUOTES[vendor]]
WITH_ROWS = [r for r in RECORDED if QUOTES[r.vendor][r.name].rows]
REFUSALS = [r for vendor in QUOTES for r in recordings(vendor) if r.kind == "error"]

each_recording = pytest.mark.parametrize("recording", RECORDED, ids=lambda r: f"{r.vendor}-{r.name}")
each_with_rows = pytest.mark.parametrize("recording", WITH_ROWS, ids=lambda r: f"{r.vendor}-{r.name}")
each_refusal = pytest.mark.parametrize("recording", REFUSALS, ids=lambda r: f"{r.vendor}-{r.name}")


def parse(recording: Recording, *, body: bytes | None = None) -> QuotePage:
    meaning = QUOTES[recording.vendor][recording.name]
    adapter = get_adapter(recording.vendor)
    response = recording.response if body is None else replace(recording.response, body=body)
    return adapter.parse_quotes(response, QuoteQuery(meaning.symbols, meaning.asset_class), account_of(adapter))


def _rows(value: object) -> list[dict[str, object]]:
    """Every object in a document that is a quote of its own; those of single exchanges are not read by adapters."""
    if isinstance(value, list):
        return [row for inner in value for row in _rows(inner)]
    if not isinstance(value, dict):
        return []
    own = [value] if BID_NAMES & set(value) else []
    return own + [row for key, inner in value.items() if key != "exchangeData" for row in _rows(inner)]


@needs_recorded
@pytest.mark.parametrize("vendor", QUOTES)
def test_every_recorded_quote_answer_has_a_meaning(vendor: str) -> None:
    assert {r.name for r in recordings(vendor) if r.kind == "quotes"} == set(QUOTES[vendor])


@needs_recorded
@each_recording
def test_quotes_are_read_by_their_meaning(recording: Recording) -> None:
    meaning = QUOTES[recording.vendor][recording.name]
    if meaning.error is not None:
        with pytest.raises(meaning.error):
            parse(recording)
        return
    page = parse(recording)
    batch = page.batch
    assert (len(batch), batch.malformed, page.next, page.is_delayed) == (meaning.rows, (), None, False)
    if meaning.times is not None and meaning.first is not None:
        assert (batch.at[0], batch.at[-1]) == meaning.times
        columns = (batch.bid, batch.ask, batch.bid_size, batch.ask_size)
        assert np.array_equal([column[0] for column in columns], meaning.first, equal_nan=True)
        assert {SIZE_UNITS[code] for code in batch.size_unit} == {meaning.unit}
        assert {batch.symbols[i] for i in batch.symbol_index} == set(meaning.symbols)


@needs_recorded
@each_refusal
def test_refusal_means_the_same_whether_bars_or_quotes_were_asked_for(recording: Recording) -> None:
    meaning = MEANINGS[recording.vendor][recording.name]
    adapter = get_adapter(recording.vendor)
    with pytest.raises(ProviderError) as caught:
        adapter.parse_quotes(recording.response, QuoteQuery(meaning.symbols), account_of(adapter))
    assert type(caught.value) is meaning.error


@needs_recorded
@each_recording
@pytest.mark.parametrize("tenths", range(10))
def test_quotes_that_broke_off_are_the_vendors_fault(recording: Recording, tenths: int) -> None:
    body = recording.response.body
    with pytest.raises(VendorFault):
        parse(recording, body=body[: len(body) * tenths // 10])


@needs_recorded
@each_with_rows
def test_one_bad_quote_never_costs_the_others(recording: Recording) -> None:
    document = json.loads(recording.response.body)
    first = _rows(document)[0]
    name = min(BID_NAMES & set(first))
    first[name] = "a lot"
    batch = parse(recording, body=json.dumps(document).encode()).batch
    assert len(batch) == QUOTES[recording.vendor][recording.name].rows - 1
    assert [row.reason for row in batch.malformed] == [f"{name} must be a number, got 'a lot'"]


@needs_recorded
@each_with_rows
def test_numbers_of_quotes_sent_as_strings_are_the_same_numbers(recording: Recording) -> None:
    plain = parse(recording).batch
    document = json.loads(recording.response.body, parse_float=str, parse_int=str)
    quoted = parse(recording, body=json.dumps(document).encode()).batch
    for column in ("at", "bid", "ask", "bid_size", "ask_size", "size_unit"):
        np.testing.assert_array_equal(getattr(plain, column), getattr(quoted, column))


@needs_recorded
@each_with_rows
def test_price_of_nothing_is_no_side_and_has_no_size(recording: Recording) -> None:
    plain = parse(recording).batch
    for nothing in (0, None, "0.0"):
        document = json.loads(recording.response.body)
        for row in _rows(document):
            row.update(dict.fromkeys(BID_NAMES & set(row), nothing))
        batch = parse(recording, body=json.dumps(document).encode()).batch
        assert np.isnan(batch.bid).all()
        assert np.isnan(batch.bid_size).all()
        np.testing.assert_array_equal(batch.ask, plain.ask)
        np.testing.assert_array_equal(batch.ask_size, plain.ask_size)

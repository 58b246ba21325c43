"""Every recorded bar or error answer of a vendor, read by its adapter, means what the vendor meant."""

import json
from dataclasses import replace

import numpy as np
import pytest

from providers.adapter import BarPage
from providers.errors import ProviderError, VendorFault
from providers.market.types import DAY_US, SECOND_US
from providers.registry import get_adapter
from tests.contract.asking import account_of, query_of, read_bars
from tests.contract.meanings import MEANINGS, Meaning
from tests.recorded import Recording, needs_recorded, recordings

KINDS = {"bars", "error"}
OPEN_NAMES = {"o", "open"}
RECORDED = [r for vendor in MEANINGS for r in recordings(vendor) if r.kind in KINDS]
WITH_ROWS = [r for r in RECORDED if MEANINGS[r.vendor].get(r.name, Meaning((), "1m")).rows]  # type: ignore[arg-type]

each_recording = pytest.mark.parametrize("recording", RECORDED, ids=lambda r: f"{r.vendor}-{r.name}")
each_with_rows = pytest.mark.parametrize("recording", WITH_ROWS, ids=lambda r: f"{r.vendor}-{r.name}")


def _document(recording: Recording) -> object:
    """The body as JSON, None when it is another format."""
    try:
        return json.loads(recording.response.body)
    except ValueError:
        return None


def _document_and_rows(recording: Recording) -> tuple[object, list[list[dict[str, object]]]]:
    """The document and every list in it whose elements are bars of their own."""
    document = _document(recording)
    return document, [rows for rows in _lists(document) if rows and _is_bar(rows[0])]


def _is_bar(value: object) -> bool:
    return isinstance(value, dict) and any(name in value and not isinstance(value[name], list) for name in OPEN_NAMES)


def _lists(value: object) -> list[list[dict[str, object]]]:
    if isinstance(value, dict):
        return [found for inner in value.values() for found in _lists(inner)]
    if isinstance(value, list):
        return [value, *(found for inner in value for found in _lists(inner))]
    return []


IN_JSON = [recording for recording in WITH_ROWS if _document(recording) is not None]
AS_OBJECTS = [recording for recording in IN_JSON if _document_and_rows(recording)[1]]
each_in_json = pytest.mark.parametrize("recording", IN_JSON, ids=lambda r: f"{r.vendor}-{r.name}")
each_with_row_objects = pytest.mark.parametrize("recording", AS_OBJECTS, ids=lambda r: f"{r.vendor}-{r.name}")


def parse(recording: Recording, *, body: bytes | None = None, **changes: int) -> BarPage:
    meaning = MEANINGS[recording.vendor][recording.name]
    adapter = get_adapter(recording.vendor)
    query = replace(query_of(*meaning.symbols, interval=meaning.interval, asset_class=meaning.asset_class), **changes)
    response = recording.response if body is None else replace(recording.response, body=body)
    return read_bars(adapter, response, query, account_of(adapter))


@needs_recorded
@pytest.mark.parametrize("vendor", MEANINGS)
def test_every_recorded_bar_answer_has_a_meaning(vendor: str) -> None:
    recorded = {r.name for r in recordings(vendor) if r.kind in KINDS}
    assert recorded == set(MEANINGS[vendor])


@needs_recorded
@each_recording
def test_answer_is_read_by_its_meaning(recording: Recording) -> None:
    meaning = MEANINGS[recording.vendor][recording.name]
    if meaning.error is not None:
        with pytest.raises(meaning.error) as caught:
            parse(recording)
        assert recording.response.status in (200, caught.value.status)
        return
    page = parse(recording)
    batch = page.batch
    assert (len(batch), len(batch.malformed)) == (meaning.rows, 0)
    assert (page.is_delayed, page.next is not None) == (meaning.is_delayed, meaning.has_next)
    if meaning.first is not None and meaning.starts is not None:
        assert (batch.start[0], batch.start[-1]) == meaning.starts
        columns = (batch.open, batch.high, batch.low, batch.close, batch.volume, batch.vwap, batch.trade_count)
        assert np.array_equal([column[0] for column in columns], meaning.first, equal_nan=True)
        assert {batch.symbols[i] for i in batch.symbol_index} == set(meaning.symbols)


@needs_recorded
@each_with_rows
def test_rows_outside_the_window_are_dropped(recording: Recording) -> None:
    starts = parse(recording).batch.start
    first = int(starts.min())
    assert len(parse(recording, start=first, end=first + SECOND_US).batch) == int((starts == first).sum())
    assert len(parse(recording, start=first - DAY_US, end=first).batch) == 0


@needs_recorded
@each_recording
@pytest.mark.parametrize("tenths", range(10))
def test_body_that_broke_off_is_the_vendors_fault(recording: Recording, tenths: int) -> None:
    body = recording.response.body
    is_refusal = recording.response.status != 200 or MEANINGS[recording.vendor][recording.name].error is not None
    expected = ProviderError if is_refusal else VendorFault  # what is left of a refusal's text may not tell any more
    with pytest.raises(expected):
        parse(recording, body=body[: len(body) * tenths // 10].rstrip(b"\n"))  # of whole lines only the transport knows


@needs_recorded
@each_with_row_objects
def test_rows_doubled_and_reversed_are_all_there(recording: Recording) -> None:
    document, lists = _document_and_rows(recording)
    for rows in lists:
        rows[:] = [*reversed(rows), *rows]
    page = parse(recording, body=json.dumps(document).encode())
    assert len(page.batch) == 2 * MEANINGS[recording.vendor][recording.name].rows


@needs_recorded
@each_with_row_objects
def test_one_bad_row_never_costs_its_batch(recording: Recording) -> None:
    document, lists = _document_and_rows(recording)
    name = next(name for name in OPEN_NAMES if name in lists[0][0])
    lists[0].insert(0, lists[0][0] | {name: "a lot"})
    page = parse(recording, body=json.dumps(document).encode())
    assert len(page.batch) == MEANINGS[recording.vendor][recording.name].rows
    assert [row.reason for row in page.batch.malformed] == [f"{name} must be a number, got 'a lot'"]


@needs_recorded
@each_in_json
def test_numbers_sent_as_strings_are_the_same_numbers(recording: Recording) -> None:
    plain = parse(recording).batch
    document = json.loads(recording.response.body, parse_float=str, parse_int=str)
    quoted = parse(recording, body=json.dumps(document).encode()).batch
    for column in ("start", "open", "high", "low", "close", "volume", "vwap", "trade_count"):
        np.testing.assert_array_equal(getattr(plain, column), getattr(quoted, column))

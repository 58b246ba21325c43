"""The Python client's coverage has every field and word of the service's, and no other. The client shares no code with it."""

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from collector import coverage_schemas as server
from collector.core.causes import Cause
from collector.core.missing import State, Wait
from collector.models.backfills import BackfillState
from marketdata_client import Abandoned, Coverage, EmptySpan, Job, MissingSpan, Said, Witness, coverage
from marketdata_client.coverage import read_coverage

SPAN = {"start": "2026-11-20T14:35:00Z", "end": "2026-11-20T14:45:00Z", "slots": 10}
WITNESS = {"provider": "polygon", "feed_scope": "consolidated", "rule": "settled"}
NOBODY = {"cause": "pending", "job": None, "said": None, "abandoned": None, "waits_for": None, "doubted": []}
COUNTS = dict.fromkeys(("expected", "held", "empty", "missing", "filling", "dead", "abandoned", "pending", "withdrawn"), 1)
SERIES = {"symbol": "AAPL", "mic": "XNAS", "interval": "1m", "hours": "regular", "adjustment": "raw"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Coverage, server.SessionCoverageOut),
        (MissingSpan, server.MissingSpanOut),
        (EmptySpan, server.EmptySpanOut),
        (Job, server.JobOut),
        (Said, server.SaidOut),
        (Abandoned, server.AbandonedOut),
        (Witness, server.WitnessOut),
    ],
)
def test_fields_are_those_of_the_service(ours: Any, theirs: Any) -> None:
    assert [one.name for one in fields(ours)] == list(theirs.model_fields)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(coverage.State, State), (coverage.Cause, Cause), (coverage.Wait, Wait), (coverage.JobState, BackfillState)],
)
def test_words_are_those_of_the_service(ours: Any, theirs: Any) -> None:
    assert set(get_args(ours)) == {one.value for one in theirs}


def test_spans_are_read_with_who_has_them_what_was_said_and_who_was_silent() -> None:
    job = {"job_id": 4711, "state": "parked", "due_at": "2026-11-20T15:02:00Z", "attempts": 2}
    said = {"provider": None, "code": "circuit_open", "message": "its breaker is open"}
    given_up = {"who": "anna", "why": "halted", "until": "2026-12-01T00:00:00Z"}
    filling = {**SPAN, **NOBODY, "state": "filling", "cause": "vendor_outage", "job": job, "said": said, "doubted": [WITNESS]}
    abandoned = {**SPAN, **NOBODY, "state": "abandoned", "cause": None, "abandoned": given_up}
    pending = {**SPAN, **NOBODY, "state": "pending", "waits_for": "next_scan", "of a newer server": 1}
    found = read_coverage(
        {**SERIES, **COUNTS, "session": "2026-11-20"}
        | {"missing_spans": [filling, abandoned, pending], "empty_spans": [{**SPAN, "by": [WITNESS]}]}
    )
    first, second, third = found.missing_spans
    assert found.session == date(2026, 11, 20)
    assert first.job == Job(4711, "parked", datetime(2026, 11, 20, 15, 2, tzinfo=UTC), 2)
    assert (first.said, first.cause) == (Said(None, "circuit_open", "its breaker is open"), "vendor_outage")
    assert first.doubted == found.empty_spans[0].by == (Witness("polygon", "consolidated", "settled"),)
    assert (second.abandoned, second.cause) == (Abandoned("anna", "halted", datetime(2026, 12, 1, tzinfo=UTC)), None)
    assert (third.state, third.waits_for, third.job, third.doubted) == ("pending", "next_scan", None, ())

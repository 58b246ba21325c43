"""Coverage with its states and causes as maps for programs. Pure."""

from collections.abc import Iterable
from typing import Any

from collector.models import Series
from collector.selectors.coverage_states import EmptyPart, MissingPart, SessionStates
from collector.selectors.jobs_of import Abandoned, JobNews
from collector.selectors.series import parameters_of
from collector.selectors.witnesses import Witness
from providers.market.types import from_us


def session_as_json(series: Series, session: SessionStates) -> dict[str, Any]:
    """One entry of `GET /coverage`."""
    coverage = session.coverage
    return {
        **parameters_of(series),
        "session": coverage.session,
        "expected": coverage.expected,
        "held": coverage.held,
        "empty": coverage.empty,
        "missing": coverage.missing,
        **{state.value: count for state, count in session.counts.items()},
        "withdrawn": coverage.withdrawn,
        "missing_spans": [_missing(part) for part in session.missing],
        "empty_spans": [{**_span(part), "by": _witnesses(part.by)} for part in session.empty],
    }


def _missing(part: MissingPart) -> dict[str, Any]:
    about = part.about
    return {
        **_span(part),
        "state": part.state.value,
        "cause": part.cause and part.cause.value,
        "job": _job(about) if isinstance(about, JobNews) else None,
        "said": _said(about) if isinstance(about, JobNews) else None,
        "abandoned": {"who": about.who, "why": about.why, "until": about.until} if isinstance(about, Abandoned) else None,
        "waits_for": None if isinstance(about, JobNews | Abandoned) else about.value,
        "doubted": _witnesses(part.doubted),
    }


def _span(part: MissingPart | EmptyPart) -> dict[str, Any]:
    return {"start": from_us(part.start), "end": from_us(part.end), "slots": part.slots}


def _job(job: JobNews) -> dict[str, Any]:
    return {"job_id": job.job_id, "state": job.state.value, "due_at": job.due_at, "attempts": job.attempts}


def _said(job: JobNews) -> dict[str, Any] | None:
    if (said := job.said) is None:
        return None
    return {"provider": said.provider or None, "code": said.code, "message": said.message}


def _witnesses(witnesses: Iterable[Witness]) -> list[dict[str, str]]:
    return [{"provider": one.provider, "feed_scope": one.feed_scope, "rule": one.rule} for one in witnesses]

"""What may enter a queue (R4)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from collector.schemas import (
    BackfillJob,
    BarsFetchJob,
    QuotesFetchJob,
    fixture_backfill_job,
    fixture_bars_job,
    fixture_quotes_job,
)

START = datetime(2025, 10, 8, 13, 30, tzinfo=UTC)
FIXTURES = [(BarsFetchJob, fixture_bars_job), (QuotesFetchJob, fixture_quotes_job), (BackfillJob, fixture_backfill_job)]
MANY = [BarsFetchJob, QuotesFetchJob]


def plain(schema):
    return dict(FIXTURES)[schema]().model_dump()


def symbols(count):
    return [f"S{i}" for i in range(count)]


@pytest.mark.parametrize(("schema", "fixture"), FIXTURES)
def test_fixture_survives_a_queue(schema, fixture):
    job = fixture()
    assert isinstance(job, schema)
    assert schema.model_validate(job.model_dump(mode="json")) == job
    assert schema.model_validate_json(job.model_dump_json()) == job


@pytest.mark.parametrize("schema", MANY)
@pytest.mark.parametrize("count", [1, 1000])
def test_job_takes_one_to_a_thousand_symbols(schema, count):
    assert len(schema.model_validate(plain(schema) | {"symbols": symbols(count)}).symbols) == count


@pytest.mark.parametrize("schema", MANY)
@pytest.mark.parametrize("bad", [[], symbols(1001), ["A", "A"], ["A", " A "], [""], ["  "], ["X" * 41], "A", None])
def test_job_refuses_symbols_that_are_none_too_many_repeated_or_no_names(schema, bad):
    with pytest.raises(ValidationError, match="symbols"):
        schema.model_validate(plain(schema) | {"symbols": bad})


def refused(schema, **values):
    with pytest.raises(ValidationError) as error:
        schema.model_validate(plain(schema) | values)
    return str(error.value)


@pytest.mark.parametrize("schema", [BarsFetchJob, BackfillJob])
@pytest.mark.parametrize("interval", ["1M", "2m", "", None, 60])
def test_job_refuses_an_interval_that_is_none_of_ours(schema, interval):
    assert "interval" in refused(schema, interval=interval)


@pytest.mark.parametrize("schema", [BarsFetchJob, BackfillJob])
def test_job_refuses_times_without_a_zone(schema):
    assert "timezone" in refused(schema, start=START.replace(tzinfo=None))


@pytest.mark.parametrize("schema", [BarsFetchJob, BackfillJob])
@pytest.mark.parametrize("length", [timedelta(0), timedelta(microseconds=-1)])
def test_job_refuses_a_window_that_does_not_go_forwards(schema, length):
    assert "start < end" in refused(schema, start=START, end=START + length)


def test_window_is_compared_as_instants_across_zones():
    tokyo = timezone(timedelta(hours=9))
    assert "start < end" in refused(BarsFetchJob, start=START, end=START.astimezone(tokyo))


@pytest.mark.parametrize(("schema", "fixture"), FIXTURES)
def test_job_refuses_a_field_that_it_does_not_know(schema, fixture):
    assert "extra" in refused(schema, urgent=True).lower()


@pytest.mark.parametrize(("schema", "fixture"), FIXTURES)
@pytest.mark.parametrize("priority", ["LIVE", "urgent", None])
def test_job_refuses_a_priority_that_is_none_of_ours(schema, fixture, priority):
    assert "priority" in refused(schema, priority=priority)


@pytest.mark.parametrize("mic", ["xnas", "NAS", "XNASX", ""])
def test_job_refuses_what_is_no_mic(mic):
    assert "mic" in refused(BarsFetchJob, mic=mic)


@pytest.mark.parametrize("provider", ["", "a b", "x" * 41])
def test_job_refuses_what_is_no_provider_name(provider):
    assert "provider" in refused(BarsFetchJob, provider=provider)


@pytest.mark.parametrize(("schema", "fixture"), FIXTURES)
def test_job_can_not_be_changed_once_it_is_made(schema, fixture):
    with pytest.raises(ValidationError, match="frozen"):
        fixture().tier = "T9"

"""`manage.py backfill` says what the endpoint says."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.integration.rest.backfill.asked import SPLIT, make_new, route

pytestmark = pytest.mark.django_db


def test_command_that_is_interrupted_before_it_asked_does_not_say_that_workers_go_on(monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ops.backfills.estimate", interrupt)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("backfill", "AAPL", "--from", "2026-11-09", "--to", "2026-11-13", stdout=out)
    assert "Interrupted before the range was asked for" in out.getvalue()
    assert "workers go on" not in out.getvalue()


def run(*words: str) -> list[str]:
    out = StringIO()
    call_command("backfill", *words, stdout=out)
    return out.getvalue().splitlines()


def test_command_tells_the_cost_and_refuses_as_the_endpoint_does():
    route("yahoo", "polygon", **SPLIT)
    make_new(**SPLIT)
    assert run("AAPL", "--from", "2026-10-19", "--to", "2026-10-23", "--no-wait") == [
        "1,950 slots of 1 series are missing",
        "provider  slots  calls  at least",
        "polygon   1,170      3       2 s",
        "yahoo       780      2       1 s",
        "yahoo is passed over for 1,170 slots: the query is outside its limits: yahoo keeps 1m bars of equity for 30 days, asked for older ones",
        "at least 2 s in 5 jobs",
        "5 new jobs, 0 gaps added to jobs that wait",
    ]
    for words, message in (
        (["AAPL", "--from", "2026-11-09", "--to", "soon"], "expected a date such as 2026-11-20, got 'soon'"),
        (["NONE", "--from", "2026-11-09", "--to", "2026-11-10"], "unknown symbol: 'NONE'"),
        (["--from", "2026-11-09", "--to", "2026-11-10"], "name symbols, a tier, or both"),
    ):
        with pytest.raises(CommandError, match=message):
            run(*words)

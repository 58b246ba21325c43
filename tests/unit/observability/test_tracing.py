"""Traces: one at a time in a process, of one thread and the loop that works for it, and never to the harm of what is traced."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketdata_site.observability import trace, tracing
from marketdata_site.observability.trace_files import TraceFiles, TraceSettings
from providers.loop import EventLoopThread

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tracing, "_settings", TraceSettings(TraceFiles(tmp_path / "traces")))
    monkeypatch.setattr(tracing, "_process", tracing._Process())
    yield tmp_path / "traces"
    assert sys.getprofile() is None
    assert threading.getprofile() is None


def traces(folder: Path) -> dict[str, set[str]]:
    """Names of the functions in each file, by its label."""
    found = {}
    for path in folder.glob("trace_*.json"):
        events = json.loads(path.read_text())["traceEvents"]
        found[path.name.split("_")[1]] = {event["name"].split(" ")[0] for event in events if event["ph"] == "X"}
    return found


def apple() -> None:
    pass


def pear() -> None:
    pass


def test_trace_holds_what_was_called_inside_of_it(folder: Path) -> None:
    with tracing.Trace("fruit"):
        apple()
    pear()
    assert "apple" in traces(folder)["fruit"]
    assert "pear" not in traces(folder)["fruit"]


def test_decorated_function_is_traced_and_keeps_its_name_result_and_error(folder: Path) -> None:
    @tracing.Trace("sum")
    def divided(a: int, *, by: int) -> float:
        return a / by

    assert (divided(6, by=3), divided.__name__) == (2, "divided")
    with pytest.raises(ZeroDivisionError):
        divided(1, by=0)
    assert len(list(folder.iterdir())) == 2


def test_trace_inside_of_a_trace_makes_no_file_and_the_outer_one_goes_on(folder: Path) -> None:
    with tracing.Trace("outer"):
        with tracing.Trace("inner"):
            apple()
        pear()
    assert traces(folder).keys() == {"outer"}
    assert {"apple", "pear"} <= traces(folder)["outer"]


def test_trace_that_is_ended_early_is_ended_once(folder: Path) -> None:
    with tracing.Trace("early") as early:
        apple()
        early.end()
        pear()
        with tracing.Trace("next"):
            pear()
    assert "pear" not in traces(folder)["early"]
    assert "pear" in traces(folder)["next"]


def test_thread_beside_a_trace_is_neither_in_it_nor_traced_itself_nor_slowed_down_for_good(folder: Path) -> None:
    hooks: list[object] = []

    async def work() -> None:
        pear()

    def beside() -> None:
        with tracing.Trace("beside"):
            asyncio.run(tracing.joined(work()))
        hooks.append(sys.getprofile())

    with tracing.Trace("one"):
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
    assert traces(folder).keys() == {"one"}
    assert "pear" not in traces(folder)["one"]
    assert hooks == [None]


def test_work_in_the_vendor_loop_is_in_the_trace_and_the_loop_is_free_of_it_afterwards(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.loop.in_this_trace", tracing.joined)

    async def work() -> object:
        apple()
        await asyncio.sleep(0)
        pear()
        return sys.getprofile()

    with EventLoopThread() as loop:
        with tracing.Trace("fetch"):
            assert loop.run(work()) is not None
        assert {"apple", "pear"} <= traces(folder)["fetch"]
        assert loop.run(work()) is None


def test_trace_that_can_not_be_written_is_told_once_and_harms_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("a file where the folder should be")
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        with tracing.Trace("fetch"):
            apple()
    assert [record.action for record in caplog.records] == ["trace_failed"]
    folder.unlink()
    with tracing.Trace("fetch"):
        apple()
    assert "apple" in traces(folder)["fetch"]


def test_trace_holds_no_more_calls_than_it_may(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_settings", TraceSettings(TraceFiles(folder), entries=500))
    with tracing.Trace("long"):
        apple()
        for _ in range(2_000):
            pear()
    assert "apple" not in traces(folder)["long"]
    assert len(json.loads(next(folder.iterdir()).read_text())["traceEvents"]) < 510


def test_child_that_is_forked_inside_of_a_trace_is_free_to_trace(folder: Path) -> None:
    with tracing.Trace("parent"):
        child = os.fork()
        if not child:
            try:
                with tracing.Trace("child"):
                    apple()
            finally:
                os._exit(0 if sys.getprofile() is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        pear()
    assert "apple" in traces(folder)["child"]
    assert "pear" in traces(folder)["parent"]


def python(source: str, *options: str, **variables: str) -> str:
    command = [sys.executable, *options, "-c", source]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **variables}, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout + done.stderr


OFF = """
import sys
from marketdata_site.observability import trace
assert trace.maybe_trace("a") is trace.maybe_trace("b") is trace.OFF
def work(): pass
assert trace.maybe_trace("a")(work) is work
with trace.maybe_trace("a") as context:
    work()
print([name for name in sys.modules if "viztracer" in name or name.endswith("tracing")])
"""


def test_nothing_is_imported_and_nothing_is_wrapped_while_tracing_is_off() -> None:
    assert python(OFF, VIZTRACER_ENABLED="").strip() == "[]"
    assert trace.maybe_trace("a") is trace.OFF


MISSING = """
import logging, sys
logging.basicConfig()
sys.modules["viztracer"] = None
from marketdata_site.observability.trace import maybe_trace
for _ in range(3):
    with maybe_trace("a"):
        print("worked")
"""


def test_work_goes_on_where_viztracer_is_not_installed(folder: Path) -> None:
    said = python(MISSING, VIZTRACER_ENABLED="true", VIZ_OUT_DIR=str(folder))
    assert (said.count("worked"), said.count("no trace could be made")) == (3, 1)
    assert not folder.exists()


def test_variable_is_named_when_it_is_neither_true_nor_false() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        python("import marketdata_site.observability.trace", VIZTRACER_ENABLED="perhaps")
    assert "VIZTRACER_ENABLED must be true or false" in caught.value.stderr

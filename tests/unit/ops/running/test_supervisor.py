"""The supervisor with real programs: it relays, starts again, gives up, and stops everything."""

import asyncio
import errno
import io
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ops.running import supervisor as rooms
from ops.running.log import PrefixedLog
from ops.running.restarts import MAX_QUICK_ENDS, STEADY_SECONDS, Record
from ops.running.supervisor import Program, Supervisor
from tests.processes import is_alive
from tests.waiting import wait_until

STAY = "import signal, time; print('up', flush=True); time.sleep(600)"


def _python(name: str, source: str) -> Program:
    return Program(name=name, command=(sys.executable, "-c", source))


class _Log(io.StringIO):
    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


class _Run:
    """A supervisor over programs, its log, and a way to wait for what the log says."""

    def __init__(self, *programs: Program) -> None:
        self.output = _Log()
        self.supervisor = Supervisor(
            programs=list(programs), log=PrefixedLog(names=[p.name for p in programs], output=self.output)
        )

    def says(self, text: str, times: int = 1) -> bool:
        return self.output.getvalue().count(text) >= times

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    def run(self, meanwhile: Callable[[], Awaitable[None]]) -> int:
        return asyncio.run(self.supervisor.run(once_started=meanwhile))


async def _nothing() -> None:
    return None


def test_supervisor_relays_lines_with_the_name_of_who_said_them() -> None:
    run = _Run(_python("web", STAY.replace("up", "hello from web")), _python("beat", STAY.replace("up", "tick")))

    async def stop_when_heard() -> None:
        await run.until(lambda: run.says("web  | hello from web") and run.says("beat | tick"))
        run.supervisor.stop("enough")

    assert run.run(stop_when_heard) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_supervisor_stops_all_and_ends_with_0_when_it_gets_a_signal(number: signal.Signals) -> None:
    run = _Run(_python("a", STAY), _python("b", STAY))

    async def interrupt() -> None:
        await run.until(lambda: run.says("| up", 2))
        os.kill(os.getpid(), number)

    assert run.run(interrupt) == 0
    assert run.says(f"{number.name} received: stopping")
    assert run.says("all stopped")


def test_supervisor_starts_a_program_again_when_it_ends_by_itself(tmp_path: Path) -> None:
    once = f"import pathlib, sys; p = pathlib.Path({str(tmp_path / 'ran')!r})\nif not p.exists(): p.touch(); sys.exit(7)\n"
    run = _Run(_python("worker", once + STAY))

    async def stop_when_back() -> None:
        await run.until(lambda: run.says("| up"))
        run.supervisor.stop("enough")

    assert run.run(stop_when_back) == 0
    assert run.says("worker ended by itself with exit code 7; starting it again")


def test_supervisor_stops_all_and_ends_with_1_when_a_program_never_starts_well() -> None:
    run = _Run(_python("good", STAY), _python("bad", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert run.run(_nothing) == 1
    assert run.says("bad ended by itself with signal SIGKILL, 3 times right after its start: stopping")


def test_supervisor_says_why_and_ends_with_1_when_a_program_can_not_be_started() -> None:
    run = _Run(_python("good", STAY), Program(name="bad", command=("/nowhere/at/all",)))
    assert run.run(_nothing) == 1
    assert run.says("bad could not be started ([Errno 2] No such file or directory: '/nowhere/at/all'); starting it again", 2)
    assert run.says("'/nowhere/at/all'), 3 times right after its start: stopping")


def test_supervisor_reads_on_while_its_log_takes_nothing_and_says_so_afterwards(tmp_path: Path) -> None:
    done = tmp_path / "done"
    source = (
        "import pathlib, time\n"
        "for _ in range(4_000): print('x' * 1_000)\n"  # more than the pipe and our reader hold
        f"pathlib.Path({str(done)!r}).touch()\n"
        "while True: print('up', flush=True); time.sleep(0.05)"
    )
    run = _Run(_python("worker", source))

    async def fill_the_disk() -> None:
        run.output.is_full = True
        await run.until(done.exists)
        run.output.is_full = False
        await run.until(lambda: run.says("| up") and run.says("lines before that one could not be written"))
        run.supervisor.stop("enough")

    assert run.run(fill_the_disk) == 0


def test_supervisor_kills_a_program_and_its_children_when_they_ignore_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "STOP_SECONDS", 0.2)
    deaf = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); "
        "os.write(1, b'%d\\n' % os.getpid()); time.sleep(600)"
    )
    run = _Run(_python("deaf", deaf))

    def pids() -> list[int]:
        return [
            int(line.rpartition("| ")[2]) for line in run.output.getvalue().splitlines() if line.rpartition("| ")[2].isdigit()
        ]

    async def stop() -> None:
        await run.until(lambda: len(pids()) == 2)
        run.supervisor.stop("enough")

    assert run.run(stop) == 0
    assert run.says("did not stop")
    wait_until(lambda: not any(map(is_alive, pids())), seconds=60, what="the end of both")  # a killed one takes a moment to go


def test_supervisor_signals_the_program_alone_so_that_a_worker_can_end_its_pool() -> None:
    parent = (
        "import os, signal, sys, time\n"
        "def say(text): os.write(1, text + b'\\n')\n"  # one write a line: two processes share the pipe
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.signal(signal.SIGTERM, lambda *_: say(b'child was signalled')); say(b'up'); time.sleep(600)\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.kill(child, signal.SIGKILL), say(b'tidied'), sys.exit(0)))\n"
        "say(b'up'); time.sleep(600)"
    )
    run = _Run(_python("worker", parent))

    async def stop() -> None:
        await run.until(lambda: run.says("| up", 2))
        run.supervisor.stop("enough")

    assert run.run(stop) == 0
    assert run.says("tidied")
    assert not run.says("child was signalled")


def test_supervisor_stops_all_and_raises_when_what_runs_beside_it_fails() -> None:
    run = _Run(_python("a", STAY))

    async def fail() -> None:
        await run.until(lambda: run.says("| up"))
        raise ValueError("no greeting")

    with pytest.raises(ValueError, match="no greeting"):
        run.run(fail)
    assert run.says("the start failed: stopping")


def test_supervisor_survives_a_line_longer_than_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LONGEST_LINE_BYTES", 1024)
    run = _Run(_python("web", "print('x' * 5000, flush=True)\n" + STAY))

    async def stop() -> None:
        await run.until(lambda: run.says("| up"))
        run.supervisor.stop("enough")

    assert run.run(stop) == 0
    assert run.says("a line of more than")


def test_programs_end_when_the_supervisor_is_killed() -> None:
    script = (
        "import asyncio, os, signal, sys\n"
        "from ops.running.log import PrefixedLog\nfrom ops.running.supervisor import Program, Supervisor\n"
        "program = Program(name='a', command=(sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'))\n"
        "async def idle(): pass\n"
        "asyncio.run(Supervisor(programs=[program], log=PrefixedLog(names=['a'])).run(once_started=idle))"
    )

    async def kill() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        pid = 0
        while not pid:
            word = (await process.stdout.readline()).decode().rpartition("| ")[2].strip()
            pid = int(word) if word.isdigit() else 0
        process.kill()
        await process.communicate()
        return pid

    pid = asyncio.run(kill())
    wait_until(lambda: not is_alive(pid), seconds=60, what="its end")


def test_record_forgets_quick_ends_when_a_program_ran_steadily() -> None:
    record = Record().after(ran_seconds=1).after(ran_seconds=1)
    assert record.quick_ends == 2
    assert not record.is_hopeless
    assert record.after(ran_seconds=STEADY_SECONDS) == Record()


def test_record_is_hopeless_when_every_run_was_quick() -> None:
    record, delays = Record(), []
    for _ in range(MAX_QUICK_ENDS):
        assert not record.is_hopeless
        record = record.after(ran_seconds=0.1)
        delays.append(record.delay_seconds)
    assert record.is_hopeless
    assert delays == sorted(delays)

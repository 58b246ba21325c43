"""Keeps programs running: starts them, relays what they print, starts again what ends, stops all.

Why not a process manager from the shelf: honcho, whose log printer we use, ends everything when one program ends, but a Celery
worker may exit when its broker restarts; and it signals whole process groups, which kills a worker's running task at once.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ops.running.log import PrefixedLog
from ops.running.parent import dies_with_parent
from ops.running.restarts import MAX_QUICK_ENDS, Record

STOP_SECONDS = 8.0
"""Workers put their task back after a soft shutdown of a few seconds; what is left then is killed."""
LONGEST_LINE_BYTES = 1024 * 1024
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Program:
    """Something to keep running. `environment` comes on top of our own."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


class Supervisor:
    """Runs programs until it is told to stop or one of them turns out hopeless. One use."""

    def __init__(self, *, programs: list[Program], log: PrefixedLog) -> None:
        self._programs = programs
        self._log = log
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._failed: str | None = None
        self._unsaid = 0
        """Lines that the log would not take, since it last took one."""

    async def run(self, *, once_started: Callable[[], Awaitable[None]]) -> int:
        """Run everything, and `once_started` beside it; answer the exit code: 0 when asked to stop, 1 when a program failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop, f"{number.name} received")
        keepers = [asyncio.create_task(self._keep(program)) for program in self._programs]
        companion = asyncio.create_task(self._accompany(once_started))
        await self._stopping.wait()
        companion.cancel()
        await asyncio.gather(self._end_all(), *keepers)
        with contextlib.suppress(asyncio.CancelledError):
            await companion
        self._say(SYSTEM, f"all stopped{f', because {self._failed}' if self._failed else ''}")
        return 1 if self._failed else 0

    def stop(self, why: str) -> None:
        """Begin to stop everything; a second call changes nothing."""
        if not self._stopping.is_set():
            self._say(SYSTEM, f"{why}: stopping")
            self._stopping.set()

    async def _accompany(self, once_started: Callable[[], Awaitable[None]]) -> None:
        """Run the caller's part; when it fails nothing must go on as if all were well, so everything stops and it is raised."""
        is_well = False
        try:
            await once_started()
            is_well = True
        finally:
            if not is_well:  # a second call of stop, which cancelled us, says nothing
                self.stop("the start failed")

    async def _keep(self, program: Program) -> None:
        record = Record()
        while not self._stopping.is_set():
            started = time.monotonic()
            what = await self._run_once(program)
            if self._stopping.is_set():
                return
            record = record.after(ran_seconds=time.monotonic() - started)
            if record.is_hopeless:
                self._failed = f"{what}, {MAX_QUICK_ENDS} times right after its start"
                self.stop(self._failed)
                return
            self._say(SYSTEM, f"{what}; starting it again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), record.delay_seconds)

    async def _run_once(self, program: Program) -> str:
        """Run a program to its end, relaying its lines; answer how it ended."""
        try:
            child = await _start(program)
        except (OSError, subprocess.SubprocessError) as error:  # no memory or process left, as a rule: it may be there soon
            return f"{program.name} could not be started ({error})"
        self._children[program.name] = child
        if self._stopping.is_set():
            child.terminate()
        self._say(SYSTEM, f"{program.name} started (pid {child.pid})")
        relay = asyncio.create_task(self._relay(program.name, child))
        code = await child.wait()
        _kill_group(child.pid)  # what it left behind would hold the pipe open
        await relay
        del self._children[program.name]
        return f"{program.name} ended by itself with {_meaning(code)}"

    async def _relay(self, name: str, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        while True:
            try:
                line = await child.stdout.readline()
            except ValueError:  # longer than the limit: asyncio has dropped what it held
                line = b"(a line of more than 1 MiB)\n"
            if not line:
                return
            self._say(name, line)

    def _say(self, name: str, text: bytes | str) -> None:
        try:
            self._log.line(name, text)
        except BrokenPipeError:  # nobody reads the log any more, as after `make run | head`
            self._stopping.set()
        except OSError:  # the log's disk is full: a program that is not read from any more would stand still
            self._unsaid += 1
        else:
            if self._unsaid:
                lost, self._unsaid = self._unsaid, 0
                self._say(SYSTEM, f"{lost} lines before that one could not be written")

    async def _end_all(self) -> None:
        """SIGTERM to each program (not to its children: a worker ends its pool itself), SIGKILL to what is left in the end."""
        for child in list(self._children.values()):
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self._children and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for name, child in list(self._children.items()):
            self._say(SYSTEM, f"{name} (pid {child.pid}) did not stop within {STOP_SECONDS:.0f} s: killed")
            _kill_group(child.pid)


async def _start(program: Program) -> asyncio.subprocess.Process:
    """Raises: OSError, subprocess.SubprocessError."""
    return await asyncio.create_subprocess_exec(
        *program.command,
        env=os.environ | program.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LONGEST_LINE_BYTES,
        start_new_session=True,  # Ctrl-C in the terminal reaches us alone
        preexec_fn=dies_with_parent(by=signal.SIGTERM),
    )


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _meaning(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

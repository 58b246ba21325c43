"""Server processes: start one as the right account, see whether it lives, wait for it. Linux only."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marketdata_site.embedded.errors import EmbeddedServerError
from ops.running.parent import dies_with_parent

POLL_SECONDS = 0.02
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
UNPRIVILEGED = ("nobody", "daemon")

_STARTED: dict[int, subprocess.Popen[bytes]] = {}
"""Our own children: kept so that they are reaped, and never reported as forgotten when the interpreter ends."""


@dataclass(frozen=True, slots=True)
class Account:
    """An existing unprivileged account that servers run as when we are root; Postgres refuses to run as root."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Whom servers run as; None means as ourselves, which is so for everybody but root.

    Raises: EmbeddedServerError when root finds no unprivileged account (Postgres wants one that is in the passwd file).
    """
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedServerError(f"root needs one of the accounts {', '.join(UNPRIVILEGED)} to run Postgres, none exists")


def run(*, command: list[str], account: Account | None) -> str:
    """Run a short command to its end, answer what it printed. Raises: EmbeddedServerError with its output when it fails."""
    try:
        done = subprocess.run(  # noqa: S603  the commands are our own
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        raise EmbeddedServerError(f"{command[0]} can't be run as {_name(account)}: {error}") from error
    output = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        raise EmbeddedServerError(f"{command[0]} ended with {done.returncode}: {output}")
    return output


def can_run(program: Path, *, account: Account | None) -> bool:
    """Whether the account can reach and run a program; asked by running it, since folders above it decide too."""
    try:
        run(command=[str(program), "--version"], account=account)
    except EmbeddedServerError:
        return False
    return True


def spawn(*, command: list[str], account: Account | None, log: Path, dies_by: signal.Signals | None) -> int:
    """Start a server and answer its pid; it outlives us unless `dies_by` names the signal it gets when we are gone.

    Its output goes to `log`; the log of the run before is kept beside it.
    """
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  the commands are our own
                command,
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us, not for the server
                preexec_fn=dies_with_parent(by=dies_by) if dies_by else None,  # noqa: PLW1509  it only calls prctl
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except OSError as error:
        raise EmbeddedServerError(f"{command[0]} can't be run as {_name(account)}: {error}") from error
    _STARTED[process.pid] = process
    return process.pid


def exit_code(pid: int) -> int | None:
    """The exit code of a child of ours that has ended, None while it runs or when it is no child of ours."""
    process = _STARTED.get(pid)
    return None if process is None else process.poll()


def is_running(*, pid: int, mention: str) -> bool:
    """Whether that process lives and has `mention` in its command line.

    A zombie has no command line, and a pid that was given to another program has another one: neither counts as running,
    which `kill(pid, 0)` would say.
    """
    if pid in _STARTED:
        return exit_code(pid) is None
    try:
        return mention.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(*, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Poll until the condition holds. Raises: EmbeddedServerError with `otherwise` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def last_lines(log: Path, *, count: int = 12) -> str:
    """The end of a server's log, for error messages."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError as error:
        return f"(no log: {error})"


def _name(account: Account | None) -> str:
    return account.name if account else "the present user"

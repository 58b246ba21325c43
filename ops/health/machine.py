"""This machine and how the service is set up on it: files, disks, settings."""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from marketdata_site.observability import clock
from ops.health.finding import Finding, error, fine, warning
from providers.overrides import read_file
from providers.selectors.routes import env_file

LOW_BYTES, EMPTY_BYTES = 2 << 30, 256 << 20
FEW_FILES = 1_000
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
POINTER = "servers-are-in"
"""A file of the home, which says where the embedded servers' data are when they are not in the home."""
SECRET_FILES = ("secret-key", "admin-login")
SHORT_KEY, FEW_LETTERS = 32, 5
INSECURE = "django-insecure-"


def look_at_home(home: Path) -> Finding:
    """Whether others can change it, or read what is secret in it."""
    if not home.is_dir():
        return warning("there is no home yet", advice="run `make run`, or set MARKETDATA_HOME", detail=str(home))
    if _mode(home) & stat.S_IWOTH:
        return error("everybody may change the home", advice=f"chmod o-w {home}", detail=str(home))
    files = (*(home / name for name in SECRET_FILES), settings.ENV_FILE)
    exposed = [path for path in files if path.is_file() and _mode(path) & 0o066]
    if exposed:
        names = " ".join(map(str, exposed))
        return warning("others may read files that hold secrets", advice=f"chmod 600 {names}", detail=names)
    return fine("only its owner reads the secrets of the home", detail=str(home))


def _mode(path: Path) -> int:
    """Of a file that is not there it is 0: nobody may do anything with it."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def look_at_env_file() -> Finding:
    """Whether overrides and keys can be read from it."""
    if faults := read_file(env_file()).faults:
        return error(
            "the env file can't be read as a whole", advice="mend it, or unset MARKETDATA_ENV_FILE", detail="; ".join(faults)
        )
    return fine("the env file can be read" if settings.ENV_FILE.exists() else "there is no env file, and none is named")


def look_at_metrics_folder() -> Finding:
    """Whether processes can count."""
    folder = Path(os.environ[METRICS_FOLDER])
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(b"1")
    except OSError as problem:
        advice = f"let the service's user write there, or set {METRICS_FOLDER}"
        return error(
            "nothing can be counted: the metrics folder is not writable", advice=advice, detail=f"{folder}: {problem.strerror}"
        )
    return fine("the metrics folder is writable", detail=str(folder))


def _nearest(path: Path) -> Path:
    """The path itself, or what is there of the folders above it."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def folders() -> list[Path]:
    """Where the service writes on this machine."""
    home = Path(settings.MARKETDATA_HOME)
    pointer = home / POINTER
    data = [Path(pointer.read_text().strip())] if pointer.is_file() else []
    return [home, *data, Path(os.environ[METRICS_FOLDER])]


def look_at_disks(paths: Iterable[Path], *, low: int = LOW_BYTES, empty: int = EMPTY_BYTES) -> Finding:
    """Whether there is room on the disks of these folders."""
    free: dict[int, tuple[int, int, Path]] = {}
    for path in paths:
        there = _nearest(path)
        found = os.statvfs(there)
        files = found.f_favail if found.f_files else FEW_FILES  # some file systems count no files
        free[there.stat().st_dev] = (found.f_bavail * found.f_frsize, files, path)
    least, files, path = min(free.values())
    text = f"{least / (1 << 30):.1f} GiB are free where the service writes"
    advice = "make room; a full disk stops Postgres"
    if least < empty:
        return error(text, advice=advice, detail=str(path))
    if least < low or min(count for _, count, _ in free.values()) < FEW_FILES:
        return warning(f"{text}, {files} files", advice=advice, detail=str(path))
    return fine(text, detail=str(path))


def look_at_secret_key() -> Finding:
    """Whether sessions can be forged."""
    key = str(settings.SECRET_KEY)
    if key.startswith(INSECURE) or len(key) < SHORT_KEY or len(set(key)) < FEW_LETTERS:
        return error(
            "the secret key can be guessed", advice="set DJANGO_SECRET_KEY to 50 random characters, the same on every machine"
        )
    kept = not os.environ.get("DJANGO_SECRET_KEY")
    return fine("the secret key is random, of this home alone" if kept else "the secret key is set")


def look_at_debug() -> Finding:
    """Whether errors show the insides."""
    if settings.DEBUG:
        return error("DJANGO_DEBUG is on: errors show the program's insides to whoever asks", advice="unset DJANGO_DEBUG")
    return fine("DJANGO_DEBUG is off")


def look_at_hosts() -> Finding:
    """Whether pages of other sites can speak to this one under a name of their own."""
    if any(host == "*" for host in settings.ALLOWED_HOSTS):
        return warning("every host name is answered to", advice="name the hosts in DJANGO_ALLOWED_HOSTS")
    if not settings.ALLOWED_HOSTS:
        return error("no host name is answered to", advice="name the hosts in DJANGO_ALLOWED_HOSTS")
    return fine(f"{len(settings.ALLOWED_HOSTS)} host names are answered to")


def look_at_clock_offset() -> Finding:
    """Whether the service lives in a time of its own."""
    seconds = clock.offset_seconds()
    if seconds:
        advice = f"unset {clock.OFFSET_VARIABLE}: it is for trying things out"
        return warning(f"the service's time is shifted by {seconds:+g} s", advice=advice)
    return fine("the service's time is the machine's")

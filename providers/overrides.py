"""Reads variables from the process environment and from the env file (`MARKETDATA_ENV_FILE`). The environment wins.

What they mean is `providers.policy`'s. Nothing but overrides and the credentials that a provider row names is ever taken from the file.
"""

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dotenv.parser import parse_stream

from providers.policy.overrides import ENVIRONMENT, Override, Overrides, is_ours

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnvFile:
    """Where variables may stand beside the environment. One that somebody named has to be there, the default one need not."""

    path: Path
    is_named: bool


@dataclass(frozen=True, slots=True)
class FileContent:
    """Variables of a file as they stand there (no `${…}` is filled in), and what could not be read; never a value in a fault."""

    variables: Mapping[str, str]
    faults: tuple[str, ...] = ()


def read_overrides(*, file: EnvFile, environ: Mapping[str, str]) -> Overrides:
    """The overrides that are set now; the file is read anew."""
    content = read_file(file)
    found = {
        variable: Override(variable, text, f"file {file.path.name}")
        for variable, text in content.variables.items()
        if is_ours(variable)
    }
    found |= {variable: Override(variable, text, ENVIRONMENT) for variable, text in environ.items() if is_ours(variable)}
    return Overrides(dict(sorted(found.items())), content.faults)


def read_file(file: EnvFile) -> FileContent:
    """A dotenv file. The later of two lines for one variable counts, as in a shell."""
    try:
        text = file.path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return FileContent({}, (_unreadable(file, "no such file"),) if file.is_named else ())
    except (OSError, UnicodeDecodeError) as error:
        return FileContent({}, (_unreadable(file, error.strerror if isinstance(error, OSError) else "not UTF-8"),))
    lines = list(parse_stream(io.StringIO(text)))
    faults = [f"line {line.original.line} of {file.path.name} is not NAME=value" for line in lines if line.error]
    return FileContent({line.key: line.value or "" for line in lines if line.key is not None}, tuple(faults))


@lru_cache(maxsize=1)
def file_variables(file: EnvFile) -> Mapping[str, str]:
    """The file's variables as this process first saw them, until `forget_file`: a file that is being edited is not looked at."""
    content = read_file(file)
    for fault in content.faults:
        log.error("%s", fault, extra={"action": "env_file_unreadable"})
    return content.variables


def forget_file() -> None:
    """Read the file anew at the next look, because another version is active."""
    file_variables.cache_clear()


def _unreadable(file: EnvFile, why: str | None) -> str:
    return f"MARKETDATA_ENV_FILE: {file.path} can't be read: {why}"

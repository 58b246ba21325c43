"""Python in which only the client and what its package says it needs can be imported, as after installing it somewhere else."""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.web_server import ROOT

PACKAGE = ROOT / "clients/python"


def command(folder: Path, program: Path, *, extras: Sequence[str] = ()) -> list[str]:
    """Runs a program there; `folder` is filled with links to the packages."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    for path in {path for one in wanted for path in _needed(Requirement(one), seen=set())}:
        (folder / path.name).symlink_to(path)
    paths = [str(PACKAGE / "src"), str(folder)]
    begin = f"import runpy, sys; sys.path[:0] = {paths!r}; runpy.run_path({str(program)!r}, run_name='__main__')"
    return [sys.executable, "-I", "-S", "-u", "-c", begin]  # neither this folder, nor the environment, nor what is installed


def _needed(requirement: Requirement, *, seen: set[str]) -> Iterator[Path]:
    """Files and folders of a package that is installed here, and of all that it needs."""
    if requirement.name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        return
    seen.add(requirement.name)
    found = distribution(requirement.name)
    for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        yield Path(str(found.locate_file(top)))
    for one in found.requires or ():
        yield from _needed(Requirement(one), seen=seen)

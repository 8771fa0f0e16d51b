"""The folder of a run's results: complete, or as it was before."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from emulator.errors import ScenarioError
from emulator.files import is_listed, replacing, take_place

RESULTS = "results.json"
#: what `format` says in the results of a run
FORMAT = "backwave-results"


def staged(out: Path, force: bool = False) -> AbstractContextManager[Path]:
    """A new folder beside `out` to write into, which takes the place of `out` at the end if nothing was raised.

    The results of an earlier run are replaced. In any other folder that is not empty, with `force`, files of the
    same name are replaced and all others are left alone.

    Raises
    ------
    ScenarioError
        If `out` is a file, or a folder with other things in it and `force` is not set.
    OSError
        If nothing can be written there.
    """
    return replacing(out, partial(_check, out, force), _move)


def _check(out: Path, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise ScenarioError(f"output '{out}' is a file; allowed: a new folder, or one with results of an earlier run")
    if out.is_dir() and not force and not _replaceable(out):
        raise ScenarioError(
            f"output folder '{out}' holds other files than the results of a run; "
            "allowed: a new or empty folder, one with earlier results only, or --force to write among them"
        )


def _replaceable(out: Path) -> bool:
    """Whether a folder is empty, or holds only the files that its own results list."""
    found = {path.name for path in out.iterdir()}
    return not found or is_listed(found, out / RESULTS, FORMAT)


def _move(staging: Path, place: Path) -> None:
    if not place.exists() or ((place / RESULTS).exists() and _replaceable(place)):
        take_place(staging, place)
    else:
        for path in sorted(staging.iterdir()):
            path.replace(place / path.name)

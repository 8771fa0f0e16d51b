"""The folder of a run's results: complete, or as it was before."""

from __future__ import annotations

import filecmp
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from emulator.errors import BackwaveError, ScenarioError
from emulator.files import atomic_write, is_listed, replacing, take_place

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


def write_tables(path: Path, tables: Mapping[str, Any]) -> None:
    """Write results as JSON; numbers that are not finite become null."""
    text = json.dumps(plain(tables), indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(path, lambda file: file.write(text.encode()))


@contextmanager
def taken_up(kept: Path, ended: Path, resume: bool) -> Iterator[None]:
    """To `resume` where nothing is `kept` of a run on its way, go on from what `ended` with one: a copy of it is kept.

    The copy is gone again if an error or an interrupt comes before anything was added to it.
    """
    copied = resume and not kept.exists() and ended.exists()
    if copied:
        with ended.open("rb") as source:
            atomic_write(kept, lambda file: shutil.copyfileobj(source, file))
    try:
        yield
    except BaseException as error:
        if copied and kept.exists() and filecmp.cmp(ended, kept, shallow=False):
            kept.unlink()
            if isinstance(error, BackwaveError):  # it speaks of the copy
                error.args = tuple(str(one).replace(str(kept), str(ended)) for one in error.args)
        raise


def resumable(stop: KeyboardInterrupt, *kept: Path) -> KeyboardInterrupt:
    """An interrupt of the same kind that tells whether something was kept to go on from."""
    if not any(path.exists() for path in kept):
        return type(stop)(*stop.args)
    return type(stop)("finished parts are kept, and --resume goes on from them")


def plain(value: Any) -> Any:
    """Plain values for JSON; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

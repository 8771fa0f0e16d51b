"""What the cache of compiled code holds: listed, checked, cleared."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from emulator.engine.cache import cache_directory, entries, intact, remove, size_of, sweep
from emulator.engine.cython_target import right
from emulator.locks import waited_for

#: the cache's folders whose entries have manifests, and that of Cython's modules
_ENTRIES, _MODULES = ("programs", "headers"), "cython"


@dataclass(frozen=True)
class Held:
    """One thing in the cache.

    Parameters
    ----------
    kind : str
        ``program``, ``headers`` or ``modules``.
    path : Path
    size : int
        Bytes.
    used : float
        When it was last used, in seconds since the epoch.
    """

    kind: str
    path: Path
    size: int
    used: float


def contents() -> list[Held]:
    """Everything in the cache, the least recently used of each kind first."""
    base, found = cache_directory(), []
    for folder, kind in (*((name, name.removesuffix("s") if name == "programs" else name) for name in _ENTRIES),
                         (_MODULES, "modules")):  # fmt: skip
        for path in entries(base / folder):
            found.append(Held(kind, path, size_of(path), path.stat().st_mtime))
    return found


def check() -> list[Path]:
    """Remove what is not as it was made, and say what that was."""
    base, wrong = cache_directory(), []
    for folder in _ENTRIES:
        sweep(base / folder)
        for path in entries(base / folder):
            if intact(path) is None and remove(path):
                wrong.append(path)
    for folder_of_modules in entries(base / _MODULES):
        with waited_for(folder_of_modules / ".lock"):
            for module in sorted(folder_of_modules.glob("*.so")):
                if not right(module):
                    module.unlink()
                    wrong.append(module)
    return wrong


def clear() -> list[Path]:
    """Remove all that is not in use; what is stays, and is said. Other files in the folder of the cache are not touched."""
    base, kept = cache_directory(), []
    for folder in _ENTRIES:
        sweep(base / folder)
        kept += [path for path in entries(base / folder) if not remove(path)]
    for path in entries(base / _MODULES):
        shutil.rmtree(path, ignore_errors=True)
        kept += [path] * path.exists()
    return kept

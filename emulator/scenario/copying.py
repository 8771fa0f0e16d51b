"""Copying what comes with the project into a folder of the user's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from emulator.contents import contents_of
from emulator.errors import ScenarioError
from emulator.scenario.load import read_toml


def copy_bundled(path: Path, folder: Path) -> tuple[str, ...]:
    """Put a bundled scenario or study, and the files beside it that it names, into a folder; all of them or none.

    Returns
    -------
    tuple of str
        Names of what was written.

    Raises
    ------
    ScenarioError
        If there is a file of such a name already: nothing is written over.
    OSError
        If the folder cannot be written to.
    """
    named = contents_of(read_toml("scenario", path), path.parent)
    sources = [path, *(path.parent / name for name in named if (path.parent / name).is_file())]
    there = [one.name for one in sources if (folder / one.name).exists()]
    if there:
        raise ScenarioError(f"'{there[0]}' is here already; allowed: a folder without it (nothing is written over)")
    written: list[Path] = []
    try:
        for one in sources:
            content = one.read_bytes()
            with (folder / one.name).open("xb") as file:
                written.append(folder / one.name)
                file.write(content)
    except BaseException:
        for one in written:
            with suppress(OSError):
                one.unlink()
        raise
    return tuple(one.name for one in written)

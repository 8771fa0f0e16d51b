"""Finding the files that a scenario names."""

from __future__ import annotations

from pathlib import Path

from emulator.errors import ScenarioError


def find_file(name: str, folder: Path, key: str) -> Path:
    """Path of a file that a scenario names: beside the scenario, else in the current directory.

    Parameters
    ----------
    name : str
        As written in the scenario.
    folder : Path
        Where the scenario is.
    key : str
        The key that names the file, for the message.

    Raises
    ------
    ScenarioError
        If there is no such file in either place.
    """
    for candidate in (folder / Path(name).expanduser(), Path(name).expanduser()):
        if candidate.is_file():
            return candidate
    raise ScenarioError(
        f"{key} is {name!r}, and there is no such file; allowed: a file beside the scenario or in the current directory"
    )

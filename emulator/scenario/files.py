"""Finding the files that a scenario names."""

from __future__ import annotations

from pathlib import Path

from emulator.contents import located
from emulator.errors import ScenarioError
from hwmodels.doors import brief


def find_file(name: str, folder: Path, key: str, folders: bool = False) -> Path:
    """Path of a file that a scenario names: beside the scenario, else in the current directory.

    Parameters
    ----------
    name : str
        As written in the scenario.
    folder : Path
        Where the scenario is.
    key : str
        The key that names the file, for the message.
    folders : bool
        Whether it may be a folder.

    Raises
    ------
    ScenarioError
        If there is no such file in either place.
    """
    found = located(name, folder, folders)
    if found is None:
        raise ScenarioError(
            f"{key} is {brief(name)}, and there is no such file; "
            "allowed: a file beside the scenario or in the current directory"
        )
    return found

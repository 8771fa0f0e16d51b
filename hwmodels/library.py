"""The presets that come with the package, and loading by name or file."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from hwmodels.errors import HardwareError, alternatives
from hwmodels.model import HardwareModel

_PRESETS = "presets"


@cache
def presets() -> tuple[str, ...]:
    """Names of all presets, in alphabetical order."""
    folder = resources.files("hwmodels") / _PRESETS
    return tuple(sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml")))


def load(name_or_path: str | Path) -> HardwareModel:
    """Hardware model of a preset or of a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a preset, or path of a file that ends in ``.toml``.

    Raises
    ------
    HardwareError
        If there is no such preset or file, or the file is wrong.
    """
    name = str(name_or_path)
    if name.endswith(".toml"):
        return HardwareModel.from_toml(name_or_path)
    if name not in presets():
        problem = f"is neither a preset nor a file ending in .toml; {alternatives(name, presets())}"
        raise HardwareError(name, problem)
    return _preset(name)


@cache
def _preset(name: str) -> HardwareModel:
    """A preset, read once."""
    with resources.as_file(resources.files("hwmodels") / _PRESETS / f"{name}.toml") as path:
        return HardwareModel.from_toml(path)

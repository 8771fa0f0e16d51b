"""The presets that come with the package, and loading by name or file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

from hwmodels.errors import HardwareError
from hwmodels.model import HardwareModel
from hwmodels.registry import Registry

_PRESETS = "presets"
Preset = HardwareModel | str | Path | Callable[[], HardwareModel | str | Path]


@cache
def _own() -> tuple[str, ...]:
    folder = resources.files("hwmodels") / _PRESETS
    return tuple(sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml")))


def _checked(name: str, preset: Preset) -> Preset:
    if not (isinstance(preset, HardwareModel | str | Path) or callable(preset)):
        raise HardwareError(
            f"preset {name!r}",
            f"is {preset!r}; allowed: a HardwareModel, the path of a TOML file, or a function that gives one",
        )
    return preset


#: presets besides those of this package: models, paths of TOML files, or functions that return either
PRESETS: Registry[Preset] = Registry("preset", "backwave.presets", {}, _checked)


def presets() -> tuple[str, ...]:
    """Names of all presets, in alphabetical order."""
    return tuple(sorted({*_own(), *PRESETS}))


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
        raise HardwareError(name, "is neither a preset nor a file ending in .toml", presets())
    return _preset(name) if name in _own() else _added(name)


def _added(name: str) -> HardwareModel:
    """A preset of a user or a plug-in."""
    preset = PRESETS[name]
    found = preset() if callable(preset) else preset
    if isinstance(found, str | Path):
        return HardwareModel.from_toml(found)
    if not isinstance(found, HardwareModel):
        raise HardwareError(
            f"preset {name!r}", f"gives {found!r}; allowed: a HardwareModel, or the path of a TOML file"
        )
    return found


@cache
def _preset(name: str) -> HardwareModel:
    """A preset, read once."""
    with resources.as_file(resources.files("hwmodels") / _PRESETS / f"{name}.toml") as path:
        return HardwareModel.from_toml(path)

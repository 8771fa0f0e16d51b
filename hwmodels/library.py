"""The presets that come with the package, and loading by name or file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from hwmodels import bundled
from hwmodels.errors import HardwareError
from hwmodels.model import HardwareModel
from hwmodels.registry import Registry

Preset = HardwareModel | str | Path | Callable[[], HardwareModel | str | Path]


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
    """Names of all technologies, in alphabetical order."""
    return tuple(sorted({*bundled.names(), *PRESETS}))


def device_presets() -> tuple[str, ...]:
    """Names of the devices that come with the package: how they are written, on ideal lines."""
    return bundled.names(bundled.DEVICES)


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
    if name not in presets() and name not in device_presets():
        raise HardwareError(name, "is neither a preset nor a file ending in .toml", (*presets(), *device_presets()))
    added = name in presets() and name not in bundled.names()
    return _added(name) if added else _preset(name)


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
    with bundled.opened(name) as path:
        return HardwareModel.from_toml(path)

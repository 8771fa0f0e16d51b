"""The hardware files that come with the package, by name: technologies, and devices alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

TECHNOLOGIES, DEVICES = "presets", "presets/devices"


@cache
def names(folder: str = TECHNOLOGIES) -> tuple[str, ...]:
    """Names of the files in a folder, in alphabetical order."""
    files = resources.files("hwmodels").joinpath(*folder.split("/")).iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(".toml")))


@contextmanager
def opened(name: str) -> Iterator[Path]:
    """The path of a file by its name."""
    folder = TECHNOLOGIES if name in names() else DEVICES
    with resources.as_file(resources.files("hwmodels").joinpath(*folder.split("/"), f"{name}.toml")) as path:
        yield path

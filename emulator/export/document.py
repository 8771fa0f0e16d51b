"""JSON files from elsewhere: read to a bound, and every part asked for by type, so that an error names its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import FileFormatError, suggest
from emulator.export.circuit import content
from emulator.measure.synapses import Floats
from hwmodels import doors

_SHOWN = 80


@dataclass(frozen=True)
class Document:
    """One object of a JSON file, and where it stands."""

    content: dict[str, Any]
    place: str
    inner: str = ""
    wanted: tuple[str, int] = ("", 0)

    def at(self, name: str) -> str:
        """Where a part stands, in words."""
        return f"{self.place}, {self.inner}{name}"

    def __getitem__(self, name: str) -> Any:
        """A part, which must be there."""
        if name not in self.content:
            raise FileFormatError(f"{self.at(name)} is missing; allowed: what the export wrote")
        return self.content[name]

    def part(self, name: str, kind: type) -> Any:
        """A part of a type."""
        value = self[name]
        if type(value) is not kind:
            raise FileFormatError(f"{self.at(name)} is {shown(value)}; allowed: a {kind.__name__}")
        return value

    def text(self, name: str) -> str:
        """A text."""
        return str(self.part(name, str))

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of some texts."""
        value = self[name]
        if type(value) is not str or value not in allowed:
            raise FileFormatError(f"{self.at(name)} is {shown(value)}; allowed: {', '.join(allowed)}")
        return value

    def positive(self, name: str) -> float:
        """A finite number above 0."""
        value = float(self.array(name, ()))
        if not value > 0:
            raise FileFormatError(f"{self.at(name)} is {value!r}; allowed: a finite number above 0")
        return value

    def check_version(self) -> None:
        """Require the format and version that were asked for."""
        kind, version = self.wanted
        found = self.content.get("version")
        if self.content.get("format") != kind or type(found) is not int or found != version:
            raise FileFormatError(
                f"{self.place} is not of format {kind!r} and version {version}; allowed: what backwave export writes now"
            )

    def same(self, name: str, wanted: Any) -> None:
        """Require that a part equals what it must be; the first place at which it does not is named."""
        _same(self.at(name), self[name], wanted)

    def section(self, name: str, keys: set[str]) -> Document:
        """An object within, which must have these keys and no others."""
        value = self.part(name, dict)
        for key in sorted(keys - set(value)):
            raise FileFormatError(f"{self.at(name)} lacks {key!r}; allowed: all that the network has")
        for key in sorted(set(value) - keys):
            raise FileFormatError(f"{self.at(name)}: no {suggest(key, sorted(keys))}")
        return Document(value, self.place, f"{self.inner}{name}.")

    def array(self, name: str, shape: tuple[int, ...]) -> Floats:
        """Finite numbers in lists, of a shape."""
        found: list[float] = []
        _collect(self.at(name), self[name], shape, found)
        return np.array(found, dtype=np.float64).reshape(shape)


def read_document(folder: Path, name: str, most: int, kind: str, version: int) -> Document:
    """Read a JSON file of a folder, of at most so many bytes and of a format; its version is not yet checked.

    Raises
    ------
    FileFormatError
        If there is none, or it is not such a file.
    """
    path = folder / name
    data = content(folder, name, most)
    try:
        found = doors.parse_json(data)
    except doors.RefusedError as error:
        raise FileFormatError(f"file '{path}' is not JSON: {error}") from error
    document = Document(found if isinstance(found, dict) else {}, f"file '{path}'", wanted=(kind, version))
    if document.content.get("format") != kind:
        document.check_version()
    return document


def _same(place: str, value: Any, wanted: Any) -> None:
    if isinstance(wanted, dict) and isinstance(value, dict):
        for key in [*wanted, *value]:
            inner = f"{place}.{key}" if key.isidentifier() else f"{place}[{shown(key)}]"
            if key not in value or key not in wanted:
                what = "is missing" if key not in value else "is there"
                raise FileFormatError(f"{inner} {what}; allowed: what the export wrote of its network")
            _same(inner, value[key], wanted[key])
    elif isinstance(wanted, list) and isinstance(value, list):
        for k, (one, other) in enumerate(zip(value, wanted, strict=False)):
            _same(f"{place}[{k}]", one, other)
        if len(value) != len(wanted):
            rest = f", from {shown(wanted[len(value)])} on" if len(value) < len(wanted) else ""
            raise FileFormatError(f"{place} has {len(value)} entries; allowed: {len(wanted)}{rest}, as the network has")
    elif type(value) is not type(wanted) or value != wanted:
        raise FileFormatError(f"{place} is {shown(value)}; allowed: {shown(wanted)}")


def _collect(place: str, value: Any, shape: tuple[int, ...], found: list[float]) -> None:
    """Append the numbers of nested lists."""
    if not shape:
        if type(value) not in (int, float) or not math.isfinite(value):
            raise FileFormatError(f"{place} is {shown(value)}; allowed: a finite number")
        found.append(float(value))
        return
    if type(value) is not list or len(value) != shape[0]:
        what = f"has {len(value)} entries" if type(value) is list else f"is {shown(value)}"
        raise FileFormatError(f"{place} {what}; allowed: {shape[0]}, as the network has")
    if len(shape) == 1 and set(map(type, value)) <= {float} and np.isfinite(value).all():
        found.extend(value)
        return
    for k, entry in enumerate(value):
        _collect(f"{place}[{k}]", entry, shape[1:], found)


def shown(value: Any) -> str:
    """A value in a few characters."""
    text = f"a {type(value).__name__} of {len(value)}" if isinstance(value, list | dict) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

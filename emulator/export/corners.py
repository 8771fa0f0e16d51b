"""Corners: sets of parameters, each of an instance of its own in one testbench, and how each of them does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import ExportError, FileFormatError, suggest
from emulator.export.circuit import shown, statements_of
from emulator.export.design import Design
from emulator.export.statements import use
from hwmodels import doors

#: the corner that has all parameters as they are, unless a file has this name
TYPICAL = "typical"
#: bytes of a file, and corners of a testbench
_MOST, _MANY = 1 << 20, 20
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}", re.ASCII)
_PAIR = re.compile(r"(?<!\w)(\w+)=(\{[^{}]*\}|[^\s{}]+)")
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)(meg|[tgkmunpf])?[a-z]*")
_SUFFIX = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
#: parameters of the testbench that a corner may set
SUPPLIES = ("vdd", "vss")


@dataclass(frozen=True)
class Corner:
    """A set of parameters.

    Parameters
    ----------
    name : str
    values : dict of str to float
        Without prefix.
    file : str
        Where they come from; empty for the typical one.
    """

    name: str
    values: Mapping[str, float]
    file: str = ""


def number(text: str, place: str) -> float:
    """A number of a netlist, such as ``20k`` or ``-1.5e-3``.

    Raises
    ------
    FileFormatError
        If it is none, such as an expression.
    """
    found = _NUMBER.fullmatch(text.strip("{}").strip())
    if found is None:
        raise FileFormatError(f"{place} is {shown(text)}; allowed: a number")
    return float(found.group(1)) * _SUFFIX.get(found.group(2) or "", 1.0)


def read_corner(path: Path) -> Corner:
    """Read a file of ``.param`` statements, whose name is that of the corner.

    Raises
    ------
    FileFormatError
        If it is none.
    """
    name = path.stem.lower()
    if not NAME.fullmatch(name):
        raise FileFormatError(
            f"corner '{path}' is named {name!r}; allowed: a letter, then at most 23 letters, digits and _"
        )
    try:
        data = doors.read_bytes(path, _MOST)
    except doors.RefusedError as error:
        raise FileFormatError(f"corner '{path}' {error}") from None
    except OSError as error:
        raise FileFormatError(f"corner '{path}' cannot be read: {error.strerror}") from None
    values: dict[str, float] = {}
    for line, parts in statements_of(path, data, titled=False):
        whole, at = " ".join(parts), f"corner '{path}', line {line}: "
        text = re.sub(r" ?= ?", "=", " ".join(whole.lower().split()))
        try:
            use(text)
        except ValueError as error:
            raise FileFormatError(f"{at}{shown(whole)} {error}") from None
        if not text.startswith(".param "):
            raise FileFormatError(f"{at}{shown(whole)} is no set of parameters; allowed: .param name=number")
        for key, value in _PAIR.findall(text):
            values[key] = number(value, f"{at}{key}")
    if not values:
        raise FileFormatError(f"corner '{path}' sets nothing; allowed: .param name=number")
    return Corner(name, values, path.name)


def read_corners(paths: Sequence[Path], prefix: str) -> tuple[Corner, ...]:
    """The corners of files, after the typical one if no file is called so; parameters may be written with the prefix.

    Raises
    ------
    FileFormatError, ExportError
        If a file is none, or two have one name.
    """
    found = [read_corner(path) for path in paths]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ExportError(f"corner {name!r} is there twice; allowed: files of different names")
    if len(found) > _MANY:
        raise ExportError(f"{len(found)} corners; allowed: at most {_MANY}")
    low = prefix.lower()
    found = [
        Corner(one.name, {key.removeprefix(low): value for key, value in one.values.items()}, one.file) for one in found
    ]
    return tuple(found if not found or TYPICAL in names else [Corner(TYPICAL, {}), *found])


def check_corners(corners: Sequence[Corner], design: Design) -> None:
    """Raise `ExportError` if a corner sets a parameter that the circuit has not, or the circuit cannot stand side by side."""
    if corners and design.flat:
        raise ExportError(
            f"corners with {len(design.top.pins)} pins; allowed: networks that are a subcircuit, which can stand side by side"
        )
    known = [*(p.name for p in design.parameters), *SUPPLIES]
    for one in corners:
        for key in one.values:
            if key not in known:
                raise ExportError(f"corner '{one.file}': the circuit has no parameter {suggest(key, known)}")

"""Corners: sets of parameters, each of an instance of its own in one testbench, and how each of them does."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from emulator.errors import ExportError, FileFormatError, suggest
from emulator.export.circuit import bytes_of, shown, statements_of
from emulator.export.design import Design
from emulator.export.statements import use

#: the corner that has all parameters as they are, unless a file has this name
TYPICAL = "typical"
#: bytes of a file, and corners of a testbench
_MOST, _MANY = 1 << 20, 20
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}", re.ASCII)
#: a parameter of a statement, and its value
SETTING = re.compile(r"(?<!\w)(\w+)=(\{[^{}]*\}|[^\s{}]+)")
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)(meg|[tgkmunpf])?[a-z]*")
#: letters after a number that simulators read in different ways: thousandths of an inch, amperes or 1e-18, millions
_AMBIGUOUS = re.compile(r"[^a-z]+(?:e[-+]?\d+)?(?:mil|a|x)")
_SUFFIX = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
#: units of parameters that are above 0 wherever they are so in the typical circuit
_ABOVE = ("ohm", "s", "F", "H")
#: parameters of the testbench that a corner may set
SUPPLIES = ("vdd", "vss")


@dataclass(frozen=True)
class Corner:
    """A set of parameters.

    Parameters
    ----------
    name : str
    values : dict of str to float
        As the file has them; without prefix once they are `named`.
    file : str
        Where they come from; empty for the typical one.
    """

    name: str
    values: Mapping[str, float]
    file: str = ""

    def named(self, known: Sequence[str], prefix: str) -> Corner:
        """The same with the names that a circuit has; errors as for `named`."""
        return replace(self, values=named(self.values, known, prefix, f"corner '{self.file}'"))


def named(values: Mapping[str, float], known: Sequence[str], prefix: str, place: str) -> dict[str, float]:
    """Parameters under the names that a circuit has, before which a file may write the prefix.

    Raises
    ------
    ExportError
        If the circuit has no such parameter, or one is set with and without the prefix.
    """
    found: dict[str, float] = {}
    for key, value in values.items():
        name = plain(key, known, prefix)
        if name not in known:
            raise ExportError(f"{place}: the circuit has no parameter {suggest(name, known)}")
        if name in found:
            raise ExportError(f"{place}: parameter {name!r} is there twice; allowed: once")
        found[name] = value
    return found


def plain(name: str, known: Container[str], prefix: str) -> str:
    """A name without the prefix, unless it is known with it."""
    bare = name.removeprefix(prefix.lower())
    return bare if name not in known and bare in known else name


def number(text: str, place: str) -> float:
    """A number of a netlist, such as ``20k`` or ``-1.5e-3``.

    Raises
    ------
    FileFormatError
        If it is none, such as an expression, is not finite, or has a letter that simulators read in different ways.
    """
    found = _NUMBER.fullmatch(text.strip("{}").strip())
    if found is None:
        raise FileFormatError(f"{place} is {shown(text)}; allowed: a number")
    value = float(found.group(1)) * _SUFFIX.get(found.group(2) or "", 1.0)
    if not math.isfinite(value) or _AMBIGUOUS.match(found.group()):
        raise FileFormatError(
            f"{place} is {shown(text)}; allowed: a finite number, alone or with one of {', '.join(_SUFFIX)}"
        )
    return value


def settings_of(text: str, at: str, known: Mapping[str, object] = MappingProxyType({})) -> dict[str, str]:
    """The parameters that a statement sets.

    Raises
    ------
    FileFormatError
        If one is there twice, or `known` already.
    """
    found: dict[str, str] = {}
    for key, value in SETTING.findall(text):
        if key in found or key in known:
            raise FileFormatError(f"{at}parameter {key!r} is there twice; allowed: once")
        found[key] = value
    return found


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
    data = bytes_of(path, f"corner '{path}'", _MOST)
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
        values |= {key: number(value, f"{at}{key}") for key, value in settings_of(text, at, values).items()}
    if not values:
        raise FileFormatError(f"corner '{path}' sets nothing; allowed: .param name=number")
    return Corner(name, values, path.name)


def read_corners(paths: Sequence[Path]) -> tuple[Corner, ...]:
    """The corners of files, after the typical one if no file is called so.

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
    return tuple(found if not found or TYPICAL in names else [Corner(TYPICAL, {}), *found])


def check_corners(corners: Sequence[Corner], design: Design) -> None:
    """Raise `ExportError` if the circuit cannot stand side by side, or a corner sets what is above 0 to anything else."""
    if corners and design.flat:
        raise ExportError(
            f"corners with {len(design.top.pins)} pins; allowed: networks that are a subcircuit, which can stand side by side"
        )
    above = [p.name for p in design.parameters if p.value > 0 and (p.unit in _ABOVE or p.name in ("vfs", "td"))]
    for one in corners:
        for key, value in one.values.items():
            if key in above and value <= 0:
                raise ExportError(f"corner '{one.file}': {key} is {value:g}; allowed: above 0")

"""A circuit as a hierarchy: parameters with units, and subcircuits of instances of cells, free of any simulator's syntax.

Every text that an export writes of its network comes from this one model: `emulator.export.spice_text` writes it in the
dialects of SPICE, `emulator.export.spectre` in that of Spectre and VACASK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from emulator.errors import ExportError

#: pins that every subcircuit with active cells has, last
SUPPLY = ("vdd", "vss")
#: pins of the largest subcircuit: ngspice has room for 1005 nodes
MOST_PINS = 1000
#: neurons of a subcircuit of a row, and lines of a bundle
CHUNK = 128
#: the instance of the network in a testbench
TOP = "xnet"
#: what names a node within it, in a card: other dialects than ngspice's save every node, and measure at pins only
WITHIN = re.compile(rf"\b{TOP}\.|\bdev_lam")
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,23}", re.ASCII)


class Parameter(NamedTuple):
    """A value of the circuit that a designer may set anew: at an instance, in a testbench, or for a corner."""

    name: str
    value: float
    unit: str
    meaning: str


class Instance(NamedTuple):
    """A cell or subcircuit in its place; settings are numbers or expressions of parameters."""

    name: str
    nodes: Sequence[str]
    cell: str
    settings: tuple[tuple[str, str], ...] = ()


@dataclass
class Subcircuit:
    """Instances behind pins.

    Parameters
    ----------
    name : str
        Without prefix.
    pins : list of str
    parameters : tuple of (name, default)
        The default is a number, or the name of another parameter.
    instances : list of Instance
    remark : str
        What it is, for its comment.
    """

    name: str
    pins: list[str]
    parameters: tuple[tuple[str, str], ...] = ()
    instances: list[Instance] = field(default_factory=list)
    remark: str = ""

    def add(self, name: str, nodes: Sequence[str], cell: str, **settings: str) -> None:
        """Add an instance."""
        self.instances.append(Instance(name, nodes, cell, tuple(settings.items())))


@dataclass
class Design:
    """A network's circuit.

    Parameters
    ----------
    prefix : str
        Of the names of all cells, subcircuits and parameters.
    parameters : list of Parameter
    parts : list of Subcircuit
        In their order: crossbars, lines, rows.
    top : Subcircuit
        The whole network; its parameters are `parameters`.
    flat : bool
        Whether the network has more pins than ngspice lets a subcircuit have, and is laid in the testbench itself.
    """

    prefix: str
    parameters: list[Parameter]
    parts: list[Subcircuit]
    top: Subcircuit
    flat: bool = False

    def node(self, name: str) -> str:
        """A node of the network as a testbench sees it."""
        return name if self.flat or name in self._pins else f"{TOP}.{name}"

    def node_of(self, name: str, corner: str) -> str:
        """A node of the instance of a corner."""
        return f"{name}_{corner}" if name in self._pins else f"x{corner}.{name}"

    def __post_init__(self) -> None:
        self._pins = frozenset(self.top.pins)


def check_prefix(prefix: str) -> None:
    """Raise `ExportError` unless a prefix is a short name."""
    if not _PREFIX.fullmatch(prefix):
        raise ExportError(f"prefix is {prefix!r}; allowed: a letter, then at most 23 letters, digits and _")


def numbered(name: str, count: int) -> list[str]:
    """Names of a bus."""
    return [f"{name}{k}" for k in range(count)]


def chunks(count: int, size: int = CHUNK) -> Iterator[range]:
    """Ranges of at most so many."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def shares(values: np.ndarray) -> tuple[float, list[str]]:
    """A bundle's values as one parameter, their smallest, and what every line has of it: an empty text is 1."""
    base = float(np.min(values))
    if base == 0.0:
        return 1.0, [repr(float(value)) for value in values]
    parts = [float(value) / base for value in values]
    return base, ["" if part == 1.0 else repr(part) for part in parts]

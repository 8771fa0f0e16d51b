"""What an exported circuit is made of, and in which volts and ohms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, get_args

from emulator.errors import ExportError, suggest
from emulator.export.design import check_prefix
from emulator.export.dialect import Dialect
from hwmodels.errors import HardwareError
from hwmodels.units import parse

Circuit = Literal["directional", "bilateral"]
Synapse = Literal["gyrator", "transformer"]
Termination = Literal["stub", "lumped"]


def positive(place: str, value: object) -> float:
    """`value` as a finite number above 0.

    Raises
    ------
    ExportError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ExportError(f"{place} is {value!r}; allowed: a finite number above 0")
    return float(value)


def choice(place: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise `ExportError` unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ExportError(f"unknown {place} {suggest(value, allowed)}")


@dataclass(frozen=True)
class Buildable:
    """Ranges that components of a technology can have; None where there is no limit.

    Parameters
    ----------
    conductance : (low, high) in siemens
        Of a synapse's transconductors (weights of 0 need none).
    capacitance : (low, high) in farads
        Of line terminations.
    delay : (low, high) in seconds
        Of lines.

    Raises
    ------
    ExportError
        If a range is not two numbers in order.
    """

    conductance: tuple[float, float] | None = None
    capacitance: tuple[float, float] | None = None
    delay: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("conductance", "capacitance", "delay"):
            limits = getattr(self, name)
            if limits is not None and not (len(limits) == 2 and 0 <= limits[0] <= limits[1]):
                raise ExportError(f"buildable {name} is {limits!r}; allowed: (low, high) with 0 <= low <= high")

    @classmethod
    def of(cls, texts: Iterable[str]) -> Buildable:
        """From texts such as ``conductance=1 uS:1 mS``.

        Raises
        ------
        ExportError
            If a text is none, or names an unknown component.
        """
        units = {"conductance": "S", "capacitance": "F", "delay": "s"}
        found: dict[str, tuple[float, float]] = {}
        for text in texts:
            name, _, span = text.partition("=")
            low, _, high = span.partition(":")
            if name not in units:
                raise ExportError(f"buildable: no component {suggest(name, units)}")
            try:
                found[name] = parse(low, units[name]), parse(high, units[name])
            except HardwareError as error:
                raise ExportError(f"buildable '{text}': {error}") from error
        return cls(**found)


@dataclass(frozen=True)
class Options:
    """How a graph becomes a circuit.

    Parameters
    ----------
    circuit : {"directional", "bilateral"}
        States and costates on matched lines of their own (the matched law), or as voltage and current of two-way
        lines (the bilateral law).
    synapse : {"gyrator", "transformer"}
        Two transconductors, or the coupled sources of an ideal transformer.
    volts : float
        Volts of a state of 1.
    ohms : float
        State over costate of 1: a costate of 1 is ``volts / ohms`` amperes, or `volts` where it is a voltage.
    mismatch : bool
        Write every weight with a spread that the testbench parameter ``mm`` switches on.
    seed : int
        Seed of the spread.
    termination : {"stub", "lumped"}
        What stands in the terminations of two-way lines: stubs, which are capacitors and inductors as brian2's steps
        know them, or the capacitors and inductors themselves.
    buildable : Buildable
        Limits to warn about.
    dialect : {"ngspice", "ltspice", "xyce", "hspice"}
        Whose text to write; only ngspice runs in `verify`, and only its export can have a mismatch.
    prefix : str
        Of the names of all cells, subcircuits and parameters, so that several exports stand side by side.

    Raises
    ------
    ExportError
        For a value that is not allowed.
    """

    circuit: Circuit = "directional"
    synapse: Synapse = "gyrator"
    volts: float = 1.0
    ohms: float = 50.0
    mismatch: bool = False
    seed: int = 1
    termination: Termination = "stub"
    buildable: Buildable = field(default_factory=Buildable)
    dialect: Dialect = "ngspice"
    prefix: str = "bw_"

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        choice("dialect", self.dialect, get_args(Dialect))
        if self.mismatch and self.dialect != "ngspice":
            raise ExportError(f"mismatch in dialect {self.dialect!r}; allowed: ngspice, whose random numbers it draws")
        choice("circuit", self.circuit, get_args(Circuit))
        choice("synapse", self.synapse, get_args(Synapse))
        choice("termination", self.termination, get_args(Termination))
        if self.termination != "stub" and self.circuit != "bilateral":
            raise ExportError(
                f"termination is {self.termination!r} in the directional circuit, whose lines are matched; allowed: stub"
            )
        object.__setattr__(self, "volts", positive("volts", self.volts))
        object.__setattr__(self, "ohms", positive("ohms", self.ohms))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 1 <= self.seed < 2**31:
            raise ExportError(f"seed is {self.seed!r}; allowed: whole numbers from 1 to {2**31 - 1}")

    @property
    def bilateral(self) -> bool:
        """Whether lines carry both directions."""
        return self.circuit == "bilateral"

    @property
    def in_series(self) -> bool:
        """Whether weighted states are summed as voltages in series, by transformers."""
        return self.synapse == "transformer"

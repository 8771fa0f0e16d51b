"""The bilateral law: a circuit of two-way lines between passive junctions, each solved for its reflected waves.

A line of characteristic impedance `Z` carries a wave `a` one way and a wave `b` the other, ``x = a + b`` and
``lam = (a - b)/Z``. With `i` the wave that arrives at a port and `r` the wave that leaves, every junction is

neuron    inputs p in series, lines out q in parallel: ``A = bias + 2 sum i_p``, ``Zs = sum Z_p``,
          ``G = sum 1/Z_q``, ``J = 2 sum i_q/Z_q``; the pre-activation solves the scalar equation

              s - A + Zs phi'(s) lam = 0        x = phi(s)        lam = G x - J + load(x)        mu = (A - s)/Zs

          and ``r_p = i_p - Z_p mu``, ``r_q = x - i_q``: an adder, an activation and a fan-out in one junction. The load
          of an output is ``kappa (x - target)`` or ``softmax(x) - target``.
          Several answers: the equation has one root while its slope ``1 + Zs d/ds[phi' (G phi - J)]`` is above 0
          everywhere, for tanh while ``Zs (0.77 |J| + G/3) < 1``; beyond there may be three. The junction moves as one
          with a little capacitance would, down where the left side is above 0 and up where it is below, to the first
          root; so it keeps to its branch, jumps where that ends, and never rests at the middle root.
source    ``x = (x_in + R J)/(1 + R G)``, ``r_q = x - i_q``; without series resistance `R` a clamp, which reflects -1
crossbar  ideal transformers `W`, left ports `Z1`, right ports `Z2`:
          ``x = (Z1^-1 + W^T Z2^-1 W)^-1 (2 Z1^-1 i_left + 2 W^T Z2^-1 i_right)``,
          ``r_left = x - i_left``, ``r_right = W x - i_right``: lossless and reciprocal, a constant matrix ``r = S i``

At rest a lossless line is a wire, and the circuit is exactly the forward pass and backpropagation. What dissipates
transients without drawing power at rest: a low-pass per line, a series RC to ground at the far end of each line, a
resistor parallel to an inductor at its source end. Sources: A. Fettweis, "Wave digital filters: theory and practice",
Proc. IEEE 74 (1986); for the waves, C. Pehle and J.-J. Slotine (arXiv:2602.10461).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from emulator.errors import CompileError, suggest
from emulator.laws.base import Law, Outline, halved

#: largest ratio of two impedances, and of those on both sides of a crossbar, that are chosen
_RANGE, _STEEPEST = 10.0, 4.0
#: impedance at the output over that of the load: for networks with jumps of slope, at most, and by what costates bend
_OF_KINKED, _MATCHED, _BENT = 0.02, 1.0, 0.2
#: resistance of far ends over that of the resonance, and what their capacitance falls short of 1 by where there is none
_TERMINATED, _SHORT = 4.0, 0.5
#: resistance of far ends, over the line's impedance, up to which tuning looks, per layer of weights; of source ends, one over it
_RESISTANCE_PER_LAYER = 12.0
#: resonance beyond which no terminations are made, and how far costates bend junctions at most where impedances follow
_MOST_RESONANT, _MOST_BENT = 1e6, 1e6


@dataclass(frozen=True)
class SeriesRC:
    """A resistor and a capacitor in series, from the far end of every line to ground.

    Parameters
    ----------
    resistance : float
        R over the line's characteristic impedance Z, above 0.
    capacitance : float
        C over d/Z, with d the mean line delay, above 0.
    """

    resistance: float = 2.0
    capacitance: float = 3.0


@dataclass(frozen=True)
class ParallelRL:
    """A resistor and an inductor in parallel, in series with every line at its source end.

    Parameters
    ----------
    resistance : float
        R over the line's characteristic impedance Z, above 0.
    inductance : float
        L over Z d, with d the mean line delay, above 0.
    """

    resistance: float = 1.0
    inductance: float = 3.0


@dataclass(frozen=True)
class Bilateral(Law):
    """Two-way lines between passive junctions.

    Parameters
    ----------
    impedance : float, optional
        Characteristic impedance of the lines at the output, above 0. Without it, `chosen` finds one for each network,
        and with it a taper and terminations where they are not given. With it, the lines are exactly as written.
    taper : float or "matched", optional
        Factor by which the impedance rises at each crossbar towards the output, 1 unless it is chosen; ``matched`` is
        crossbar by crossbar, so that a wave from the left meets on average the impedance of its own line,
        ``Z1 = Z2 rows/|W|^2`` (Frobenius).
    bandwidth : float
        Coefficient `c` per step of the low-pass at the end of each line, ``y <- (1 - c) y + c u``; above 0, at most 1.
    far_end, source_end : SeriesRC, ParallelRL, or mapping of their fields, optional
        Terminations of every line. Where neither is given both are chosen, and where the far end is not, that alone.
    source_resistance : float
        Series resistance of the sources; above 0 it moves the rest, ``x_0 = x_in - R lam_0``.
    kappa : float
        Conductance of the squared-loss load: costates and gradients are those of `kappa` times the loss.

    Raises
    ------
    CompileError
        For a value outside its range.
    """

    impedance: float = None  # type: ignore[assignment]  # a number once it is compiled
    taper: float | Literal["matched"] = None  # type: ignore[assignment]  # the same
    bandwidth: float = 1.0
    far_end: SeriesRC | None = None
    source_end: ParallelRL | None = None
    source_resistance: float = 0.0
    kappa: float = 1.0
    name = "bilateral"
    two_way = True
    tunable = MappingProxyType({
        "impedance": (0.01, 10.0),
        "taper": (0.25, 16.0),
        "bandwidth": (0.02, 1.0),
        "far_end.resistance": (0.2, 20.0),
        "far_end.capacitance": (0.2, 50.0),
        "source_end.resistance": (0.02, 5.0),
        "source_end.inductance": (0.2, 50.0),
    })  # fmt: skip
    parts = MappingProxyType({"far_end": SeriesRC, "source_end": ParallelRL})
    family = "emulator.families.bilateral:BILATERAL"

    def __post_init__(self) -> None:
        for name, kind in self.parts.items():
            _replace(self, name, kind)
        if self.impedance is not None:
            check_setting(self, "law bilateral", "impedance")
            if self.taper is None:
                object.__setattr__(self, "taper", 1.0)
        check_setting(self, "law bilateral", "kappa")
        check_setting(self, "law bilateral", "bandwidth", high=1.0)
        check_setting(self, "law bilateral", "source_resistance", zero=True)
        if self.taper not in (None, "matched"):
            if isinstance(self.taper, str):
                raise CompileError(f"law bilateral: taper is {self.taper!r}; allowed: a finite number or 'matched'")
            check_setting(self, "law bilateral", "taper")
        for name in self.parts:
            part = getattr(self, name)
            for setting in () if part is None else fields(part):
                check_setting(part, f"law bilateral: {name}", setting.name)

    @property
    def load_conductance(self) -> float:
        """`kappa`."""
        return self.kappa

    @property
    def parameters(self) -> Mapping[str, float]:
        """The settings that are numbers, and those of the terminations in use."""
        found = {"bandwidth": self.bandwidth, "source_resistance": self.source_resistance, "kappa": self.kappa}
        if isinstance(self.taper, float):
            found["taper"] = self.taper
        for name in self.parts:
            part = getattr(self, name)
            for field in () if part is None else fields(part):
                found[f"{name}.{field.name}"] = getattr(part, field.name)
        return found

    def bounds(self, depth: int) -> Mapping[str, tuple[float, float]]:
        """The resistances follow the network's resonance: on uniform lines the best are six per layer, and one over that."""
        most, (low, high) = _RESISTANCE_PER_LAYER * depth, self.tunable["far_end.resistance"]
        least, highest = self.tunable["source_end.resistance"]
        changed = {
            "far_end.resistance": (low, max(high, most)),
            "source_end.resistance": (min(least, 1 / most), highest),
        }
        return {**self.tunable, **changed}

    @property
    def chooses(self) -> bool:
        """Whether no impedance is given."""
        return self.impedance is None

    def chosen(self, outline: Outline) -> Bilateral:
        """The settings that are not given, for a network of this outline.

        Impedances within 10 : 1 fall from the output to the inputs, by at most 4 at a crossbar. With `kappa` the
        `resonance` of the network so tapered, the slowest mode has a frequency of about ``1/kappa``, and both ends damp it
        in equal shares: an RC of ``R = 4 kappa``, ``C = c`` at the far end, and its dual, an RL of ``R = 1/(4 kappa)``,
        ``L = c`` at the source end, with ``c = 1 - 1/(2 kappa)``. What one reflects, the other takes back, as on a line without distortion
        (series loss over inductance equal to shunt loss over capacitance; O. Heaviside, 1887). A far end that is given stays
        alone. Lines at the output are matched to the load, unless costates bend junctions by more than a fifth, so that they
        have one answer at data of order 1; where slopes jump they have much less, so that costates move no neuron over its
        kink for long.
        """
        taper = min(_STEEPEST, _RANGE ** (1 / outline.depth)) if self.taper is None else self.taper
        rise = replace(self, taper=taper).impedance_rise
        far_end, source_end = self.far_end, self.source_end
        if far_end is None:
            kappa = min(outline.resonance(rise), _MOST_RESONANT)
            stored = 1 - _SHORT / kappa
            far_end = SeriesRC(_TERMINATED * kappa, stored)
            source_end = ParallelRL(1 / (_TERMINATED * kappa), stored) if source_end is None else source_end
        load = self.load_conductance if outline.loss == "mse" else 1.0
        most = _OF_KINKED if outline.kinked else _MATCHED
        share = _BENT / max(min(outline.bend(rise), _MOST_BENT), _BENT / most)
        return replace(self, impedance=share / load, taper=taper, far_end=far_end, source_end=source_end)

    def impedance_rise(self, weight: NDArray[np.float64]) -> float:
        """The taper, or what matches this crossbar."""
        if not isinstance(self.taper, str):
            return float(self.taper)
        size = float(np.sum(weight**2))
        return size / weight.shape[1] if size > 0 else 1.0

    def warnings(self) -> tuple[str, ...]:
        """Without any dissipation of transients some waves ring for ever."""
        if self.impedance is not None and self.bandwidth == 1.0 and self.far_end is None and self.source_end is None:
            return (
                "nothing dissipates transients (bandwidth = 1, no far_end, no source_end): waves that meet no load "
                "ring for ever; lower bandwidth or add a far_end",
            )
        return ()

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """Less bandwidth, less impedance, an impedance that rises towards the output, a termination; nothing that is to be chosen."""
        steeper = [t for t in (2.0, 4.0, 8.0) if t > self.taper] if isinstance(self.taper, int | float) else ()
        return {
            "bandwidth": halved(self.bandwidth, 4),
            "impedance": () if self.impedance is None else halved(self.impedance, 6),
            "taper": steeper,
            "far_end": [SeriesRC()] if self.far_end is None and not self.chooses else (),
        }


def _replace(law: Bilateral, name: str, kind: type) -> None:
    """Let a termination be given by its fields."""
    value = getattr(law, name)
    if value is None or isinstance(value, kind):
        return
    known = [field.name for field in fields(kind)]
    if not isinstance(value, Mapping):
        raise CompileError(f"law bilateral: {name} is {value!r}; allowed: {kind.__name__}, its fields, or None")
    for key in value:
        if key not in known:
            raise CompileError(f"law bilateral: {name} has no field {suggest(key, known)}")
    object.__setattr__(law, name, kind(**value))


def check_setting(owner: object, place: str, field: str, high: float = math.inf, zero: bool = False) -> None:
    """Require a finite number above 0 (or from 0), at most `high`, and keep it as a float."""
    value = getattr(owner, field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CompileError(f"{place}: {field} is {value!r}; allowed: a finite number")
    if not 0 <= value <= high or (value == 0 and not zero):
        allowed = "at least 0" if zero else f"above 0, at most {high:g}" if high < math.inf else "above 0"
        raise CompileError(f"{place}: {field} is {value!r}; allowed: {allowed}")
    object.__setattr__(owner, field, float(value))

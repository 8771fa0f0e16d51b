"""What a simulator saved, compared with what it must show: bundle by bundle, relative to the scale of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.bundle import EXPECTED
from emulator.export.claim import Claim
from emulator.export.rounding import ROUNDING, ROUNDING_TWO_WAY
from emulator.measure.synapses import Floats

#: largest deviations that agree, relative to the largest magnitude in the bundle of a node
REST, SETTLED, WAVE, TWO_WAY = 1e-8, 1e-6, 1e-6, 1e-3
#: the same of a network with cells of somebody's own, and of the library's cells beside them
OWN, BESIDE = 0.1, 1e-4


@dataclass(frozen=True)
class Check:
    """One comparison over many nodes.

    Parameters
    ----------
    name : str
        ``operating point``, ``settled values`` or ``waveforms``.
    compared : int
        Values that were compared.
    worst : str
        Node with the largest deviation, relative to its scale: its bundle's largest magnitude, or so much of the terms
        that make its value that what is allowed is their rounding.
    found, expected : float
        Its values, in volts; what was found may be no number, which never agrees.
    deviation : float
        That relative deviation.
    allowed : float
    seconds : float or None
        When, in a transient.
    """

    name: str
    compared: int
    worst: str
    found: float
    expected: float
    deviation: float
    allowed: float
    seconds: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the deviation is within what is allowed."""
        return self.deviation <= self.allowed


def compare_bundles(
    name: str,
    saved: Mapping[str, Floats],
    expected: Mapping[str, Floats],
    claim: Claim,
    allowed: float,
    time: Floats | None = None,
    at: Floats | None = None,
    node: Callable[[str], str] | None = None,
    scaled: float = 1.0,
) -> Check:
    """Compare the last values of nodes or, with `time`, their values at several moments: (n,) or (moments, n)."""
    checks, named = [], node or claim.node
    for bundle, values in expected.items():
        columns = [saved_column(saved, f"v({named(f'{bundle}_{k}')})") for k in range(values.shape[-1])]
        if time is None or at is None:
            found = np.array([column[-1] for column in columns])
        else:
            found = np.stack([np.interp(at, time, column) for column in columns], axis=1)
        scale = scaled * scale_of_bundle(bundle, values / scaled, claim, allowed)
        with np.errstate(all="ignore"):
            off = np.abs(found - values) / np.where(scale > 0, scale, 1.0)
        off[~np.isfinite(found)] = np.inf
        where = np.unravel_index(int(off.argmax()), off.shape)
        moment = None if at is None else float(at[where[0]])
        figures = float(found[where]), float(values[where]), float(off[where])
        checks.append(Check(name, off.size, f"{bundle}_{where[-1]}", *figures, allowed, moment))
    worst = max(checks, key=lambda check: check.deviation)
    return Check(**{**vars(worst), "compared": sum(check.compared for check in checks)})


def scale_of_bundle(bundle: str, values: Floats, claim: Claim, allowed: float) -> Floats:
    """What deviations of a bundle are relative to: its largest magnitude, and never less than rounding."""
    rounding = claim.terms[bundle] * ROUNDING
    if claim.circuit == "bilateral":
        rounding = np.full_like(rounding, claim.terms[bundle].max(initial=0.0) * ROUNDING_TWO_WAY)
    scale: Floats = np.maximum(np.abs(values).max(initial=0.0), rounding / allowed)
    return scale


def signals_at_rest(saved: Mapping[str, Floats], claim: Claim) -> dict[str, Floats]:
    """Signals of all neurons at rest, in units of the network."""
    values = {name: np.zeros(claim.graph.neurons) for name in ("x", "s", "lam", "mu")}
    for row, site in enumerate(claim.graph.sites):
        for signal, found in values.items():
            if f"{signal}{row}" in claim.rest:
                nodes = (f"v({claim.node(f'{signal}{row}_{k}')})" for k in range(site.size))
                found[site.start : site.stop] = [saved_column(saved, name)[-1] / claim.volts for name in nodes]
    return values


def moments(saved: Mapping[str, Floats], name: Path, stop: float) -> Floats:
    """Moments of a transient, which must rise from 0 to its end."""
    time = saved_column(saved, "time")
    if not (np.isfinite(time).all() and (np.diff(time) >= 0).all() and time[0] <= 0 and time[-1] >= stop * (1 - 1e-6)):
        raise ExportError(
            f"ngspice on '{name}' went from {time[0]:g} s to {time[-1]:g} s; allowed: 0 s to {stop:g} s, in order"
        )
    return time


def saved_column(saved: Mapping[str, Floats], name: str) -> Floats:
    """Values that the simulator saved under a name; an error if it saved none."""
    if name not in saved:
        raise ExportError(f"ngspice saved no {name}; allowed: testbenches that save every node of {EXPECTED}")
    return saved[name]

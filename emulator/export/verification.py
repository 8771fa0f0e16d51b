"""Running an exported circuit in ngspice, and comparing it with what it must show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.bundle import EXPECTED, OP, TRAN
from emulator.export.circuit import read_circuit, refuse_start_up_files
from emulator.export.claim import Claim, read_claim
from emulator.export.confined import Limits
from emulator.export.locate import Suspect, locate
from emulator.export.ngspice import simulate
from emulator.export.options import positive
from emulator.export.rounding import ROUNDING, ROUNDING_TWO_WAY, vanishing
from emulator.export.task import Task, judge, measured_settling
from emulator.measure.synapses import Floats

#: largest deviations that agree, relative to the largest magnitude in the bundle of a node
REST, SETTLED, WAVE, TWO_WAY = 1e-8, 1e-6, 1e-6, 1e-3


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


@dataclass(frozen=True)
class Verification:
    """Outcome of all comparisons.

    Parameters
    ----------
    directory : Path
    checks : tuple of Check
    network : str
        Digest of the network that the circuit was compared with.
    notes : tuple of str
        What a reader should know of the comparison.
    suspects : tuple of Suspect
        Cells whose own equations do not hold at rest, the worst first.
    task : Task or None
        How the circuit does its task.
    """

    directory: Path
    checks: tuple[Check, ...]
    network: str = ""
    notes: tuple[str, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    task: Task | None = None

    @property
    def agrees(self) -> bool:
        """Whether every comparison agrees."""
        return all(check.agrees for check in self.checks)


def verify(
    directory: str | Path,
    *,
    limit: float = 300.0,
    memory: float = 4.0,
    tolerance: float | None = None,
    samples: int = 0,
) -> Verification:
    """Run both testbenches of an export in ngspice.

    Compared are: the operating point with the exact reference, worked out anew from the network and the sample in the
    folder; states and costates in the middle of every step with brian2 (but for a bilateral circuit that is large or has
    lumped terminations); and their last values with the reference.

    A folder may come from anywhere: its netlists are read as data (`emulator.export.circuit`), ngspice runs on what was
    read, without start-up files and in a room of its own (`emulator.export.confined`), and what it must show is checked
    (`emulator.export.claim`).

    Parameters
    ----------
    directory : str or Path
        From `emulator.export.spice`.
    limit : float
        Most seconds that each run may take.
    memory : float
        Most gigabytes that each run may use.
    tolerance : float, optional
        Largest deviation that agrees, in place of the built-in ones, relative to the largest magnitude in a bundle.
    samples : int
        Samples of the export's batch by which to judge the task, each an operating point of its own.

    Raises
    ------
    FileFormatError
        If the folder is not such an export, its expected values are edited, or its netlists hold anything but a circuit.
    ExportError
        If the export is for another simulator, or ngspice is missing, takes too long, fails, or does not save what it
        was asked for.
    """
    folder, limit, memory = Path(directory), positive("limit", limit), positive("memory", memory)
    if tolerance is not None:
        tolerance = positive("tolerance", tolerance)
    claim = read_claim(folder)
    if isinstance(samples, bool) or not isinstance(samples, int) or not 0 <= samples <= len(claim.task):
        raise ExportError(f"samples is {samples!r}; allowed: 0 to {len(claim.task)}, which the export holds")
    refuse_start_up_files(folder)
    circuits = {name: read_circuit(folder / name) for name in (OP, TRAN)}
    limits = Limits(limit, int(memory * 1e9))
    try:
        saved = {name: simulate(circuit, folder / name, limits) for name, circuit in circuits.items()}
    except ExportError as error:
        raise ExportError(
            "; ".join([str(error), *(f"the export warned: {text}" for text in claim.warnings)])
        ) from error
    checks = [_compare("operating point", saved[OP], claim.rest, claim, tolerance or REST)]
    moving = saved[TRAN]
    time = _times(moving, claim, folder)
    if claim.waves is not None:
        count = len(next(iter(claim.waves.values())))
        middles: Floats = claim.start + (np.arange(count, dtype=np.float64) + 0.5) * claim.step
        checks.append(_compare("waveforms", moving, claim.waves, claim, tolerance or WAVE, time, middles))
    allowed = tolerance or (TWO_WAY if claim.circuit == "bilateral" else SETTLED)
    checks.append(_compare("settled values", moving, claim.settled, claim, allowed))
    digests = {name: digest for circuit in circuits.values() for name, digest in circuit.digests.items()}
    edited = [name for name, digest in claim.digests.items() if digests.get(name) != digest]
    suspects = () if checks[0].agrees else _suspects(saved[OP], claim, tolerance or REST)
    task = None
    if samples:
        task = judge(claim, circuits[OP], folder / OP, limits, samples, measured_settling(moving, time, claim))
    return Verification(folder, tuple(checks), claim.network, tuple(_notes(claim, edited)), suspects, task)


def _suspects(saved: Mapping[str, Floats], claim: Claim, allowed: float) -> tuple[Suspect, ...]:
    """Cells whose equations do not hold; none where not every row is saved, or lines move the rest."""
    if claim.own_rest or claim.probed < claim.rows:
        return ()
    graph = claim.graph
    values = {name: np.zeros(graph.neurons) for name in ("x", "s", "lam", "mu")}
    scales = {name: np.ones(graph.neurons) for name in values}
    for row, site in enumerate(graph.sites):
        for signal in values:
            bundle = f"{signal}{row}"
            if bundle in claim.rest:
                part = slice(site.start, site.stop)
                nodes = (f"v({claim.node(f'{bundle}_{k}')})" for k in range(site.size))
                values[signal][part] = [_column(saved, name)[-1] / claim.volts for name in nodes]
                scales[signal][part] = _scale(bundle, claim.rest[bundle], claim, allowed) * allowed / claim.volts
    # a sum of what deviates by less than is allowed may deviate by more
    scales = {name: 10 * np.where(scale > 0, scale, 1.0) for name, scale in scales.items()}
    with np.errstate(all="ignore"):
        return locate(graph, values, claim.sample.inputs, claim.sample.targets, claim.kappa, scales)


def _scale(bundle: str, values: Floats, claim: Claim, allowed: float) -> Floats:
    """What deviations of a bundle are relative to: its largest magnitude, and never less than rounding."""
    rounding = claim.terms[bundle] * ROUNDING
    if claim.circuit == "bilateral":
        rounding = np.full_like(rounding, claim.terms[bundle].max(initial=0.0) * ROUNDING_TWO_WAY)
    scale: Floats = np.maximum(np.abs(values).max(initial=0.0), rounding / allowed)
    return scale


def _notes(claim: Claim, edited: list[str]) -> list[str]:
    found = []
    if edited:
        found.append(f"edited since the export: {', '.join(edited)}")
    if claim.probed < claim.rows:
        found.append(f"{claim.probed} of {claim.rows} rows of neurons are saved and compared")
    costates = [name for name in claim.rest if name.startswith("lam")]
    if vanishing([claim.rest[name] for name in costates], [claim.terms[name] for name in costates]):
        found.append(
            "every costate of this sample is as good as rounding: choose another to see the way back (--sample)"
        )
    return found


def _compare(
    name: str,
    saved: Mapping[str, Floats],
    expected: Mapping[str, Floats],
    claim: Claim,
    allowed: float,
    time: Floats | None = None,
    at: Floats | None = None,
) -> Check:
    """Compare the last values of nodes or, with `time`, their values at several moments: (n,) or (moments, n)."""
    checks = []
    for bundle, values in expected.items():
        columns = [_column(saved, f"v({claim.node(f'{bundle}_{k}')})") for k in range(values.shape[-1])]
        if time is None or at is None:
            found = np.array([column[-1] for column in columns])
        else:
            found = np.stack([np.interp(at, time, column) for column in columns], axis=1)
        scale = _scale(bundle, values, claim, allowed)
        with np.errstate(all="ignore"):
            off = np.abs(found - values) / np.where(scale > 0, scale, 1.0)
        off[~np.isfinite(found)] = np.inf
        where = np.unravel_index(int(off.argmax()), off.shape)
        moment = None if at is None else float(at[where[0]])
        figures = float(found[where]), float(values[where]), float(off[where])
        checks.append(Check(name, off.size, f"{bundle}_{where[-1]}", *figures, allowed, moment))
    worst = max(checks, key=lambda check: check.deviation)
    return Check(**{**vars(worst), "compared": sum(check.compared for check in checks)})


def _times(saved: Mapping[str, Floats], claim: Claim, folder: Path) -> Floats:
    """Moments of a transient, which must rise from 0 to its end."""
    time = _column(saved, "time")
    if not (
        np.isfinite(time).all() and (np.diff(time) >= 0).all() and time[0] <= 0 and time[-1] >= claim.stop * (1 - 1e-6)
    ):
        raise ExportError(
            f"ngspice on '{folder / TRAN}' went from {time[0]:g} s to {time[-1]:g} s; allowed: 0 s to {claim.stop:g} s, "
            "in order"
        )
    return time


def _column(saved: Mapping[str, Floats], name: str) -> Floats:
    if name not in saved:
        raise ExportError(f"ngspice saved no {name}; allowed: testbenches that save every node of {EXPECTED}")
    return saved[name]

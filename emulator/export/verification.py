"""Running an exported circuit in ngspice, and comparing it with what it must show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.bundle import CORNERS, EXPECTED, OP, TRAN
from emulator.export.circuit import Circuit, read_circuit, refuse_start_up_files
from emulator.export.claim import Claim, read_claim
from emulator.export.confined import Limits
from emulator.export.contract import TOLERANCE as TOLERANCE_OF_CELLS
from emulator.export.held import Held, affected, full_scales, held
from emulator.export.locate import Suspect, locate
from emulator.export.ngspice import simulate, simulate_all
from emulator.export.options import positive
from emulator.export.predicted import Prediction, compare
from emulator.export.rounding import ROUNDING, ROUNDING_TWO_WAY, vanishing
from emulator.export.task import Task, judge, measured_settling, presenting
from emulator.export.testbench import TOLERANCE
from emulator.measure.synapses import Floats
from hwmodels import HardwareModel, load

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


@dataclass(frozen=True)
class CornerCheck:
    """What a corner settles to, and when.

    Parameters
    ----------
    corner : str
    check : Check
        Of settled values.
    output_error : float
        Largest error of an output over the largest output.
    settling : float or None
        Seconds from the sample's appearance until the states stay within 1e-3 of where they end; None if they do not.
    """

    corner: str
    check: Check
    output_error: float
    settling: float | None


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
    cells : tuple of Held
        How cells of somebody's own keep their contract.
    corners : tuple of CornerCheck
    prediction : Prediction or None
        How the circuit lies among chips of a hardware model.
    """

    directory: Path
    checks: tuple[Check, ...]
    network: str = ""
    notes: tuple[str, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    task: Task | None = None
    cells: tuple[Held, ...] = ()
    corners: tuple[CornerCheck, ...] = ()
    prediction: Prediction | None = None

    @property
    def agrees(self) -> bool:
        """Whether every comparison agrees, every cell keeps its contract, and every corner does."""
        checks = [*self.checks, *(one.check for one in self.corners)]
        predicted = self.prediction is None or self.prediction.agrees
        return predicted and all(check.agrees for check in checks) and all(cell.keeps for cell in self.cells)


def verify(
    directory: str | Path,
    *,
    limit: float = 300.0,
    memory: float = 4.0,
    tolerance: float | None = None,
    samples: int = 0,
    hardware: HardwareModel | str | None = None,
    chips: int = 40,
    workers: int = 1,
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
    hardware : HardwareModel or str, optional
        What the cells were fitted to: the circuit must lie among its chips (see `emulator.export.predicted`), for so many
        samples, or one.
    chips : int
        How many to settle.
    workers : int
        Runs of ngspice at a time, each with its own limits.

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
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ExportError(f"workers is {workers!r}; allowed: whole numbers from 1")
    claim = read_claim(folder)
    if isinstance(chips, bool) or not isinstance(chips, int) or not 5 <= chips <= 10000:
        raise ExportError(f"chips is {chips!r}; allowed: 5 to 10000")
    if isinstance(samples, bool) or not isinstance(samples, int) or not 0 <= samples <= len(claim.task):
        raise ExportError(f"samples is {samples!r}; allowed: 0 to {len(claim.task)}, which the export holds")
    refuse_start_up_files(folder)
    circuits = {name: read_circuit(folder / name) for name in (OP, TRAN, *([CORNERS] if claim.corners else []))}
    limits = Limits(limit, int(memory * 1e9))
    try:
        found = simulate_all([(circuit, folder / name) for name, circuit in circuits.items()], limits, workers)
        saved = dict(zip(circuits, found, strict=True))
    except ExportError as error:
        raise ExportError(
            "; ".join([str(error), *(f"the export warned: {text}" for text in claim.warnings)])
        ) from error
    own = bool(claim.cells)
    checks = [_compare("operating point", saved[OP], claim.rest, claim, tolerance or (OWN if own else REST))]
    moving = saved[TRAN]
    time = _times(moving, folder / TRAN, claim.stop)
    if claim.waves is not None and not own:
        count = len(next(iter(claim.waves.values())))
        middles: Floats = claim.start + (np.arange(count, dtype=np.float64) + 0.5) * claim.step
        checks.append(_compare("waveforms", moving, claim.waves, claim, tolerance or WAVE, time, middles))
    allowed = tolerance or (OWN if own else TWO_WAY if claim.circuit == "bilateral" else SETTLED)
    checks.append(_compare("settled values", moving, claim.settled, claim, allowed))
    digests = {name: digest for circuit in circuits.values() for name, digest in circuit.digests.items()}
    edited = [name for name, digest in claim.digests.items() if digests.get(name) != digest]
    kept = _kept(saved[OP], claim)
    well = checks[0].agrees and all(cell.keeps for cell in kept)
    suspects = () if well else _suspects(saved[OP], claim, BESIDE if own else tolerance or REST)
    corners = _corners(saved[CORNERS], claim, folder, allowed) if claim.corners else ()
    task = None
    if samples:
        task = judge(claim, circuits[OP], folder / OP, limits, samples, measured_settling(moving, time, claim), workers)
    prediction = None
    if hardware is not None:
        if claim.probed < claim.rows or not claim.task:
            raise ExportError(
                f"hardware with export '{folder}'; allowed: exports that save every row and hold their batch"
            )
        rests = _rests(claim, circuits[OP], folder / OP, limits, max(samples, 1))
        prediction = compare(claim, rests, load(hardware) if isinstance(hardware, str) else hardware, chips)
    notes = tuple(_notes(claim, edited))
    return Verification(folder, tuple(checks), claim.network, notes, suspects, task, kept, corners, prediction)


def _rests(claim: Claim, circuit: Circuit, name: Path, limits: Limits, samples: int) -> dict[str, Floats]:
    """States and costates of the circuit at rest, sample by sample: (B, N) each."""
    found = []
    for one in claim.task[:samples]:
        found.append(
            _values(simulate(Circuit(presenting(claim, circuit.text, one), circuit.digests), name, limits), claim)
        )
    return {signal: np.stack([one[signal] for one in found]) for signal in ("x", "lam")}


def _kept(saved: Mapping[str, Floats], claim: Claim) -> tuple[Held, ...]:
    """How replaced cells keep their contract; unknown where not every row is saved, or lines move the rest."""
    if not claim.cells or claim.own_rest or claim.probed < claim.rows:
        return ()
    sample = claim.sample
    with np.errstate(all="ignore"):
        return held(claim.graph, claim.cells, _values(saved, claim), sample.inputs, sample.targets, claim.kappa)


def _values(saved: Mapping[str, Floats], claim: Claim) -> dict[str, Floats]:
    """Signals of all neurons at rest, in units of the network."""
    values = {name: np.zeros(claim.graph.neurons) for name in ("x", "s", "lam", "mu")}
    for row, site in enumerate(claim.graph.sites):
        for signal, found in values.items():
            if f"{signal}{row}" in claim.rest:
                nodes = (f"v({claim.node(f'{signal}{row}_{k}')})" for k in range(site.size))
                found[site.start : site.stop] = [_column(saved, name)[-1] / claim.volts for name in nodes]
    return values


def _corners(saved: Mapping[str, Floats], claim: Claim, folder: Path, allowed: float) -> tuple[CornerCheck, ...]:
    """The verdict of every corner."""
    time = _times(saved, folder / CORNERS, claim.corners_stop)
    outputs = f"x{claim.rows - 1}"
    found = []
    for corner, volts in claim.corners.items():
        scale = volts / claim.volts
        rest = {name: values * scale for name, values in claim.settled.items()}

        def node(name: str, corner: str = corner) -> str:
            return claim.corner_node(name, corner)

        check = _compare(f"corner {corner}", saved, rest, claim, allowed, node=node, scaled=scale)
        last, late = 0.0, False
        for name, values in rest.items():
            for k in range(len(values) if name.startswith("x") else 0):
                column = _column(saved, f"v({node(f'{name}_{k}')})")
                band = TOLERANCE * max(float(np.abs(values).max(initial=0.0)), TOLERANCE * volts)
                outside = np.flatnonzero(~(np.abs(column - column[-1]) <= band))
                late |= bool(outside.size and outside[-1] >= len(time) - 2)
                last = max(last, float(time[outside[-1]]) if outside.size else 0.0)
        wanted = rest.get(outputs, np.zeros(0))
        ends = np.array([_column(saved, f"v({node(f'{outputs}_{k}')})")[-1] for k in range(len(wanted))])
        error = float(np.abs(ends - wanted).max(initial=0.0) / (np.abs(wanted).max(initial=0.0) or volts))
        found.append(CornerCheck(corner, check, error, None if late else max(last - claim.start, 0.0)))
    return tuple(found)


def _suspects(saved: Mapping[str, Floats], claim: Claim, allowed: float) -> tuple[Suspect, ...]:
    """Cells whose equations do not hold; none where not every row is saved, or lines move the rest."""
    if claim.own_rest or claim.probed < claim.rows:
        return ()
    graph = claim.graph
    values = _values(saved, claim)
    scales = {name: np.ones(graph.neurons) for name in values}
    for row, site in enumerate(graph.sites):
        for signal in values:
            bundle = f"{signal}{row}"
            if bundle in claim.rest:
                part = slice(site.start, site.stop)
                scales[signal][part] = _scale(bundle, claim.rest[bundle], claim, allowed) * allowed / claim.volts
    # a sum of what deviates by less than is allowed may deviate by more
    scales = {name: 10 * np.where(scale > 0, scale, 1.0) for name, scale in scales.items()}
    for cell in claim.cells:
        for signal, where in affected(graph, cell).items():
            scales[signal] = np.where(where, TOLERANCE_OF_CELLS * full_scales(graph)[signal], scales[signal])
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
    if claim.cells:
        found.append(
            f"cells of somebody's own: {', '.join(claim.cells)}; waveforms are not compared, since they have a bandwidth of theirs"
        )
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
    node: Callable[[str], str] | None = None,
    scaled: float = 1.0,
) -> Check:
    """Compare the last values of nodes or, with `time`, their values at several moments: (n,) or (moments, n)."""
    checks, named = [], node or claim.node
    for bundle, values in expected.items():
        columns = [_column(saved, f"v({named(f'{bundle}_{k}')})") for k in range(values.shape[-1])]
        if time is None or at is None:
            found = np.array([column[-1] for column in columns])
        else:
            found = np.stack([np.interp(at, time, column) for column in columns], axis=1)
        scale = scaled * _scale(bundle, values / scaled, claim, allowed)
        with np.errstate(all="ignore"):
            off = np.abs(found - values) / np.where(scale > 0, scale, 1.0)
        off[~np.isfinite(found)] = np.inf
        where = np.unravel_index(int(off.argmax()), off.shape)
        moment = None if at is None else float(at[where[0]])
        figures = float(found[where]), float(values[where]), float(off[where])
        checks.append(Check(name, off.size, f"{bundle}_{where[-1]}", *figures, allowed, moment))
    worst = max(checks, key=lambda check: check.deviation)
    return Check(**{**vars(worst), "compared": sum(check.compared for check in checks)})


def _times(saved: Mapping[str, Floats], name: Path, stop: float) -> Floats:
    """Moments of a transient, which must rise from 0 to its end."""
    time = _column(saved, "time")
    if not (np.isfinite(time).all() and (np.diff(time) >= 0).all() and time[0] <= 0 and time[-1] >= stop * (1 - 1e-6)):
        raise ExportError(
            f"ngspice on '{name}' went from {time[0]:g} s to {time[-1]:g} s; allowed: 0 s to {stop:g} s, in order"
        )
    return time


def _column(saved: Mapping[str, Floats], name: str) -> Floats:
    if name not in saved:
        raise ExportError(f"ngspice saved no {name}; allowed: testbenches that save every node of {EXPECTED}")
    return saved[name]

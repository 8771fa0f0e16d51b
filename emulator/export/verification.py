"""Running an exported circuit in ngspice, and comparing it with what it must show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.bundle import CORNERS, OP, TRAN
from emulator.export.circuit import read_circuit, refuse_start_up_files
from emulator.export.claim import Claim, read_claim
from emulator.export.compared import (
    OWN,
    REST,
    SETTLED,
    TWO_WAY,
    WAVE,
    Check,
    compare_bundles,
    moments,
    signals_at_rest,
)
from emulator.export.confined import Limits
from emulator.export.corner_checks import CornerCheck, corner_checks
from emulator.export.held import Held
from emulator.export.judged_cells import kept, suspects, unchecked
from emulator.export.locate import Suspect
from emulator.export.ngspice import simulate_all
from emulator.export.options import positive
from emulator.export.predicted import Prediction, compare
from emulator.export.rounding import vanishing
from emulator.export.task import Task, judge, measured_settling, present
from emulator.measure.synapses import Floats
from hwmodels import HardwareModel, load


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
    known : bool
        Whether cells of somebody's own, if there are any, could be held to their contract; what could not does not agree.
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
    known: bool = True

    @property
    def agrees(self) -> bool:
        """Whether every comparison and corner agrees, every replaced cell is known to keep its contract, and none is wrong."""
        checks = [*self.checks, *(one.check for one in self.corners)]
        predicted = self.prediction is None or self.prediction.agrees
        sound = self.known and not self.suspects and all(cell.keeps for cell in self.cells)
        return predicted and sound and all(check.agrees for check in checks)


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
    model = load(hardware) if isinstance(hardware, str) else hardware
    if model is not None and (claim.probed < claim.rows or not claim.task):
        raise ExportError(f"hardware with export '{folder}'; allowed: exports that save every row and hold their batch")
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
    checks = [compare_bundles("operating point", saved[OP], claim.rest, claim, tolerance or (OWN if own else REST))]
    moving = saved[TRAN]
    time = moments(moving, folder / TRAN, claim.stop)
    if claim.waves is not None and not own:
        count = len(next(iter(claim.waves.values())))
        middles: Floats = claim.start + (np.arange(count, dtype=np.float64) + 0.5) * claim.step
        checks.append(compare_bundles("waveforms", moving, claim.waves, claim, tolerance or WAVE, time, middles))
    allowed = tolerance or (OWN if own else TWO_WAY if claim.circuit == "bilateral" else SETTLED)
    checks.append(compare_bundles("settled values", moving, claim.settled, claim, allowed))
    digests = {name: digest for circuit in circuits.values() for name, digest in circuit.digests.items()}
    edited = [name for name, digest in claim.digests.items() if digests.get(name) != digest]
    held = kept(saved[OP], claim)
    wrong = suspects(saved[OP], claim, tolerance) if own or not checks[0].agrees else ()
    corners = corner_checks(saved[CORNERS], claim, folder, allowed) if claim.corners else ()
    presented = max(samples, 1) if model is not None else samples
    runs = present(claim, circuits[OP], folder / OP, limits, presented, workers) if presented else []
    task = judge(claim, runs[:samples], measured_settling(moving, time, claim)) if samples else None
    prediction = None
    if model is not None:
        rests = [signals_at_rest(one, claim) for one in runs]
        at_rest = {signal: np.stack([one[signal] for one in rests]) for signal in ("x", "lam")}
        prediction = compare(claim, at_rest, model, chips)
    notes = (*_notes(claim, edited), *([prediction.note] if prediction is not None and prediction.note else []))
    known = not own or not unchecked(claim)
    return Verification(folder, tuple(checks), claim.network, notes, wrong, task, held, corners, prediction, known)


def _notes(claim: Claim, edited: list[str]) -> list[str]:
    found = []
    if edited:
        found.append(f"edited since the export: {', '.join(edited)}")
    if claim.cells:
        found.append(
            f"cells of somebody's own: {', '.join(claim.cells)}; waveforms are not compared, since they have a bandwidth of theirs: "
            "of delays and reflections nothing is known"
        )
        if why := unchecked(claim):
            found.append(f"contract not checked, since {why}: export with every row saved, and with ideal lines")
    if claim.probed < claim.rows:
        found.append(f"{claim.probed} of {claim.rows} rows of neurons are saved and compared")
    costates = [name for name in claim.rest if name.startswith("lam")]
    if vanishing([claim.rest[name] for name in costates], [claim.terms[name] for name in costates]):
        found.append(
            "every costate of this sample is as good as rounding: choose another to see the way back (--sample)"
        )
    return found

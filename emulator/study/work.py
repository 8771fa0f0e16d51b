"""What a worker does: one point after another, each from its changes to the scenario to its metrics.

A point depends on nothing but the base scenario, its changes and the material, so it comes out the same alone, in a
study, and in whichever process it runs. What many points share is made once per process.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from emulator.contents import contents_of, refuse_changed
from emulator.data.batch import Batch
from emulator.errors import BackwaveError, ChangedFileError
from emulator.graph import ScatteringGraph
from emulator.measure import Reference, SettleResult, reference
from emulator.measure.ranges import CALIBRATION, Ranges, needed
from emulator.network import Network, check_batch
from emulator.plugins import Parts
from emulator.runs.holds import coarse, steps_of_hold
from emulator.scenario.config import HardwareConfig, validate
from emulator.scenario.load import changed
from emulator.scenario.outdir import plain
from emulator.scenario.scenario import Scenario
from emulator.study.lessons import LESSONS, learn
from emulator.study.metrics import measure
from emulator.study.writer import canonical
from hwmodels import HardwareError, HardwareModel

#: brian2 keeps one current device per process, and a worker may have several threads
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Material:
    """What all points with the same network and data share."""

    network: Network
    batch: Batch
    exact: Reference
    #: by how full scales are set
    needed: dict[str, Ranges]
    #: targets as rows (B, n_out), None without
    rows: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, scenario: Scenario) -> Material:
        """The scenario's network and samples, and what they come to exactly."""
        built, batch = scenario.read()
        exact = reference(built.network, batch.inputs, batch.targets)
        _, rows = check_batch(built.network, batch.inputs, batch.targets)
        return cls(built.network, batch, exact, needed(built.network, exact), rows)


class Measured(NamedTuple):
    """What was seen at a point: whether all samples settled or why not, metrics, brian2's seconds, and what else to say."""

    reason: str | None
    metrics: Mapping[str, float | None]
    settled: bool = True
    emulated: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """What is the same for all points of a study.

    Parameters
    ----------
    scenario : Scenario
        The base, with the brian2 target that all points use.
    material : Material
        Of the base.
    metrics : tuple of str
    measure : callable
        What is seen at a point: a function of a module, called with this, the point's scenario, and its task.
    full_scale : {"given", "network", "calibrate"}
        How full scales are set, whatever a point says; ``given``: as the point says.
    strict : bool
        Whether a point that cannot be run is an error, and not a result.
    trained, tested : int, optional
        How many chips of every place are trained, by default all; and on how many samples they are tested, by default all.
    files : dict
        SHA-256 of every file that points may read, by name, when the study began.
    parts : Parts
        What users and plug-ins add to the names that the scenario and its points use.
    """

    scenario: Scenario
    material: Material
    metrics: tuple[str, ...]
    measure: Callable[[Work, Scenario, Task], Measured]
    full_scale: str = "given"
    strict: bool = False
    trained: int | None = None
    tested: int | None = None
    files: dict[str, str] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)

    def __getstate__(self) -> dict[str, Any]:
        """The parts first: a process must have them before it reads the rest."""
        return {"parts": self.parts, **vars(self)}


@dataclass(frozen=True)
class Task:
    """A point to run: its id, what it changes in the base scenario, which chip and run it is, and what it is called.

    `trial` says that it is one of a tolerance search, and `untrained` that its network is not trained.
    """

    id: str
    changes: dict[str, Any]
    chip: int
    noise: int
    name: str = ""
    trial: bool = False
    untrained: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a point ended.

    Parameters
    ----------
    status : {"settled", "unsettled", "failed"}
    reason : str or None
    metrics : dict
        None where a metric is not known.
    config, seeds : str
        Its scenario and its seeds as JSON.
    finished : str
        When, as an ISO date and time.
    seconds, emulated : float
        How long it took, and how much of that brian2 ran.
    notes : tuple of str
        What else there is to say.
    """

    status: str
    reason: str | None
    metrics: dict[str, float | None]
    config: str
    seeds: str
    finished: str
    seconds: float
    emulated: float = 0.0
    notes: tuple[str, ...] = ()


def run_tasks(work: Work, tasks: tuple[Task, ...]) -> list[Outcome]:
    """Run points one after another, single-threaded."""
    with _one_at_a_time, _libraries().limit(limits=1):
        return [run_task(work, task) for task in tasks]


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """The numerical libraries of this process: with one thread their sums come out the same everywhere."""
    return ThreadpoolController()


def run_task(work: Work, task: Task) -> Outcome:
    """Run one point; that it cannot be built or does not settle is an outcome.

    Raises
    ------
    BackwaveError
        If the work is strict and the point cannot be run.
    ChangedFileError
        If a file that the point reads is not what it was when the study began.
    OSError, MemoryError
        If the machine is the reason.
    """
    begun = time.perf_counter()
    config, measured, failed = canonical(plain(task.changes)), Measured(None, {}), False
    try:
        scenario = changed(work.scenario, task.changes)
        config = canonical(plain(scenario.config.model_dump(mode="json")))
        measured = work.measure(work, scenario, task)
    except ChangedFileError:
        raise
    except (BackwaveError, HardwareError, ArithmeticError, np.linalg.LinAlgError) as error:
        if work.strict:
            raise
        measured, failed = Measured(f"{error}" or type(error).__name__, {}), True
    return Outcome(
        status="failed" if failed else "settled" if measured.settled else "unsettled",
        reason=measured.reason,
        metrics={name: _known(measured.metrics.get(name)) for name in work.metrics},
        config=config,
        seeds=canonical(seeds_of(work, task)),
        finished=now(),
        seconds=time.perf_counter() - begun,
        emulated=measured.emulated,
        notes=measured.notes,
    )


def seeds_of(work: Work, task: Task) -> dict[str, int]:
    """The seeds of a point by what they are of."""
    config = work.scenario.config
    ours = {"hardware": ("substrate.seed", config.substrate.seed), "run": ("run.seed", config.run.seed)}
    return {name: task.changes.get(key, base) for name, (key, base) in ours.items()}


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def now() -> str:
    """The present moment as an ISO date and time in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def measured(work: Work, scenario: Scenario, task: Task) -> Measured:
    """The metrics of a study: samples settle on the point's substrate, and if that is asked for its network is trained."""
    reason, metrics, emulated, good = None, dict[str, float | None](), 0.0, True
    if not set(work.metrics) <= set(LESSONS):
        result, metrics = _settled(work, scenario)
        emulated = sum(result.times[name] for name in ("build", "run", "overhead") if name in result.times)
        if not result.settled.all():
            good, reason = False, result.reason
    wanted = [name for name in work.metrics if name in LESSONS]
    if wanted and not task.untrained and (work.trained is None or task.trial or task.chip < work.trained):
        reached, diverged = _trained(work, scenario, wanted)
        metrics |= reached
        if diverged is not None:
            good, reason = False, diverged
    return Measured(reason, metrics, good, emulated)


def graph_of(work: Work, scenario: Scenario, material: Material) -> ScatteringGraph:
    """The point's network on its substrate."""
    config = scenario.config
    hardware = _hardware(scenario.folder, canonical(config.hardware.model_dump(mode="json")), canonical(work.files))
    how = config.substrate.full_scale if work.full_scale == "given" else work.full_scale
    if how != "given":
        batch = material.batch.first(CALIBRATION) if how == "calibrate" else material.batch
        hardware = scenario.fitted(hardware, material.network, batch, material.needed[how])
    return scenario.compile(material.network, material.batch, hardware)


def _settled(work: Work, scenario: Scenario) -> tuple[SettleResult, dict[str, float | None]]:
    """Settle the samples on the point's substrate, and measure."""
    material, run = material_of(work, scenario), scenario.config.run
    graph = graph_of(work, scenario, material)
    steps = steps_of_hold(graph, run)
    if run.hold is None and run.hold_seconds is None:
        steps = coarse(steps)
    with np.errstate(over="ignore", invalid="ignore"):
        result = scenario.settle(graph, material.batch, hold=None, hold_seconds=steps * graph.step)
        return result, measure(result, material.exact, material.batch.labels, material.rows, work.metrics)


def _trained(work: Work, scenario: Scenario, names: list[str]) -> tuple[dict[str, float | None], str | None]:
    """What was reached by the scenario's training, None where that is not known, and why it diverged if it did."""
    changes: dict[str, Any] = {"data.limit": work.tested}
    if work.full_scale != "given":
        changes["substrate.full_scale"] = work.full_scale
    lesson = learn(changed(scenario, changes))
    result = lesson.result
    return {name: LESSONS[name](lesson) for name in names}, result.reason if result.status == "diverged" else None


def material_of(work: Work, scenario: Scenario) -> Material:
    """The base's, unless the point has another network or other data: then it is made, once per process."""
    ours, base = scenario.config, work.scenario.config
    if ours.network == base.network and ours.data == base.data:
        return work.material
    parts = ours.model_dump(mode="json", include={"network", "data"})
    return _other_material(scenario.folder, json.dumps(parts, sort_keys=True), canonical(work.files))


@lru_cache(maxsize=256)
def _hardware(folder: Path, section: str, files: str) -> HardwareModel:
    """The hardware of a scenario: all chips that are drawn from it share it."""
    _unchanged(section, folder, files)
    return HardwareConfig.model_validate_json(section).build(folder)


@lru_cache(maxsize=8)
def _other_material(folder: Path, parts: str, files: str) -> Material:
    _unchanged(parts, folder, files)
    return Material.of(Scenario("", "", folder, (), validate(json.loads(parts))))


def _unchanged(section: str, folder: Path, files: str) -> None:
    """Refuse files that are not what they were when the study began: points of one study share them."""
    refuse_changed(json.loads(files), contents_of(json.loads(section), folder), "the study")

"""Choosing the settings of a law: by prediction, and confirmed by running the substrate before and after."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from numpy.typing import ArrayLike

from emulator.compile import with_law
from emulator.errors import EngineError
from emulator.files import atomic_write
from emulator.graph import ScatteringGraph
from emulator.laws import Law, family_of
from emulator.measure import SettleResult, reference
from emulator.measure.rest import operating_point
from emulator.measure.settling import hold_for
from emulator.network import check_batch
from emulator.network.batch import Inputs
from emulator.options import RunOptions, TuneOptions
from emulator.processes import pool_of
from emulator.runs.search import Forecast, Predicted, search, settings_of, values_of
from emulator.runs.settle import settle
from emulator.training.charging import Charging, charging

#: holds of the confirming runs in predicted settling times, at most so many steps; in longest round trips if none is
_HOLD, _LONGEST, _HOPELESS = 1.5, 5000, 60


@dataclass(frozen=True)
class Trial:
    """One law: what was predicted of it and what was measured.

    Parameters
    ----------
    law : Law
    predicted : Predicted
    measured : SettleResult
        Of the same samples, one after another.
    charging : tuple of Charging
        What recharging the lines would do to every layer that learns unlocked, in holds of `hold` steps; for learning only.
    hold : float
    """

    law: Law
    predicted: Predicted
    measured: SettleResult
    charging: tuple[Charging, ...] = ()
    hold: float = math.nan

    @property
    def steps(self) -> float:
        """Measured settling time of the slowest sample in steps; inf where one did not settle."""
        return float(self.measured.settling_steps.max()) if self.measured.settled.all() else math.inf

    @property
    def worst_decay(self) -> Charging | None:
        """The layer whose decay is largest against its gradient."""
        return max(self.charging, key=lambda one: one.share, default=None)

    @property
    def several(self) -> int:
        """Steps in which a junction of two-way lines had more than one answer."""
        return int(self.measured.several[:, 0].sum())


@dataclass(frozen=True)
class Tuning:
    """A law before and after tuning.

    Parameters
    ----------
    before, after : Trial
    settings : dict of (value before, value after)
        Every number that was tuned, by its key; None where the law lacked that part.
    evaluations : int
        Predictions that the search was given.
    seconds : float
        Time that the search took.
    """

    before: Trial
    after: Trial
    settings: dict[str, tuple[float | str | None, float | str | None]]
    evaluations: int
    seconds: float

    @property
    def better(self) -> bool:
        """Whether the tuned law is predicted, and measured, to settle sooner, with answers no less unique.

        For learning: whether its lines decay weights less, and it settles all the same.
        """
        single = self.after.several <= self.before.several
        least, most = self.after.worst_decay, self.before.worst_decay
        if least is not None and most is not None:
            return least.share < most.share and math.isfinite(self.after.steps) and single
        sooner = self.after.predicted.worst < self.before.predicted.worst
        return sooner and self.after.steps < self.before.steps and self.after.predicted.radius < 1 and single

    def to_toml(self) -> str:
        """The tuned law as the section ``[law]`` of a scenario."""
        return tomli_w.dumps({"law": law_section(self.after.law)})

    def save(self, path: str | Path) -> None:
        """Write the section ``[law]`` to a file (atomically)."""
        atomic_write(path, lambda file: file.write(self.to_toml().encode()))


@TuneOptions.shown
def tune(
    graph: ScatteringGraph,
    inputs: Inputs,
    targets: ArrayLike,
    *,
    only: Sequence[str] | None = None,
    hold: float | None = None,
    workers: int = 1,
    progress: Callable[[str, float | None], None] | None = None,
    **options: Any,
) -> Tuning:
    """Propose settings of a graph's law with which it settles sooner, and run it with both.

    The settings minimise the predicted settling time of the slowest sample, within the bounds of
    `emulator.laws.Law.bounds`, widened to the present settings where those are beyond.

    Parameters
    ----------
    graph : ScatteringGraph
        From `emulator.compile_network`, with the law to start from.
    inputs : (B, n) array, or mapping of input name to (B, n)
    targets : (B, n_out), or class labels (B,) for cross-entropy
        A few samples, presented in this order, the first to a blank substrate.
    only : sequence of str, optional
        Settings that may change, such as ``impedance`` or ``far_end``; by default all that the law has.
    hold : float, optional
        Steps of the holds in which it will learn; by default as long as it is predicted to need before tuning. Only with
        ``aim="learning"``.
    workers : int
        Processes that judge settings; what they find does not depend on how many.
    progress : callable, optional
        Called with what is being done and the fraction done, None where it is not known.
    **options
        ``tuning=TuningOptions(...)``, or its fields: `aim`, `evaluations`, `tolerance`, `seed`, `target` (see
        `emulator.options.TuningOptions`).

    Raises
    ------
    NetworkError
        If the data do not fit the network.
    EngineError
        If the law has no such settings, or its lines no charge to tune for learning, or an option is outside its range.
    StudyError
        For less than one worker.
    OptionError
        For an unknown option.
    """
    chosen = TuneOptions.of(tune, options).tuning
    if hold is not None and (chosen.aim != "learning" or not (math.isfinite(hold) and hold >= 1)):
        allowed = "at least 1 step" if chosen.aim == "learning" else "none, since only aim 'learning' asks for it"
        raise EngineError(f"tuning: hold is {hold!r}; allowed: {allowed}")
    settings = settings_of(graph.law, only, len(graph.network.dense))
    data, wanted = check_batch(graph.network, inputs, targets)
    tell = progress or (lambda stage, fraction: None)
    exact = reference(graph.network, data, wanted)
    count = len(exact.states[graph.network.output])
    points = [operating_point(graph, exact, k) for k in range(count)]
    if chosen.aim == "learning":
        charge = _charge(graph)
        forecast = Forecast(graph, points, chosen.tolerance, lambda law: _charge(with_law(graph, law)) / charge)
    else:
        forecast = Forecast(graph, points, chosen.tolerance)
    begun = time.perf_counter()
    with pool_of(workers, None) as pool:
        proposed = search(
            forecast,
            settings,
            evaluations=chosen.evaluations,
            seed=chosen.seed,
            pool=pool,
            progress=lambda done: tell("searching", done),
        )
    seconds = time.perf_counter() - begun

    learns = float(_hold(graph, forecast.of(graph.law)) if hold is None else hold)

    def tried(law: Law) -> Trial:
        predicted = forecast.of(law)
        hold = _hold(graph, predicted) * graph.step
        run = RunOptions(hold_seconds=hold, tolerance=chosen.tolerance, target=chosen.target)
        measured = settle(with_law(graph, law), data, wanted, run=run, diagnose=False)
        if chosen.aim == "settling":
            return Trial(law, predicted, measured)
        return Trial(law, predicted, measured, charging(with_law(graph, law), exact, learns), learns)

    tell("running the substrate as it was, and as proposed", None)
    before, after = values_of(graph.law), values_of(proposed)
    changed = {setting.key: (before[setting.key], after[setting.key]) for setting in settings}
    return Tuning(tried(graph.law), tried(proposed), changed, chosen.evaluations, seconds)


def law_section(law: Law) -> dict[str, Any]:
    """A law as the table of a scenario file, without the parts that it does not have."""
    return {"name": law.name, **{key: value for key, value in law.settings.items() if value is not None}}


def _charge(graph: ScatteringGraph) -> float:
    """Charge of all lines per unit of state.

    Raises
    ------
    EngineError
        If they store none.
    """
    stored = family_of(graph.law).charges(graph)
    if stored is None:
        raise EngineError(
            f"tuning of law {graph.law.name} for learning: its lines store no charge; allowed: law bilateral"
        )
    return float(stored[0].sum() + stored[1].sum())


def _hold(graph: ScatteringGraph, predicted: Predicted) -> int:
    """Steps to present each sample: enough to see it settle, or not."""
    if not math.isfinite(predicted.worst):
        return _HOPELESS * graph.longest_round_trip
    return min(math.ceil(hold_for(graph, _HOLD * predicted.worst)), _LONGEST)

"""One network on several technologies: what it still gets right, how fast it settles, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compile import compile_network
from emulator.errors import EngineError
from emulator.laws import Law
from emulator.measure import Reference, SettleResult, reference
from emulator.measure.energy import EnergyUse
from emulator.measure.ranges import fitted, ranges
from emulator.network import Network
from emulator.network.batch import Inputs
from emulator.options import ExperimentOptions
from emulator.runs.settle import settle
from emulator.study.keeping import Keep, compute
from emulator.study.precision import relative_error
from hwmodels import HardwareModel


@dataclass(frozen=True)
class Cost:
    """Mean energy of one sample, as far as the technology's figures go.

    Parameters
    ----------
    joules : float
        Sum of the known contributions.
    missing : tuple of str
        Figures that are not known; with any, `joules` is a lower bound.
    """

    joules: float
    missing: tuple[str, ...]

    @classmethod
    def of(cls, use: EnergyUse) -> Cost:
        """The mean over the samples of a run."""
        return cls(float(sum(part.mean() for part in use.parts.values())), use.missing)


@dataclass(frozen=True)
class TechnologyResult:
    """What one technology came to; everything that is measured is None where its model is incomplete.

    Parameters
    ----------
    name : str
    lacks : tuple of str
        Fields that must be supplied before it can be emulated.
    differs : str
        How the model differs from the published hardware.
    samples, settled : int
    accuracy : float
        Share of true classes predicted, or of the digital network's classes if none are given; samples that did not
        settle count as wrong. None if the network does not classify.
    state_error, costate_error, gradient_error : float
        Norm of the deviation over the norm of the exact value, of what was held at the end.
    gradient_cosine : float
    settling_seconds, settling_transits : float
        Median of the samples that settled, forward and backward; NaN where none did.
    inference_seconds : float
        The same without targets: states only.
    hold_seconds : float
        How long each sample was presented, for which standing power and updates are counted.
    events_inference, events_gradient : float
        Events on lines per sample without and with targets.
    inference, gradient : Cost
        Energy per sample without and with targets.
    notes : tuple of str
        What the compiler had to say.
    """

    name: str
    lacks: tuple[str, ...]
    differs: str
    samples: int = 0
    settled: int = 0
    accuracy: float | None = None
    state_error: float | None = None
    costate_error: float | None = None
    gradient_error: float | None = None
    gradient_cosine: float | None = None
    settling_seconds: float | None = None
    settling_transits: float | None = None
    inference_seconds: float | None = None
    hold_seconds: float | None = None
    events_inference: float | None = None
    events_gradient: float | None = None
    inference: Cost | None = None
    gradient: Cost | None = None
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the technology could be emulated."""
        return not self.lacks

    def to_dict(self) -> dict[str, Any]:
        """The same as plain tables."""
        return asdict(self)

    @classmethod
    def of_dict(cls, table: Mapping[str, Any]) -> TechnologyResult:
        """The inverse of `to_dict`, also after JSON has turned tuples into lists."""
        costs = {
            name: None if table[name] is None else Cost(table[name]["joules"], tuple(table[name]["missing"]))
            for name in ("inference", "gradient")
        }
        lists = {name: tuple(table[name]) for name in ("lacks", "notes")}
        return cls(**{**table, **costs, **lists})


@ExperimentOptions.shown
def compare_technologies(
    network: Network,
    inputs: Inputs,
    targets: ArrayLike,
    models: Mapping[str, HardwareModel],
    *,
    labels: NDArray[np.int64] | None = None,
    law: Law | None = None,
    progress: Callable[[str, float], None] | None = None,
    keep: Keep = compute,
    **options: Any,
) -> list[TechnologyResult]:
    """Settle a batch on every model, with targets and without.

    Quantisers get the network's own range as full scale, and delays that are not whole steps are rounded to them.

    Parameters
    ----------
    network : Network
    inputs, targets
        As for `emulator.settle`.
    models : mapping of name to HardwareModel
        Incomplete ones are listed with what they lack.
    labels : (B,) int64, optional
        True classes; by default the digital network's predictions.
    law : Law, optional
        Of the nodes, on every technology.
    progress : callable, optional
        Called with the name of the technology and the fraction done.
    keep : callable, optional
        Gets a name and what computes its results, a plain table; may return what was computed before.
    **options
        ``run=RunOptions(...)`` and ``substrate=SubstrateOptions(...)``, or their fields (the substrate's `seed` as
        `hardware_seed`); delays that are not whole steps are rounded to them whatever `rounding` says.

    Raises
    ------
    EngineError
        If there is no model.
    """
    if not models:
        raise EngineError("technologies: there is no hardware model; allowed: at least one")
    exact = reference(network, inputs, targets)
    needed = ranges(network, exact)
    chosen = ExperimentOptions.of(compare_technologies, options)
    laid_out = chosen.substrate.changed(rounding="nearest")
    found = []
    for number, (name, model) in enumerate(models.items()):
        if progress is not None:
            progress(name, number / len(models))
        if model.missing():
            found.append(TechnologyResult(name, model.missing(), model.differs))
            continue

        def work(name: str = name, model: HardwareModel = model) -> dict[str, Any]:
            graph = compile_network(network, hardware=fitted(model, needed), law=law, substrate=laid_out)
            learning, inference = (
                settle(graph, inputs, wanted, diagnose=False, run=chosen.run) for wanted in (targets, None)
            )
            return _result(name, model, learning, inference, exact, labels).to_dict()

        found.append(TechnologyResult.of_dict(keep(name, work)))
    return found


def _result(
    name: str,
    model: HardwareModel,
    learning: SettleResult,
    inference: SettleResult,
    exact: Reference,
    labels: NDArray[np.int64] | None,
) -> TechnologyResult:
    output = learning.graph.network.output
    truth = exact.states[output].argmax(axis=1) if labels is None else labels
    right = (inference.held_states[output].argmax(axis=1) == truth) & inference.settled
    classifies = learning.graph.loss == "softmax_cross_entropy"
    ours, true = (
        np.concatenate([part.ravel() for layer in exact.gradients for part in gradients[layer]])
        for gradients in (learning.held_gradients, exact.gradients)
    )
    return TechnologyResult(
        name=name,
        lacks=(),
        differs=model.differs,
        samples=len(learning.settled),
        settled=int(learning.settled.sum()),
        accuracy=float(right.mean()) if classifies else None,
        state_error=relative_error(learning, exact, "states"),
        costate_error=relative_error(learning, exact, "costates"),
        gradient_error=relative_error(learning, exact, "gradients"),
        gradient_cosine=float(ours @ true / (np.linalg.norm(ours) * np.linalg.norm(true))),
        settling_seconds=_median(learning.settling_time, learning),
        settling_transits=_median(learning.settling_transits, learning),
        inference_seconds=_median(inference.settling_time, inference),
        hold_seconds=learning.hold * learning.graph.step,
        events_inference=float(inference.events.mean()),
        events_gradient=float(learning.events.mean()),
        inference=Cost.of(inference.energy),
        gradient=Cost.of(learning.energy),
        notes=learning.graph.notes,
    )


def _median(values: NDArray[np.float64], result: SettleResult) -> float:
    return float(np.median(values[result.settled])) if result.settled.any() else float("nan")

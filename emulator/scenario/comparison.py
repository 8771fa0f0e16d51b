"""Several trainings of one scenario side by side, each repeated with other seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from emulator.errors import NetworkError, ScenarioError
from emulator.learning import Resistive
from emulator.measure.fit import fit
from emulator.measure.reference import reference
from emulator.network import check_batch
from emulator.scenario.load import changed
from emulator.scenario.parts import Identity, Parts, run_identity
from emulator.scenario.scenario import Scenario
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream


@dataclass(frozen=True)
class Outcome:
    """What one variant, or one baseline, came to.

    Parameters
    ----------
    name : str
    x : float or None
        Its place on the horizontal axis.
    scores : tuple of float
        Final test score of each repeat; NaN where it diverged before the end.
    reasons : tuple of str
        Why repeats ended early.
    is_baseline : bool
    seconds : float
        Wall seconds of all repeats.
    warnings : tuple of str
        Sentences that were known before the first sample, each once.
    score : {"accuracy", "r2"}
        What is compared: the share of right classes, or of a regression the share of the targets' variance that is explained.
    """

    name: str
    x: float | None
    scores: tuple[float, ...]
    reasons: tuple[str, ...]
    is_baseline: bool
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    score: str = "accuracy"

    @property
    def mean(self) -> float:
        """Mean score; NaN if any repeat diverged."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0


def compare(
    scenario: Scenario,
    tell: Callable[[str, float | None], None],
    parts: Parts,
) -> list[Outcome]:
    """Train every variant, and every baseline, as often as the scenario asks.

    Parameters
    ----------
    scenario : Scenario
        With a section `training.compare`.
    tell : callable
        Called with what is being done, and the fraction done.
    parts : Parts
        Trainings that are done already.
    """
    training = scenario.config.training
    if training is None or training.compare is None:
        raise ScenarioError(f"scenario '{scenario.name}' has no training.compare; allowed: a table with variants")
    compared = training.compare
    kinds: list[tuple[str, float | None, bool, Scenario]] = [(b, None, True, scenario) for b in compared.baselines]
    kinds += [(v.name, v.x, False, changed(scenario, v.set)) for v in compared.variants]
    found = []
    for number, (name, x, is_baseline, one) in enumerate(kinds):
        results = []
        for repeat in range(compared.repeats):
            what = f"baseline {name}" if is_baseline else name
            tell(
                f"{what}, {repeat + 1} of {compared.repeats}",
                number / len(kinds) + repeat / compared.repeats / len(kinds),
            )
            again = _repeated(one, repeat)
            work = partial(_baseline, name, again) if is_baseline else partial(_trained, again)
            results.append(parts(f"{what}, repeat {repeat}", work))
        reasons = tuple(part["reason"] for part in results if part["reason"] is not None)
        reached = tuple(part["score"] for part in results)
        warned = tuple(dict.fromkeys(text for part in results for text in part.get("warnings", ())))
        seconds = sum(part["seconds"] for part in results)
        found.append(Outcome(name, x, reached, reasons, is_baseline, seconds, warned, results[0]["of"]))
    return found


def comparison_identity(scenario: Scenario) -> Identity:
    """What the parts of a comparison depend on: the scenario, its network, and its data."""
    network, samples, tested = scenario.lessons()
    batches = (tested, samples)
    data = [open_stream(network, batch.inputs, batch.targets).digest for batch in batches if batch.targets is not None]
    return run_identity(scenario, network.digest, *data)


def _trained(scenario: Scenario) -> dict[str, Any]:
    with scenario.named():
        result = scenario.train()
    score = "accuracy" if result.network.loss == "softmax_cross_entropy" else "r2"
    reached = result.test_accuracy if score == "accuracy" else result.test_r2
    return {
        "of": score,
        "score": reached if result.status != "diverged" or result.complete else float("nan"),
        "reason": result.reason,
        "seconds": result.times["total"],
        "warnings": list(result.warnings),
    }


def _repeated(scenario: Scenario, repeat: int) -> Scenario:
    """The scenario with the seeds of a repeat: of its initial network and of its run."""
    config = scenario.config
    changes = {"run.seed": config.run.seed + repeat}
    if hasattr(config.network, "seed"):
        changes["network.seed"] = config.network.seed + repeat
    return changed(scenario, changes)


def _baseline(name: str, scenario: Scenario) -> dict[str, Any]:
    """Test score of a baseline with the scenario's data, order and rate; NaN if it diverges."""
    score, reached = _baseline_score(name, scenario)
    return {"of": score, "score": reached, "reason": None, "seconds": 0.0, "warnings": []}


def _baseline_score(name: str, scenario: Scenario) -> tuple[str, float]:
    config, training = scenario.config, scenario.config.training
    if training is None:
        raise ScenarioError(f"scenario '{scenario.name}' has no section training; allowed: one")
    port = training.port.build(config.hardware.build(scenario.folder))
    if not isinstance(port, Resistive):
        raise ScenarioError(
            f"training.compare.baselines need a rate: training.port is {port.name!r}; allowed: resistive"
        )
    network, samples, tested = scenario.lessons()
    stream = open_stream(network, samples.inputs, samples.targets, order=training.order, seed=config.run.seed)
    count, score = training.total(samples), "accuracy" if network.loss == "softmax_cross_entropy" else "r2"
    try:
        trained = baseline(name, network, stream, port.rate, training.rates(count), count)
    except NetworkError:
        return score, float("nan")
    outputs = reference(trained, tested.inputs).states[trained.output]
    if score == "accuracy":
        return score, float((outputs.argmax(axis=1) == tested.labels).mean())
    found = fit(network.loss, outputs, check_batch(network, tested.inputs, tested.targets)[1])["r2"]
    return score, float("nan") if found is None else found

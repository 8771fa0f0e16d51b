"""Several trainings of one scenario side by side, each repeated with other seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emulator.errors import NetworkError, ScenarioError
from emulator.learning import Resistive
from emulator.measure.reference import reference
from emulator.scenario.load import Scenario, changed
from emulator.training import TrainResult
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
    accuracies : tuple of float
        Final test accuracy of each repeat; NaN where it diverged.
    reasons : tuple of str
        Why repeats ended early.
    is_baseline : bool
    seconds : float
        Wall seconds of all repeats.
    """

    name: str
    x: float | None
    accuracies: tuple[float, ...]
    reasons: tuple[str, ...]
    is_baseline: bool
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Mean accuracy; NaN if any repeat diverged."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float:
        """Standard deviation over the repeats."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


def compare(
    scenario: Scenario, train: Callable[[Scenario], TrainResult], tell: Callable[[str, float | None], None]
) -> list[Outcome]:
    """Train every variant, and every baseline, as often as the scenario asks.

    Parameters
    ----------
    scenario : Scenario
        With a section `training.compare`.
    train : callable
        Trains one scenario.
    tell : callable
        Called with what is being done, and the fraction done.
    """
    training = scenario.config.training
    if training is None or training.compare is None:
        raise ScenarioError(f"scenario '{scenario.name}' has no training.compare; allowed: a table with variants")
    compared = training.compare
    total = (len(compared.variants) + len(compared.baselines)) * compared.repeats
    found, done = [], 0
    for name in compared.baselines:
        accuracies = []
        for repeat in range(compared.repeats):
            tell(f"baseline {name}, {repeat + 1} of {compared.repeats}", done / total)
            accuracies.append(_baseline(name, _repeated(scenario, repeat)))
            done += 1
        found.append(Outcome(name, None, tuple(accuracies), (), True))
    for variant in compared.variants:
        one = changed(scenario, variant.set)
        results = []
        for repeat in range(compared.repeats):
            tell(f"{variant.name}, {repeat + 1} of {compared.repeats}", done / total)
            results.append(train(_repeated(one, repeat)))
            done += 1
        found.append(
            Outcome(
                variant.name,
                variant.x,
                tuple(r.test_accuracy if r.status != "diverged" else float("nan") for r in results),
                tuple(r.reason for r in results if r.reason is not None),
                False,
                sum(r.times["total"] for r in results),
            )
        )
    return found


def _repeated(scenario: Scenario, repeat: int) -> Scenario:
    """The scenario with the seeds of a repeat: of its initial network and of its run."""
    config = scenario.config
    changes = {"run.seed": config.run.seed + repeat}
    if hasattr(config.network, "seed"):
        changes["network.seed"] = config.network.seed + repeat
    return changed(scenario, changes)


def _baseline(name: str, scenario: Scenario) -> float:
    """Test accuracy of a baseline with the scenario's data, order and rate; NaN if it diverges."""
    config, training = scenario.config, scenario.config.training
    if training is None:
        raise ScenarioError(f"scenario '{scenario.name}' has no section training; allowed: one")
    port = training.port.build(config.hardware.build(scenario.folder))
    if not isinstance(port, Resistive):
        raise ScenarioError(
            f"training.compare.baselines need a rate: training.port is {port.name!r}; allowed: resistive"
        )
    network = config.network.build(scenario.folder).network
    samples = training.data.load(network, scenario.folder)
    tested = config.data.load(network, scenario.folder)
    stream = open_stream(network, samples.inputs, samples.targets, order=training.order, seed=config.run.seed)
    count = training.epochs * (stream.epoch or 0)
    try:
        trained = baseline(name, network, stream, port.rate, training.rates(count), count)
    except NetworkError:
        return float("nan")
    outputs = reference(trained, tested.inputs).states[trained.output]
    return float((outputs.argmax(axis=1) == tested.labels).mean())

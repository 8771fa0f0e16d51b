"""What a point of a study learns, beside exact descent from the same start and the digital network."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emulator.contents import contents_of
from emulator.data.batch import Batch
from emulator.errors import EngineError, NetworkError, ScenarioError
from emulator.measure import reference
from emulator.measure.fit import fit
from emulator.network import Network, check_batch
from emulator.scenario.config import validate
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.training import TrainResult
from emulator.training.baselines import baseline
from emulator.training.streams import open_stream

Floats = NDArray[np.float64]
CLASSES = "softmax_cross_entropy"
#: a target is reached where this share is learned of what exact descent learns
LEARNED = 0.9
#: exact descent that learns less than this, of accuracy or of explained variance, is no measure; nor is an R2 that is no higher
_LEAST = 0.02
#: rates that are tried by exact descent where a study leaves the choice, and how much of their loss counts
RATES = tuple(float(0.2 * 2.0**-k) for k in range(16))


@dataclass(frozen=True)
class Lesson:
    """A training on a substrate, and what it is held against: test scores, which are accuracies or R2.

    Parameters
    ----------
    result : TrainResult
    descent : float
        Of exact descent in NumPy, with the same start, samples, order and rates; NaN where it diverges.
    digital : float
        Of the network that the scenario describes.
    chance : float
        Of the best constant answer.
    """

    result: TrainResult
    descent: float
    digital: float
    chance: float

    @property
    def classes(self) -> bool:
        """Whether scores are accuracies."""
        return self.result.network.loss == CLASSES

    @property
    def score(self) -> float:
        """The last test score."""
        return self.result.test_accuracy if self.classes else self.result.test_r2

    @property
    def share(self) -> float | None:
        """What is learned, as a share of what exact descent learns; None where that learns nothing."""
        gain = self.descent - self.chance
        if not gain > _LEAST or not (self.classes or self.descent > _LEAST):
            return None
        return (self.score - self.chance) / gain if math.isfinite(self.score) else 0.0

    @property
    def reached(self) -> float | None:
        """Samples after which a test first finds `LEARNED` of what exact descent learns in the end."""
        wanted = self.chance + LEARNED * (self.descent - self.chance)
        samples, losses, accuracies = self.result.history.evaluations()
        spread = self.result.test_spread
        scores = accuracies if self.classes else 1 - 2 * losses / spread if spread > 0 else np.full(len(losses), np.nan)
        if self.share is None:
            return None
        good = np.flatnonzero(scores >= wanted)
        return float(samples[good[0]]) if len(good) else None

    def seconds(self, samples: float | None) -> float | None:
        """Time of waves and pulses of so many samples; None where it is not known."""
        spent = self.result.spent
        if samples is None or spent is None or spent.pulse_seconds is None or not self.result.samples:
            return None
        return samples * (self.result.hold * self.result.step + spent.pulse_seconds / self.result.samples)

    def joules(self, samples: float | None) -> float | None:
        """Energy of waves and pulses of so many samples; None where it is not known."""
        spent = self.result.spent
        if samples is None or spent is None or spent.joules is None or not self.result.samples:
            return None
        return spent.joules * samples / self.result.samples


#: metrics of a training
LESSONS: Mapping[str, Callable[[Lesson], float | None]] = {
    "training_accuracy": lambda one: one.result.test_accuracy if one.classes else None,
    "training_r2": lambda one: None if one.classes else one.result.test_r2,
    "training_loss": lambda one: one.result.test_loss,
    "training_share": lambda one: one.share,
    "descent_score": lambda one: one.descent,
    "digital_score": lambda one: one.digital,
    "chance_score": lambda one: one.chance,
    "steps_to_target": lambda one: one.reached,
    "time_to_target": lambda one: one.seconds(one.reached),
    "energy_to_target": lambda one: one.joules(one.reached),
    "writes_per_weight": lambda one: None if one.result.spent is None else one.result.spent.writes,
    "worn_out": lambda one: None if one.result.spent is None else one.result.spent.worn,
    "at_bounds": lambda one: None if one.result.spent is None else one.result.spent.at_bounds,
}


def learn(scenario: Scenario) -> Lesson:
    """Train a scenario's network on its substrate, and exactly."""
    with scenario.named():
        return Lesson(scenario.train(), *_compared(scenario))


def score(network: Network, batch: Batch) -> float:
    """Accuracy of a classifier, or R2 of a regression; NaN where it is not known."""
    outputs = reference(network, batch.inputs).states[network.output]
    _, wanted = check_batch(network, batch.inputs, batch.targets)
    if wanted is None:
        return math.nan
    if network.loss == CLASSES:
        return float((outputs.argmax(axis=1) == wanted.argmax(axis=1)).mean())
    found = fit(network.loss, outputs, wanted)["r2"]
    return math.nan if found is None else found


def best_rate(scenario: Scenario) -> float:
    """The rate with which exact descent meets its own samples with the least mean loss; the test set has no part in it.

    Raises
    ------
    ScenarioError
        If it diverges with all `RATES`.
    """
    lessons = scenario.lessons()
    losses = {rate: _descend(changed(scenario, {"training.port.rate": rate}), lessons)[1] for rate in RATES}
    known = {rate: loss for rate, loss in losses.items() if math.isfinite(loss)}
    if not known:
        raise ScenarioError(
            f"training.port.rate cannot be chosen: exact descent diverges with all rates from {RATES[-1]:.2g} to "
            f'{RATES[0]:.2g}; allowed: a rate that is given, or inputs of scale 1 (data.scale = "standard")'
        )
    return min(known, key=lambda rate: known[rate])


def _compared(scenario: Scenario) -> tuple[float, float, float]:
    """Scores of exact descent, of the digital network, and of a constant answer."""
    config = scenario.config
    parts = config.model_dump(mode="json", include={"network", "data", "training"})
    parts["run"] = {"seed": config.run.seed}
    read = json.dumps(contents_of(parts, scenario.folder), sort_keys=True)
    return _exact(scenario.folder, json.dumps(parts, sort_keys=True), read)


@lru_cache(maxsize=64)
def _exact(folder: Path, parts: str, _read: str) -> tuple[float, float, float]:
    """The same of parts of a scenario, when the files that they read have these contents."""
    scenario = Scenario("", "", folder, (), validate(json.loads(parts)))
    lessons = scenario.lessons()
    _, samples, tested = lessons
    described = scenario.described
    return _descend(scenario, lessons)[0], score(described, tested), _chance(described, samples, tested)


def _descend(scenario: Scenario, lessons: tuple[Network, Batch, Batch]) -> tuple[float, float]:
    """Test score of exact descent, and the loss of its own samples afterwards; NaN where it diverges."""
    training, (network, samples, tested) = scenario.training, lessons
    count, rate = training.total(samples), float(training.port.parameters["rate"])
    try:
        stream = open_stream(
            network, samples.inputs, samples.targets, order=training.order, seed=scenario.config.run.seed
        )
        reached = baseline("descent", network, stream, rate, training.rates(count), count, training.batch)
    except NetworkError:
        return math.nan, math.nan
    except EngineError:  # no chain of layers: the ideal substrate is exact, too
        reached = _on_ideal(scenario)
    with np.errstate(all="ignore"):
        exact = reference(reached, samples.inputs, samples.targets)
        _, wanted = check_batch(reached, samples.inputs, samples.targets)
        loss = fit(reached.loss, exact.states[reached.output], wanted)["loss"]
    return score(reached, tested), math.nan if loss is None else loss


def _on_ideal(scenario: Scenario) -> Network:
    """The network that the ideal substrate learns, whose every hold ends with the exact gradient."""
    port = {"name": "resistive", "rate": scenario.training.port.parameters["rate"]}
    return (
        changed(scenario, {"hardware": {"model": "ideal"}, "law": {"name": "matched"}, "training.port": port})
        .train()
        .network
    )


def _chance(network: Network, samples: Batch, tested: Batch) -> float:
    """Test score of the constant answer that the samples to learn from suggest: their most frequent class, or their mean."""
    _, seen = check_batch(network, samples.inputs, samples.targets)
    _, wanted = check_batch(network, tested.inputs, tested.targets)
    if seen is None or wanted is None:
        return math.nan
    if network.loss == CLASSES:
        return float((wanted.argmax(axis=1) == seen.mean(axis=0).argmax()).mean())
    spread = float(np.square(wanted - wanted.mean(axis=0)).sum())
    return 1 - float(np.square(wanted - seen.mean(axis=0)).sum()) / spread if spread > 0 else math.nan

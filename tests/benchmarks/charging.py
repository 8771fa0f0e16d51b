"""Accuracy of unlocked learning on two-way lines, predicted without a substrate (a quarter of a minute for four holds and five seeds).

    python -m tests.benchmarks.charging 32 60 120 240
    python -m tests.benchmarks.charging 60 --set training.opening=2.0 --set law=law.toml
    python -m tests.benchmarks.charging 32 --seeds 10 --measure        trains in brian2, too: minutes

Nothing is simulated and nothing fitted: no wave, no line, no step of the clock. While an image stays its parameters flow down the
gradient, a turn for every longest round trip, and three things happen to them (`emulator/laws/THEORY.md`, charging currents):

- for the first half of a round trip the costate is that of the image before, which says nothing of this one: nothing is learned;
- lines are recharged by ``C dV`` whenever a state moves, by a new image as by the weights themselves, and weights take that
  current for costate. Biases stand behind the line, and see what passes their neuron only;
- ports that open by and by count each turn by how far they were open in it.

Not counted is how lines ring at first: below four round trips, and for ports that open late below some seven (at four it is 5.6
points too hopeful), this is too hopeful and says so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator.families.bilateral.charge import charges_of
from emulator.graph import ScatteringGraph
from emulator.measure.reference import reference
from emulator.network import Network
from emulator.scenario import Scenario, load_scenario
from emulator.training.streams import open_stream

SEEDS = (10, 11, 12, 13, 14)
#: round trips below which lines ring too much for a prediction; and where ports open late
_RINGS, _RINGS_OPEN_LATE = 4, 7


@dataclass(frozen=True)
class Lesson:
    """What trainings that differ by their seeds have in common, and what each of the S is shown.

    Parameters
    ----------
    networks : list of Network
        Chains of dense layers, tanh between them, softmax and cross-entropy behind, as they begin.
    inputs, targets : (S, n, inputs), (S, n, outputs)
    rates : (n,)
    into, out : list of float
        Charge per unit of state of the line before every layer's neurons, and of the one behind them.
    trip : float
        Longest round trip in steps.
    """

    networks: list[Network]
    inputs: np.ndarray
    targets: np.ndarray
    rates: np.ndarray
    into: list[float]
    out: list[float]
    trip: float


def flown(lesson: Lesson, hold: float, opening: float = 0.0, turns: int | None = None) -> list[Network]:
    """The networks that flow and charges lead to.

    Parameters
    ----------
    lesson : Lesson
    hold : float
        Steps for which a sample stays.
    opening : float
        Power of the time in the hold with which ports open.
    turns : int, optional
        Of a hold; one for every round trip by default.
    """
    turns = max(1, round(hold / lesson.trip)) if turns is None else turns
    weights = [
        np.stack([list(one.dense.values())[k].weight for one in lesson.networks]) for k in range(len(lesson.into))
    ]
    biases = [np.stack([list(one.dense.values())[k].bias for one in lesson.networks]) for k in range(len(lesson.into))]
    moments = (np.arange(turns + 1) / turns) ** (opening + 1)
    opened = np.diff(moments)  # share of the hold's flow in each turn
    learns = opened - np.where(np.arange(turns) == 0, min(opened[0], (lesson.trip / 2 / hold) ** (opening + 1)), 0.0)
    charged = opened * turns / hold
    before = [(0.0 * bias, 0.0 * bias) for bias in biases]
    for n, rate in enumerate(lesson.rates):
        for turn in range(turns):
            states, sums = [lesson.inputs[:, n]], []
            for weight, bias in zip(weights, biases, strict=True):
                sums.append(np.matmul(weight, states[-1][:, :, np.newaxis])[:, :, 0] + bias)
                states.append(np.tanh(sums[-1]) if len(sums) < len(weights) else sums[-1])
            lam = learns[turn] * (_softmax(states[-1]) - lesson.targets[:, n])
            for k in reversed(range(len(weights))):
                was_s, was_x = before[k]
                slope = 1.0 if k == len(weights) - 1 else 1 - states[k + 1] ** 2
                at_bias = slope * (lam + charged[turn] * lesson.out[k] * (states[k + 1] - was_x))
                at_weight = at_bias + charged[turn] * lesson.into[k] * (sums[k] - was_s)
                before[k] = sums[k], states[k + 1]
                lam = np.matmul(at_weight[:, np.newaxis], weights[k])[:, 0]
                weights[k] -= rate * at_weight[:, :, np.newaxis] * states[k][:, np.newaxis]
                biases[k] -= rate * at_bias
    return [
        one.with_parameters({name: (weights[k][s], biases[k][s]) for k, name in enumerate(one.dense)})
        for s, one in enumerate(lesson.networks)
    ]


def _softmax(x: np.ndarray) -> np.ndarray:
    grown = np.exp(x - x.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def lesson_of(scenarios: Sequence[Scenario]) -> Lesson:
    """What scenarios that differ by their seeds are shown."""
    networks, inputs, targets = [], [], []
    for one in scenarios:
        network, samples, _ = one.lessons()
        training = one.config.training
        count, size = training.total(samples), network.size(network.output)
        feed = open_stream(
            network, samples.inputs, samples.targets, order=training.order, seed=one.config.run.seed
        ).rows(0, count)
        networks.append(network)
        inputs.append(feed[:, :-size])
        targets.append(feed[:, -size:])
    graph = scenarios[0].compile()
    rates = training.port.rate * np.asarray(training.rates(count).factors(0, count))
    return Lesson(
        networks, np.stack(inputs), np.stack(targets), rates, *charges_by_layer(graph), graph.longest_round_trip
    )


def charges_by_layer(graph: ScatteringGraph) -> tuple[list[float], list[float]]:
    """Charge per unit of state of the lines before every layer's neurons, and of those behind them."""
    into, out = (
        [float(part[graph.layer_neurons(name)].mean()) for name in graph.network.dense] for part in charges_of(graph)
    )
    return into, out


def accuracy(network: Network, scenario: Scenario) -> float:
    """Share of the test samples that a network answers rightly, at rest."""
    _, _, tested = scenario.lessons()
    return float((reference(network, tested.inputs).states[network.output].argmax(axis=1) == tested.labels).mean())


def main() -> None:
    """Print what is predicted, and what brian2 finds if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("holds", type=float, nargs="+", help="steps")
    parser.add_argument("--scenario", default="unlocked-bilateral")
    parser.add_argument("--set", action="append", default=[], help="change a key of the scenario")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--uncharged", action="store_true", help="leave out the charges: what the flow alone reaches")
    parser.add_argument("--measure", action="store_true", help="train in brian2, too")
    given = parser.parse_args()
    table = Table(
        "hold", "predicted, %", "over seeds", *(["measured in brian2, %", "over seeds"] * given.measure), "seconds"
    )
    for hold in given.holds:
        begun = time.perf_counter()
        scenarios = [
            load_scenario(given.scenario, [*given.set, f"network.seed={seed}", f"run.seed={seed}", f"run.hold={hold}"])
            for seed in given.seeds
        ]
        lesson = lesson_of(scenarios)
        if given.uncharged:
            lesson = replace(lesson, into=[0.0 for _ in lesson.into], out=[0.0 for _ in lesson.out])
        found = flown(lesson, hold, scenarios[0].config.training.opening)
        shown = [100 * np.array([accuracy(*pair) for pair in zip(found, scenarios, strict=True)])]
        seconds = time.perf_counter() - begun
        if given.measure:
            shown.append(100 * np.array([one.train().test_accuracy for one in scenarios]))
        opening = scenarios[0].config.training.opening
        rings = hold < (_RINGS_OPEN_LATE if opening else _RINGS) * lesson.trip
        told = [text for part in shown for text in (f"{part.mean():.2f}", " ".join(f"{v:.2f}" for v in part))]
        table.add_row(f"{hold:g}{' (rings: too hopeful)' * rings}", *told, f"{seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()

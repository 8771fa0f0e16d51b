"""Random substrates whose rest must be backpropagation, whatever their impedances, delays and dampers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from emulator import (
    Bilateral,
    Network,
    NetworkBuilder,
    ParallelRL,
    SeriesRC,
    Upwind,
    compile_network,
    reference,
    settle,
)
from emulator.graph import ScatteringGraph
from emulator.measure.forecast import follow
from emulator.measure.readout import gradients, layer_values
from emulator.measure.stability import linearised, radius_of
from tests.graphs import DRAWN, random_batch, random_network
from tests.substrate import delays
from tests.support.together import Together, judged

#: how near a rest must be to backpropagation, relative to the largest magnitude of its kind, or absolute below 1
NEAR = 1e-9
#: how far the predicted deviation has decayed when the predicted settling time is over
DECAYED = 1e-10


@dataclass(frozen=True)
class Case:
    """A substrate with one sample; `steps` is its predicted settling time."""

    name: str
    graph: ScatteringGraph
    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    radius: float
    steps: int

    @property
    def together(self) -> bool:
        """Whether it can stand beside others in one brian2 network."""
        return self.graph.law.two_way and self.graph.loss == "mse"


@dataclass(frozen=True)
class Outcome:
    """Largest relative deviation of states, costates and gradients from backpropagation at the end of the hold.

    `settled` is the verdict, which is relative to each row of neurons: to 1e-9 of it a row that rests at 0, or of which
    round-off is a larger part, never settles, and says nothing about the rest.
    """

    case: Case
    settled: bool
    deviation: float

    @property
    def good(self) -> bool:
        """Whether it rests at backpropagation."""
        return self.deviation <= NEAR


def random_law(rng: np.random.Generator) -> Bilateral:
    """Any impedance, taper, bandwidth and terminations, with some dissipation of transients."""
    far = SeriesRC(*map(float, rng.uniform(0.5, 3, 2))) if rng.random() < 0.7 else None
    near = ParallelRL(*map(float, rng.uniform([0.1, 0.5], 3))) if rng.random() < 0.4 else None
    taper = "matched" if rng.random() < 0.2 else float(rng.uniform(1, 4))
    impedance = float(np.exp(rng.uniform(np.log(0.02), np.log(0.8))))
    return Bilateral(impedance, taper, float(rng.uniform(0.3, 0.95)), far, near)


def random_stack(rng: np.random.Generator) -> Network:
    """Residual blocks with branches of one or two hidden rows."""
    blocks, width = int(rng.integers(2, 7)), int(rng.integers(1, 7))
    kinds = ["tanh", "sigmoid", "gelu", "softplus"]
    build = NetworkBuilder()
    x = build.input("x0", width)
    for _ in range(blocks):
        row, columns = x, width
        for _ in range(int(rng.integers(1, 3))):
            rows = int(rng.integers(1, 7))
            weight = 0.7 * rng.normal(size=(rows, columns)) / np.sqrt(columns)
            row = build.dense(row, weight, 0.2 * rng.normal(size=rows), activation=str(rng.choice(kinds)))
            columns = rows
        out = 2 / blocks * rng.normal(size=(width, columns)) / np.sqrt(columns)
        x = build.add(x, build.dense(row, out))
    return build.build(output=x)


def draw(kind: str, seed: int, attempt: int, longest: int, activations: Sequence[str] = DRAWN) -> Case | None:
    """A substrate under the bilateral or the upwind law; None if it is not predicted to settle in `longest` steps."""
    rng = np.random.default_rng([seed, attempt, kind == "upwind"])
    if kind == "upwind":
        network, model = random_stack(rng), None
        law = Upwind(float(rng.uniform(0.4, 1)), float(np.exp(rng.uniform(np.log(0.4), np.log(2.5)))))
        graph = compile_network(network, law=law)
    else:
        losses = ["softmax_cross_entropy" if seed % 5 == 4 else "mse"]
        network = random_network(rng, max_depth=5, max_width=5, max_layers=4, activations=activations, losses=losses)
        model = delays(1, int(rng.integers(1, 6))).replace({"lines.impedance_tolerance": 0.2})
        graph = compile_network(network, law=random_law(rng), hardware=model, seed=seed)
    inputs, targets = random_batch(rng, network, 1)
    point = reference(network, inputs, targets)
    step = linearised(graph, point)
    found = follow(graph, step, tolerance=DECAYED, most=longest)
    if not math.isfinite(found.within):
        return None
    radius, _ = radius_of(step)
    return (
        Case(f"{kind} {seed}.{attempt}", graph, inputs, targets, radius, math.ceil(found.within))
        if radius < 1
        else None
    )


def cases(kind: str, count: int, longest: int, activations: Sequence[str] = DRAWN) -> Iterator[Case]:
    """Draws, until so many have a predicted radius below 1 and a predicted settling time of at most `longest` steps."""
    found = seed = 0
    while found < count:
        for attempt in range(60):
            case = draw(kind, seed, attempt, longest, activations)
            if case is not None:
                found += 1
                yield case
                break
        seed += 1


def outcomes(batch: list[Case], hold: int | None = None) -> list[Outcome]:
    """Hold every case of a batch, by default for twice the longest predicted settling time, and two round trips."""
    if hold is None:
        hold = 2 * max(case.steps for case in batch) + 2 * max(case.graph.longest_round_trip for case in batch)
    if len(batch) == 1:
        return [_alone(batch[0], hold)]
    side_by_side = Together.of([case.graph for case in batch])
    feeds = [[np.hstack([case.inputs[name] for name in case.graph.network.inputs]) for case in batch]]
    feeds.append([case.targets for case in batch])
    recordings = side_by_side.run(*feeds, hold, NEAR)
    found = []
    for case, layout, recording, *feed in zip(batch, side_by_side.layouts, recordings, *feeds, strict=True):
        verdict = judged(case.graph, layout, recording, *feed, hold, NEAR)
        states, costates = layer_values(case.graph, layout, recording)
        weights = gradients(case.graph, layout, recording)
        found.append(Outcome(case, bool(verdict.settled.all()), _deviation(case, states, costates, weights)))
    return found


def _alone(case: Case, hold: int) -> Outcome:
    how = {"hold_seconds": hold * case.graph.step, "tolerance": NEAR, "target": "numpy", "diagnose": False}
    result = settle(case.graph, case.inputs, case.targets, **how)
    deviation = _deviation(case, result.held_states, result.held_costates, result.held_gradients)
    return Outcome(case, bool(result.settled.all()), deviation)


def from_nearby(case: Case, ways: int = 8) -> Outcome:
    """The same sample, approached from the rest without costates by moving the targets there in small steps."""
    exact = reference(case.graph.network, case.inputs, case.targets)
    start = exact.states[case.graph.network.output]
    if case.graph.loss != "mse":
        start = np.exp(start - start.max()) / np.exp(start - start.max()).sum()
    share = np.repeat(np.linspace(0, 1, ways + 1), [1] * ways + [3])[:, None]
    targets = (1 - share) * start + share * case.targets
    inputs = {name: np.repeat(rows, len(share), axis=0) for name, rows in case.inputs.items()}
    how = {"hold_seconds": 2 * case.steps * case.graph.step, "tolerance": NEAR, "target": "numpy", "diagnose": False}
    result = settle(case.graph, inputs, targets, **how)
    last = [{name: rows[-1:] for name, rows in held.items()} for held in (result.held_states, result.held_costates)]
    return Outcome(case, bool(result.settled[-1]), _deviation(case, *last, {}))


def _deviation(case: Case, states, costates, weights) -> float:
    """Largest deviation from backpropagation, relative to the largest magnitude of the layer or 1."""
    exact = reference(case.graph.network, case.inputs, case.targets)
    pairs = [(states[name], exact.states[name]) for name in exact.states]
    pairs += [(costates[name], exact.costates[name]) for name in exact.costates]
    pairs += [
        (ours, theirs) for name in weights for ours, theirs in zip(weights[name], exact.gradients[name], strict=True)
    ]
    return max(float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())) for ours, theirs in pairs)

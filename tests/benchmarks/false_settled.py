"""A search for results that are called settled and are not: random substrates against exact backpropagation.

    python -m tests.benchmarks.false_settled [--runs 5000] [--first 0] [--workers 1]

Runs come in groups of 25 that share a law, a wiring, a hold and a tolerance: they stand side by side in one run of brian2,
each with a network, lines and data of its own, but the first, which runs alone. Every one draws a law (matched, worldsheet, two-way lines, upwind, one of its own; often with its default settings), a
network, a wiring, hardware that delays, jitters, narrows and mismatches lines but has no static error, a hold, a tolerance,
scales of data and weights, and samples: fresh, repeated, blank, with targets, without, or with those that are met exactly.
A settled sample is false where a layer's state or costate is further from the exact one than the tolerance of the layer's
largest, round-off of the sample's largest aside. The exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from emulator import (
    Bilateral,
    Matched,
    Network,
    ParallelRL,
    SeriesRC,
    Upwind,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.errors import BackwaveError
from emulator.graph import ScatteringGraph
from emulator.laws import Law, NodeLaw
from emulator.measure.reference import Reference
from emulator.measure.result import SettleResult
from emulator.measure.settling import hold_for
from emulator.network import LOSSES as KNOWN_LOSSES
from emulator.network import NetworkBuilder
from emulator.runs.holds import hold_steps
from hwmodels import HardwareModel
from tests.graphs import random_network
from tests.substrate import STEP, delays
from tests.support.side_by_side import settle_side_by_side

Floats = np.ndarray
LOSSES = tuple(KNOWN_LOSSES)
#: runs side by side
GROUP = 25
#: steps that a run may take, of all its samples together
LONGEST = 1500
#: round-off, of a sample's largest value; and how much more strictly a row that is 0 is measured, by the same
ROUND_OFF, ZERO_ROW = 1e-11, 1e-3


@dataclass(frozen=True)
class Resonator(NodeLaw):
    """A law of one's own, whose neurons ring."""

    stiffness: float = 0.3
    damping: float = 0.6
    coupling: float = 0.05
    impedance: float = 1.0
    name = "resonator"
    memory = {"v": "0", "w": "0"}
    state_update = "v += stiffness*(F - x) + coupling*Z*(lam - B) - damping*v\nx += v"
    costate_update = "w += stiffness*(B - lam) - coupling/Z*(x - F) - damping*w\nlam += w"

    @property
    def parameters(self) -> dict[str, float]:
        """Its three numbers."""
        return {"stiffness": self.stiffness, "damping": self.damping, "coupling": self.coupling}


@dataclass
class Tally:
    """What became of the samples of one or many runs."""

    counts: Counter[str] = field(default_factory=Counter)
    false: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count others in."""
        self.counts += other.counts
        self.false += other.false
        self.missed += other.missed


def draw_law(rng: np.random.Generator) -> Law:
    """A law, with its default settings in one of four draws."""
    default, kind = rng.random() < 0.25, rng.integers(5)
    spread = partial(_log, rng)
    if kind == 0:
        return Matched()
    if kind == 1:
        if default:
            return Worldsheet(float(rng.uniform(0.3, 1.0)))
        return Worldsheet(float(rng.uniform(0.05, 1.9)), float(rng.uniform(0, 0.3)), spread(0.1, 3))
    if kind == 2:
        return Resonator() if default else Resonator(spread(0.02, 1), float(rng.uniform(0.05, 1)), spread(1e-3, 0.2))
    if kind == 3:
        return Upwind() if default else Upwind(float(rng.uniform(0.2, 1)), spread(0.2, 5), spread(0.3, 3))
    if default:
        return Bilateral()
    far = SeriesRC(spread(0.3, 5), spread(0.3, 2000 if rng.random() < 0.3 else 10)) if rng.random() < 0.8 else None
    near = ParallelRL(spread(0.1, 5), spread(0.3, 300)) if rng.random() < 0.3 else None
    taper = spread(1, 8)
    return Bilateral(spread(0.1, 3), taper, float(rng.uniform(0.2, 1)), far, near, kappa=spread(0.3, 3))


def draw_network(rng: np.random.Generator, law: Law, losses: tuple[str, ...] = LOSSES) -> Network:
    """A network that the law can run, small."""
    if isinstance(law, Upwind):
        return stack(rng)
    size = _log(rng, 0.2, 3)
    if rng.random() < 0.4:
        return random_network(rng, max_depth=4, max_width=5, max_layers=6, losses=losses)
    sizes = rng.integers(1, 7, rng.integers(2, 5))
    weights = [rng.normal(size=(b, a)) * size / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    biases = [rng.normal(size=len(w)) * 0.1 * (rng.random() < 0.5) for w in weights]
    name = str(rng.choice(["tanh", "relu", "sigmoid", "gelu", "leaky_relu", "identity"]))
    loss = str(rng.choice(losses))
    return Network.mlp(weights, biases, name, loss=loss)


def stack(rng: np.random.Generator) -> Network:
    """A residual stack."""
    build, width = NetworkBuilder(), int(rng.integers(1, 5))
    x = build.input("x", width)
    for k in range(int(rng.integers(1, 4))):
        f = build.dense(x, rng.normal(size=(width, width)) * _log(rng, 0.1, 1), name=f"f{k}", activation="tanh")
        x = build.add(x, f)
    return build.build(output=x)


def draw_lines(rng: np.random.Generator, law: Law) -> dict[str, Any]:
    """What lines do to waves besides delaying them."""
    changes: dict[str, Any] = {}
    if isinstance(law, Upwind):
        return changes
    if rng.random() < 0.3:
        changes["lines.bandwidth"] = _log(rng, 1e7, 1e9)
    if not law.two_way and rng.random() < 0.3:
        changes["lines.jitter"] = STEP * float(rng.uniform(0.05, 0.24))
    return changes


def draw_hardware(rng: np.random.Generator, law: Law, lines: dict[str, Any]) -> HardwareModel:
    """Lines of any delays, and where waves are reflected anyway of any impedance."""
    if isinstance(law, Upwind):
        return delays(1, 1)
    low = int(rng.integers(3 if "lines.jitter" in lines else 1, 4))
    model = delays(low, low + int(rng.integers(0, 4))).replace(lines)
    if law.two_way and rng.random() < 0.3:
        model = model.replace({"lines.impedance_tolerance": float(rng.uniform(0, 0.2))})
    return model


def draw_data(
    rng: np.random.Generator, network: Network, count: int, loaded: bool
) -> tuple[dict[str, Floats], Floats | None]:
    """Samples and targets."""
    scale = 10.0 ** rng.uniform(-3, 3) if rng.random() < 0.5 else 1.0
    if rng.random() < 0.1:
        scale = 10.0 ** rng.uniform(-250, 250)
    inputs = {name: rng.normal(size=(count, network.size(name))) * scale for name in network.inputs}
    for part in inputs.values():
        if count > 1 and rng.random() < 0.2:
            part[1] = part[0]
        if rng.random() < 0.2:
            part[int(rng.integers(count))] = 0.0
    if not loaded:
        return inputs, None
    outputs = reference(network, inputs).states[network.output]
    if network.loss == "softmax_cross_entropy":
        return inputs, np.eye(outputs.shape[1])[rng.integers(0, outputs.shape[1], count)]
    if rng.random() < 0.1:
        return inputs, np.array(outputs)
    return inputs, outputs + rng.normal(size=outputs.shape) * scale * _log(rng, 1e-3, 1)


@dataclass(frozen=True)
class Common:
    """What the runs of a group share."""

    law: Law
    wiring: str
    lines: dict[str, Any]
    loss: str
    samples: int
    tolerance: float
    loaded: bool
    default: bool
    patience: float

    @classmethod
    def draw(cls, number: int) -> Common:
        """That of a group."""
        rng = np.random.default_rng([number, 12])
        law = draw_law(rng)
        plain = law.two_way or isinstance(law, Upwind)
        return cls(
            law=law,
            wiring="synapse" if rng.random() < 0.3 and not plain else "tile",
            lines=draw_lines(rng, law),
            loss="mse" if isinstance(law, Upwind) else str(rng.choice(LOSSES)),
            samples=int(rng.integers(1, 5)),
            tolerance=float(rng.choice([1e-3, 1e-3, 1e-3, 1e-1, 1e-2, 1e-6])),
            loaded=rng.random() < 0.85,
            default=rng.random() < 0.4,
            patience=float(rng.choice([0.6, 1.2, 3, 6, 12, 25])),
        )

    def hold(self, graphs: Sequence[ScatteringGraph]) -> int | None:
        """Steps of a hold: the default one if there is time, or round trips in plenty or too few."""
        trip = int(np.median([graph.longest_round_trip for graph in graphs]))
        most = LONGEST // self.samples
        steps = max(hold_steps(graph) for graph in graphs)
        if self.default and steps <= 2 * most:
            return steps
        return min(most, max(1, int(self.patience * trip)))


@dataclass(frozen=True)
class Run:
    """One run of a group."""

    seed: int
    common: Common
    graph: ScatteringGraph
    inputs: dict[str, Floats]
    targets: Floats | None

    @classmethod
    def draw(cls, seed: int, common: Common) -> Run:
        """A run; raises what `compile_network` raises."""
        rng = np.random.default_rng([seed, 13])
        network = draw_network(rng, common.law, (common.loss,))
        lines = draw_hardware(rng, common.law, common.lines)
        with np.errstate(all="ignore"):
            inputs, targets = draw_data(rng, network, common.samples, common.loaded)
        graph = compile_network(network, hardware=lines, law=common.law, wiring=common.wiring, seed=seed)
        return cls(seed, common, graph, inputs, targets)

    def settle(self, hold: int) -> SettleResult:
        """Present the samples."""
        return settle(
            self.graph, self.inputs, self.targets, hold_seconds=hold * self.graph.step, tolerance=self.common.tolerance,
            target="numpy", seed=self.seed, diagnose=False,
        )  # fmt: skip

    def judge(self, result: SettleResult | BackwaveError) -> Tally:
        """Compare with exact backpropagation."""
        tally, law = Tally(), self.common.law
        if isinstance(result, BackwaveError):
            tally.counts["refused"] += 1
            tally.counts[f"refused: {str(result).split(';')[0][:60]}"] += 1
            return tally
        with np.errstate(all="ignore"):
            exact = reference(self.graph.network, self.inputs, self.targets)
            conductance, answers = getattr(law, "kappa", 1.0), np.zeros(len(result.settled))
            if self.targets is not None:
                answers = np.abs(exact.states[self.graph.network.output]).max(axis=1) + np.abs(self.targets).max(axis=1)
            if self.common.loss != "mse":
                conductance, answers = 1.0, np.ones(len(answers))
            away, near = (
                distance(result, exact, answers, conductance, self.common.tolerance, least)
                for least in (ROUND_OFF, 0.0)
            )
            sizes = [np.abs(part).max(axis=1) for part in (*exact.states.values(), *exact.costates.values())]
            told = np.isfinite(np.max(sizes, axis=0) ** 2)  # products are gradients
        short = result.hold < hold_for(self.graph, self.graph.longest_round_trip + 0.5, self.common.loaded)
        tally.counts["runs"] += 1
        tally.counts[f"{law.name}: runs"] += 1
        for k, (off, settled) in enumerate(zip(away, result.settled, strict=True)):
            right = bool(near[k] <= 1 and told[k])
            for name, count in (
                ("samples", 1), ("settled", settled), ("at rest", right), ("at rest, not settled", right and not settled),
                ("at rest, not settled, in a hold that is too short to tell", right and not settled and short),
            ):  # fmt: skip
                tally.counts[name] += int(count)
                tally.counts[f"{law.name}: {name}"] += int(count)
            if settled and not off <= 1:
                tally.false.append(f"run {self.seed} sample {k}: {off:.3g} tolerances from rest ({self.common})")
            if right and not settled and not short:
                tally.missed.append(f"run {self.seed} sample {k}: {off:.3g} ({self.common}, hold {result.hold})")
        return tally


def group(number: int, runs: range | None = None) -> list[Tally]:
    """The runs of a group, or some of them."""
    common, found = Common.draw(number), list[Run]()
    tallies = []
    for seed in range(number * GROUP, (number + 1) * GROUP):
        try:
            found.append(Run.draw(seed, common))
        except BackwaveError as error:
            tallies.append(Tally(Counter({"refused": 1, f"refused: {str(error).split(';')[0][:60]}": 1})))
    if not found:
        return tallies
    hold = common.hold([run.graph for run in found])
    together = [run for run in found if run.seed % GROUP and (runs is None or run.seed in runs)]
    results = settle_side_by_side([partial(run.settle, hold) for run in together])
    tallies += [run.judge(result) for run, result in zip(together, results, strict=True)]
    return tallies + [alone(run) for run in found if run.seed % GROUP == 0 and (runs is None or run.seed in runs)]


def alone(run: Run) -> Tally:
    """A run that shares nothing, with a hold of its own."""
    try:
        return run.judge(run.settle(run.common.hold([run.graph])))
    except BackwaveError as error:
        return run.judge(error)


def distance(result: SettleResult, exact: Reference, answers: Floats, kappa: float, tolerance: float, least: float):
    """Of every sample (B,): the largest distance of a layer from the exact one, in what it may be.

    Parameters
    ----------
    result, exact
        What was held, and exact backpropagation.
    answers : (B,)
        Largest term of the load's answer, a difference.
    kappa : float
        Costates held are those of backpropagation times this.
    tolerance : float
    least : float
        Round-off, of a sample's largest value.
    """
    worst = np.zeros(len(result.settled))
    for held, true, size, scale in (
        (result.held_states, exact.states, 1.0, 0.0 * answers),
        (result.held_costates, exact.costates, kappa, kappa * answers),
    ):
        if not true:
            continue
        whole = np.max([scale, *(size * np.abs(part).max(axis=1) for part in true.values())], axis=0)
        for name, part in true.items():
            row = size * np.abs(part).max(axis=1)
            off = np.abs(held[name] - size * part).max(axis=1)
            off = np.where(np.isfinite(off), off, np.inf)
            row = np.where(row > ROUND_OFF * whole, row, ZERO_ROW * whole)
            off = np.maximum(off - least * whole, 0.0)
            worst = np.maximum(worst, np.where(off > 0, off / (tolerance * row), 0.0))
    return worst


def search(groups: range, workers: int = 1) -> Iterator[list[Tally]]:
    """Group after group."""
    if workers == 1:
        yield from map(group, groups)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(group, groups)


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    """A number of any magnitude in between."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def main() -> int:
    """Search, and print the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--missed", action="store_true", help="also list what was at rest and is not called settled")
    given = parser.parse_args()
    total = Tally()
    for tallies in search(range(given.first // GROUP, (given.first + given.runs) // GROUP), given.workers):
        for tally in tallies:
            for line in tally.false + tally.missed * given.missed:
                print(line, flush=True)
            total.add(tally)
        print(f"{total.counts['runs']} runs, {total.counts['samples']} samples, {len(total.false)} false", flush=True)
    for name, count in sorted(total.counts.items()):
        print(f"{name:60} {count}")
    print(f"{'false':60} {len(total.false)}")
    return int(bool(total.false))


if __name__ == "__main__":
    sys.exit(main())

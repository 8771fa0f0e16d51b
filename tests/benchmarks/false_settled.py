"""A search for results that are called settled and are not: random substrates against exact backpropagation.

    python -m tests.benchmarks.false_settled [--runs 5000] [--first 0] [--workers 1]

Every run draws a law (matched, worldsheet, two-way lines, upwind, one of its own; often with its default settings), a
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
from collections.abc import Iterator
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
from emulator.laws import Law, NodeLaw
from emulator.measure.settling import hold_for
from emulator.network import NetworkBuilder
from hwmodels import HardwareModel
from tests.graphs import random_network
from tests.substrate import STEP, delays

Floats = np.ndarray
#: steps that a run may take, of all its samples together
LONGEST = 1200
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

    def add(self, other: Tally) -> None:
        """Count others in."""
        self.counts += other.counts
        self.false += other.false


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


def draw_network(rng: np.random.Generator, law: Law) -> Network:
    """A network that the law can run, small."""
    if isinstance(law, Upwind):
        return stack(rng)
    size = _log(rng, 0.2, 3)
    if rng.random() < 0.4:
        return random_network(rng, max_depth=4, max_width=5, max_layers=6)
    sizes = rng.integers(1, 7, rng.integers(2, 5))
    weights = [rng.normal(size=(b, a)) * size / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    biases = [rng.normal(size=len(w)) * 0.1 * (rng.random() < 0.5) for w in weights]
    name = str(rng.choice(["tanh", "relu", "sigmoid", "gelu", "leaky_relu", "identity"]))
    loss = str(rng.choice(["mse", "softmax_cross_entropy"]))
    return Network.mlp(weights, biases, name, loss=loss)


def stack(rng: np.random.Generator) -> Network:
    """A residual stack."""
    build, width = NetworkBuilder(), int(rng.integers(1, 5))
    x = build.input("x", width)
    for k in range(int(rng.integers(1, 4))):
        f = build.dense(x, rng.normal(size=(width, width)) * _log(rng, 0.1, 1), name=f"f{k}", activation="tanh")
        x = build.add(x, f)
    return build.build(output=x)


def draw_hardware(rng: np.random.Generator, law: Law) -> HardwareModel:
    """Lines that delay, jitter, narrow or mismatch waves."""
    if isinstance(law, Upwind):
        return delays(1, 1)
    low = int(rng.integers(1, 4))
    model = delays(low, low + int(rng.integers(0, 4)))
    changes: dict[str, Any] = {}
    if rng.random() < 0.3:
        changes["lines.bandwidth"] = _log(rng, 1e7, 1e9)
    if law.two_way:
        if rng.random() < 0.3:
            changes["lines.impedance_tolerance"] = float(rng.uniform(0, 0.2))
    elif low > 2 and rng.random() < 0.3:
        changes["lines.jitter"] = STEP * float(rng.uniform(0.05, 0.24))
    return model.replace(changes)


def draw_data(rng: np.random.Generator, network: Network) -> tuple[dict[str, Floats], Floats | None]:
    """Samples and targets."""
    scale = 10.0 ** rng.uniform(-3, 3) if rng.random() < 0.5 else 1.0
    if rng.random() < 0.1:
        scale = 10.0 ** rng.uniform(-250, 250)
    count = int(rng.integers(1, 5))
    inputs = {name: rng.normal(size=(count, network.size(name))) * scale for name in network.inputs}
    for part in inputs.values():
        if count > 1 and rng.random() < 0.2:
            part[1] = part[0]
        if rng.random() < 0.2:
            part[int(rng.integers(count))] = 0.0
    kind = rng.random()
    if kind < 0.15:
        return inputs, None
    outputs = reference(network, inputs).states[network.output]
    if network.loss == "softmax_cross_entropy":
        return inputs, np.eye(outputs.shape[1])[rng.integers(0, outputs.shape[1], count)]
    if kind < 0.25:
        return inputs, np.array(outputs)
    return inputs, outputs + rng.normal(size=outputs.shape) * scale * _log(rng, 1e-3, 1)


def one_run(seed: int) -> Tally:
    """One random run."""
    rng, tally = np.random.default_rng([seed, 12]), Tally()
    law = draw_law(rng)
    network = draw_network(rng, law)
    with np.errstate(all="ignore"):
        inputs, targets = draw_data(rng, network)
        wiring = "synapse" if rng.random() < 0.3 and not (law.two_way or isinstance(law, Upwind)) else "tile"
        tolerance = float(rng.choice([1e-3, 1e-3, 1e-3, 1e-1, 1e-2, 1e-6]))
        try:
            graph = compile_network(network, hardware=draw_hardware(rng, law), law=law, wiring=wiring, seed=seed)
            count = len(next(iter(inputs.values())))
            default, patient = rng.random() < 0.4, float(rng.choice([0.6, 1.2, 3, 6, 12, 25]))
            trip = graph.longest_round_trip
            hold = None if default else max(1, int(patient * trip))
            if isinstance(law, Bilateral) and default:
                count = min(count, max(1, LONGEST // (60 * trip)))
            elif hold is not None:
                hold = min(hold, LONGEST // count)
            inputs = {name: part[:count] for name, part in inputs.items()}
            targets = None if targets is None else targets[:count]
            seconds = None if hold is None else hold * graph.step
            how: dict[str, Any] = {"hold_seconds": seconds, "tolerance": tolerance, "target": "numpy"}
            result = settle(graph, inputs, targets, diagnose=False, seed=seed, **how)
        except BackwaveError as error:
            tally.counts["refused"] += 1
            tally.counts[f"refused: {str(error).split(';')[0][:60]}"] += 1
            return tally
        exact = reference(network, inputs, targets)
    scale = getattr(law, "kappa", 1.0) if network.loss == "mse" else 1.0
    away = distance(result, exact, scale, tolerance)
    tally.counts["runs"] += 1
    for k, (off, settled) in enumerate(zip(away, result.settled, strict=True)):
        tally.counts["samples"] += 1
        tally.counts["settled"] += int(settled)
        right = bool(off <= 1)
        if settled and not right:
            tally.false.append(f"run {seed} sample {k}: {off:.3g} tolerances from rest ({law}, tolerance {tolerance})")
        if right and not settled:
            tally.counts["at rest at the end, not settled"] += 1
            trip = 2 * graph.longest_round_trip + 1
            tally.counts["... in a hold that is too short to tell"] += int(result.hold < hold_for(graph, trip / 2))
    return tally


def distance(result: Any, exact: Any, kappa: float, tolerance: float) -> Floats:
    """Of every sample (B,): the largest distance of a layer from the exact one, in what it may be."""
    worst = np.zeros(len(result.settled))
    with np.errstate(all="ignore"):
        for held, true, size in (
            (result.held_states, exact.states, 1.0),
            (result.held_costates, exact.costates, kappa),
        ):
            if not true:
                continue
            whole = np.max([size * np.abs(part).max(axis=1) for part in true.values()], axis=0)
            if size is kappa or true is exact.costates:
                loads = np.abs(exact.states[result.graph.network.output]).max(axis=1)
                whole = np.maximum(whole, kappa * loads)
            for name, part in true.items():
                row = size * np.abs(part).max(axis=1)
                off = np.abs(held[name] - size * part).max(axis=1)
                off = np.where(np.isfinite(off), off, np.inf)
                row = np.where(row > ROUND_OFF * whole, row, ZERO_ROW * whole)
                off = np.maximum(off - ROUND_OFF * whole, 0.0)
                worst = np.maximum(worst, np.where(off > 0, off / (tolerance * row), 0.0))
    return worst


def search(runs: range, workers: int = 1) -> Iterator[Tally]:
    """Run after run."""
    if workers == 1:
        yield from map(one_run, runs)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(one_run, runs, chunksize=8)


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    """A number of any magnitude in between."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def main() -> int:
    """Search, and print the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    total = Tally()
    for number, tally in enumerate(search(range(given.first, given.first + given.runs), given.workers), 1):
        for line in tally.false:
            print(line, flush=True)
        total.add(tally)
        if number % 25 == 0:
            print(f"{number} runs: {dict(total.counts)}, {len(total.false)} false", flush=True)
    for name, count in sorted(total.counts.items()):
        print(f"{name:60} {count}")
    print(f"{'false':60} {len(total.false)}")
    return int(bool(total.false))


if __name__ == "__main__":
    sys.exit(main())

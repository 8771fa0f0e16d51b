"""Training speed: samples per second inside the compiled program, beside the same substrate that does not learn.

Run with ``python -m tests.benchmarks.training [SIZES ...]``, for example ``64-32-10 784-128-10``. Compile time is
apart. The run without learning adds up the costates of its inputs and records every wave at the end of every hold; the
one that learns does neither.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise

import numpy as np

from emulator import Network, compile_network
from emulator.engine import Plan, effects_of, lay_out, values_of
from emulator.engine.standalone import program
from emulator.learning import GaussNewton, Inductive, Learning, ParameterPort, Resistive
from emulator.training.substrate import Substrate

PORTS: tuple[ParameterPort, ...] = (Resistive(0.05), Inductive(0.05, 200.0), GaussNewton(0.1))


def network_of(sizes: list[int]) -> Network:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network.mlp(weights, loss="softmax_cross_entropy")


def feed_of(sizes: list[int], samples: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    labels = np.eye(sizes[-1])[rng.integers(sizes[-1], size=samples)]
    return np.hstack([rng.uniform(size=(samples, sizes[0])), labels])


def measure(sizes: list[int], samples: int, repeats: int = 3) -> None:
    graph = compile_network(network_of(sizes))
    layout, hold, feed = lay_out(graph), graph.longest_round_trip, feed_of(sizes, samples)
    effects = effects_of(graph, layout, 0)
    plan = Plan(layout, graph.law, graph.loss, hold, samples, probe=False, power=False, effects=effects)
    values, built = values_of(graph, layout, effects, loaded=True), program(plan)
    still = min(built.run(values, feed)[1]["run"] for _ in range(repeats))
    name = "-".join(map(str, sizes))
    print(f"{name:>16}  without learning  {samples / still:>9,.0f} samples/s  hold {hold} steps")
    for port in PORTS:
        substrate = Substrate(graph, Learning(port), hold, samples, 0, 0.0, "standalone")
        rates, state = np.ones((samples, 3)), substrate.initial()
        taken = min(substrate.train(state, feed, rates, 1).seconds for _ in range(repeats))
        print(
            f"{name:>16}  {port.name:<16}  {samples / taken:>9,.0f} samples/s  {still / taken:.2f} of without  "
            f"(compiled in {substrate.compile_seconds:.1f} s)",
            flush=True,
        )


if __name__ == "__main__":
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for text in sys.argv[1:] or ["64-32-10", "784-128-10"]:
        dims = [int(part) for part in text.split("-")]
        synapses = sum(a * b for a, b in pairwise(dims))
        measure(dims, max(200, min(5000, 60_000_000 // synapses // 8)))

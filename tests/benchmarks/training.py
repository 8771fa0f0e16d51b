"""Training speed: samples per second inside the compiled program, beside the same substrate that does not learn.

Run with ``python -m tests.benchmarks.training [SIZES ...]``, for example ``64-32-10 784-128-10``. Compile time is
apart. The run without learning adds up the costates of its inputs and records every wave at the end of every hold; the
one that learns does neither.

With ``--memory`` it prints the largest resident memory of trainings of 64-32-10 by the number of samples, each in a
process of its own, that of the compiled program apart.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from itertools import pairwise

import numpy as np

from emulator import Network, compile_network
from emulator.engine import effects_of
from emulator.engine.standalone import program
from emulator.families.node import NodePlan, lay_out, values_of
from emulator.learning import GaussNewton, Inductive, Learning, ParameterPort, Resistive
from emulator.runs.train import train
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
    plan = NodePlan(layout, graph.law, graph.loss, hold, samples, probe=False, power=False, effects=effects)
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


def memory(samples: int) -> None:
    """Print the largest resident memory, MB, of one training on samples from an iterator."""
    rng = np.random.default_rng(2)
    stream = ((rng.uniform(size=64), int(rng.integers(10))) for _ in range(samples))
    train(network_of([64, 32, 10]), stream, port=Resistive(0.01), chunk=1000, target="standalone")
    own, program_ = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"{samples:>10,} samples: {own:.0f} MB, and {program_:.0f} MB in the compiled program", flush=True)


if __name__ == "__main__":
    if "--memory" in sys.argv:
        memory(1000)  # compiles; the compiler is a child too
        for count in (2_000, 20_000, 200_000):
            process = multiprocessing.get_context("spawn").Process(target=memory, args=(count,))
            process.start()
            process.join()
        raise SystemExit
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for text in sys.argv[1:] or ["64-32-10", "784-128-10"]:
        dims = [int(part) for part in text.split("-")]
        synapses = sum(a * b for a, b in pairwise(dims))
        measure(dims, max(200, min(5000, 60_000_000 // synapses // 8)))

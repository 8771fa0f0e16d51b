"""Two-way lines as a newcomer types them, `Bilateral()`: on how many fresh networks do they settle?

    python -m tests.benchmarks.defaults                        60 networks, about ten minutes on the numpy target
    python -m tests.benchmarks.defaults --networks 200 --depth 16

Networks of 1 to 5 layers, 4 to 64 wide, four activations, three ways to draw weights, both losses, one sample of order 1.
Each is presented for four times the predicted settling time, at most for the default hold. Where it does not settle, the
impedances of `TRIED` are tried with the same taper and far end.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from emulator import Bilateral, compile_network, reference, settle
from emulator.compile import with_law
from emulator.graph import ScatteringGraph
from emulator.measure.forecast import settling_steps
from emulator.runs.holds import hold_steps
from tests.support.stranger_networks import Brought, brought

TRIED = (1.0, 0.1, 0.03, 0.01, 0.003)


def settles(graph: ScatteringGraph, one: Brought) -> tuple[bool, float]:
    """Whether the sample settles, and the predicted steps."""
    predicted = settling_steps(graph, reference(one.network, one.inputs, one.targets))
    steps = min(4 * predicted, hold_steps(graph))
    run = settle(graph, one.inputs, one.targets, target="numpy", hold_seconds=steps * graph.step, diagnose=False)
    return bool(run.settled.all()), predicted


def main() -> None:
    """Print what does not settle, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--depth", type=int, help="layers of every network")
    given = parser.parse_args()
    good, could, times = 0, 0, []
    for seed in range(given.seed, given.seed + given.networks):
        one = brought(seed, depth=given.depth)
        graph = compile_network(one.network, law=Bilateral())
        settled, predicted = settles(graph, one)
        good += settled
        times.append(predicted)
        if not settled:
            laws = (replace(graph.law, impedance=impedance) for impedance in TRIED)
            other = next((law.impedance for law in laws if settles(with_law(graph, law), one)[0]), None)
            could += other is not None
            print(
                f"{seed}: {one.words}: not settled, predicted {predicted:.0f} steps; with impedance {other}", flush=True
            )
    print(
        f"{good} of {given.networks} settle by default, {could} more with another impedance; predicted steps: median "
        f"{np.median(times):.0f}, most {np.max(times):.0f}"
    )


if __name__ == "__main__":
    main()

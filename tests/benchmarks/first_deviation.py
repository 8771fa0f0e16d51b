"""Why some cells of the atlas settle sooner or later than predicted: the way to rest is not linear.

    python -m tests.benchmarks.first_deviation

Two cells that disagree are measured again from a smaller and smaller first deviation: a sample that differs by a factor
``1 - share`` in its inputs comes to rest first, and the settling time of the sample itself follows. The prediction
follows the same deviation through the linearised step, and meets the measurement as the deviation shrinks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emulator import Law, Network, Upwind, Worldsheet, compile_network, reference, settle
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from emulator.scenario.datasets import DigitsData, RandomData
from emulator.scenario.networks import RandomMlp, RandomStack

SHARES = (1.0, 0.3, 0.1, 0.03, 0.01)


def compare(name: str, network: Network, law: Law, inputs: np.ndarray, targets: np.ndarray, hold: int) -> None:
    graph = compile_network(network, law=law)
    for share in SHARES:
        both = np.vstack([(1 - share) * inputs, inputs])
        exact = reference(network, both, np.concatenate([targets, targets]))
        before, after = (operating_point(graph, exact, sample) for sample in (0, 1))
        predicted = settling_steps(graph, after, before=before)
        result = settle(graph, both, np.concatenate([targets, targets]), hold_seconds=hold * graph.step,
                        target="standalone", diagnose=False)  # fmt: skip
        measured = f"{result.settling_steps[1]}" if result.settled.all() else "never"
        print(f"{name:30}  {share:5g}  {predicted:9.0f}  {measured:>8}", flush=True)


def main() -> None:
    print(f"{'cell':30}  {'share':>5}  {'predicted':>9}  {'measured':>8}  (steps)")
    network = RandomStack(source="random-stack", blocks=6, width=16, scale=0.927).build(Path()).network
    batch = RandomData(source="random", samples=1).load(network, Path())
    compare("residual stack, upwind, nu .49", network, Upwind(0.491, 1.0), batch.inputs["x0"], batch.targets, 3000)
    network = RandomMlp(source="random-mlp", sizes=[64, 32, 10], loss="softmax_cross_entropy").build(Path()).network
    batch = DigitsData(source="digits", limit=1).load(network, Path())
    compare("digits, beta 1.12, gamma .509", network, Worldsheet(1.12, 0.509), batch.inputs, batch.targets, 600)


if __name__ == "__main__":
    main()

"""Wave-PMP in brian2: where it settles, how far its rest is from backpropagation, how right predictions are, how fast it is.

    python -m tests.benchmarks.wave_pmp              everything (some ten minutes)
    python -m tests.benchmarks.wave_pmp figures      one section: figures, load, prediction, speed

Networks have random weights N(0, 1/fan-in); `figures` are those of the printed algorithm with ``Theta = 1``, one sample from a
blank substrate, each run in brian2 and compared with the rest that the stationary equations give.
"""

from __future__ import annotations

import sys
from itertools import pairwise, product

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator import Matched, Network, WavePMP, compile_network, reference, settle
from emulator.engine.standalone import program
from emulator.families.wave_pmp import bias_of
from emulator.graph import ScatteringGraph
from emulator.laws import Law, family_of
from emulator.measure.forecast import settling_steps
from emulator.measure.stability import spectral_radius
from tests.physics.wave_pmp_reference import Algorithm1, perceptron, settled_at

SEEDS = 3


def network(seed: int, sizes: list[int], functions: list[str]) -> Network:
    """Random weights, no biases."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network.mlp(weights, None, functions)


def orthogonal(seed: int, width: int, depth: int) -> Network:
    """Linear layers that turn."""
    rng = np.random.default_rng(seed)
    return Network.mlp(
        [np.linalg.qr(rng.normal(size=(width, width)))[0] for _ in range(depth)], None, ["identity"] * depth
    )


def sample(seed: int, made: Network) -> tuple[np.ndarray, np.ndarray]:
    """One input and one target."""
    rng = np.random.default_rng(seed + 100)
    return rng.normal(size=(1, made.size("x0"))), np.eye(made.size(made.output))[seed : seed + 1]


def measured(
    graph: ScatteringGraph, x: np.ndarray, y: np.ndarray, hold: int, tolerance: float
) -> tuple[int | None, float]:
    """Settling steps (None if it did not settle) and distance from its own rest."""
    result = settle(graph, x, y, hold=float(hold), target="numpy", tolerance=tolerance, diagnose=False)
    return (int(result.settling_steps[0]) if result.settled.all() else None), float(result.deviation[0])


def figures(console: Console) -> None:
    """The figures of the printed algorithm."""
    table = Table(
        "network", "transport", "nu", "alpha", "steps to 1e-9", "from its own rest", "gradient error", "cosine"
    )
    chain = ["tanh", "identity"]
    cases = [("64-32-10", lambda seed: network(seed, [64, 32, 10], chain), "identity", nu, alpha, 2000 if nu < 1 else 20_000)
             for nu, alpha in ((0.0, 1.0), (0.01, 1.0), (0.1, 1.0), (0.5, 0.5), (1.0, 1.0))]  # fmt: skip
    cases += [
        ("16, four tanh", lambda seed: network(seed, [16] * 5, ["tanh"] * 4), "identity", 0.5, 0.5, 1000),
        ("16, four orthogonal", lambda seed: orthogonal(seed, 16, 4), "jacobian", 0.5, 0.5, 1000),
    ]
    for name, make, transport, nu, alpha, hold in cases:
        for seed in range(SEEDS if nu < 1 else 1):
            made = make(seed)
            x, y = sample(seed, made)
            graph = compile_network(made, law=WavePMP(nu, alpha, transport=transport))
            steps, off = measured(graph, x, y, hold, 1e-9)
            bias = bias_of(graph, reference(made, x, y))
            told = ["never", "", "", ""] if steps is None else [
                str(steps), f"{off:.1e}", f"{bias.gradient:.3g}", f"{bias.cosine:.4f}"
            ]  # fmt: skip
            table.add_row(f"{name}, seed {seed}", transport, f"{nu:g}", f"{alpha:g}", *told)
    console.print(table)


def load(console: Console) -> None:
    """The port of the load, over the impedance."""
    table = Table("Z", "nu", "lagged", "implicit", title="spectral radius at alpha = 0.5, 64-32-10")
    made = network(0, [64, 32, 10], ["tanh", "identity"])
    exact = reference(made, *sample(0, made))
    for impedance, nu in product((0.5, 1.0, 2.0, 5.0), (0.0, 0.1, 0.5)):
        radii = [
            spectral_radius(compile_network(made, law=WavePMP(nu, 0.5, impedance**-0.5, load=port)), exact)
            for port in ("lagged", "implicit")
        ]
        table.add_row(f"{impedance:g}", f"{nu:g}", *(f"{radius:.4f}" for radius in radii))
    console.print(table)


def prediction(console: Console) -> None:
    """Boundary and settling times over (nu, alpha, metric, load), against the transcription, which the engine equals."""
    right, close, cells, settled = 0, 0, 0, 0
    for sizes in ([12, 8, 4], [6, 6, 6, 6]):
        functions = ["tanh"] * (len(sizes) - 2) + ["identity"]
        made = network(1, sizes, functions)
        x, y = sample(1, made)
        weights = [parameters.weight for parameters in made.parameters.values()]
        for nu, alpha, theta, port in product(
            (0.01, 0.1, 0.3, 0.6), (0.3, 0.7, 1.0), (0.6, 1.0, 1.6), ("lagged", "implicit")
        ):
            graph = compile_network(made, law=WavePMP(nu, alpha, theta, load=port))
            foreseen = settling_steps(graph, reference(made, x, y))
            nodes, links = perceptron(sizes, weights, [np.zeros(n) for n in sizes[1:]], functions)
            run = Algorithm1(nodes, links, [theta * np.eye(n) for n in sizes], nu=nu, alpha=alpha, load=port)
            with np.errstate(all="ignore"):
                steps = settled_at(run, {0: x[0]}, y[0], 3000)
            cells += 1
            right += (foreseen < np.inf) == (steps is not None)
            if steps is not None and foreseen < np.inf:
                settled += 1
                close += abs(foreseen - steps) <= 0.2 * steps + 1
    console.print(f"settles or not: right in {right} of {cells} cells ({right / cells:.1%})")
    console.print(f"settling time within 20 % and a step: {close} of {settled} ({close / settled:.1%})")


def speed(console: Console) -> None:
    """Steps a second in standalone, 64-32-10, one-step lines, hold 8."""
    made = network(0, [64, 32, 10], ["tanh", "identity"])
    rng = np.random.default_rng(0)
    feed = np.hstack([rng.uniform(size=(4000, 64)), rng.normal(size=(4000, 10)) * 0.3])
    rates: dict[str, float] = {}
    laws: tuple[Law, ...] = (Matched(), WavePMP(0.1, 1.0))
    for law in laws:
        graph = compile_network(made, law=law)
        family = family_of(law)
        plan = family.plan(graph, 8, len(feed))
        values = family.values(graph, plan, loaded=True, threshold=1e-12, resolution=1e-4)
        compiled = program(plan)
        rates[law.name] = 8 * len(feed) / min(compiled.run(values, feed)[1]["run"] for _ in range(3))
        console.print(f"{law.name}: {rates[law.name]:,.0f} steps/s")
    console.print(f"wave-pmp over matched: {rates['wave-pmp'] / rates['matched']:.2f}")


SECTIONS = {"figures": figures, "load": load, "prediction": prediction, "speed": speed}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or SECTIONS:
        SECTIONS[chosen](Console())

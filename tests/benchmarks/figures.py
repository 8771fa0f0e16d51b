"""Published figures of two-way lines and upwind stacks beside what brian2 finds (about three minutes).

    python -m tests.benchmarks.figures            everything
    python -m tests.benchmarks.figures upwind     one of: rest, linear, digits, delays, upwind

"given" are figures of NumPy prototypes with other weights, images and (where it is said) junctions; "found" is the range
over a few samples here, each presented to a blank substrate, in steps until every state and costate stays within 1e-3
(or the tolerance that is named) of the largest magnitude in its row of neurons.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from emulator import Bilateral, Network, NetworkBuilder, SeriesRC, Upwind, compile_network, reference, settle
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.matrices import scattering
from emulator.families.bilateral.power import crossbar_ports
from emulator.families.bilateral.scattering import swap_test
from emulator.measure.rest import operating_point
from tests.graphs import random_batch, random_network
from tests.substrate import delays
from tests.support.random_substrates import cases, outcomes
from tests.support.together import Together, judged

IMAGES = 3
#: what, given, found
Row = tuple[str, str, str]
RC_UNIFORM = Bilateral(0.2, far_end=SeriesRC(1.0, 4.0))
RC_TAPER_2 = Bilateral(0.4, 2.0, far_end=SeriesRC(1.0, 4.0))
RC_TAPER_4 = Bilateral(1.6, 4.0, far_end=SeriesRC(2.0, 3.0))


def digits(seed: int = 0) -> tuple[Network, np.ndarray, np.ndarray]:
    """A random 64-32-10 tanh network, weights N(0, 1/fan-in), with images and one-hot targets."""
    rng = np.random.default_rng(seed)
    data = load_digits()
    weights = [rng.normal(size=(32, 64)) / 8, rng.normal(size=(10, 32)) / np.sqrt(32)]
    return Network.mlp(weights), data.data[:IMAGES] / 16, np.eye(10)[data.target[:IMAGES]]


def linear(seed: int = 0) -> tuple[Network, np.ndarray, np.ndarray]:
    """A random linear 8-8-8-8 network."""
    rng = np.random.default_rng(seed)
    network = Network.mlp([rng.normal(size=(8, 8)) / np.sqrt(8) for _ in range(3)], activations="identity")
    return network, rng.normal(size=(IMAGES, 8)), rng.normal(size=(IMAGES, 8))


def steps(
    problem, law: Bilateral, longest: int, hold: int, tolerances=(1e-3,), images: int = IMAGES
) -> list[list[float]]:
    """Per tolerance, steps of every sample from a blank substrate, side by side in one network; inf if not in `hold`."""
    network, inputs, targets = problem
    graph = compile_network(network, law=law, hardware=delays(1, longest), seed=1)
    blank = Together.of([graph] * images)
    rows = range(images)
    recordings = blank.run([inputs[k : k + 1] for k in rows], [targets[k : k + 1] for k in rows], hold, min(tolerances))
    found = []
    for tolerance in tolerances:
        verdicts = [
            judged(graph, layout, recording, inputs[k : k + 1], targets[k : k + 1], hold, tolerance)
            for k, (layout, recording) in enumerate(zip(blank.layouts, recordings, strict=True))
        ]
        found.append([float(v.steps[0]) if v.settled[0] else np.inf for v in verdicts])
    return found


def spread(found: list[float]) -> str:
    """Least to largest number of steps."""
    if not np.isfinite(found).any():
        return "never"
    ends = [f"{value:.0f}" if np.isfinite(value) else "never" for value in (min(found), max(found))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def rest() -> Iterator[Row]:
    """Fixed points, and the crossbar's scattering matrix."""
    network = random_network(np.random.default_rng(3), max_depth=5, max_width=5, max_layers=4, losses=["mse"])
    inputs, targets = random_batch(np.random.default_rng(4), network, 1)
    for law, hardware, given in ((Bilateral(0.1, bandwidth=0.5, far_end=SeriesRC()), delays(1, 3), "2.5e-15"),):
        graph = compile_network(network, law=law, hardware=hardware)
        result = settle(graph, inputs, targets, hold_seconds=3000e-9, target="numpy", tolerance=1e-9, diagnose=False)
        errors = result.errors(reference(network, inputs, targets))
        yield (
            "fixed point, bilateral, delays 1 to 3: largest error",
            given,
            f"{max(errors['state'], errors['costate']):.0e}",
        )
    case = next(iter(cases("upwind", 1, 1000)))
    yield "fixed point, upwind: largest error", "1e-14", f"{outcomes([case])[0].deviation:.0e}"
    graph = compile_network(digits()[0], law=Bilateral(0.7, 3.0))
    layout = lay_out(graph)
    ports = crossbar_ports(layout)[0]
    size, root = len(ports), np.sqrt(layout.impedance[ports])
    power = scattering(graph, layout)[ports][:, ports].toarray() / root[:, None] * root
    yield "crossbar in power waves: S' S - 1", "9e-16", f"{np.abs(power.T @ power - np.eye(size)).max():.0e}"
    yield "crossbar in power waves: S - S'", "2e-16", f"{np.abs(power - power.T).max():.0e}"


def linear_lines() -> Iterator[Row]:
    """A linear network needs something that dissipates."""
    problem = linear()
    free, held = Bilateral(1.0), Bilateral(1.0, bandwidth=0.9)
    network, inputs, targets = problem
    graph = compile_network(network, law=free, hardware=delays(1, 1))
    result = settle(graph, inputs[:1], targets[:1], hold=400, target="numpy", diagnose=False)
    exact = reference(network, inputs[:1], targets[:1])
    off = max(np.abs(result.held_costates[name] - exact.costates[name]).max() for name in exact.costates)
    yield "linear 8-8-8-8, Z = 1, no bandwidth limit: off after 400 transits", "0.16", f"{off:.2g}"
    yield "the same, c = 0.9", "99 to 147", spread(steps(problem, held, 1, 600)[0])


def digits_one_step() -> Iterator[Row]:
    """The digits network, lines of one step."""
    problem, other = digits(), "another junction"
    network, images, targets = problem
    yield "Z = 0.3, c = 0.5; crossbar and activation merged", "102", other
    yield "Z = 0.3, c = 0.5", "243 to 301", spread(steps(problem, Bilateral(0.3, bandwidth=0.5), 1, 600)[0])
    graph = compile_network(network, law=Bilateral(1.0, bandwidth=0.5))
    exact = reference(network, images, targets)
    tests = [swap_test(graph, operating_point(graph, exact, k)) for k in range(IMAGES)]
    words = f"max Re mu {min(t.most for t in tests):.3f} to {max(t.most for t in tests):.3f}"
    unsettled = steps(problem, graph.law, 1, 1500)[0]
    yield "Z = 1, c = 0.5", "some never, max Re mu < 1", f"{spread(unsettled)}; {words}"
    yield "Z = 3, c = 0.5", "never", spread(steps(problem, Bilateral(3.0, bandwidth=0.5), 1, 600)[0])
    for z in (0.1, 0.2, 0.4):
        law = Bilateral(z, far_end=SeriesRC(1.0, 4.0))
        yield f"far end R = Z, C = 4 d/Z, Z = {z:g}", "148 to 229", spread(steps(problem, law, 1, 500)[0])
    yield "the same, taper 2, Z = 0.4", "72 to 111", spread(steps(problem, RC_TAPER_2, 1, 250)[0])
    for z in (0.8, 1.6):
        law = Bilateral(z, 4.0, far_end=SeriesRC(2.0, 3.0))
        coarse, fine = steps(problem, law, 1, 150, (1e-2, 1e-3))
        yield f"R = 2 Z, C = 3 d/Z, taper 4, Z = {z:g}: to 1e-2", "28 to 32", spread(coarse)
        yield f"R = 2 Z, C = 3 d/Z, taper 4, Z = {z:g}: to 1e-3", "40 to 46", spread(fine)


def digits_delays() -> Iterator[Row]:
    """The digits network, lines of 1 to 5 steps."""
    problem = digits()
    yield "Z = 0.3, c = 0.5", "not in 2000", spread(steps(problem, Bilateral(0.3, bandwidth=0.5), 5, 2000)[0])
    for c in (0.1, 0.2):
        coarse, fine = steps(problem, Bilateral(0.3, bandwidth=c), 5, 2400, (1e-2, 1e-3))
        yield f"Z = 0.3, c = {c:g}: to 1e-2", "750 to 880", spread(coarse)
        yield f"Z = 0.3, c = {c:g}: to 1e-3", "1140 to 1290", spread(fine)
    yield "far end R = Z, C = 4 d/Z, taper 2, Z = 0.4", "294 to 400", spread(steps(problem, RC_TAPER_2, 5, 900)[0])
    for z in (0.8, 1.6):
        law = Bilateral(z, 4.0, far_end=SeriesRC(2.0, 3.0))
        coarse, fine = steps(problem, law, 5, 400, (1e-2, 1e-3))
        yield f"R = 2 Z, C = 3 d/Z, taper 4, Z = {z:g}: to 1e-2", "88 to 102", spread(coarse)
        yield f"R = 2 Z, C = 3 d/Z, taper 4, Z = {z:g}: to 1e-3", "145 to 148", spread(fine)


def residual(seed: int, blocks: int, scale: float, width: int = 6) -> Network:
    """Blocks ``x + (2/blocks) W2 tanh(W1 x)``, W1 scaled."""
    rng, build = np.random.default_rng(seed), NetworkBuilder()
    x = build.input("x0", width)
    for k in range(blocks):
        h = build.dense(x, scale * rng.normal(size=(width, width)) / np.sqrt(width), activation="tanh")
        x = build.add(
            x, build.dense(h, 2 / blocks * rng.normal(size=(width, width)) / np.sqrt(width)), name=f"x{k + 1}"
        )
    return build.build(output=x)


def upwind_transits(scale: float, tolerance: float, hold: int = 60) -> list[float]:
    """Transits per block until stacks of 4 to 16 blocks have settled (nu = 1, Z kappa = 1); inf where not in `hold`."""
    found = []
    for blocks in (4, 8, 16):
        for seed in range(3):
            network = residual(seed, blocks, scale)
            inputs, targets = np.random.default_rng([seed, blocks]).normal(size=(2, 1, 6))
            graph = compile_network(network, law=Upwind(1.0, 1.0))
            how = {"tolerance": tolerance, "target": "numpy", "diagnose": False}
            result = settle(graph, inputs, targets, hold_seconds=hold * blocks * graph.step, **how)
            found.append(float(result.settling_steps[0]) / blocks if result.settled[0] else np.inf)
    return found


def upwind() -> Iterator[Row]:
    """Residual stacks: transits per block."""
    for scale, tolerance, given in ((0.5, 1e-3, "6 to 10"), (0.5, 1e-12, "21 to 40"), (2.0, 1e-3, "mostly never")):
        found = upwind_transits(scale, tolerance)
        never = sum(not np.isfinite(value) for value in found)
        good = [value for value in found if np.isfinite(value)]
        ends = f"{min(good):.1f} to {max(good):.1f}" if good else "-"
        words = f"{ends}; never: {never} of {len(found)}" if never else ends
        yield f"weight scale {scale:g}, to {tolerance:g}: transits per block", given, words


SECTIONS = {
    "rest": rest,
    "linear": linear_lines,
    "digits": digits_one_step,
    "delays": digits_delays,
    "upwind": upwind,
}


def main(names: list[str]) -> None:
    """Print the named sections, or all."""
    console = Console(width=120)
    for name in names or SECTIONS:
        table = Table(name, "given", "found")
        for row in SECTIONS[name]():
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Dynamic non-idealities leave the settled answer at backpropagation, whatever the graph, wiring and law."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Matched, Worldsheet, compile_network, reference, settle
from hwmodels import HardwareModel, Steps, Uniform
from tests.graphs import SMOOTH, random_batch, random_network
from tests.substrate import delays
from tests.support.bench import STEP, rejects

KINDS = ("delay", "asymmetry", "jitter", "bandwidth", "impedance")
LAWS = {"matched": Matched(), "worldsheet": Worldsheet(beta=0.8, gamma=0.05, impedance=0.5)}
TINY = 1e-13


def dynamic(rng: np.random.Generator, kinds: tuple[str, ...]) -> HardwareModel:
    """A model with random values of these knobs, all others ideal."""
    low = int(rng.integers(6, 9)) if "jitter" in kinds else 1
    changes: dict[str, object] = {"lines.delay_forward": low * STEP}
    if "delay" in kinds:
        changes["lines.delay_forward"] = Steps(step=STEP, fewest=low, most=low + int(rng.integers(2, 9)))
        changes["lines.delay_backward"] = Steps(step=STEP, fewest=low, most=low + int(rng.integers(2, 5)))
    if "asymmetry" in kinds:
        changes["lines.delay_forward"] = Uniform(low=low * STEP, high=(low + 6) * STEP)
        changes["lines.delay_asymmetry"] = float(rng.uniform(1.1, 2.0))
    if "jitter" in kinds:
        changes["lines.jitter"] = float(rng.uniform(0.4, (low - 1) / 4)) * STEP
    if "bandwidth" in kinds:
        changes["lines.bandwidth"] = float(rng.uniform(6e7, 2e8))
    if "impedance" in kinds:
        changes["lines.impedance_tolerance"] = float(rng.uniform(0.05, 0.2))
    return delays(1, 1).replace({"lines.delay_backward": None}).replace(changes)


def exact(model: HardwareModel, network, law, wiring: str, seed: int) -> None:
    """Require that everything settles, to exact backpropagation."""
    inputs, targets = random_batch(np.random.default_rng(seed), network, 2)
    graph = compile_network(network, hardware=model, law=law, wiring=wiring, seed=seed, rounding="nearest")
    result = settle(
        graph, inputs, targets, hold_seconds=(2 if law == Matched() else 5) * (graph.longest_round_trip + 300) * STEP,
        threshold=TINY, tolerance=1e-10, target="numpy", diagnose=False,
    )  # fmt: skip
    assert result.settled.all(), "it did not settle"
    errors = result.errors(reference(network, inputs, targets))
    assert max(errors["state"], errors["costate"], errors["gradient"]) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), ("delay", *KINDS[2:]), KINDS[1:]], ids="+".join)
def test_the_answer_is_backpropagation(kinds, wiring, law):
    seed = 10 * len(kinds) + KINDS.index(kinds[0])
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_depth=4, max_width=8, max_layers=4, activations=SMOOTH)
    exact(dynamic(rng, kinds), network, LAWS[law], wiring, seed)


def test_a_static_error_would_be_found_out():
    rng = np.random.default_rng(2)
    network = random_network(rng, max_depth=4, max_width=8, max_layers=4)
    model = dynamic(rng, KINDS[1:])
    exact(model, network, Matched(), "tile", 2)
    rejects(
        lambda wrong: exact(wrong, network, Matched(), "tile", 2),
        model.replace({"lines.attenuation_forward": 1 - 1e-6}),
        model.replace({"noise.offset_mismatch_backward": 1e-6}),
    )

"""Static errors move the settled answer by what the first-order estimate predicts; the rest falls quadratically."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import Bilateral, EngineError, Network, Worldsheet, compile_network, reference, settle
from emulator.engine import effects_of
from emulator.families.node import lay_out
from emulator.measure.sensitivity import StaticErrors, first_order, static_errors
from hwmodels import quantize
from tests.graphs import SMOOTH, random_batch, random_network
from tests.refusals import refuses
from tests.substrate import delays

#: a weight error of size e: devices of a spread of e/4 of their range
DEVICES = {"weights.g_max": 1.0, "weights.g_min": 0.4}


def gains(size: float) -> dict:
    return {"noise.gain_mismatch_forward": size, "noise.gain_mismatch_backward": 0.7 * size}


def offsets(size: float) -> dict:
    return {"noise.offset_mismatch_forward": size, "noise.offset_mismatch_backward": 0.5 * size}


def attenuation(size: float) -> dict:
    return {"lines.attenuation_forward": 1 - size, "lines.attenuation_backward": 1 - size / 3}


def devices(size: float) -> dict:
    law = {"kind": "polynomial", "coefficients": (size / 4,), "reference": 1.0}
    return {**DEVICES, "weights.programming": law}


def together(size: float) -> dict:
    return {**gains(size), **offsets(size), **attenuation(size), **devices(size)}


def remainder(network: Network, changes: dict, wiring: str, seed: int, law=None) -> tuple[float, float, float]:
    """Size of the measured change, of what the estimate leaves of it, and of what half the estimate leaves."""
    inputs, targets = random_batch(np.random.default_rng(seed), network, 3)
    exact = reference(network, inputs, targets)
    graph = compile_network(
        network, hardware=delays(1, 4).replace(changes), wiring=wiring, seed=seed, **({"law": law} if law else {})
    )
    result = settle(
        graph, inputs, targets, target="numpy", hold_seconds=5 * (graph.longest_round_trip + 1) * graph.step,
        threshold=1e-13, tolerance=1e-6, diagnose=False,
    )  # fmt: skip
    assert result.settled.all()
    change = first_order(graph, exact, static_errors(graph))
    moved, predicted = [], []
    for held, start, estimate in (
        (result.held_states, exact.states, change.states),
        (result.held_costates, exact.costates, change.costates),
    ):
        moved += [(held[name] - start[name]).ravel() for name in start]
        predicted += [estimate[name].ravel() for name in start]
    for name, gradient in exact.gradients.items():
        moved += [(a - b).ravel() for a, b in zip(result.held_gradients[name], gradient, strict=True)]
        predicted += [part.ravel() for part in change.gradients[name]]
    measured, estimate = np.concatenate(moved), np.concatenate(predicted)
    return tuple(float(np.linalg.norm(measured - share * estimate)) for share in (0.0, 1.0, 0.5))


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("kind", [gains, offsets, attenuation, devices, together])
def test_the_estimate_is_right_to_first_order(kind, wiring):
    seed = 3 if wiring == "tile" else 8
    network = random_network(np.random.default_rng(seed), max_depth=5, max_width=8, max_layers=5, activations=SMOOTH)
    size, left, left_by_half = remainder(network, kind(2e-3), wiring, seed)
    _, left_at_half, _ = remainder(network, kind(1e-3), wiring, seed)
    assert size > 1e-4
    assert left < 0.05 * size
    assert 3.3 < left / left_at_half < 4.7  # quadratic
    assert not left_by_half < 0.05 * size  # an estimate wrong by a factor 2 would be found out


def test_the_estimate_holds_for_a_law_that_scatters():
    network = random_network(np.random.default_rng(1), max_depth=4, max_width=6, max_layers=3, activations=SMOOTH)
    size, left, _ = remainder(network, together(1e-3), "tile", 1, Worldsheet(0.8, 0.05, 0.5))
    assert left < 0.05 * size


def mlp(rng: np.random.Generator) -> Network:
    sizes = [8, 12, 10, 4]
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]
    return Network.mlp(weights, activations="tanh", loss="mse")


def quantised(bits: int, seed: int = 0, samples: int = 40):
    rng = np.random.default_rng(seed)
    network = mlp(rng)
    inputs, targets = rng.normal(size=(samples, 8)), 0.3 * rng.normal(size=(samples, 4))
    kind = {"bits": bits, "full_scale": 4.0}
    hardware = delays(1, 3).replace({"precision.forward": kind, "precision.backward": kind})
    graph = compile_network(network, hardware=hardware, seed=seed)
    result = settle(graph, inputs, targets, target="numpy", diagnose=False)
    return network, graph, result, reference(network, inputs, targets)


def rounding_errors(network, graph, result, bits) -> np.ndarray:
    """What the ports' quantisers did to the waves that the substrate held in the end."""
    waves = np.zeros((len(result.settled), 2 * graph.neurons))
    for name, (site, kind) in graph.layer_sites.items():
        part = slice(graph.site(site).start, graph.site(site).stop)
        costate = slice(part.start + graph.neurons, part.stop + graph.neurons)
        if kind == "x":
            waves[:, part] = result.held_states[name]
        if kind == "s" or name == network.output:
            waves[:, costate] = result.held_costates[name]
    return quantize(waves, bits, 4.0) - waves


def test_rounding_of_waves_moves_the_answer_as_estimated_from_the_rounding_errors():
    left = {}
    for bits in (9, 10, 11):
        network, graph, result, exact = quantised(bits)
        change = first_order(graph, exact, StaticErrors(sent=rounding_errors(network, graph, result, bits)))
        costate = result.held_costates["x0"] - exact.costates["x0"]
        size = np.linalg.norm(costate)
        left[bits] = np.linalg.norm(costate - change.costates["x0"])
        assert left[bits] < 0.05 * size
        assert np.linalg.norm(costate - 2 * change.costates["x0"]) > 0.5 * size
    assert 10 < left[9] / left[11] < 26  # quadratic would be 16


def test_rounding_moves_the_answer_by_the_rms_of_uniform_rounding_errors():
    bits, step = 10, 4.0 / (2**9 - 1)
    _, graph, result, exact = quantised(bits, samples=200)
    errors = np.random.default_rng(5).uniform(-step / 2, step / 2, (200, 2 * graph.neurons))
    change = first_order(graph, exact, StaticErrors(sent=errors))
    for name in ("s2", "s3"):
        ratio = np.std(result.held_states[name] - exact.states[name]) / np.std(change.states[name])
        assert 0.9 < ratio < 1.1
    ratio = np.std(result.held_costates["x0"] - exact.costates["x0"]) / np.std(change.costates["x0"])
    assert 0.9 < ratio < 1.1


def test_without_targets_only_states_are_estimated():
    rng = np.random.default_rng(2)
    network = mlp(rng)
    graph = compile_network(network, hardware=delays(1, 3).replace(gains(0.01)))
    change = first_order(graph, reference(network, rng.normal(size=(2, 8))), static_errors(graph))
    assert change.costates == {}
    assert change.gradients == {}
    assert np.abs(change.states["s1"]).max() > 0


def test_the_errors_are_those_that_the_engine_uses():
    graph = compile_network(mlp(np.random.default_rng(2)), hardware=delays(1, 3).replace(together(0.1)), seed=4)
    errors, values = static_errors(graph), effects_of(graph, lay_out(graph), seed=9).values
    np.testing.assert_array_equal(errors.gain, values["gain"] - 1)
    np.testing.assert_array_equal(errors.offset, values["offset"])
    assert set(errors.weights) == {"s1", "s2", "s3"}


def test_errors_of_another_shape_are_refused():
    rng = np.random.default_rng(2)
    network = mlp(rng)
    graph = compile_network(network, hardware=delays(1, 3))
    exact = reference(network, rng.normal(size=(2, 8)), rng.normal(size=(2, 4)))
    for errors, words in (
        (StaticErrors(gain=np.zeros(3)), "static errors: gain has shape (3,); allowed: (56,) or a number"),
        (StaticErrors(sent=np.zeros((5, 68))), "static errors: sent has shape (5, 68); allowed: (2, 68) or a number"),
        (StaticErrors(weights={"s9": np.zeros(1)}), "static errors: no dense layer 's9'"),
        (StaticErrors(weights={"s1": np.zeros((8, 12))}), "static errors: weights of 's1' have shape (8, 12)"),
    ):
        refuses(words, lambda errors=errors: first_order(graph, exact, errors), EngineError)


def test_a_law_without_node_updates_is_refused():
    rng = np.random.default_rng(2)
    network = mlp(rng)
    graph = compile_network(network, law=Bilateral(1.0))
    exact = reference(network, rng.normal(size=(2, 8)))
    refuses("law bilateral has no node update", lambda: first_order(graph, exact, StaticErrors()), EngineError)

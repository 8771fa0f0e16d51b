"""Two-way lines that attenuate, and whose drivers and receivers are not alike: circuits with a rest of their own."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, reference, settle
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.scattering import BilateralStep, swap_test
from emulator.laws import family_of
from emulator.measure.power import power_balance
from emulator.measure.rest import operating_point
from emulator.measure.stability import predict, spectral_radius
from hwmodels import load
from tests.substrate import delays
from tests.support.bench import has_mean, has_std
from tests.two_way import chain

LAW = Bilateral(0.3, 2.0, far_end=SeriesRC())
LOSSY = {"lines.attenuation_forward": 0.99, "lines.attenuation_backward": 0.97}
MISMATCH = {
    "noise.gain_mismatch_forward": 0.03, "noise.gain_mismatch_backward": 0.02,
    "noise.offset_mismatch_forward": 0.01, "noise.offset_mismatch_backward": 0.02,
}  # fmt: skip
UNEVEN = {"lines.impedance_tolerance": 0.2}


def small(seed: int = 2):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2]
    return weights, rng.normal(size=3), rng.normal(size=2)


def batch(loss: str = "mse", activations: str = "tanh"):
    rng = np.random.default_rng(3)
    network = Network.mlp(
        [rng.normal(size=(5, 4)) / 2, rng.normal(size=(3, 5)) / 2], activations=activations, loss=loss
    )
    targets = rng.normal(size=(4, 3)) if loss == "mse" else np.eye(3)[[0, 1, 2, 0]]
    return network, rng.normal(size=(4, 4)), targets


@pytest.mark.parametrize("changes", [LOSSY, LOSSY | UNEVEN, MISMATCH, LOSSY | MISMATCH | UNEVEN])
def test_every_wave_is_that_of_an_independent_simulation(changes):
    """Lossless lines with an attenuator at the end of each, every wave of every step."""
    weights, x, y = small()
    hardware = delays(1, 1).replace(changes)
    network = Network.mlp(weights, activations=["tanh", "identity"])
    graph = compile_network(network, law=Bilateral(0.4, 1.7, kappa=1.3), hardware=hardware, seed=5)
    lines = lay_out(graph).lines
    passes = lines.passes
    if changes is LOSSY:
        assert (passes.gain_forward == 0.99).all() and (passes.gain_backward == 0.97).all()
    if changes.keys() & MISMATCH.keys():
        assert passes.gain_forward.std() > 0.01 and passes.offset_backward.std() > 0.005

    def carry(_, tail, head):
        ahead = passes.gain_forward * tail + passes.offset_forward
        return ahead, passes.gain_backward * head + passes.offset_backward

    result = settle(graph, x[None], y[None], hold_seconds=60 * graph.step, target="numpy", traces=True, diagnose=False)
    expected = chain(weights, x, y, lines.impedance, 1.3, 60, carry)
    np.testing.assert_allclose(result.waves.leaving, expected, atol=1e-10)
    ideal = chain(weights, x, y, lines.impedance, 1.3, 60, lambda _, tail, head: (tail, head))
    assert np.abs(result.waves.leaving - ideal).max() > 1e-2


@pytest.mark.parametrize(("loss", "activations"), [("mse", "tanh"), ("mse", "relu"), ("softmax_cross_entropy", "silu")])
def test_it_settles_at_its_own_rest_which_is_told_apart_from_its_bias(loss, activations):
    network, inputs, targets = batch(loss, activations)
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(LOSSY | MISMATCH), seed=3)
    result, exact = settle(graph, inputs, targets, hold=160, target="numpy"), reference(network, inputs, targets)
    assert result.settled.all() and result.deviation.max() < 1e-6
    for sample in range(len(inputs)):
        rest = operating_point(graph, exact, sample)
        for layer in ("x1", "x2"):
            part = graph.layer_neurons(layer)
            np.testing.assert_allclose(rest.x[part], result.held_states[layer][sample], atol=1e-6)
            np.testing.assert_allclose(rest.lam[part], result.held_costates[layer][sample], atol=1e-6)
    bias, errors = family_of(graph.law).bias(graph, exact), result.errors(exact)
    assert bias.found == 1 and bias.gradient > 0.01
    plain = compile_network(network, law=LAW, hardware=delays(1, 2), seed=3)
    assert family_of(plain.law).bias(plain, exact) is None
    assert errors["costate"] > 1e-2


def test_a_run_that_is_not_at_its_own_rest_yet_is_not_settled():
    network, inputs, targets = batch()
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(LOSSY), seed=3)
    result = settle(graph, inputs, targets, hold=8, target="numpy", diagnose=False)
    assert not result.settled.any() and result.deviation.min() > 1e-3


def test_inference_rests_where_lossy_lines_draw_current():
    network, inputs, _ = batch()
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(LOSSY), seed=3)
    result = settle(graph, inputs, hold=160, target="numpy")
    assert result.settled.all() and result.deviation.max() < 1e-6
    assert result.errors(reference(network, inputs))["state"] > 1e-3


def test_the_linearised_step_carries_what_an_engine_of_linear_neurons_does():
    rng = np.random.default_rng(7)
    network = Network.mlp([rng.normal(size=(3, 4)) / 2, rng.normal(size=(2, 3)) / 2], activations="identity")
    inputs, targets = rng.normal(size=(1, 4)), rng.normal(size=(1, 2))
    graph = compile_network(network, law=LAW, hardware=delays(1, 1).replace(LOSSY | MISMATCH | UNEVEN), seed=3)
    result = settle(graph, inputs, targets, hold_seconds=40 * graph.step, target="numpy", traces=True, diagnose=False)
    point = operating_point(graph, reference(network, inputs, targets))
    step = BilateralStep(graph, point)
    held = result.waves.arriving - step.rest
    assert np.abs(held[-1]).max() < 0.1 * np.abs(held[1]).max()
    np.testing.assert_allclose([step.carried(one) for one in held[1:-1]], held[2:], atol=1e-11)
    np.testing.assert_allclose(step.rest[: len(point.leaving)], point.arriving, atol=0)


def test_loss_is_in_the_prediction():
    network, inputs, targets = batch()
    radii, times = [], list[tuple[float, int]]()
    for changes in ({}, LOSSY):
        graph = compile_network(network, law=LAW, hardware=delays(1, 1).replace(changes), seed=3)
        point = operating_point(graph, reference(network, inputs, targets))
        radii.append(spectral_radius(graph, point))
        result = settle(graph, inputs[:1], targets[:1], hold=160, tolerance=1e-6, target="numpy")
        times.append((predict(graph, point, 1e-6).steps, int(result.settling_steps[0])))
    assert radii[1] < radii[0] - 1e-3
    for predicted, took in times:
        assert predicted == pytest.approx(took, rel=0.25)
    bare = Bilateral(0.3, 2.0, bandwidth=0.5)
    for changes in ({}, LOSSY):
        graph = compile_network(network, law=bare, hardware=delays(1, 1).replace(changes), seed=3)
        point = operating_point(graph, reference(network, inputs, targets))
        mu = swap_test(graph, point).eigenvalues
        assert np.abs(0.5 + 0.5 * mu).max() == pytest.approx(spectral_radius(graph, point), rel=1e-6)


def test_loss_follows_the_length_of_a_line():
    network, _, _ = batch()
    per_length = {"kind": "per_length", "per_length": 5e-9, "length": {"kind": "uniform", "low": 0.15, "high": 0.25}}
    hardware = load("ideal").replace({"lines.delay_forward": per_length, "lines.loss_per_length": 2.0})
    graph = compile_network(network, law=LAW, hardware=hardware, seed=3, rounding="nearest")
    passes = lay_out(graph).lines.passes
    assert 10 ** (-2 * 0.25 / 20) <= passes.gain_forward.min() < passes.gain_forward.max() <= 10 ** (-2 * 0.15 / 20)
    assert (passes.gain_forward == passes.gain_backward).all()


@pytest.mark.parametrize("changes", [{}, {"lines.crosstalk": 0.1}, LOSSY])
def test_a_wave_arrives_when_its_delay_is_over_not_before_and_not_after(changes):
    network, inputs, targets = batch()
    graph = compile_network(network, law=LAW, hardware=delays(1, 5).replace(changes), seed=3)
    plan = family_of(graph.law).plan(graph, 60, 1)
    result = settle(
        graph, inputs[:1], targets[:1], hold_seconds=60 * graph.step, target="numpy", traces=True, diagnose=False
    )
    layout, lines = plan.layout, slice(0, 2 * plan.layout.lines.count)
    assert {1, 5} <= set(layout.tap_delay[lines])
    come = np.zeros_like(result.waves.leaving)
    for tap, (delay, port) in enumerate(zip(layout.tap_delay, layout.partner, strict=True)):
        come[delay:, tap] = result.waves.leaving[:-delay, port]
    taken = (plan.carries.mix @ come.T).T
    np.testing.assert_allclose(result.waves.arriving[:, lines], taken[:, lines], rtol=0, atol=1e-14)


def test_the_power_that_is_under_way_dies_out_and_attenuators_take_the_rest():
    network, inputs, targets = batch()
    graph = compile_network(network, law=LAW, hardware=delays(1, 2).replace(LOSSY | MISMATCH), seed=3)
    result = settle(graph, inputs[:1], targets[:1], hold=160, target="numpy", traces=True)
    balance = power_balance(result)
    scale = np.abs(balance.source).max()
    assert np.abs(balance.lines[5:]).max() < 1e-12 * scale and balance.dissipated[-2] > 1e-3 * scale
    assert result.reflected_power[-1] < 1e-15 * result.reflected_power.max()


def test_what_is_drawn_for_each_line_has_the_stated_spread_on_its_own():
    """Over 1,000 lines: mean and spread of gains, offsets and impedances, directions drawn apart."""
    network = Network.mlp([np.ones((1000, 3)) / 40, np.ones((3, 1000)) / 40], activations="tanh")
    graph = compile_network(network, law=LAW, hardware=delays(1, 1).replace(MISMATCH | UNEVEN), seed=4)
    layout = lay_out(graph)
    lines, carries = layout.lines, carriage_of(layout)
    ahead, back = slice(lines.count, 2 * lines.count), slice(lines.count)
    drawn = {
        "gain forward": (carries.gain[ahead] - 1) / 0.03, "gain backward": (carries.gain[back] - 1) / 0.02,
        "offset forward": carries.offset[ahead] / 0.01, "offset backward": carries.offset[back] / 0.02,
        "impedance": (lines.impedance / lay_out(compile_network(network, law=LAW, hardware=delays(1, 1))).lines.impedance - 1) / 0.2,
    }  # fmt: skip
    for values in drawn.values():
        assert len(values) > 1000
        has_mean(values, 0.0)
        has_std(values, 1.0)
    apart = np.corrcoef(list(drawn.values())) - np.eye(len(drawn))
    assert np.abs(apart).max() < 4 / np.sqrt(lines.count)

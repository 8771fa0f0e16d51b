"""Reflections of every kind of junction against their closed forms, wave by wave, in the simulation."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Network, NetworkBuilder, compile_network, settle
from emulator.families.bilateral import lay_out
from hwmodels import HardwareModel
from tests.substrate import STEP, delays

EXACT = {"rtol": 0, "atol": 1e-12}


def wire(count: int = 1) -> Network:
    """An input joined to the load by one line per component."""
    build = NetworkBuilder()
    x = build.input("x", count)
    return build.build(output=build.activation(x, "identity", name="y"))


def run(network: Network, law: Bilateral, inputs: np.ndarray, targets: np.ndarray, hardware: HardwareModel, hold: int):
    graph = compile_network(network, law=law, hardware=hardware, seed=3)
    result = settle(graph, inputs, targets, hold_seconds=hold * STEP, target="numpy", traces=True, diagnose=False)
    return lay_out(graph), result


def test_load_and_source_reflect_as_their_resistances_say():
    """r = [(1 - Z kappa) i + Z kappa y]/(1 + Z kappa) at the load, (Z x_in + (R - Z) i)/(Z + R) at the source."""
    z, r, kappa = 0.7, 0.2, 3.0
    law = Bilateral(impedance=z, source_resistance=r, kappa=kappa, bandwidth=0.6)
    inputs, targets = np.array([[1.5, -0.4]]), np.array([[0.3, 2.0]])
    layout, result = run(wire(2), law, inputs, targets, delays(1, 4), 60)
    waves, count = result.waves, layout.lines.count
    at_source, at_load = slice(0, count), slice(count, 2 * count)
    arriving, leaving = waves.arriving[:, at_load], waves.leaving[:, at_load]
    np.testing.assert_allclose(leaving, ((1 - z * kappa) * arriving + z * kappa * targets) / (1 + z * kappa), **EXACT)
    arriving, leaving = waves.arriving[:, at_source], waves.leaving[:, at_source]
    np.testing.assert_allclose(leaving, (z * inputs + (r - z) * arriving) / (z + r), **EXACT)
    assert np.abs(arriving).max() > 0.1


def test_a_matched_load_absorbs_and_a_clamp_reflects_with_minus_one():
    z = 0.4
    law = Bilateral(impedance=z, kappa=1 / z)
    _, result = run(wire(), law, np.array([[1.0]]), np.array([[0.0]]), delays(2, 2), 20)
    assert np.abs(result.waves.leaving[:, 1]).max() < 1e-15  # port 1: the load
    _, result = run(wire(), Bilateral(impedance=z), np.array([[0.0]]), np.array([[1.0]]), delays(2, 2), 20)
    np.testing.assert_allclose(result.waves.leaving[:, 0], -result.waves.arriving[:, 0], **EXACT)
    assert np.abs(result.waves.arriving[:, 0]).max() > 0.1


def test_a_lossless_line_between_mismatched_resistors_follows_the_bounce_diagram():
    """Each round trip multiplies by both reflection coefficients; waves arrive after the delay of their direction."""
    z, r, kappa, there, back = 0.5, 2.0, 0.4, 3, 5
    law = Bilateral(impedance=z, source_resistance=r, kappa=kappa)
    hardware = delays(there, there, backward=(back, back))
    _, result = run(wire(), law, np.array([[2.0]]), np.array([[0.0]]), hardware, 120)
    at_source, at_load = (r - z) / (r + z), (1 - z * kappa) / (1 + z * kappa)
    trip, launched = there + back, 2.0 * z / (r + z)
    step = np.arange(result.hold)
    forward = launched * (1 - (at_source * at_load) ** (step // trip + 1)) / (1 - at_source * at_load)
    late = step - there
    came = np.where(late >= 0, launched * (1 - (at_source * at_load) ** (late // trip + 1.0)), 0.0)
    came = came / (1 - at_source * at_load)
    np.testing.assert_allclose(result.waves.leaving[:, 0], forward, **EXACT)
    np.testing.assert_allclose(result.waves.arriving[:, 1], came, **EXACT)
    np.testing.assert_allclose(result.waves.x[:, 1], came * (1 + at_load), **EXACT)
    divider = 2.0 / (1 + r * kappa)  # at rest the line is a wire
    assert abs(result.waves.x[-1, 1] - divider) < 1e-3 * divider


@pytest.mark.parametrize("weight", [1.0, -0.6, 2.5])
def test_an_impedance_step_reflects_as_the_transformed_impedance_says(weight):
    """From the left a transformer of ratio w shows Z2/w^2; w = 1 is a plain step of impedance."""
    taper, z2 = 3.0, 0.9
    z1, seen = z2 / taper, z2 / weight**2
    law = Bilateral(impedance=z2, taper=taper)
    network = Network.mlp([np.array([[weight]])])
    hardware = delays(1, 1, backward=(9, 9))
    layout, result = run(network, law, np.array([[1.0]]), np.array([[0.0]]), hardware, 9)
    waves = result.waves
    row, column = 2, 1  # ports: tails of the row and column lines, then their heads
    np.testing.assert_allclose(layout.impedance[[row, column]], [z1, z2])
    first = waves.arriving[:, row] != 0
    gamma = (seen - z1) / (seen + z1)
    np.testing.assert_allclose(waves.leaving[first, row], gamma * waves.arriving[first, row], **EXACT)
    np.testing.assert_allclose(waves.leaving[first, column], weight * (1 + gamma) * waves.arriving[first, row], **EXACT)
    assert first.sum() == 8


def test_a_parallel_adaptor_shares_the_state_and_adds_the_costates():
    """x = 2 sum(i/Z)/sum(1/Z) and r = x - i: an identity neuron read three times, by lines of other impedances."""
    build = NetworkBuilder()
    x = build.input("x", 1)
    middle = build.activation(x, "identity", name="middle")
    one = build.dense(middle, [[0.7]], name="one")
    two = build.dense(build.dense(middle, [[-1.2]], name="deep"), [[0.5]], name="two")
    network = build.build(output=build.add(one, two, middle))
    law = Bilateral(impedance=0.8, taper=1.7, bandwidth=0.7)
    layout, result = run(network, law, np.array([[1.3]]), np.array([[-0.5]]), delays(1, 4), 40)
    neuron = compile_network(network, law=law).site("middle").start
    ports = np.flatnonzero(layout.at_neuron & (layout.node == neuron))
    z, waves = layout.impedance[ports], result.waves
    assert len(ports) == 4 and len(set(z.round(9))) == 3
    state = 2 * (waves.arriving[:, ports] / z).sum(axis=1) / (1 / z).sum()
    np.testing.assert_allclose(waves.leaving[:, ports], state[:, None] - waves.arriving[:, ports], **EXACT)
    np.testing.assert_allclose(waves.x[:, neuron], state, **EXACT)


def test_a_series_adaptor_shares_the_costate_and_adds_the_states():
    """lam = 2 (sum i_p - i_out)/(sum Z_p + Z_out), r_p = i_p - Z_p lam, r_out = i_out + Z_out lam."""
    build = NetworkBuilder()
    a, b = build.input("a", 2), build.input("b", 2)
    total = build.add(a, b, a, name="total")
    network = build.build(output=build.dense(total, [[0.7, -0.3]], name="s"))
    model = delays(1, 4).replace({"lines.impedance_tolerance": 0.3, "lines.impedance": 50.0})
    law = Bilateral(impedance=0.8, taper=1.7, bandwidth=0.7)
    graph = compile_network(network, law=law, hardware=model, seed=1)
    inputs = {"a": np.array([[1.3, 0.2]]), "b": np.array([[-0.5, 1.1]])}
    result = settle(graph, inputs, np.array([[0.4]]), hold_seconds=40e-9, target="numpy", traces=True, diagnose=False)
    layout, waves = lay_out(graph), result.waves
    for neuron in range(graph.site("total").start, graph.site("total").stop):
        at = layout.at_neuron & (layout.node == neuron)
        into, out = np.flatnonzero(at & ~layout.out), np.flatnonzero(at & layout.out)
        assert len(into) == 3 and len(out) == 1
        z = layout.impedance
        assert len(set(z[[*into, *out]].round(9))) == 4
        arriving = waves.arriving
        lam = 2 * (arriving[:, into].sum(axis=1) - arriving[:, out[0]]) / (z[into].sum() + z[out[0]])
        np.testing.assert_allclose(waves.leaving[:, into], arriving[:, into] - z[into] * lam[:, None], **EXACT)
        np.testing.assert_allclose(waves.leaving[:, out[0]], arriving[:, out[0]] + z[out[0]] * lam, **EXACT)
        assert np.abs(lam).max() > 0.1

"""Reflection coefficients of ports over time, and which junctions reflect in vain."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, EngineError, Network, NetworkBuilder, SeriesRC, compile_network, settle
from emulator.families.bilateral import lay_out
from emulator.measure.reflections import reflections
from emulator.report import reflection_figure
from tests.refusals import refuses
from tests.substrate import STEP, delays


def run(network: Network, law: Bilateral, samples: int = 1, hold: int = 60):
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(samples, network.size(network.inputs[0])))
    targets = rng.normal(size=(samples, network.size(network.output)))
    graph = compile_network(network, law=law, hardware=delays(1, 3), seed=3)
    return settle(graph, inputs, targets, hold_seconds=hold * STEP, target="numpy", traces=True, diagnose=False)


@pytest.fixture(scope="module")
def perceptron():
    rng = np.random.default_rng(4)
    network = Network.mlp([rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2], activations=["tanh", "identity"])
    return run(network, Bilateral(0.6, taper=1.5, bandwidth=0.4, far_end=SeriesRC()), samples=2, hold=150)


def test_ports_of_sources_and_loads_keep_their_coefficient_while_waves_move():
    """Whatever the datum and the target add: their constants are in the end of the hold as well."""
    z, kappa, resistance = 0.7, 3.0, 0.2
    build = NetworkBuilder()
    network = build.build(output=build.activation(build.input("x", 2), "identity", name="y"))
    law = Bilateral(z, source_resistance=resistance, kappa=kappa, bandwidth=0.6)
    found = reflections(run(network, law))
    at_source, at_load = found.coefficient[:, :2], found.coefficient[:, 2:]
    for coefficient, expected in (
        (at_source, (resistance - z) / (resistance + z)),
        (at_load, (1 - z * kappa) / (1 + z * kappa)),
    ):
        measured = coefficient[np.isfinite(coefficient)]
        assert len(measured) > 20
        np.testing.assert_allclose(measured, expected, atol=1e-6)


def test_the_budget_is_all_of_the_reflected_power_by_junction(perceptron):
    for sample, part in ((0, slice(0, 150)), (1, slice(150, 300))):
        found = reflections(perceptron, sample)
        np.testing.assert_allclose(found.residual.sum(axis=1), perceptron.reflected_power[part], rtol=1e-9)
        budget = found.budget()
        assert sum(budget.values()) == pytest.approx(perceptron.reflected_power[part].sum() * STEP)
        assert found.budget(by_row=True)["x1"] == pytest.approx(sum(budget[f"x1[{k}]"] for k in range(4)))
    assert list(found.budget(by_row=True)) == ["x0", "x1", "x2", "crossbar s1", "crossbar s2"]
    assert found.residual[-1].sum() < 1e-3 * found.residual.max()


def test_a_port_belongs_to_the_junction_it_leaves_from(perceptron):
    """Each junction's residual, summed over its own ports from the recorded waves."""
    graph, waves = perceptron.graph, perceptron.waves
    layout = lay_out(graph)
    found = reflections(perceptron, 0)
    neuron = graph.site("x1").start + 2
    ports = np.flatnonzero(layout.at_neuron & (layout.node == neuron))
    lost = (waves.leaving - waves.arriving[:, layout.partner])[:150, ports] ** 2 / (2 * layout.impedance[ports])
    np.testing.assert_allclose(found.residual[:, neuron], lost.sum(axis=1))
    assert found.names[neuron] == "x1[2]"
    assert set(found.junction[~layout.at_neuron]) == {graph.neurons, graph.neurons + 1}


def test_the_picture_shows_every_port_and_the_budget(perceptron):
    figure = reflection_figure(perceptron)
    image, bars = figure.axes[:2]
    labels = [label.get_text() for label in image.get_yticklabels()]
    assert labels == ["x0", "crossbar s1", "x1", "crossbar s2", "x2"]
    assert image.images[0].get_array().shape[1] == 150
    assert sum(bar.get_width() for bar in bars.patches) == pytest.approx(100)
    budget = reflections(perceptron).budget(by_row=True)
    assert bars.patches[2].get_width() == pytest.approx(100 * budget["x1"] / sum(budget.values()))


def test_runs_without_waves_and_samples_that_are_not_there_are_refused(perceptron):
    result = settle(compile_network(Network.mlp([np.ones((1, 1))])), [[1.0]], [[0.0]], target="numpy", traces=True)
    refuses(
        "reflections of a run with law matched: it has no recorded waves; allowed: law bilateral, settled with",
        lambda: reflections(result),
        EngineError,
    )
    refuses("reflections: sample is 2; allowed: 0 to 1", lambda: reflections(perceptron, 2), EngineError)

"""``.op`` in ngspice is forward pass and backpropagation, whatever the network and the circuit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emulator import Network, compile_network
from emulator.export import Options
from emulator.network import ACTIVATIONS, LOSSES
from tests.graphs import DRAWN
from tests.substrate import delays
from tests.support.circuits import KINDS, ngspice, operating_point, random_case

__all__ = ["ngspice"]
SEEDS = range(44)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_it_equals_the_reference(ngspice, tmp_path, circuit, seed):
    kinds = [kind for kind in KINDS if kind[0] == circuit]
    _, synapse, wiring = kinds[seed % len(kinds)]
    graph, inputs, targets = random_case(seed, wiring)
    volts, ohms = (1.0, 50.0) if seed % 2 else (0.3, 1000.0)
    options = Options(circuit=circuit, synapse=synapse, volts=volts, ohms=ohms)
    assert operating_point(graph, inputs, targets, options, tmp_path) < 1e-8


def test_the_seeds_cover_every_activation_loss_and_kind_of_layer():
    networks = [random_case(seed)[0].network for seed in SEEDS]
    functions = {getattr(layer, "function", None) for net in networks for layer in net.layers.values()}
    kinds = {type(layer).__name__ for net in networks for layer in net.layers.values()}
    assert functions - {None} == set(DRAWN)  # elu: a test of its own
    assert kinds == {"Input", "Dense", "Activation", "Add", "Concat"}
    assert {net.loss for net in networks} == set(LOSSES)


@pytest.mark.parametrize("circuit", ["directional", "bilateral"])
def test_exponential_units_rest_where_backpropagation_does(ngspice, tmp_path, circuit):
    rng = np.random.default_rng(5)
    net = Network.mlp([rng.normal(size=(4, 3)), rng.normal(size=(2, 4))], None, "elu")
    graph = compile_network(net, hardware=delays(1, 3))
    options = Options(circuit=circuit)
    assert operating_point(graph, rng.normal(size=(1, 3)), rng.normal(size=(1, 2)), options, tmp_path) < 1e-8


def test_a_wrong_sign_is_seen(ngspice, tmp_path, monkeypatch):
    value, slope = ACTIVATIONS["tanh"].circuit()
    wrong = replace(ACTIVATIONS["tanh"], spice=(value, f"-{slope}"))
    monkeypatch.setitem(ACTIVATIONS._built_in, "tanh", wrong)
    seeds = [s for s in SEEDS if any(site.function == "tanh" for site in random_case(s)[0].sites)]
    graph, inputs, targets = random_case(seeds[0])
    assert operating_point(graph, inputs, targets, Options(), tmp_path) > 1e-3

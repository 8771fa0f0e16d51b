"""Power is conserved on two-way lines, and where it is not, the place is named."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, EngineError, Network, ParallelRL, SeriesRC, compile_network, settle
from emulator.measure.power import power_balance
from tests.graphs import random_batch, random_network
from tests.refusals import refuses
from tests.substrate import delays

LAWS = {
    "lossless": Bilateral(0.7, taper=1.5),
    "bandwidth": Bilateral(0.4, bandwidth=0.3),
    "far end": Bilateral(0.8, taper=3.0, far_end=SeriesRC()),
    "both ends": Bilateral(0.6, bandwidth=0.8, far_end=SeriesRC(0.5, 1.0), source_end=ParallelRL()),
    "resistive source": Bilateral(0.6, source_resistance=0.4, kappa=2.0, bandwidth=0.9),
}


def balance_of(network: Network, law: Bilateral, seed: int = 0, hold: int = 80, **settings):
    rng = np.random.default_rng(seed)
    inputs, targets = random_batch(rng, network, 2)
    graph = compile_network(network, law=law, hardware=delays(1, 5), seed=seed)
    result = settle(
        graph, inputs, targets, hold_seconds=hold * graph.step, target="numpy", traces=True, diagnose=False, **settings
    )
    return power_balance(result)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_linear_and_homogeneous_networks_keep_the_balance_over_a_whole_transient(law, seed):
    rng = np.random.default_rng(seed)
    kinds = ["identity", "relu", "leaky_relu"]
    network = random_network(rng, max_depth=5, max_width=5, max_layers=5, activations=kinds, losses=["mse"])
    balance = balance_of(network, LAWS[law], seed)
    assert balance.worst < 1e-9
    assert balance.violators() == {}
    assert balance.stored.max() > 0.1 and (balance.stored >= 0).all()
    assert (balance.dissipated >= -1e-15).all()
    assert (balance.dissipated.sum() > 1e-3) == (law != "lossless")


def test_a_tanh_breaks_it_and_the_monitor_names_the_neurons():
    rng = np.random.default_rng(4)
    network = Network.mlp([rng.normal(size=(3, 2)), rng.normal(size=(2, 3))], activations=["tanh", "identity"])
    balance = balance_of(network, LAWS["bandwidth"])
    assert balance.worst > 1e-6
    assert set(balance.violators()) == {"x1[0]", "x1[1]", "x1[2]"}


def test_a_threshold_breaks_it_on_the_lines():
    rng = np.random.default_rng(5)
    network = Network.mlp([rng.normal(size=(3, 2)), rng.normal(size=(2, 3))], activations="relu")
    balance = balance_of(network, LAWS["bandwidth"], threshold=0.05)
    assert balance.worst > 1e-6
    assert all(name.startswith("line into ") for name in balance.violators())
    assert any("crossbar s1" in name for name in balance.violators())


def test_cross_entropy_takes_its_power_at_the_load():
    rng = np.random.default_rng(6)
    network = Network.mlp([rng.normal(size=(3, 2)), rng.normal(size=(4, 3))], activations="relu",
                          loss="softmax_cross_entropy")  # fmt: skip
    balance = balance_of(network, LAWS["far end"])
    assert balance.worst < 1e-9 and balance.violators() == {}
    assert np.abs(balance.load).max() > 0.1


def test_runs_without_waves_are_refused():
    network = Network.mlp([np.ones((1, 1))])
    result = settle(compile_network(network), [[1.0]], [[0.0]], target="numpy", traces=True)
    refuses(
        "power balance of a run with law matched: it has no recorded waves; allowed: law bilateral, settled with",
        lambda: power_balance(result),
        EngineError,
    )

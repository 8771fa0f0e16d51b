"""The random networks the other tests rely on: varied, within their limits, reproducible."""

import itertools
from typing import Any

import numpy as np

from emulator.network import LOSSES, Activation, Add, Concat, Input, Network, check_batch
from tests.graphs import DRAWN, random_batch, random_network


def sample(count: int, **limits: Any) -> list[Network]:
    return [random_network(np.random.default_rng(seed), **limits) for seed in range(count)]


def longest_path(network: Network) -> int:
    depth: dict[str, int] = {}
    for name, layer in network.layers.items():
        sources = network.sources(name)
        follows_its_dense = isinstance(layer, Activation) and layer.source == f"{name}_s"
        free = isinstance(layer, Input) or follows_its_dense
        depth[name] = max((depth[source] for source in sources), default=0) + (not free)
    return depth[network.output]


def test_every_kind_occurs() -> None:
    layers = list(itertools.chain.from_iterable(network.layers.values() for network in sample(60)))
    assert {layer.function for layer in layers if isinstance(layer, Activation)} == set(DRAWN)
    assert {network.loss for network in sample(60)} == set(LOSSES)
    assert any(isinstance(layer, Concat) for layer in layers)
    assert any(isinstance(layer, Add) and len(set(layer.sources)) < len(layer.sources) for layer in layers)
    assert any(len(network.consumers(name)) > 2 for network in sample(60) for name in network)
    assert any(len(network.inputs) == 2 for network in sample(60))


def test_limits_hold() -> None:
    for network in sample(60, max_depth=6, max_width=7, max_inputs=1):
        assert longest_path(network) <= 6
        assert max(network.size(name) for name in network) <= 7
        assert len(network.inputs) == 1
    assert max(longest_path(network) for network in sample(60, max_depth=6)) == 6


def test_seed_decides_everything() -> None:
    first, second, other = (random_network(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first == second != other


def test_batches_suit_their_network() -> None:
    for seed, network in enumerate(sample(20)):
        inputs, targets = random_batch(np.random.default_rng(seed), network, samples=2)
        checked, wanted = check_batch(network, inputs, targets)
        assert wanted is not None
        assert list(checked) == list(network.inputs)
        np.testing.assert_array_equal(wanted, targets)

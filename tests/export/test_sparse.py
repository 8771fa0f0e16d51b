"""Netlists of crossbars that do not have all devices hold those they have, and compute the same."""

from __future__ import annotations

import re

import pytest

from emulator import compile_network
from emulator.export import Options, schematic, spice
from tests.substrate import delays
from tests.support.circuits import KINDS, ngspice, operating_point
from tests.support.networks import batch, sparse

__all__ = ["ngspice"]


@pytest.mark.parametrize(("circuit", "synapse", "wiring"), KINDS)
def test_the_operating_point_is_the_reference(ngspice, tmp_path, monkeypatch, circuit, synapse, wiring):
    monkeypatch.setattr("emulator.export.tiles.TILE", 2)  # some tiles are empty, others lack rows or columns
    network = sparse(loss="mse")
    graph = compile_network(network, hardware=delays(1, 3), wiring=wiring, seed=2)
    inputs, targets = batch(network, 1)
    assert operating_point(graph, inputs, targets, Options(circuit=circuit, synapse=synapse), tmp_path) < 1e-8


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_a_netlist_has_the_devices_that_exist(tmp_path, wiring):
    network = sparse()
    spice(compile_network(network, wiring=wiring), tmp_path, *batch(network, 1))
    tiles = re.findall(r"^\.subckt bw_tile.*?^\.ends", (tmp_path / "net.cir").read_text(), re.DOTALL | re.MULTILINE)
    assert len(tiles) == len(network.dense)
    assert [tile.count("\nXw") for tile in tiles] == [layer.count for layer in network.dense.values()]


def test_a_picture_draws_the_devices_that_exist():
    network = sparse()
    drawn = schematic(compile_network(network), layer="a_s")
    layer = network.dense["a_s"]
    assert f"5 with {layer.count} synapses:" in drawn.get_title()
    weights = {f"{w:.2g}" for w in layer.weight[layer.devices]}
    assert weights and weights <= {text.get_text() for text in drawn.texts}
    assert "0" not in {text.get_text() for text in drawn.texts}

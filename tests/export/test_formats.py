"""Other formats: SAX-style netlist, Touchstone, Verilog-A, GraphML, JSON."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest

from emulator import ExportError
from emulator.export.formats import FORMATS, export_file
from emulator.export.sax import sax_netlist
from emulator.export.touchstone import tile_scattering, touchstone
from tests.export.rig import chain, random_case
from tests.refusals import refuses


@pytest.mark.parametrize("seed", range(6))
def test_a_sax_netlist_joins_every_port_once(seed):
    graph, _, _ = random_case(seed)
    net = json.loads(json.dumps(sax_netlist(graph)))
    ends = [*net["connections"], *net["connections"].values()]
    assert len(ends) == len(set(ends)) and {end.split(",")[0] for end in ends} == set(net["instances"])
    lines = [i["settings"] for i in net["instances"].values() if i["component"] == "line"]
    assert len(lines) == sum(b.count for b in graph.bundles if b.is_line)
    total = sum(int(b.delays().sum()) for b in graph.bundles) * graph.step
    assert sum((i["delay_forward"] or 0) + (i["delay_backward"] or 0) for i in lines) == pytest.approx(total)
    assert len(net["ports"]) == sum(map(graph.network.size, graph.network.inputs)) + graph.network.size(
        graph.network.output
    )
    for element in graph.elements:
        name = next(n for n, i in net["instances"].items() if i["settings"].get("element") == element.name)
        for port in element.ports:
            assert all(f"{name},{port.name}_{k}" in ends for k in range(port.width))


def test_a_tile_is_lossless_reciprocal_and_obeys_its_transformers():
    rng = np.random.default_rng(0)
    w, left, right = rng.normal(size=(3, 5)), rng.uniform(10, 90, 5), rng.uniform(10, 90, 3)
    s = tile_scattering(w, left, right)
    np.testing.assert_allclose(s @ s.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(s, s.T, atol=1e-12)
    a, z = rng.normal(size=8), np.concatenate([left, right])
    b = s @ a
    voltage, current = (a + b) * np.sqrt(z), (a - b) / np.sqrt(z)
    np.testing.assert_allclose(voltage[5:], w @ voltage[:5], atol=1e-10)
    np.testing.assert_allclose(current[:5], -w.T @ current[5:], atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2)])
def test_scikit_rf_reads_the_touchstone_file(tmp_path, shape):
    skrf = pytest.importorskip("skrf")
    graph = chain((shape[1], shape[0]))
    path = tmp_path / "tile.ts"
    path.write_text(touchstone(graph, "h0_s", 75.0))
    read = skrf.Network(str(path))
    expected = tile_scattering(graph.network.parameters["h0_s"].weight, 75.0, 75.0)
    assert read.s.shape == (2, sum(shape), sum(shape))
    np.testing.assert_allclose(read.s[0], expected, atol=1e-12)
    np.testing.assert_allclose(read.z0, 75.0)


def test_verilog_a_has_a_module_for_every_activation_and_says_that_it_is_untested(tmp_path):
    graph, _, _ = random_case(7)
    export_file(graph, tmp_path / "out", "verilog-a")
    text = (tmp_path / "out" / "cells.va").read_text()
    functions = {site.function for site in graph.sites if site.role != "source"}
    assert all(f"module neuron_{function}" in text for function in functions) and "UNTESTED" in text
    assert text.count("module ") == text.count("endmodule") * 1 and text.count("(") == text.count(")")


@pytest.mark.parametrize("kind", [*FORMATS, "touchstone"])
def test_every_format_is_written_whole(tmp_path, kind):
    graph = chain((3, 2))
    names = export_file(graph, tmp_path / "out", kind)
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    if kind == "graphml":
        assert nx.read_graphml(tmp_path / "out" / names[0]).number_of_nodes() == graph.nx.number_of_nodes()
    if kind in ("json", "sax"):
        assert json.loads((tmp_path / "out" / names[0]).read_text())


def test_what_cannot_be_written_is_refused(tmp_path):
    graph = chain()
    for words, action in (
        ("unknown format 'sap' (did you mean 'sax'?)", lambda: export_file(graph, tmp_path / "a", "sap")),
        ("a SAX netlist got wiring 'synapse'", lambda: sax_netlist(chain(wiring="synapse"))),
        ("touchstone: no layer was chosen; allowed: one of h0_s, h1_s", lambda: touchstone(graph)),
        ("touchstone: no crossbar 'h0'", lambda: touchstone(graph, "h0")),
        ("ohms is 0", lambda: touchstone(graph, "h0_s", 0)),
        ("tile: weight has shape (3,)", lambda: tile_scattering([1, 2, 3], 50, 50)),
        ("tile: a port impedance is", lambda: tile_scattering([[1.0]], 50, -1)),
    ):
        refuses(words, action, ExportError)
    assert not list(tmp_path.iterdir())

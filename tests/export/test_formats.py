"""Other formats: SAX-style netlist, Touchstone, Verilog-A, GraphML, JSON."""

from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pytest

from emulator import Bilateral, ExportError, ParallelRL, SeriesRC, reference, settle
from emulator.export import Options, schematic
from emulator.export.compiled import export_compiled
from emulator.export.formats import FORMATS, export_file
from emulator.export.netlist import network
from emulator.export.small_signal import network_scattering
from emulator.export.touchstone import character, tile_scattering, touchstone
from emulator.export.two_way import with_two_way_lines
from emulator.units import si
from tests.refusals import refuses
from tests.support.circuits import MISHAPS, chain, random_case, sample


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


TWO_WAY = {
    "recommended": {"high": 1},
    "low-passes": {"high": 2, "law": Bilateral(0.6, taper=3.0, bandwidth=0.7, far_end=SeriesRC(), kappa=1.3)},
    "mishaps": {
        "high": 2,
        "law": Bilateral(0.6, taper=3.0, bandwidth=0.7, far_end=SeriesRC()),
        "hardware": MISHAPS
        | {"lines.attenuation_forward": 0.6, "lines.attenuation_backward": 0.7},  # an end that is open rings
    },
    "source ends": {
        "high": 1,
        "loss": "softmax_cross_entropy",
        "law": Bilateral(0.3, taper=2.0, far_end=SeriesRC(), source_end=ParallelRL()),
    },
}


@pytest.mark.parametrize(
    "case", ["recommended", "low-passes", "mishaps", pytest.param("source ends", marks=pytest.mark.slow)]
)
def test_the_scattering_of_a_network_is_the_spectrum_of_brian2s_answer_to_a_small_step(tmp_path, case):
    """A step of one input, its answer at the ports differentiated and transformed, gives a column of the hybrid matrix."""
    graph = with_two_way_lines(chain((3, 4, 2), **TWO_WAY[case]))
    inputs, targets = sample(graph)
    small, hold = np.array([[0.0, 1e-5, 0.0]]), 320
    pairs = [settle(graph, np.vstack([inputs, inputs + sign * small]), np.repeat(targets, 2, axis=0), traces=True,
                    hold_seconds=hold * graph.step, target="numpy", diagnose=False) for sign in (1, -1)]  # fmt: skip
    ports = [np.hstack([r.traces.lam[hold:, :3], r.traces.x[hold:, graph.layer_neurons("h1")]]) for r in pairs]
    answer = np.diff((ports[0] - ports[1]) / 2e-5, axis=0, prepend=0 * ports[0][:1])
    point = reference(graph.network, inputs, targets)
    fractions = np.array([0.0, 0.03, 0.21])
    found = network_scattering(graph, point, fractions / graph.step)
    sign = np.array([1, 1, 1, -1, -1])
    for fraction, s in zip(fractions, found, strict=True):
        bent = sign[:, None] * s  # (1 - H)(1 + H)^-1
        hybrid = np.linalg.solve(np.eye(5) + bent, np.eye(5) - bent)
        spectrum = (answer * np.exp(-2j * np.pi * fraction * np.arange(len(answer)))[:, None]).sum(axis=0)
        np.testing.assert_allclose(hybrid[:, 1], spectrum, atol=1e-6 * np.abs(spectrum).max())
    if case == "recommended":  # every line has one delay: reciprocal
        np.testing.assert_allclose(found, found.transpose(0, 2, 1), atol=1e-12)
    with pytest.raises(ExportError, match="allowed: 0 to 5e"):
        network_scattering(graph, point, [6e8])


def test_scikit_rf_reads_the_network_around_its_rest(tmp_path):
    skrf = pytest.importorskip("skrf")
    graph = chain((3, 2))
    inputs, targets = sample(graph)
    point = reference(graph.network, inputs, targets)
    names = export_file(graph, tmp_path / "out", "touchstone-network", point=point)
    read = skrf.Network(str(tmp_path / "out" / names[0]))
    assert read.s.shape == (51, 5, 5)
    np.testing.assert_allclose(read.s, network_scattering(graph, point, read.f), atol=1e-12)


def test_a_schematic_names_the_nodes_delays_and_weights_of_the_netlist(tmp_path):
    graph = chain((5, 4, 2), low=1, high=4)
    whole = [text.get_text() for text in schematic(graph).texts]
    assert {f"{w:.2g}" for w in graph.network.parameters["h0_s"].weight.ravel()} <= set(whole)
    graph = chain((12, 4, 2), low=1, high=4)
    for circuit in ("directional", "bilateral"):
        options = Options(circuit)
        texts = [text.get_text() for text in schematic(graph, tmp_path / "a.png", options=options).texts]
        used = with_two_way_lines(graph) if options.bilateral else graph
        delays = used.couplings[0].delay_forward[:3]
        assert {"x0_0", "s1_2", "x1_1, lam1_1", "tanh"} <= set(texts)
        assert all(any(t.startswith(f"f0_{k}: {d} ns") for t in texts) for k, d in enumerate(delays))
        weight = graph.network.parameters["h0_s"].weight
        assert f"{weight[2, 1]:.2g}" in texts and f"{weight[3, 1]:.2g}" not in texts
    assert (tmp_path / "a.png").stat().st_size > 10_000
    refuses("schematic: no crossbar 'h0' (did you mean 'h0_s'", lambda: schematic(graph, layer="h0"), ExportError)
    apart = chain(wiring="synapse")
    refuses(
        "the bilateral circuit got wiring 'synapse'",
        lambda: schematic(apart, options=Options("bilateral")),
        ExportError,
    )
    refuses(
        f"file '{tmp_path / 'a.xyz'}': no picture format", lambda: schematic(graph, tmp_path / "a.xyz"), ExportError
    )


@pytest.mark.parametrize("termination", ["stub", "lumped"])
def test_a_schematic_shows_the_values_that_the_netlist_has(termination):
    """Of lines, of what ends them, and of what stands before them: those of the parameters of the circuit."""
    law = Bilateral(taper=2.0, far_end=SeriesRC(2.0, 3.0), source_end=ParallelRL(0.5, 2.0))
    graph, options = chain(low=2, high=2, law=law), Options("bilateral", termination=termination)
    value = {p.name: p.value for p in network(graph, options, {}).parameters}
    texts = [text.get_text() for text in schematic(graph, options=options).texts]
    rest = " (stub)" if termination == "stub" else ""
    for bundle in ("f0", "b0"):
        ends = f"R {si(value[f'rt_{bundle}'], 'ohm')}\nC {si(value[f'ct_{bundle}'], 'F')}{rest}"
        before = f"R {si(value[f'rs_{bundle}'], 'ohm')}\n|| L {si(value[f'ls_{bundle}'], 'H')}{rest}"
        count = len(graph.couplings[0].rows if bundle == "f0" else graph.couplings[0].columns)
        assert texts.count(ends) == texts.count(before) == count
        assert any(si(value[f"z0_{bundle}"], "ohm") in t for t in texts if t.startswith(f"{bundle}_0:"))
    alone = [text.get_text() for text in schematic(chain(low=2, high=2), options=Options(ohms=75.0)).texts]
    assert "f0_1: 2 ns, 75 ohm" in alone and "b0_2:\n2 ns\n75 ohm" in alone and alone.count("R 75 ohm") == 3 + 4


def test_a_schematic_of_synapse_wiring_has_two_lines_per_synapse():
    graph = chain(wiring="synapse", high=9)
    coupling = graph.couplings[0]
    texts = [text.get_text() for text in schematic(graph).texts]
    steps = np.concatenate([coupling.delay_forward, coupling.delay_backward])
    delays = sorted(f"{steps_} ns, 50 ohm" for steps_ in steps.tolist())
    assert sorted(t for t in texts if t.endswith("ns, 50 ohm")) == delays and texts.count("R 50 ohm") == 2 * 3 * 4
    assert {f"{w:.2g}" for w in graph.network.parameters["h0_s"].weight.ravel()} <= set(texts)
    assert any("every synapse has lines of its own" in t for t in texts)


def test_verilog_a_has_a_module_for_every_cell(tmp_path):
    graph, _, _ = random_case(7)
    export_file(graph, tmp_path / "out", "verilog-a")
    text = (tmp_path / "out" / "cells.va").read_text()
    functions = {site.function for site in graph.sites if site.role != "source"}
    cells = {*functions, "synapse", "line", "sum", "bias", "load"}
    assert all(f"module bw_{cell}" in text for cell in cells) and "read by: OpenVAF" in text
    assert text.count("module ") == text.count("endmodule") * 1 and text.count("(") == text.count(")")


def test_networkx_reads_neurons_and_synapses(tmp_path):
    graph = chain((3, 4, 2), names=("a\x1b", "b & <c>", "d"))
    export_file(graph, tmp_path / "json", "node-link")
    read = nx.node_link_graph(json.loads((tmp_path / "json" / "graph.json").read_text()), edges="edges")
    export_file(graph, tmp_path / "xml", "graphml-neurons")
    other = nx.read_graphml(tmp_path / "xml" / "neurons.graphml")
    weights = sorted(p for layer in graph.network.parameters.values() for p in layer.weight.ravel().tolist())
    for found in (read, other):
        assert found.number_of_nodes() == graph.neurons and found.number_of_edges() == len(weights)
        assert sorted(data["weight"] for *_, data in found.edges(data=True)) == weights


def test_touchstone_names_its_ports_and_says_what_it_is(tmp_path):
    graph = chain((3, 2))
    text = touchstone(graph, "h0_s")
    ports = ["x0_0", "x0_1", "x0_2", "s1_0", "s1_1"]
    assert [line.split(" = ")[1] for line in text.splitlines() if line.startswith("! Port[")] == ports
    assert "! passive; reciprocal" in text
    active = np.array([[[0.0, 2.0], [1.0, 0.0]]], dtype=complex)
    words = (
        "not passive: a wave comes out up to 2 times as large; not reciprocal: S and its transpose differ by up to 1"
    )
    assert character(active) == words


@pytest.mark.parametrize("kind", [*FORMATS, "touchstone", "verilog-a"])
def test_every_format_is_written_whole(tmp_path, kind):
    graph = chain((3, 2))
    names = export_file(graph, tmp_path / "out", kind)
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    if kind == "graphml":
        assert nx.read_graphml(tmp_path / "out" / names[0]).number_of_nodes() == graph.nx.number_of_nodes()
    if kind in ("json", "node-link"):
        assert json.loads((tmp_path / "out" / names[0]).read_text())


def test_what_cannot_be_written_is_refused(tmp_path):
    graph = chain()
    for words, action in (
        ("unknown format 'sap' (did you mean 'sax'?)", lambda: export_file(graph, tmp_path / "a", "sap")),
        (
            "options mismatch got format 'xschem'; allowed with it: circuit, synapse, volts, ohms, termination, prefix",
            lambda: export_file(graph, tmp_path / "a", "xschem", options=Options(mismatch=True)),
        ),
        (
            "options mismatch, seed got format 'vacask'; allowed with it: circuit, synapse, volts, ohms, prefix",
            lambda: export_compiled(
                graph, tmp_path / "a", "vacask", *sample(graph), options=Options(mismatch=True, seed=2)
            ),
        ),
        (
            "options circuit got format 'graphml'; allowed with it: none of them",
            lambda: export_file(graph, tmp_path / "a", "graphml", options=Options("bilateral")),
        ),
        (
            "options ohms got format 'touchstone'; allowed with it: none of them",
            lambda: export_file(graph, tmp_path / "a", "touchstone", layer="h0_s", options=Options(ohms=75.0)),
        ),
        ("touchstone-network: a rest is missing", lambda: export_file(graph, tmp_path / "a", "touchstone-network")),
        ("touchstone: no layer was chosen; allowed: one of h0_s, h1_s", lambda: touchstone(graph)),
        ("touchstone: no crossbar 'h0'", lambda: touchstone(graph, "h0")),
        ("ohms is 0", lambda: touchstone(graph, "h0_s", 0)),
        ("tile: weight has shape (3,)", lambda: tile_scattering([1, 2, 3], 50, 50)),
        ("tile: a port impedance is", lambda: tile_scattering([[1.0]], 50, -1)),
    ):
        refuses(words, action, ExportError)
    assert not list(tmp_path.iterdir())

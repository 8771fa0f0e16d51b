"""Graphs as tables, as pictures, and neuron by neuron."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, PathPatch

from emulator import Add, Concat, Dense, Input, Network, NetworkBuilder, ScatteringGraph, Worldsheet, compile_network
from emulator.graph.describe import totals
from emulator.graph.names import printable, shorten
from emulator.graph.placement import RADIUS, place
from emulator.units import si
from tests.graphs import random_network
from tests.substrate import delays


def mlp(*sizes: int, **settings) -> ScatteringGraph:
    rng = np.random.default_rng(1)
    pairs = itertools.pairwise(sizes)
    return compile_network(Network.mlp([rng.normal(size=(b, a)) for a, b in pairs]), **settings)


def residual(blocks: int) -> ScatteringGraph:
    build, w = NetworkBuilder(), np.ones((2, 2))
    x = build.input("x", 2)
    for k in range(blocks):
        x = build.residual(x, w, None, w, None, name=f"block{k}")
    return compile_network(build.build(output=x))


# ---- quantities and names


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.2e-9, "1.2 ns"),
        (0.0, "0 s"),
        (-0.0, "0 s"),
        (-0.05, "-50 ms"),
        (float("nan"), "nan s"),
        (float("inf"), "inf s"),
        (1.0, "1 s"),
        (999.4e-9, "999 ns"),
        (999.6e-9, "1 µs"),
        (123456.0, "123 ks"),
        (1e-18, "1 as"),
        (1.5e-19, "1.5e-19 s"),
        (4e20, "400 Es"),
        (1e21, "1e+21 s"),
    ],
)
def test_quantities_have_the_prefix_that_suits_them(value: float, shown: str) -> None:
    assert si(value, "s") == shown


def test_printable_names_escape_what_cannot_be_shown() -> None:
    assert printable("schön ☃ <&>'\"$") == "schön ☃ <&>'\"$"
    assert printable("a\n\t\x00\x1b\ud800\ufffe\\") == r"a\n\t\x00\x1b\ud800\ufffe\\"


def test_long_names_lose_their_middle() -> None:
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghijk", 10) == "abcde…hijk"
    assert shorten("abcdefghijk", 5) == "ab…jk"
    assert all(len(shorten("x" * 50, width)) == width for width in range(2, 50))


# ---- summary


def test_summary_says_what_the_graph_is_for_and_what_it_costs() -> None:
    law = Worldsheet(beta=0.5, gamma=0.25, impedance=0.3)
    graph = mlp(6, 3, 2, law=law, hardware=delays(1, 9), loss="softmax_cross_entropy", seed=4)
    words = dict(line.split(None, 1) for line in graph.summary().splitlines() if len(line.split(None, 1)) == 2)
    assert words["network"] == graph.network.digest[:12]
    assert words["law"] == "worldsheet (beta 0.5, gamma 0.25, impedance 0.3)"
    assert words["loss"] == "softmax_cross_entropy"
    assert (words["wiring"], words["seed"], words["step"]) == ("tile", "4", "1 ns")
    assert (words["crossbar"], words["activation"], words["source"], words["load"]) == ("2", "2", "1", "1")
    assert (words["elements"], words["ports"], words["neurons"], words["synapses"]) == ("6", "10", "11", "24")
    transits = f"{graph.longest_round_trip / graph.transit:.3g} transits"
    trip = f"longest round trip  {graph.longest_round_trip} steps, {graph.longest_round_trip} ns, {transits}"
    assert trip in graph.summary()


def test_summary_gives_least_mean_and_greatest_delay_of_each_bundle() -> None:
    graph = mlp(6, 3, hardware=delays(2, 9))
    bundle = next(b for b in graph.bundles if b.head == ("s1", "rows"))
    low, mean, high = bundle.delay_forward.min(), bundle.delay_forward.mean(), bundle.delay_forward.max()
    (row,) = (line.split() for line in graph.summary().splitlines() if line.startswith("x0->s1.rows"))
    assert row[:6] == ["x0->s1.rows[0:6]", "x0.out", "->", "s1.rows", "lines", "6"]
    assert row[6] == f"{low}/{mean:.4g}/{high}"
    assert " ".join(row[7:11]) == f"{low} ns/{mean:.3g} ns/{high} ns"
    assert row[11:] == ["-", "-"]
    (joint,) = (line.split() for line in graph.summary().splitlines() if line.startswith("x1->(load)"))
    assert joint[4:] == ["joints", "3", "-", "-", "-", "-"]


@pytest.mark.parametrize(("wiring", "lines", "directions"), [("tile", 14, 14), ("synapse", 24, 48)])
def test_totals_count_a_line_per_neuron_or_per_synapse(wiring: str, lines: int, directions: int) -> None:
    found = totals(mlp(6, 3, 2, wiring=wiring))
    assert (found["lines"], found["line directions"], found["synapses"]) == (lines, directions, 24)


def test_wires_are_lines_used_both_ways_but_no_synapses() -> None:
    graph = compile_network(Network([Input("x", 3), Add("y", ("x", "x"))]))
    assert totals(graph) == {
        "elements": 4, "ports": 8, "lines": 6, "line directions": 12, "synapses": 0, "neurons": 6,
    }  # fmt: skip


def test_summary_of_a_long_graph_leaves_out_the_middle() -> None:
    lines = residual(12).summary().splitlines()
    hidden = residual(12).nx.number_of_edges() - 40
    assert hidden > 10
    assert lines.count(f"... {hidden} more") == 1
    assert sum("->" in line for line in lines) == 40 + 1
    assert any(line.startswith("x->x.fanout") for line in lines)
    assert any("(load).in" in line for line in lines)
    assert "more" not in mlp(2, 2).summary()


def test_summary_keeps_a_table_whatever_layers_are_called() -> None:
    net = Network([Input("a\nb", 2), Dense("y" * 200, "a\nb", np.ones((2, 2)), np.zeros(2))])
    text = compile_network(net).summary()
    assert r"a\nb.out -> " in text
    assert max(map(len, text.splitlines())) < 200


# ---- pictures


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def arrows(ax) -> list[FancyArrowPatch]:
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


def test_drawing_shows_every_element_and_bundle() -> None:
    graph = mlp(6, 3, 2, hardware=delays(4, 4, backward=(7, 7)))
    ax = graph.draw()
    assert len(arrows(ax)) == graph.nx.number_of_edges()
    assert sum(isinstance(patch, PathPatch) for patch in ax.patches) == graph.nx.number_of_nodes()
    assert {"x0\nsource", "s1\n6 to 3", "x1\ntanh", "s2\n3 to 2", "x2\nidentity"} < set(texts(ax))
    assert {"6\n→ 4 ns", "3\n← 7 ns", "3\n→ 4 ns", "2\n← 7 ns", "2"} < set(texts(ax))
    dashed = [arrow.get_linestyle() != "-" for arrow in arrows(ax)]
    assert dashed == [not bundle.is_line for bundle in graph.bundles]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["source", "crossbar", "activation", "load", "lines: count, mean delay", "joints"]


def test_drawing_shows_both_directions_of_a_line() -> None:
    assert "18\n→ 4 ns\n← 7 ns" in texts(mlp(6, 3, wiring="synapse", hardware=delays(4, 4, backward=(7, 7))).draw())
    assert "18\n⇄ 4 ns" in texts(mlp(6, 3, wiring="synapse", hardware=delays(4, 4)).draw())


def test_colours_tell_kinds_apart() -> None:
    graph = residual(1)
    ax = graph.draw()
    colours = [patch.get_facecolor() for patch in ax.patches if isinstance(patch, PathPatch)]
    by_kind = {}
    for element, colour in zip(graph.elements, colours, strict=True):
        assert by_kind.setdefault(element.kind, colour) == colour
    assert len(set(by_kind.values())) == len(by_kind) == 6


def test_elements_stand_from_left_to_right_and_apart() -> None:
    for seed in range(6):
        graph = compile_network(random_network(np.random.default_rng(seed), max_layers=4, max_depth=4))
        placement = place(graph)
        points = list(placement.elements.values())
        assert len(points) == graph.nx.number_of_nodes()
        for k, (x, y) in enumerate(points):
            assert all(np.hypot(x - u, y - v) > 4 * RADIUS for u, v in points[:k])
        rows = len({y for _, y in points}) if len({x for x, _ in points}) > 12 else 1
        if rows == 1:
            assert all(placement.elements[b.tail[0]][0] < placement.elements[b.head[0]][0] for b in graph.bundles)


def test_bundles_run_from_the_right_of_their_tail_to_the_left_of_their_head() -> None:
    graph = residual(12)
    placement = place(graph)
    for bundle in graph.bundles:
        start, end = placement.bundles[bundle.name].vertices[[0, -1]]
        (x0, y0), (x1, y1) = placement.elements[bundle.tail[0]], placement.elements[bundle.head[0]]
        np.testing.assert_allclose([*start, *end], [x0 + RADIUS, y0, x1 - RADIUS, y1])


def test_a_skip_passes_beside_what_it_skips() -> None:
    placement = place(residual(1))
    way = placement.bundles["x->block0.in0[0:2]"].vertices
    middle = way[(way[:, 0] > 2) & (way[:, 0] < 5)]
    assert len(middle) > 2
    elements = [placement.elements[name] for name in ("block0_h_s", "block0_h", "block0_f", "block0_f.buffer")]
    assert len({y for _, y in elements}) == 1
    assert np.abs(middle[:, 1] - elements[0][1]).min() > 2 * RADIUS


def test_long_graphs_are_wrapped_into_rows() -> None:
    left, right, bottom, top = place(residual(12)).bounds
    assert 10 < right - left < 15
    assert top - bottom > 6


def test_bundles_between_the_same_elements_are_drawn_apart() -> None:
    graph = compile_network(Network([Input("x", 3), Add("y", ("x", "x", "x"))]))
    labels = place(graph).labels
    heights = sorted(labels[b.name][1] for b in graph.bundles if b.head[0] == "y")
    assert np.diff(heights).min() > 0.5


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_drawing_is_saved_in_the_format_of_its_name(tmp_path, kind) -> None:
    ax = mlp(2, 2).draw(tmp_path / f"graph.{kind}")
    assert [path.name for path in tmp_path.iterdir()] == [f"graph.{kind}"]
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert (tmp_path / f"graph.{kind}").read_bytes().startswith(start)
    assert ax.figure.canvas is not None


def test_drawing_leaves_pyplot_alone(tmp_path) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    mlp(2, 2).draw(tmp_path / "graph.png")
    mlp(2, 2).draw()
    assert pyplot.get_fignums() == before


def test_drawing_on_given_axes_shrinks_its_text() -> None:
    figure = Figure(figsize=(3, 2))
    given = figure.add_subplot()
    graph = mlp(2, 2, 2)
    assert graph.draw(ax=given) is given
    assert given.texts[0].get_fontsize() < 0.6 * graph.draw().texts[0].get_fontsize()


def test_names_are_drawn_as_they_are(tmp_path) -> None:
    layers = [Input("$x^$", 2), Input("a\nb_{$", 1), Concat("c", ("$x^$", "a\nb_{$")), Add("%s", ("c", "c"))]
    ax = compile_network(Network(layers)).draw(tmp_path / "graph.png")
    assert {"$x^$\nsource", "a\\nb_{$\nsource", "%s\nadder"} < set(texts(ax))
    ax.figure.savefig(io.BytesIO())


# ---- neuron by neuron


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_expanding_gives_every_neuron_and_synapse(wiring) -> None:
    w, v = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]]), np.array([[6.0, 7.0, 8.0]])
    build = NetworkBuilder()
    x, u = build.input("x", 2), build.input("u", 1)
    c = build.concat(u, x)
    h = build.dense(c, w, name="h", activation="tanh")
    y = build.dense(build.concat(h, u), v, name="y")
    graph = compile_network(build.build(output=build.add(y, u, name="sum")), wiring=wiring, hardware=delays(1, 9))
    scalar = graph.expand()
    label = dict(scalar.nodes(data="label"))
    assert list(label) == list(range(graph.neurons))
    assert sorted(label.values()) == ["h[0]", "h[1]", "sum[0]", "u[0]", "x[0]", "x[1]", "y[0]"]
    assert {data["label"]: data["role"] for _, data in scalar.nodes(data=True)} == {
        "x[0]": "source", "x[1]": "source", "u[0]": "source", "h[0]": "inner", "h[1]": "inner", "y[0]": "inner",
        "sum[0]": "output",
    }  # fmt: skip
    assert {data["function"] for _, data in scalar.nodes(data=True) if data["site"] == "h"} == {"tanh"}
    found = {(label[a], label[b], d["layer"]): (d["weight"], d["kind"]) for a, b, d in scalar.edges(data=True)}
    expected = {
        (source, f"h[{row}]", "h_s"): (w[row, column], "synapse")
        for row in range(2)
        for column, source in enumerate(["u[0]", "x[0]", "x[1]"])
    }
    expected |= {(source, "y[0]", "y"): (v[0, k], "synapse") for k, source in enumerate(["h[0]", "h[1]", "u[0]"])}
    expected |= {(source, "sum[0]", None): (1.0, "wire") for source in ("y[0]", "u[0]")}
    assert found == expected
    assert scalar.number_of_edges() == len(expected)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_expanded_delays_are_those_of_the_lines(wiring) -> None:
    graph = mlp(3, 2, wiring=wiring, hardware=delays(1, 50))
    into = {b.head: b for b in graph.bundles}
    rows, columns = into["s1", "rows"], into["x1", "in"]
    for tail, head, synapse in graph.expand().edges(data=True):
        row, column = tail, head - 3
        if wiring == "tile":
            expected = rows.delay_forward[row], columns.delay_backward[column]
        else:
            expected = rows.delay_forward[2 * row + column], rows.delay_backward[2 * row + column]
        assert (synapse["delay_forward"], synapse["delay_backward"]) == expected
        assert type(synapse["delay_forward"]) is int


def test_wires_from_one_neuron_to_another_are_all_there() -> None:
    scalar = compile_network(Network([Input("x", 2), Add("y", ("x", "x"))])).expand()
    assert sorted(scalar.edges()) == [(0, 2), (0, 2), (1, 3), (1, 3)]

"""The compiler, pass by pass, on graphs small enough to write down what must come out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emulator import (
    Activation,
    Add,
    CompileError,
    Concat,
    Dense,
    Input,
    Network,
    NetworkBuilder,
    ScatteringGraph,
    Worldsheet,
    compile_network,
)
from emulator.compile import PASSES
from emulator.compile.check import check_draft
from emulator.compile.draft import Draft
from emulator.graph import Bundle, Element
from emulator.laws import Matched
from hwmodels import load
from tests.graphs import random_network
from tests.substrate import STEP, delays

RNG = np.random.default_rng(5)
W23, W32 = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2))


def network(*layers: Input | Dense | Activation | Add | Concat) -> Network:
    return Network(layers)


def dense(name: str, source: str, weight: np.ndarray) -> Dense:
    return Dense(name, source, weight, np.zeros(len(weight)))


def kinds(graph: ScatteringGraph) -> dict[str, str]:
    return {element.name: element.kind for element in graph.elements}


def joints(graph: ScatteringGraph) -> dict[str, tuple[str, ...]]:
    """Head ports by tail port, in alphabetical order."""
    found: dict[str, list[str]] = {}
    for bundle in graph.bundles:
        found.setdefault(".".join(bundle.tail), []).append(".".join(bundle.head))
    return {tail: tuple(sorted(heads)) for tail, heads in found.items()}


def bundle(graph: ScatteringGraph, tail: str, head: str) -> Bundle:
    (only,) = (b for b in graph.bundles if (b.tail[0], b.head[0]) == (tail, head))
    return only


def test_the_passes_run_in_this_order() -> None:
    names = [p.__name__ for p in PASSES]
    assert names[0] == "place_elements"
    assert names.index("add_fanouts") < names.index("lay_lines") < names.index("assign_delays")
    assert names[-1] == "form_sites"


def test_an_activation_shares_the_neurons_of_the_dense_layer_before_it() -> None:
    graph = compile_network(network(Input("x", 3), dense("s", "x", W23), Activation("a", "s", "leaky_relu", 0.3)))
    assert kinds(graph) == {"x": "source", "s": "crossbar", "a": "activation", "(load)": "load"}
    assert joints(graph) == {"x.out": ("s.rows",), "s.columns": ("a.in",), "a.out": ("(load).in",)}
    (x, a) = graph.sites
    assert (x.name, x.role, x.start, x.stop, x.members) == ("x", "source", 0, 3, ("x",))
    assert (a.name, a.role, a.start, a.stop) == ("a", "output", 3, 5)
    assert (a.function, a.slope, a.members) == ("leaky_relu", 0.3, ("s", "a", "(load)"))
    assert graph.layer_sites == {"x": ("x", "x"), "a": ("a", "x"), "s": ("a", "s")}


def test_a_dense_layer_without_an_activation_gets_a_buffer() -> None:
    graph = compile_network(network(Input("x", 3), dense("y", "x", W23)))
    assert kinds(graph) == {"x": "source", "y": "crossbar", "y.buffer": "activation", "(load)": "load"}
    buffer: Element = graph.nx.nodes["y.buffer"]["element"]
    assert (buffer.function, buffer.layer) == ("identity", "y")
    assert graph.layer_sites["y"] == ("y", "x")
    assert graph.site("y").members == ("y", "y.buffer", "(load)")


def test_a_dense_layer_read_twice_is_buffered_even_when_an_activation_is_among_its_readers() -> None:
    graph = compile_network(
        network(Input("x", 3), dense("s", "x", W23), Activation("a", "s", "tanh"), Add("y", ("a", "s")))
    )
    assert joints(graph) == {
        "x.out": ("s.rows",),
        "s.columns": ("s.buffer.in",),
        "s.buffer.out": ("s.buffer.fanout.in",),
        "s.buffer.fanout.out0": ("a.in",),
        "s.buffer.fanout.out1": ("y.in1",),
        "a.out": ("y.in0",),
        "y.out": ("(load).in",),
    }
    assert [site.name for site in graph.sites] == ["x", "s", "a", "y"]
    assert graph.site("s").members == ("s", "s.buffer", "s.buffer.fanout")


def test_an_activation_shares_the_neurons_of_the_adder_before_it() -> None:
    graph = compile_network(
        network(Input("x", 3), Input("v", 3), Add("sum", ("v", "x")), Activation("a", "sum", "tanh"))
    )
    assert [site.name for site in graph.sites] == ["x", "v", "a"]
    assert graph.site("a").members == ("sum", "a", "(load)")
    assert graph.layer_sites["sum"] == ("a", "s")
    assert not bundle(graph, "sum", "a").is_line
    assert bundle(graph, "v", "sum").head == ("sum", "in0")
    assert bundle(graph, "x", "sum").is_line


def test_an_adder_without_an_activation_is_a_row_of_neurons() -> None:
    graph = compile_network(network(Input("x", 3), Add("y", ("x", "x"))))
    assert joints(graph) == {
        "x.out": ("x.fanout.in",),
        "x.fanout.out0": ("y.in0",),
        "x.fanout.out1": ("y.in1",),
        "y.out": ("(load).in",),
    }
    assert graph.site("x").members == ("x", "x.fanout")
    assert [(c.rows.tolist(), c.columns.tolist()) for c in graph.couplings] == [([0, 1, 2], [3, 4, 5])] * 2


def test_a_concatenation_is_wiring() -> None:
    graph = compile_network(
        network(Input("x", 3), Input("v", 2), Concat("c", ("v", "x", "v")), dense("y", "c", np.ones((2, 7))))
    )
    assert set(kinds(graph).values()) == {"source", "fanout", "crossbar", "activation", "load"}
    into = {b.name: (b.tail[0], b.into) for b in graph.bundles if b.head[0] == "y"}
    assert sorted((start.start, start.stop, tail) for tail, start in into.values()) == [
        (0, 2, "v.fanout"),
        (2, 5, "x"),
        (5, 7, "v.fanout"),
    ]
    assert "c" not in graph.layer_sites
    assert graph.layer_neurons("c").tolist() == [3, 4, 0, 1, 2, 3, 4]
    (crossbar,) = graph.couplings
    assert crossbar.rows.tolist() == [3, 4, 0, 1, 2, 3, 4]


def test_a_concatenation_of_concatenations_keeps_the_order() -> None:
    parts = Input("x", 1), Input("v", 2), Concat("c", ("v", "x")), Concat("d", ("x", "c"))
    graph = compile_network(network(*parts, dense("y", "d", np.ones((1, 4)))))
    assert graph.layer_neurons("d").tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_a_concatenation_as_output_gets_neurons_of_its_own(wiring) -> None:
    graph = compile_network(network(Input("x", 3), Input("v", 2), Concat("y", ("v", "x"))), wiring=wiring)
    assert kinds(graph)["y.buffer"] == "activation"
    assert graph.site("y").role == "output"
    assert graph.layer_neurons("y").tolist() == [5, 6, 7, 8, 9]
    assert [(c.name, c.rows.tolist(), c.columns.tolist()) for c in graph.couplings] == [
        ("v->y.buffer.in[0:2]", [3, 4], [5, 6]),
        ("x->y.buffer.in[2:5]", [0, 1, 2], [7, 8, 9]),
    ]
    assert bundle(graph, "x", "y.buffer").is_line


def test_the_load_ends_the_output() -> None:
    graph = compile_network(network(Input("x", 3), dense("y", "x", W23)), loss="softmax_cross_entropy")
    load_joint = bundle(graph, "y.buffer", "(load)")
    assert (load_joint.count, load_joint.is_line) == (2, False)
    assert graph.loss == graph.network.loss == "softmax_cross_entropy"


def test_tile_wiring_has_a_line_per_row_and_a_line_per_column() -> None:
    graph = compile_network(Network.mlp([W23, W32]), wiring="tile", hardware=delays())
    rows, columns = bundle(graph, "x1", "s2"), bundle(graph, "s2", "x2")
    assert (rows.count, columns.count) == (2, 3)
    assert rows.delay_forward.shape == (2,) and rows.delay_backward is None
    assert columns.delay_forward is None and columns.delay_backward.shape == (3,)
    assert rows.rows is None
    assert sum(b.count for b in graph.bundles if b.is_line) == 3 + 2 + 2 + 3
    assert sum(b.delays().size for b in graph.bundles) == 3 + 2 + 2 + 3
    forward, backward = graph.couplings[1].pair_delays()
    np.testing.assert_array_equal(forward, np.repeat(rows.delay_forward, 3))
    np.testing.assert_array_equal(backward, np.tile(columns.delay_backward, 2))


def test_synapse_wiring_has_a_line_per_synapse_used_both_ways() -> None:
    graph = compile_network(Network.mlp([W23, W32]), wiring="synapse", hardware=delays())
    lines = bundle(graph, "x0", "s1")
    assert lines.count == 6 and lines.into == slice(0, 3)
    assert lines.rows.tolist() == [0, 0, 1, 1, 2, 2]
    assert lines.columns.tolist() == [0, 1, 0, 1, 0, 1]
    assert lines.delay_forward.shape == lines.delay_backward.shape == (6,)
    assert not bundle(graph, "s1", "x1").is_line
    assert sum(b.count for b in graph.bundles if b.is_line) == 6 + 6
    assert sum(b.delays().size for b in graph.bundles) == 2 * (6 + 6)


def test_synapse_wiring_of_a_concatenation_counts_the_rows_of_the_crossbar() -> None:
    layers = Input("x", 3), Input("v", 1), Concat("c", ("v", "x")), dense("y", "c", np.ones((2, 4)))
    graph = compile_network(network(*layers), wiring="synapse", hardware=delays())
    assert bundle(graph, "v", "y").rows.tolist() == [0, 0]
    assert bundle(graph, "x", "y").rows.tolist() == [1, 1, 2, 2, 3, 3]
    expected = np.concatenate([bundle(graph, "v", "y").delay_backward, bundle(graph, "x", "y").delay_backward])
    np.testing.assert_array_equal(graph.couplings[0].delay_backward, expected)


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_delays_are_those_the_hardware_model_draws_under_the_bundles_name(wiring) -> None:
    hardware = delays(1, 9)
    graph = compile_network(random_network(np.random.default_rng(3)), hardware=hardware, wiring=wiring, seed=11)
    for b in graph.bundles:
        sample = hardware.lines.sample(b.count, 11, f"lines of {b.name}")
        for found, drawn in ((b.delay_forward, sample.delay_forward), (b.delay_backward, sample.delay_backward)):
            if found is not None:
                np.testing.assert_allclose(found * STEP, drawn, rtol=1e-12)
    assert len({b.name for b in graph.bundles}) == graph.nx.number_of_edges()


def test_another_seed_draws_other_delays_and_the_same_seed_the_same() -> None:
    net = Network.mlp([RNG.normal(size=(20, 20))])
    first, again, other = (
        bundle(compile_network(net, hardware=delays(), seed=seed), "x0", "s1").delay_forward for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_adding_a_layer_changes_no_other_bundles_delays() -> None:
    w = RNG.normal(size=(9, 9))
    short = compile_network(Network.mlp([w], activations=["tanh"]), hardware=delays())
    long = compile_network(Network.mlp([w, w]), hardware=delays())
    np.testing.assert_array_equal(bundle(short, "x0", "s1").delay_forward, bundle(long, "x0", "s1").delay_forward)


def test_a_line_is_symmetric_unless_the_hardware_says_otherwise() -> None:
    step = delays(1, 9).lines.delay_forward
    symmetric = load("ideal").replace({"lines.delay_forward": step})
    skewed = symmetric.replace({"lines.delay_asymmetry": 3.0})
    net = Network.mlp([RNG.normal(size=(5, 6))])
    lines = bundle(compile_network(net, hardware=symmetric, wiring="synapse"), "x0", "s1")
    np.testing.assert_array_equal(lines.delay_forward, lines.delay_backward)
    assert len(set(lines.delay_forward.tolist())) > 4
    slow = bundle(compile_network(net, hardware=skewed, wiring="synapse"), "x0", "s1")
    np.testing.assert_array_equal(3 * slow.delay_forward, slow.delay_backward)


def test_steps_last_as_long_as_the_hardwares_update_interval() -> None:
    hardware = delays(4, 4).replace({"clock.node_update_interval": STEP / 2})
    graph = compile_network(Network.mlp([W23]), hardware=hardware)
    assert graph.step == STEP / 2
    assert (graph.transit, graph.longest_delay) == (8.0, 8)
    assert graph.transit_seconds == pytest.approx(4 * STEP)


def test_lines_have_the_impedance_of_the_law() -> None:
    graph = compile_network(Network.mlp([W23]), law=Worldsheet(beta=0.5, gamma=0.1, impedance=0.3))
    assert bundle(graph, "x0", "s1").impedance == 0.3


def test_nearest_rounds_to_at_least_one_step_and_notes_the_largest_change() -> None:
    hardware = load("ideal").replace({"lines.delay_forward": 0.2e-9, "lines.delay_backward": 2.3e-9})
    graph = compile_network(Network.mlp([W23]), hardware=hardware, rounding="nearest")
    assert set(bundle(graph, "x0", "s1").delay_forward.tolist()) == {1}
    assert set(bundle(graph, "s1", "x1").delay_backward.tolist()) == {2}
    assert graph.notes == ("line delays rounded to whole steps of 1 ns, by at most 800 ps",)
    assert compile_network(Network.mlp([W23]), hardware=delays(), rounding="nearest").notes == ()


def test_layers_may_bear_the_names_that_the_compiler_gives() -> None:
    layers = Input("(load)", 3), dense("y.buffer", "(load)", W23), dense("y", "y.buffer", W32)
    layers += (Add("y.fanout", ("y", "(load)")), Concat("(load).fanout", ("y.fanout", "y")))
    graph = compile_network(network(*layers))
    found = kinds(graph)
    assert found["(load)"] == "source" and found["(load)'"] == "load"
    assert found["y.buffer"] == "crossbar" and found["y.buffer'"] == "activation"
    assert found["y.buffer.buffer"] == "activation"
    assert found["(load).fanout'"] == "fanout"
    plain = {"(load)": "x", "y.buffer": "h", "y": "y", "y.fanout": "sum", "(load).fanout": "out"}
    renamed = [dataclasses.replace(layer, name=plain[layer.name], **_sources(layer, plain)) for layer in layers]
    other = compile_network(network(*renamed))
    assert [(s.start, s.size, s.role) for s in graph.sites] == [(s.start, s.size, s.role) for s in other.sites]
    for one, two in zip(graph.couplings, other.couplings, strict=True):
        np.testing.assert_array_equal(one.rows, two.rows)
        np.testing.assert_array_equal(one.columns, two.columns)


def _sources(layer, names) -> dict:
    if isinstance(layer, Dense):
        return {"source": names[layer.source]}
    return {"sources": tuple(names[s] for s in layer.sources)} if isinstance(layer, Add | Concat) else {}


def test_bundles_of_alike_names_are_told_apart_and_drawn_on_their_own() -> None:
    wide = RNG.normal(size=(9, 9))
    layers = [Input("a", 9), Input("a->b", 9), dense("b->c", "a", wide), dense("c", "a->b", wide)]
    graph = compile_network(network(*layers, Add("y", ("b->c", "c"))), hardware=delays(1, 50))
    names = [b.name for b in graph.bundles]
    assert "a->b->c.rows[0:9]" in names and "a->b->c.rows[0:9]'" in names
    assert len(set(names)) == len(names)
    assert (bundle(graph, "a", "b->c").delay_forward != bundle(graph, "a->b", "c").delay_forward).any()


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("seed", range(8))
def test_every_neuron_and_synapse_of_random_networks_is_there_once(seed, wiring) -> None:
    net = random_network(np.random.default_rng(seed))
    graph = compile_network(net, hardware=delays(), wiring=wiring)
    assert [site.start for site in graph.sites[1:]] == [site.stop for site in graph.sites[:-1]]
    assert {element.name for element in graph.elements} == {m for site in graph.sites for m in site.members}
    weights = {name: p.weight for name, p in net.parameters.items()}
    crossbars = {c.layer: c for c in graph.couplings if c.layer is not None}
    assert crossbars.keys() == weights.keys()
    for name, crossbar in crossbars.items():
        np.testing.assert_array_equal(crossbar.rows, graph.layer_neurons(net.sources(name)[0]))
        np.testing.assert_array_equal(crossbar.columns, graph.layer_neurons(name))
        assert (len(crossbar.columns), len(crossbar.rows)) == weights[name].shape


def test_a_builders_residual_block_skips_its_branch() -> None:
    build = NetworkBuilder()
    x = build.input("x", 3)
    graph = compile_network(build.build(output=build.residual(x, W23, None, W32, None, name="r")))
    assert joints(graph)["x.fanout.out1"] == ("r.in0",)
    assert joints(graph)["r_f.buffer.out"] == ("r.in1",)


# ---- checks between passes


def draft(*, until: str) -> Draft:
    """A draft on which the passes have run, up to and with the one named."""
    net = network(Input("x", 3), dense("s", "x", W23), Activation("a", "s", "tanh"), Add("y", ("a", "a")))
    made = Draft(net, load("ideal"), STEP, Matched(), "mse", "tile", 0, "error")
    for step in PASSES:
        step(made)
        check_draft(made, after=step.__name__)
        if step.__name__ == until:
            break
    return made


def first(made: Draft, head: str) -> Bundle:
    return made.into(head)[0]


def test_check_finds_an_element_that_depends_on_itself() -> None:
    made = draft(until="join_elements")
    made.connect(Bundle("back", ("y", "out"), ("a", "in"), 2, slice(0, 2)))
    with pytest.raises(CompileError, match=r"^after broken: the graph has a loop: (a -> y -> a|y -> a -> y)$"):
        check_draft(made, after="broken")


def test_check_finds_a_bundle_that_was_lost() -> None:
    made = draft(until="add_fanouts")
    lost = first(made, "s")
    made.nx.remove_edge("x", "s", key=lost.name)
    with pytest.raises(CompileError, match=r"^after broken: port s\.rows is not covered exactly once$"):
        check_draft(made, after="broken")


@pytest.mark.parametrize("into", [slice(0, 2), slice(1, 3), slice(1, 4)])
def test_check_finds_a_bundle_that_is_joined_off_its_place(into) -> None:
    made = draft(until="add_fanouts")
    made.replace(first(made, "s"), dataclasses.replace(first(made, "s"), into=into))
    with pytest.raises(CompileError, match=r"^after broken: (port s\.rows|bundle x->s\.rows)"):
        check_draft(made, after="broken")


def test_check_finds_a_port_joined_twice() -> None:
    made = draft(until="add_fanouts")
    made.connect(dataclasses.replace(first(made, "y"), name="twice"))
    with pytest.raises(CompileError, match=r"^after broken: port y\.in[01] is not covered exactly once$"):
        check_draft(made, after="broken")


def test_check_finds_a_bundle_that_carries_part_of_its_tail() -> None:
    made = draft(until="add_fanouts")
    whole = first(made, "s")
    made.replace(whole, dataclasses.replace(whole, name="left", into=slice(0, 1)))
    made.connect(dataclasses.replace(whole, name="right", into=slice(1, 3)))
    with pytest.raises(CompileError, match=r"^after broken: bundle left does not carry all 3 scalars of its tail$"):
        check_draft(made, after="broken")


@pytest.mark.parametrize("name", ["delay_forward", "rows"])
def test_check_finds_lines_without_delay_or_place(name) -> None:
    made = draft(until="assign_delays")
    lines = first(made, "s")
    made.replace(lines, dataclasses.replace(lines, **{name: np.ones(2, np.int64)}))
    words = rf"^after broken: bundle x->s\.rows\[0:3\] has {name} of shape \(2,\); allowed: \(3,\)$"
    with pytest.raises(CompileError, match=words):
        check_draft(made, after="broken")

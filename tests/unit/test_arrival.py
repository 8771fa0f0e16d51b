"""Arrival times: the longest and shortest delay paths, by hand and by brute force."""

from __future__ import annotations

import dataclasses

import networkx as nx
import numpy as np
import pytest

from emulator import Activation, Add, Dense, Input, Network, ScatteringGraph, compile_network
from tests.graphs import random_network
from tests.substrate import delays


def with_delays(graph: ScatteringGraph, **chosen: tuple[list[int] | None, list[int] | None]) -> ScatteringGraph:
    """The graph with the delays of the bundles that enter the ports named, such as ``s1_rows``."""
    other = graph.nx.copy()
    left = set(chosen)
    for tail, head, key, bundle in graph.nx.edges(keys=True, data="bundle"):
        port = "_".join(bundle.head)
        if port in chosen:
            forward, backward = (None if d is None else np.array(d) for d in chosen[port])
            changed = dataclasses.replace(bundle, delay_forward=forward, delay_backward=backward)
            other.edges[tail, head, key]["bundle"] = changed
            left.discard(port)
    assert not left
    return dataclasses.replace(graph, nx=other)


def check(graph: ScatteringGraph, **expected: list[int]) -> None:
    for name, steps in expected.items():
        assert getattr(graph.arrival, name).tolist() == steps, name


def test_tile_wiring_by_hand() -> None:
    graph = compile_network(Network.mlp([np.ones((2, 2)), np.ones((3, 2))]))
    graph = with_delays(
        graph,
        s1_rows=([3, 1], None),
        x1_in=(None, [2, 5]),
        s2_rows=([4, 1], None),
        x2_in=(None, [1, 6, 2]),
    )
    check(
        graph,
        state=[0, 0, 3, 3, 7, 7, 7],
        first_state=[0, 0, 1, 1, 2, 2, 2],
        costate=[18, 18, 13, 13, 7, 7, 7],
        first_costate=[3, 3, 1, 1, 0, 0, 0],
    )
    assert graph.longest_round_trip == 18
    assert graph.longest_delay == 6
    assert graph.transit == pytest.approx((3 + 1 + 2 + 5 + 4 + 1 + 1 + 6 + 2) / 9)


@pytest.mark.parametrize(("loss", "costate"), [("mse", [9, 8, 2, 5]), ("softmax_cross_entropy", [12, 8, 5, 5])])
def test_synapse_wiring_by_hand_and_the_coupling_of_a_softmax(loss, costate) -> None:
    graph = compile_network(Network.mlp([np.ones((2, 2))], loss=loss), wiring="synapse")
    graph = with_delays(graph, s1_rows=([1, 5, 2, 3], [7, 1, 2, 3]))
    check(graph, state=[0, 0, 2, 5], first_state=[0, 0, 1, 3], costate=costate, first_costate=[1, 2, 0, 0])


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_wires_of_a_skip_by_hand(wiring) -> None:
    net = Network([Input("x", 2), Activation("a", "x", "tanh"), Add("y", ("a", "x"))])
    graph = compile_network(net, wiring=wiring)
    graph = with_delays(graph, a_in=([3, 1], [2, 4]), y_in0=([1, 6], [5, 1]), y_in1=([9, 2], [1, 30]))
    check(
        graph,
        state=[0, 0, 3, 1, 9, 7],
        first_state=[0, 0, 3, 1, 4, 2],
        costate=[16, 37, 14, 8, 9, 7],
        first_costate=[1, 5, 5, 1, 0, 0],
    )


def test_a_costate_may_change_because_a_state_on_its_way_did() -> None:
    net = Network([Input("x", 1), Activation("a", "x", "tanh"), Activation("y", "a", "tanh")])
    graph = with_delays(compile_network(net), a_in=([1], [2]), y_in=([50], [60]))
    check(graph, state=[0, 1, 51], first_state=[0, 1, 51], costate=[113, 111, 51], first_costate=[3, 60, 0])


def test_a_late_state_holds_the_costate_up() -> None:
    """The slow input reaches the output late; the fast one's costate has to wait for it."""
    net = Network([Input("x", 1), Input("v", 1), Add("y", ("x", "v"))])
    graph = with_delays(compile_network(net), y_in0=([40], [1]), y_in1=([2], [3]))
    check(graph, state=[0, 0, 40], costate=[41, 43, 40], first_state=[0, 0, 2], first_costate=[1, 3, 0])


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_agree_with_path_searches_over_every_synapse(seed, wiring) -> None:
    net = random_network(np.random.default_rng(seed), max_width=6)
    graph = compile_network(net, hardware=delays(1, 9, backward=(2, 14)), wiring=wiring, seed=seed)
    scalar = graph.expand()
    ways = nx.DiGraph()

    def way(tail, head, delay: int) -> None:
        longest, shortest = ways.edges[tail, head].values() if ways.has_edge(tail, head) else (-delay, delay)
        ways.add_edge(tail, head, longest=min(longest, -delay), shortest=min(shortest, delay))

    for neuron, role in scalar.nodes(data="role"):
        if role == "source":
            way("data", ("x", neuron), 0)
        if role == "output":
            way("data", ("lam", neuron), 0)
            way(("x", neuron), ("lam", neuron), 0)
    outputs = [neuron for neuron, role in scalar.nodes(data="role") if role == "output"]
    if graph.loss == "softmax_cross_entropy":
        for one in outputs:
            for other in outputs:
                way(("x", one), ("lam", other), 0)
    for tail, head, synapse in scalar.edges(data=True):
        way(("x", tail), ("x", head), synapse["delay_forward"])
        way(("x", head), ("lam", tail), synapse["delay_backward"])
        way(("lam", head), ("lam", tail), synapse["delay_backward"])
    longest = nx.single_source_bellman_ford_path_length(ways, "data", weight="longest")
    shortest = nx.single_source_dijkstra_path_length(ways, "data", weight="shortest")
    neurons = range(graph.neurons)
    check(
        graph,
        state=[-longest["x", n] for n in neurons],
        costate=[-longest["lam", n] for n in neurons],
        first_state=[shortest["x", n] for n in neurons],
        first_costate=[shortest["lam", n] for n in neurons],
    )
    assert graph.longest_round_trip == -min(longest.values())


def test_a_dense_layers_rows_share_the_line_of_their_neuron_only_in_tile_wiring() -> None:
    net = Network([Input("x", 3), Dense("y", "x", np.ones((4, 3)), np.zeros(4))])
    forward = {
        wiring: compile_network(net, hardware=delays(1, 99), wiring=wiring).couplings[0].pair_delays()[0]
        for wiring in ("tile", "synapse")
    }
    assert len(set(forward["tile"].tolist())) <= 3
    assert len(set(forward["synapse"].tolist())) > 3

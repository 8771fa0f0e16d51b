"""Graph files: what is written is what the graph holds, whatever its layers are called."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import (
    Activation,
    Add,
    Bilateral,
    Dense,
    Input,
    Network,
    ScatteringGraph,
    Upwind,
    WavePMP,
    Worldsheet,
    compile_network,
)
from emulator.files import atomic_write
from emulator.graph.names import printable
from emulator.laws import ParallelRL
from emulator.scenario.config import LawConfig
from tests.graphs import random_network
from tests.substrate import delays

LAW = Worldsheet(beta=0.5, gamma=0.25, impedance=0.3)


@pytest.fixture(params=["tile", "synapse"])
def graph(request: pytest.FixtureRequest) -> ScatteringGraph:
    net = random_network(np.random.default_rng(3), max_width=5)
    return compile_network(net, hardware=delays(1, 9), wiring=request.param, seed=7, law=LAW)


def odd(*names: str) -> ScatteringGraph:
    """A graph with layers of these four names; the last adds the third to itself."""
    x, s, a, y = names
    rng = np.random.default_rng(0)
    layers = [Input(x, 3), Dense(s, x, rng.normal(size=(2, 3)), np.zeros(2)), Activation(a, s, "tanh")]
    return compile_network(Network([*layers, Add(y, (a, a))]))


def written(graph: ScatteringGraph, path: Path) -> dict:
    graph.to_json(path)
    return json.loads(path.read_text(encoding="ascii"))


def test_json_holds_every_part_of_the_graph(graph: ScatteringGraph, tmp_path: Path) -> None:
    found = written(graph, tmp_path / "graph.json")
    assert (found["format"], found["version"]) == ("backwave scattering graph", 1)
    assert found["network"] == graph.network.digest
    numbers = {"beta": 0.5, "gamma": 0.25}
    law = {"name": "worldsheet", "impedance": 0.3, "parameters": numbers, "settings": {**numbers, "impedance": 0.3}}
    assert found["law"] == law
    assert found["hardware"] == {"name": graph.hardware.name, "digest": graph.hardware.digest}
    for name in ("loss", "wiring", "seed", "step", "neurons"):
        assert found[name] == getattr(graph, name)
    assert found["notes"] == []
    assert {k: (v["site"], v["signal"]) for k, v in found["layers"].items()} == graph.layer_sites
    for one, site in zip(found["sites"], graph.sites, strict=True):
        assert one == {**vars(site), "members": list(site.members)}
    for one, element in zip(found["elements"], graph.elements, strict=True):
        for name in ("name", "kind", "layer", "function", "slope"):
            assert one[name] == getattr(element, name)
        ports = [(port["name"], port["width"], port["inward"]) for port in one["ports"]]
        assert ports == [(port.name, port.width, port.inward) for port in element.ports]
    bundles = {b.name: b for b in graph.bundles}
    assert [one["name"] for one in found["bundles"]] == list(bundles)
    for one in found["bundles"]:
        bundle = bundles[one["name"]]
        assert (tuple(one["tail"]), tuple(one["head"]), one["count"]) == (bundle.tail, bundle.head, bundle.count)
        assert one["into"] == {"start": bundle.into.start, "stop": bundle.into.stop}
        assert one["impedance"] == (0.3 if bundle.is_line else 1.0)
        for name in ("delay_forward", "delay_backward", "rows", "columns"):
            array = getattr(bundle, name)
            assert one[name] == (None if array is None else array.tolist())


def test_json_holds_notes(tmp_path: Path) -> None:
    net = Network.mlp([np.ones((1, 1))])
    hardware = delays().replace({"lines.delay_forward": 1.25e-9})
    graph = compile_network(net, hardware=hardware, rounding="nearest")
    assert written(graph, tmp_path / "graph.json")["notes"] == list(graph.notes) != []


def test_graphml_opens_again_with_flat_attributes(graph: ScatteringGraph, tmp_path: Path) -> None:
    graph.to_graphml(tmp_path / "graph.graphml")
    found = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert found.is_directed()
    assert set(found) == {element.name for element in graph.elements}
    for name in ("format", "version", "network", "loss", "wiring", "seed", "step", "law", "hardware"):
        assert name in found.graph
    assert (found.graph["network"], found.graph["seed"]) == (graph.network.digest, 7)
    for element in graph.elements:
        node = found.nodes[element.name]
        assert (node["kind"], node["layer"]) == (element.kind, element.layer)
        assert node["inward"] == sum(port.width for port in element.ports if port.inward)
        (site,) = (site for site in graph.sites if element.name in site.members)
        assert (node["site"], node["role"]) == (site.name, site.role)
    edges = {name: (tail, head, data) for tail, head, name, data in found.edges(keys=True, data=True)}
    assert edges.keys() == {b.name for b in graph.bundles}
    for b in graph.bundles:
        tail, head, data = edges[b.name]
        assert (tail, data["tail_port"], head, data["head_port"]) == (*b.tail, *b.head)
        assert (data["name"], data["count"], data["line"]) == (b.name, b.count, b.is_line)
        assert (data["first"], data["stop"]) == (b.into.start, b.into.stop)
        for name in ("delay_forward", "delay_backward"):
            delay = getattr(b, name)
            extent = [data.get(f"{name}_{kind}") for kind in ("min", "mean", "max")]
            assert extent == ([None] * 3 if delay is None else [delay.min(), delay.mean(), delay.max()])


AWKWARD = ["a\nb", 'quote"d', "it's <&>]]>", "nul\0\x1b\x7f", "schön ☃ 猫", "back\\slash", " ", "a\\nb", "\ufffe"]


@pytest.mark.parametrize("first", range(len(AWKWARD)))
def test_awkward_names_survive(first: int, tmp_path: Path) -> None:
    graph = odd(*(AWKWARD[(first + k) % len(AWKWARD)] for k in range(4)))
    found = written(graph, tmp_path / "graph.json")
    assert [site["name"] for site in found["sites"]] == [site.name for site in graph.sites]
    graph.to_graphml(tmp_path / "graph.graphml")
    again = nx.read_graphml(tmp_path / "graph.graphml")
    assert set(again) == {printable(element.name) for element in graph.elements}
    assert {data["layer"] for _, data in again.nodes(data=True)} == {printable(e.layer) for e in graph.elements}


@settings(max_examples=30, deadline=None)
@given(names=st.lists(st.text(min_size=1), min_size=4, max_size=4, unique=True))
def test_any_names_survive(names: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    graph, folder = odd(*names), tmp_path_factory.mktemp("graphs")
    found = written(graph, folder / "graph.json")
    assert {element["name"] for element in found["elements"]} == set(graph.nx)
    graph.to_graphml(folder / "graph.graphml")
    again = nx.read_graphml(folder / "graph.graphml")
    assert set(again) == {printable(element.name) for element in graph.elements}
    assert len(again) == len(graph.nx)


def test_names_without_a_letter_are_told_apart(tmp_path: Path) -> None:
    """A line break, and a backslash before an n, look alike but are not."""
    odd("a\nb", "a\\nb", "a", "b").to_graphml(tmp_path / "graph.graphml")
    assert {"a\\nb", "a\\\\nb"} < set(nx.read_graphml(tmp_path / "graph.graphml"))


def test_json_has_a_line_for_each_part(graph: ScatteringGraph, tmp_path: Path) -> None:
    graph.to_json(tmp_path / "graph.json")
    lines = (tmp_path / "graph.json").read_text().splitlines()
    for bundle in graph.bundles:
        assert sum(line.startswith(f'  {{"name": {json.dumps(bundle.name)}, ') for line in lines) == 1


@pytest.mark.parametrize("write", ["to_json", "to_graphml"])
def test_a_file_is_replaced_whole_or_not_at_all(
    write: str, tmp_path: Path, graph: ScatteringGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "graph.any"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            getattr(graph, write)(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"
    getattr(graph, write)(str(path))
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size > 1000


def test_atomic_write_leaves_nothing_behind_when_the_writer_fails(tmp_path: Path) -> None:
    def writer(file) -> None:
        file.write(b"half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        atomic_write(tmp_path / "file", writer)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_os_error(tmp_path: Path, graph: ScatteringGraph) -> None:
    with pytest.raises(FileNotFoundError):
        graph.to_json(tmp_path / "none" / "graph.json")


@pytest.mark.parametrize(
    "law",
    [
        Worldsheet(0.5, 0.25, 0.3),
        Bilateral(),
        Bilateral(taper="matched", source_end=ParallelRL(0.1, 2)),
        Upwind(),
        WavePMP(),
        WavePMP(metric=[1.0, [1.0, 1.5], np.eye(2) + 0.1]),
        WavePMP(metric={"x1": [1.0, 2.0]}),
        WavePMP(metric="carried", form="diagonal"),
    ],
    ids=lambda law: law.name,
)
def test_a_law_read_back_from_json_is_the_one_that_was_compiled(law, tmp_path: Path) -> None:
    graph = compile_network(Network.mlp([np.eye(2), np.eye(2) / 3]), law=law)
    told = written(graph, tmp_path / "graph.json")["law"]
    assert LawConfig.model_validate({"name": told["name"], **told["settings"]}).build() == graph.law


@pytest.mark.parametrize("law", [Bilateral(), WavePMP(), Bilateral(taper=3.0), WavePMP(metric=2.0), Upwind()])
def test_laws_have_changes_before_anything_is_chosen(law) -> None:
    left = {field.name for field in dataclasses.fields(law) if getattr(law, field.name) is None}
    assert {name for name, values in law.changes().items() if values}.isdisjoint(left)

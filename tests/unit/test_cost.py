"""The model of what runs cost, in counts: steps, and waves that arrive at synapses."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest

from emulator import Matched, Network, Worldsheet, compile_network, settle
from emulator.engine.cost import Cost, expected_cost, suitable_target
from emulator.study.describe import describe
from emulator.study.load import load_study
from emulator.study.work import Material
from tests.substrate import delays
from tests.support.small import BASE, write

LAWS = [Matched(), Worldsheet(beta=0.8, gamma=0.05)]


def mlp(*sizes: int) -> Network:
    rng = np.random.default_rng(len(sizes))
    return Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)])


def counted(network: Network, law, wiring: str, samples: int = 2) -> tuple[Cost, Cost]:
    """What was expected, and what a run came to: every event times the synapses and wires that it goes to."""
    rng = np.random.default_rng(1)
    graph = compile_network(network, law=law, hardware=delays(1, 4), wiring=wiring)
    inputs, targets = rng.normal(size=(samples, 8)), rng.normal(size=(samples, network.size(network.output)))
    result = settle(graph, inputs, targets, target="numpy", traces=True, diagnose=False)
    reached = np.zeros(2 * graph.neurons)
    for coupling in graph.couplings:
        row, column = coupling.pairs()
        np.add.at(reached, coupling.rows[row], 1)
        np.add.at(reached, graph.neurons + coupling.columns[column], 1)
    synapses = sum(coupling.size for coupling in graph.couplings)
    return expected_cost(samples, result.hold, synapses), Cost(len(result.traces.x), reached[result.traces.port].sum())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("sizes", "wiring"), [((8, 6, 4), "tile"), ((8, 6, 4), "synapse"), ((8, 8, 8, 8, 4), "tile")])
def test_runs_cost_what_was_expected(sizes, wiring, law):
    wanted, found = counted(mlp(*sizes), law, wiring)
    assert wanted.steps == found.steps
    assert 1 / 3 < wanted.deliveries / found.deliveries < 3


def test_a_study_costs_what_its_runs_cost(tmp_path, monkeypatch):
    asked: list[Cost] = []
    for module in ("emulator.study.describe", "emulator.engine.simulate"):
        monkeypatch.setattr(import_module(module), "suitable_target", lambda cost: asked.append(cost) or "numpy")
    study = load_study(write(tmp_path, base=BASE.replace('target = "numpy"', 'target = "auto"')))
    material = Material.of(study.scenario)
    assert describe(study, material)[1] == "numpy"
    graph = compile_network(material.network, hardware=study.scenario.config.hardware.build(tmp_path), seed=0)
    settle(graph, material.batch.inputs, material.batch.targets, diagnose=False)
    (whole, run), points = asked, len(study.places)
    assert points > 1 and run.steps > 0
    assert points <= whole.steps / run.steps <= points * 9 / 8  # holds of studies are rounded up by at most an eighth
    assert whole.deliveries / run.deliveries == pytest.approx(whole.steps / run.steps)


@pytest.mark.parametrize(("steps", "deliveries"), [(29_999, 0), (0, 2.9e8), (15_000, 1.4e8)])
def test_the_target_changes_where_compiling_pays(monkeypatch, steps, deliveries):
    monkeypatch.setattr("emulator.engine.cost.have_compiler", lambda: True)
    assert suitable_target(Cost(steps, deliveries)) == "numpy"
    assert suitable_target(Cost(steps + 1_000, deliveries + 2e7)) == "standalone"
    monkeypatch.setattr("emulator.engine.cost.have_compiler", lambda: False)
    assert suitable_target(Cost(10**9, 1e15)) == "numpy"

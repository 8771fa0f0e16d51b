"""A law of one's own with memory runs, is measured, predicted and plotted like any other."""

from __future__ import annotations

import doctest
from dataclasses import dataclass

import numpy as np
import pytest

from emulator import EngineError, Network, NodeLaw, Resistive, compile_network, reference, settle, train
from emulator.families.node.law_code import checked_law
from emulator.families.node.law_slopes import law_slopes
from emulator.laws import LAWS
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from emulator.measure.stability import linearised, spectral_radius
from emulator.report import settling_curve
from emulator.scenario import load_scenario, run_scenario
from tests.graphs import random_batch, random_network
from tests.refusals import refuses
from tests.substrate import delays
from tests.support.laws import Resonator

QUIET = {"target": "numpy", "diagnose": False}


def drawn(seed: int):
    rng = np.random.default_rng(seed)
    network = random_network(rng, max_depth=5, max_width=6, max_layers=5, activations=["tanh", "sigmoid", "gelu"])
    return network, *random_batch(rng, network, 1)


@pytest.mark.parametrize("seed", range(4))
def test_rest_is_backpropagation_whatever_the_law_and_the_delays(seed):
    network, inputs, targets = drawn(seed)
    law = Resonator(stiffness=0.2 + 0.05 * seed, damping=0.8, coupling=0.02, impedance=0.5 + seed / 2)
    graph = compile_network(network, law=law, hardware=delays(1, 4), seed=seed)
    exact = reference(network, inputs, targets)
    assert spectral_radius(graph, exact) < 1
    needed = settling_steps(graph, exact, tolerance=1e-12)
    result = settle(graph, inputs, targets, hold_seconds=2 * needed * graph.step, tolerance=1e-9, **QUIET)
    assert result.settled.all()
    assert max(result.errors(exact)[key] for key in ("state", "costate", "gradient")) < 1e-9


@dataclass(frozen=True)
class Named(NodeLaw):
    """Its numbers are called as those of the load and of the sources of other laws."""

    impedance: float = 1.0
    name = "named"
    parameters = {"kappa": 0.3, "source_resistance": 0.4}
    state_update = "x = x + kappa*(F - x)"
    costate_update = "lam = lam + source_resistance*(B - lam)"


def test_numbers_of_a_law_may_have_any_names():
    network, inputs, targets = drawn(1)
    exact = reference(network, inputs, targets)
    result = settle(compile_network(network, law=Named()), inputs, targets, hold=400, **QUIET)
    assert result.settled.all() and (result.deviation < 1e-9).all() and result.errors(exact)["gradient"] < 1e-9


def test_the_documented_example_is_this_law():
    scope = {"NodeLaw": NodeLaw, "dataclass": dataclass}
    for example in doctest.DocTestParser().get_examples(NodeLaw.__doc__):
        exec(example.source, scope)
    documented = scope["Resonator"]()
    for name in ("parameters", "memory", "state_update", "costate_update", "impedance"):
        assert getattr(documented, name) == getattr(Resonator(), name)


def test_the_settling_time_is_predicted():
    for seed, law in (
        (2, Resonator()),
        (3, Resonator(damping=0.5, coupling=0.02)),
        (0, Resonator(damping=0.4, coupling=0.0)),
    ):
        network, inputs, targets = drawn(seed)
        graph = compile_network(network, law=law, hardware=delays(1, 4), seed=seed)
        predicted = settling_steps(graph, reference(network, inputs, targets))
        result = settle(graph, inputs, targets, hold_seconds=3 * predicted * graph.step, **QUIET)
        assert result.settled.all()
        assert predicted == pytest.approx(result.settling_steps[0], rel=0.2)


def test_the_linearised_step_is_that_of_the_engine():
    """One step of the substrate from a small deviation, against the operator: memory included."""
    network, inputs, targets = drawn(1)
    graph = compile_network(network, law=Resonator(coupling=0.1, impedance=2.0), hardware=delays(1, 3), seed=2)
    exact = reference(network, inputs, targets)
    small = 1e-5
    moved = {name: rows + small * np.sin(1 + np.arange(rows.size)) for name, rows in inputs.items()}
    hold = 900
    both = {name: np.vstack([moved[name], rows]) for name, rows in inputs.items()}
    result = settle(graph, both, np.vstack([targets, targets]), hold_seconds=hold * graph.step, traces=True, **QUIET)
    step = linearised(graph, exact)
    before = linearised(graph, operating_point(graph, reference(network, moved, targets)))
    deviation = before.rest - step.rest
    for k in range(25):
        deviation = step @ deviation
        x, lam = step.newest(deviation)
        np.testing.assert_allclose(result.traces.x[hold + k] - step.resting[0], x, atol=30 * small**2)
        np.testing.assert_allclose(result.traces.lam[hold + k] - step.resting[1], lam, atol=30 * small**2)
    assert np.abs(deviation).max() > 100 * small**2


def test_without_coupling_the_radius_is_that_of_one_resonator():
    """z^2 - (2 - d - k) z + (1 - d): on the unit circle times sqrt(1 - d) where it rings."""
    network, inputs, targets = drawn(3)
    for stiffness, damping in ((0.3, 0.2), (0.05, 0.9), (0.3, 0.0)):
        graph = compile_network(network, law=Resonator(stiffness, damping, 0.0), hardware=delays(1, 4))
        step = linearised(graph, reference(network, inputs, targets))
        expected = np.abs(np.roots([1, -(2 - damping - stiffness), 1 - damping])).max()
        assert step.triangular == pytest.approx(expected, rel=1e-12)


def test_a_resonator_that_is_not_damped_rings_and_says_so():
    network, inputs, targets = drawn(3)
    graph = compile_network(network, law=Resonator(damping=0.0, coupling=0.0))
    result = settle(graph, inputs, targets, hold=200, target="numpy")
    assert not result.settled.any()
    assert result.reason is not None and "the spectral radius 1 is not below 1" in result.reason


def test_it_learns_what_the_matched_law_learns():
    rng = np.random.default_rng(5)
    network = Network.mlp([rng.normal(size=(4, 3)) / 2, rng.normal(size=(2, 4)) / 2])
    inputs, targets = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    how = {"port": Resistive(0.3), "epochs": 1, "target": "numpy"}
    ours = train(network, inputs, targets, law=Resonator(damping=0.8, coupling=0.02), hold=250, **how).network
    theirs = train(network, inputs, targets, **how).network
    for name, parameters in theirs.parameters.items():
        np.testing.assert_allclose(ours.parameters[name].weight, parameters.weight, atol=1e-9)
        assert np.abs(parameters.weight - network.parameters[name].weight).max() > 0.01


@pytest.mark.slow
def test_the_compiled_program_keeps_memory_as_numpy_does(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    network, inputs, targets = drawn(2)
    graph = compile_network(network, law=Resonator(), hardware=delays(1, 4))
    how = {"hold_seconds": 60 * graph.step, "diagnose": False, "traces": True}
    ours, theirs = (settle(graph, inputs, targets, target=t, **how) for t in ("numpy", "standalone"))
    np.testing.assert_allclose(ours.traces.x, theirs.traces.x, atol=1e-12)
    np.testing.assert_allclose(ours.traces.lam, theirs.traces.lam, atol=1e-12)


def test_scenarios_and_pictures_know_it_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(LAWS, "resonator", Resonator)
    overrides = ["law={name='resonator', damping=0.7}", "run.hold=200", "data.samples=2", "run.pictures=1"]
    report = run_scenario(load_scenario("unstable", [*overrides, "hardware=ideal"]), tmp_path / "out")
    assert report.settled
    assert report.result.graph.law == Resonator(damping=0.7)
    assert (tmp_path / "out" / "worldsheet.png").exists()
    network, inputs, targets = drawn(2)
    result = settle(compile_network(network, law=Resonator()), inputs, targets, hold=100, traces=True, **QUIET)
    assert len(settling_curve(result).axes) == 2


def law_of(**changes) -> NodeLaw:
    """The resonator with something else."""
    return type("Other", (Resonator,), {"name": "other", **changes})()


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (law_of(memory={"v": "0", "w": "0", "mu": "0"}), "law other: memory is named 'mu'; allowed: a name that"),
        (law_of(parameters={"F": 1.0}), "law other: parameter is named 'F'; allowed: a name that nothing else has"),
        (law_of(parameters={"v": 1.0}), "law other: memory is named 'v'; allowed: a name that nothing else has"),
        (law_of(parameters={"c": np.inf}), "law other: parameter c is inf; allowed: a finite number"),
        (law_of(state_update="x = F\nlam = B"), "law other: state_update assigns lam; allowed: x, what is in memory"),
        (law_of(costate_update="D = 1\nlam = B"), "law other: costate_update assigns D; allowed: lam, what is in"),
        (law_of(state_update="x = F + vv"), "law other: state_update names 'vv' (did you mean 'v'?); allowed: v, x"),
        (law_of(state_update="v = 0*v"), "law other: state_update does not assign x; allowed: code that does"),
        (law_of(state_update="x := F"), "law other: state_update has the line 'x := F'; allowed: assignments"),
    ],
)
def test_laws_that_cannot_run_are_refused(law, words):
    refuses(words, lambda: checked_law(law), EngineError)


def test_the_engine_refuses_them_before_brian2_does():
    network, inputs, targets = drawn(2)
    graph = compile_network(network, law=law_of(state_update="x = F + vv"))
    refuses("law other: state_update names 'vv'", lambda: settle(graph, inputs, targets, **QUIET), EngineError)


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (law_of(memory={"v": "1", "w": "0"}), "law other: state_update moves v of neuron 0 by 0.6 at x = F, lam = B"),
        (law_of(memory={"v": "u", "w": "0"}), "law other: memory v rests at what names 'u'; allowed: x, lam, F, B, Z"),
    ],
)
def test_memory_must_rest_where_the_law_says(law, words):
    refuses(words, lambda: law_slopes(law, np.ones(2), np.ones(2)), EngineError)

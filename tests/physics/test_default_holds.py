"""How long a sample is held where nobody says."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, Matched, Network, SeriesRC, compile_network, settle
from emulator.runs.holds import hold_steps
from hwmodels import load
from tests.support.stranger_networks import brought


def _lines(**changes):
    hardware = load("ideal")
    return hardware.model_copy(update={"lines": hardware.lines.model_copy(update=changes)})


@pytest.mark.parametrize(
    "changes", [{}, {"bandwidth": 1e8}, {"attenuation_forward": 0.97, "attenuation_backward": 0.97}]
)
def test_two_way_lines_are_held_for_some_times_what_they_need(changes):
    one = brought(3, depth=2, widest=12)
    plain = hold_steps(compile_network(one.network, law=Bilateral()), learns=True)
    graph = compile_network(one.network, law=Bilateral(), hardware=_lines(**changes))
    hold = hold_steps(graph)
    run = settle(graph, one.inputs, one.targets, target="numpy")
    assert run.hold == hold and run.settled.all()
    assert 1.5 * run.settling_steps.max() < hold < 6 * run.settling_steps.max()
    assert hold < plain or "bandwidth" in changes


def test_the_hold_is_for_the_tolerance_that_is_asked_for():
    one = brought(3, depth=2, widest=12)
    graph = compile_network(
        one.network, law=Bilateral(), hardware=_lines(attenuation_forward=0.9, attenuation_backward=0.9)
    )
    fine = settle(graph, one.inputs, one.targets, target="numpy", tolerance=1e-9, diagnose=False)
    assert fine.settled.all() and fine.hold > 1.5 * hold_steps(graph)


def test_where_nothing_is_predicted_to_settle_the_hold_is_as_before():
    """Without any dissipation but a low-pass, at a high impedance; node laws, which do not reflect; and where weights move."""
    one = brought(3, depth=2, widest=12)
    loud = compile_network(one.network, law=Bilateral(30.0), hardware=_lines(bandwidth=1e8))
    arrival = hold_steps(compile_network(one.network, law=Matched(), hardware=_lines(bandwidth=1e8)))
    assert hold_steps(loud) > 20 * arrival
    with np.errstate(all="raise"):
        plain = compile_network(one.network, law=Bilateral())
        assert hold_steps(plain, learns=True) % 60 == 0
        assert hold_steps(plain) < 0.5 * hold_steps(plain, learns=True)


@pytest.mark.parametrize("scale", [1e9, 1e12, 1e30])
def test_weights_of_any_size_have_a_hold(scale):
    """More rows than columns, and weights beside which impedances vanish."""
    draws = np.random.default_rng(0)
    network = Network.mlp([scale * draws.normal(size=(3, 4)), draws.normal(size=(2, 3))], activations="tanh")
    for law in (Bilateral(), Bilateral(0.5, taper=2.0, far_end=SeriesRC())):
        assert hold_steps(compile_network(network, law=law)) > 0


def test_chips_that_differ_a_little_share_a_hold():
    draws = np.random.default_rng(1)
    network = Network.mlp([draws.normal(size=(8, 8)) / 3, draws.normal(size=(4, 8)) / 3], activations="tanh")
    hardware = _lines(impedance_tolerance=0.1)
    graphs = [compile_network(network, law=Bilateral(), hardware=hardware, seed=seed) for seed in range(4)]
    assert len({hold_steps(graph) for graph in graphs}) <= 2


def test_networks_too_large_to_predict_at_once_are_held_as_before(monkeypatch):
    graph = compile_network(brought(3, depth=2, widest=12).network, law=Bilateral())
    monkeypatch.setattr("emulator.runs.holds._FEW_NUMBERS", 0)
    assert hold_steps(graph) == hold_steps(graph, learns=True)

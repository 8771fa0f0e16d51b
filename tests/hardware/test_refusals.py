"""Hardware that cannot be emulated is refused with one clear sentence."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import EngineError, Network, compile_network, settle
from hwmodels import HardwareError, load, presets
from tests.refusals import refuses
from tests.support.bench import hardware

NETWORK = Network.mlp([np.ones((3, 2)), np.ones((2, 3))])


def run(**changes: object):
    age = changes.pop("age", None)
    graph = compile_network(NETWORK, hardware=hardware(**changes))
    return settle(graph, np.ones((1, 2)), target="numpy", age=age)


@pytest.mark.parametrize("kind", ["stuck_port", "open_line", "dead_node"])
def test_unknown_places_are_refused(kind):
    refuses(
        f"hardware.faults.{kind}: no layer 'h1'; allowed: x0, s1, x1, s2, x2",
        lambda: run(**{f"faults__{kind}": {"places": ("h1",)}}),
        EngineError,
    )
    refuses(
        f"hardware.faults.{kind}: place 'x1[3]'; allowed: indices 0 to 2 of 'x1'",
        lambda: run(**{f"faults__{kind}": {"places": ("x1[3]",)}}),
        EngineError,
    )


@pytest.mark.parametrize("kind", ["dropped_event", "duplicated_event"])
def test_unknown_places_of_event_faults_are_refused(kind):
    refuses(
        f"hardware.faults.{kind}: no layer 'h1'",
        lambda: run(**{f"faults__{kind}": {"places": ("h1",), "rate": 0.1}}),
        EngineError,
    )


def test_jitter_beyond_the_delays_is_refused():
    refuses(
        "hardware.lines.jitter is 2e-09 s; allowed: at most a 4th of the shortest delay 5e-09 s less one step",
        lambda: run(lines__delay_forward=5e-9, lines__jitter=2e-9),
        EngineError,
    )


def test_an_age_outside_the_fitted_range_is_refused():
    drift = {"first_reading": 20.0, "exponent_mean": {"intercept": 0.05, "floor": 0.0, "ceiling": 1.0},
             "exponent_std": {"intercept": 0.0, "floor": 0.0, "ceiling": 1.0}}  # fmt: skip
    model = {"weights__g_max": 1.0, "weights__drift": drift, "weights__fitted_time": 1e4}
    for age in (5.0, 2e4):
        with pytest.raises(HardwareError, match=rf"weights.time: {age:g} s is outside the fitted range"):
            run(age=age, **model)


@pytest.mark.parametrize("name", [name for name in presets() if load(name).missing()])
def test_incomplete_presets_are_refused_with_what_they_lack(name):
    with pytest.raises(HardwareError, match=rf"hardware model '{name}': not known and must be supplied: clock\."):
        compile_network(NETWORK, hardware=name)

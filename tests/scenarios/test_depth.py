"""Settling against depth: the experiment, its outcomes in words, and what a range of impedances asks of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator import Network, compile_network
from emulator.errors import ScenarioError
from emulator.experiments.depth.curves import Point, growth
from emulator.experiments.depth.table import depth_table
from emulator.experiments.run import run_experiment
from emulator.laws import Bilateral, Matched
from emulator.measure import reference
from emulator.measure.diagnose import forewarning
from emulator.measure.dynamic_range import impedance_range, lost_in_rounding, lost_share
from emulator.runs.search import settings_of
from emulator.scenario.load import load_scenario
from hwmodels import load


def square(layers: int) -> Network:
    return Network.mlp([np.eye(3) * 0.9] * layers)


def test_curves_are_measured_and_predicted(tmp_path):
    curves = [
        '{name="matched"}',
        '{name="two-way", set={law={name="bilateral"}, "network.weights"="orthogonal"}}',
        '{name="grown", hidden=4, set={network={source="digits-mlp", hidden=[4], iterations=5}, data={source="digits", limit=1}}}',
    ]
    changes = ["network.width=4", "depth.depths=[2,3,5]", "depth.horizon=150", f"depth.curves=[{','.join(curves)}]"]
    report = run_experiment(load_scenario("depth", changes), tmp_path / "out", workers=1)
    points = report.findings.data["points"]
    assert [p["depth"] for p in points] == [2, 3, 5] * 3
    assert [p["measured"] for p in points if p["curve"] == "matched"] == [4, 6, 10]
    assert all(p["outcome"] == "settled" for p in points)
    assert all(abs(p["predicted"] - p["measured"]) <= 0.1 * p["measured"] for p in points)
    assert report.findings.data["agreement"] == {"within": 0.07, "settled": 9, "close": 9}
    assert report.findings.notes[0] == ("predicted within 7%", "9 of the 9 points that settle")
    assert report.findings.data["growth"]["matched"] == pytest.approx(1.0)
    assert (tmp_path / "out" / "depth.png").stat().st_size > 10_000
    assert [row[0] for row in report.findings.table[1:]] == ["matched", "two-way", "grown"]


def test_a_wrong_curve_is_named():
    with pytest.raises(ScenarioError, match=r"depth\.curves"):
        load_scenario("depth", ["depth.curves=[]"])
    with pytest.raises(ScenarioError, match=r"depth\.depths"):
        load_scenario("depth", ["depth.depths=[0]"])


def test_what_came_of_a_point_is_said():
    inf = math.inf
    cases = {
        "settled": Point("a", 2, 10.0, 11.0, 0.0, True),
        "bounded oscillation": Point("a", 4, 10.0, inf, 0.0, True),
        "lost in rounding": Point("a", 8, 10.0, inf, 1e-2, True),
        "grows beyond all numbers": Point("a", 16, 10.0, inf, 0.0, False),
        "as predicted, not settled": Point("a", 32, inf, inf, 0.0, True),
        "slower than the horizon": Point("a", 64, 10.0, inf, 0.0, True, late=True),
    }
    assert {name: point.outcome(1e-3) for name, point in cases.items()} == {name: name for name in cases}
    table, notes = depth_table(list(cases.values()), [2, 4, 8, 16, 32, 64], 1e-3, 0.1)
    assert table[1] == ("a", "11 (10)", "never (10)", "never (10)", "never (10)", "never (never)", "never (10)")
    assert [where for where, _ in notes] == [
        "a, 4 layers",
        "a, 8 layers",
        "a, 8 layers",
        "a, 16 layers",
        "a, 64 layers",
    ]
    assert depth_table([cases["settled"]], [2], 1e-3, 0.07)[1] == [
        ("a, 2 layers", "predicted -9% beside what was measured")
    ]
    assert growth([Point("a", d, 0.0, 3.0 * d**2, 0.0, True) for d in (2, 4, 8)]) == pytest.approx(2.0)
    assert math.isnan(growth(list(cases.values())))


def test_a_range_of_impedances_that_numbers_do_not_bear_is_foretold():
    within, beyond = (compile_network(square(n), law=Bilateral(taper=4.0)) for n in (4, 24))
    assert impedance_range(within) == pytest.approx(4.0**4)
    assert lost_share(within) == pytest.approx(100 * 4.0**4 * 2.0**-52)
    assert lost_in_rounding(within, 1e-3) is None
    assert lost_share(compile_network(square(4), law=Matched())) == 0
    point = reference(beyond.network, np.ones((1, 3)), np.zeros((1, 3)))
    said = forewarning(beyond, point, hold=10_000)
    assert said is not None and said.startswith(
        "impedances span 2.81e+14 : 1, so that rounding leaves the first costates"
    )
    words = load("ideal").replace({"precision.forward.bits": 12, "precision.backward.bits": 12})
    coarse = compile_network(square(2), law=Bilateral(taper=4.0), hardware=words)
    assert lost_share(coarse) == pytest.approx(100 * 16 * 2.0**-11)


def test_orthogonal_weights_keep_lengths():
    scenario = load_scenario("depth", ["network.weights=orthogonal", "network.scale=2.0"])
    for layer in scenario.config.network.make(scenario.folder).network.parameters.values():
        np.testing.assert_allclose(layer.weight @ layer.weight.T, 4 * np.eye(16), atol=1e-12)


def test_bounds_of_tuning_follow_depth():
    high = [
        {s.key: s.high for s in settings_of(Bilateral(impedance=1.0), ["far_end"], depth)}["far_end.resistance"]
        for depth in (1, 3, 32)
    ]
    assert high == [20.0, 36.0, 384.0]

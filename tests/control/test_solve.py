"""Controls that come to rest on a substrate: against a Riccati recursion written here, shooting, and from the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import ControlError, ControlProblem, Matched, Resistive, WavePMP, heavy_ball, solve
from emulator.cli import app
from emulator.control.exact import riccati, shooting
from emulator.options import HoldOptions
from emulator.scenario import bundled, load_scenario


def backwave(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="backwave")


NUMPY = HoldOptions(target="numpy")
SCENARIOS = ("lqr", "lqr-4", "pendulum", "van-der-pol")


def double_integrator(**changes) -> ControlProblem:
    given = {"dynamics": ["x2", "u1"], "running_cost": "0.5*(x1**2 + u1**2)", "terminal_cost": "x1**2 + x2**2",
             "x0": [1.0, 0.0], "horizon": 2.0, "steps": 6}  # fmt: skip
    return ControlProblem(**{**given, **changes})


def by_hand(A, B, Q, R, Q_end, x0, steps):
    """The textbook recursion: ``K = (R + B'PB)^-1 B'PA``."""
    P, gains = Q_end, []
    for _ in range(steps):
        K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        P = Q + A.T @ P @ (A - B @ K)
        gains.append(K)
    x, controls = np.array(x0, float), []
    for K in gains[::-1]:
        controls.append(-K @ x)
        x = A @ x + B @ controls[-1]
    return np.array(controls)


def test_lqr_is_the_riccati_solution() -> None:
    one, dt = double_integrator(), 2.0 / 6
    A, B = np.array([[1, dt], [0, 1]]), np.array([[dt**2 / 2], [dt]])
    expected = by_hand(A, B, dt * np.diag([1.0, 0.0]), dt * np.eye(1), 2 * np.eye(2), [1, 0], 6)
    np.testing.assert_allclose(riccati(one).controls, expected, rtol=1e-12)
    found = solve(one, law=Matched(), run=NUMPY, tolerance=1e-9)
    assert found.solved and found.graph.neurons < 40
    assert np.abs(found.controls - expected).max() < 1e-6 * np.abs(expected).max()
    np.testing.assert_allclose(found.costates, riccati(one).costates, atol=1e-7)
    assert found.steps == found.updates * found.hold and found.history["effort"][-1] <= 1e-9


def test_shooting_and_riccati_agree_where_both_can() -> None:
    one = double_integrator(running_cost="0.5*(x1**2 + u1**2 + x1*u1) + 0.1*x2", dynamics=["x2 - 0.2*x1 + 0.1*t", "u1"])
    np.testing.assert_allclose(shooting(one).controls, riccati(one).controls, atol=1e-6)


def test_a_pendulum_costs_what_it_costs_scipy() -> None:
    one = ControlProblem(
        {"a": "w", "w": "-sin(a) + u"}, "0.5*u**2", "2*(1 + cos(a)) + w**2", [0.0, 0.5], 1.5, 4, ["u"], scheme="euler"
    )
    found, best = solve(one, run=NUMPY, tolerance=1e-4, updates=400), shooting(one)
    assert found.solved, found.reason
    assert abs(found.cost - best.cost) < 1e-3 * abs(best.cost)
    np.testing.assert_allclose(found.controls, best.controls, atol=1e-3)


@pytest.mark.slow
def test_wave_pmp_is_exact_without_transport_and_biased_with() -> None:
    one = double_integrator(steps=3)
    best, errors = riccati(one), {}
    for nu in (0.0, 0.01):
        found = solve(
            one, law=WavePMP(nu=nu, alpha=1.0), run=HoldOptions(target="numpy", hold=60), tolerance=1e-7, updates=300
        )
        errors[nu] = np.abs(found.controls - best.controls).max() / np.abs(best.controls).max()
    assert errors[0.0] < 1e-6 and 1e-3 < errors[0.01] < 1.0


def test_a_port_of_ones_own_is_kept_and_may_be_too_fast() -> None:
    one = double_integrator(steps=3)
    slow = solve(one, port=Resistive(0.1), run=NUMPY, updates=20)
    assert not slow.solved and slow.port == Resistive(0.1) and "after 20 updates" in str(slow.reason)
    fast = solve(one, port=Resistive(500.0), run=NUMPY, updates=400)
    assert fast.status == "not solved" and "grew beyond all numbers" in str(fast.reason)
    assert heavy_ball(one).mass > 0
    shown = replace(slow, reason="<b>")._repr_html_()
    assert "not solved: &lt;b&gt;" in shown and "<b></" not in shown and f"{slow.cost:.6g}</td>" in shown
    assert "Controls on law matched, hardware ideal" in shown and "20, each after" in shown


@pytest.mark.parametrize(("name", "value"), [("updates", 0), ("updates", 1.5), ("tolerance", 0.0), ("tolerance", True)])
def test_wrong_settings_are_refused(name: str, value) -> None:
    with pytest.raises(ControlError, match=f"{name} is {value!r}; allowed"):
        solve(double_integrator(), **{name: value})


MINE = """
title = "Mine"
[network]
source = "control"
dynamics = { x = "v", v = "u - 0.1*v" }
controls = ["u"]
running_cost = "0.5*u**2"
terminal_cost = "x**2 + v**2"
x0 = { x = 1.0, v = 0.0 }
horizon = 1.0
steps = 3
[run]
target = "numpy"
"""


def test_a_problem_of_ones_own_is_solved_by_run(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    done = backwave("run", path, "--out", tmp_path / "out")
    assert done.exit_code == 0 and "solved: cost" in done.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    answer = results["answers"][0]
    assert results["kind"] == "control" and results["exact"]["method"] == "discrete Riccati recursion"
    assert answer["status"] == "solved" and answer["control_error"] < 1e-6 and abs(answer["cost_excess"]) < 1e-9
    assert set(results["files"]) == {"results.json", "control.png", "filling.png", "descent.png", "solution.csv"}
    assert results["troubles"] == []
    rows = list(csv.DictReader((tmp_path / "out" / "solution.csv").read_text().splitlines()))
    assert [float(row["t"]) for row in rows] == pytest.approx([0, 1 / 3, 2 / 3, 1]) and float(rows[0]["exact x"]) == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("network.dynamics={x='v', v='u - q'}", "dynamics.v names 'q'; allowed: x, v, u, t, pi"),
        ("network.dynamics={x='v', v=\"__import__('os').system('id')\"}", "dynamics.v"),
        ("network.x0=[1.0]", "x0 has 1 numbers; allowed: 2, for x, v"),
        ("network.horizon=inf", "horizon is inf; allowed: a finite number"),
        ("network.steps=0", "steps is 0"),
        ("network.terminal_cost='x**2 + exp(1000)'", "no finite number"),
        ("control.port.name='newtonian'", "control.port.name is 'newtonian'"),
        ("control.updates=0", "control.updates"),
        ("network.scheme='heun'", "scheme is 'heun'; allowed: rk4, euler"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_status_2(change: str, message: str, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    done = backwave("run", path, "--out", tmp_path / "out", "--set", change)
    assert done.exit_code == 2 and not (tmp_path / "out").exists()
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_a_section_control_needs_a_control_problem(tmp_path) -> None:
    done = backwave("run", "residual", "--set", "control.updates=3", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "allowed with section control: 'control'" in done.stderr


@pytest.mark.parametrize("name", SCENARIOS)
def test_bundled_problems_are_sound(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.config.experiment == "control" and name in bundled()
    problem = scenario.config.network.problem()  # type: ignore[union-attr]
    assert problem.unrolled.linear == name.startswith("lqr")


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_bundled_problems_are_solved(name: str, tmp_path) -> None:
    assert backwave("run", name, "--out", tmp_path / "out", "--set", "control.compare=[]").exit_code == 0
    answer = json.loads((tmp_path / "out" / "results.json").read_text())["answers"][0]
    assert abs(answer["cost_excess"]) < 1e-3
    assert answer["control_error"] < (1e-6 if name.startswith("lqr") else 1e-2)

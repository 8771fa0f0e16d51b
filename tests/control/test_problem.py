"""Control problems as networks: the objective, its derivatives and the costates, every law, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import (
    ControlError,
    ControlProblem,
    Matched,
    Upwind,
    WavePMP,
    Worldsheet,
    compile_network,
    reference,
    settle,
)
from emulator.control.exact import Dynamics
from emulator.control.ridge import Affine, Ridges
from emulator.network.expressions import expression_activation, read
from emulator.network.formulas import brian2_value

PROBLEMS = {
    "linear": {"dynamics": ["x2", "u1"], "running_cost": "0.5*(x1**2 + 0.1*u1**2)", "terminal_cost": "5*x1**2 + x2**2",
               "x0": [1, 0], "horizon": 3.0, "steps": 6},
    "timed, coupled": {"dynamics": ["x2 - 0.3*x1 + t", "u1 - t*u2"], "controls": 2,
                       "running_cost": "0.5*(x1**2 + x1*x2 + x2**2 + 0.1*u1**2 + (u2 - sin(t))**2)",
                       "terminal_cost": "(x1 - 1)**2", "x0": [1, 0], "horizon": 2.0, "steps": 5},
    "pendulum": {"dynamics": {"a": "w", "w": "-9.81*sin(a) + u - 0.1*w"}, "running_cost": "0.05*u**2",
                 "terminal_cost": "20*(1 + cos(a)) + w**2", "x0": [0, 0], "horizon": 1.0, "steps": 5, "controls": {"u": 0.3}},
    "van der Pol": {"dynamics": {"x": "(1 - y**2)*x - y + u", "y": "x"}, "running_cost": "x**2 + y**2 + u**2",
                    "x0": {"x": 0, "y": 1}, "horizon": 1.5, "steps": 5, "controls": ["u"]},
    "cart": {"dynamics": {"x": "v", "a": "w", "v": "(F + m*sin(a)*(l*w**2 + g*cos(a)))/(M + m*sin(a)**2)",
                          "w": "(-F*cos(a) - m*l*w**2*cos(a)*sin(a) - (M + m)*g*sin(a))/(l*(M + m*sin(a)**2))"},
             "running_cost": "F**2/100 + t*x**2 + sin(x - t)", "terminal_cost": "10*(1 + cos(a)) + x*v",
             "x0": [0, 0.1, 0, 0], "horizon": 0.6, "steps": 3, "controls": {"F": 0.5},
             "constants": {"m": 0.3, "M": 1, "l": 0.5, "g": 9.81}},
}  # fmt: skip


def problem(name: str, **changes) -> ControlProblem:
    return ControlProblem(**{**PROBLEMS[name], **changes})


def moved(one: ControlProblem, seed: int = 0) -> np.ndarray:
    return one.initial + 0.3 * np.random.default_rng(seed).normal(size=one.initial.shape)


def exact(one: ControlProblem, controls: np.ndarray):
    network = one.network(controls)
    return reference(network, one.inputs, np.zeros((1, network.size(network.output))))


@pytest.mark.parametrize("scheme", ["euler", "rk4"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_loss_is_the_objective_and_costates_are_its_derivatives(name: str, scheme: str) -> None:
    one = problem(name, scheme=scheme)
    controls, dynamics = moved(one), Dynamics(one)
    cost, states, costates, gradient = dynamics.along(controls)
    found = exact(one, controls)
    assert found.loss[0] + one.unrolled.constant == pytest.approx(cost, rel=1e-12, abs=1e-12)
    for k in range(one.steps + 1):
        np.testing.assert_allclose(found.states[f"x{k}"][0], states[k], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found.costates[f"x{k}"][0], costates[k], rtol=1e-9, atol=1e-10)
    flat = found.gradients["u"].weight.reshape(controls.shape)
    np.testing.assert_allclose(flat, gradient, rtol=1e-9, atol=1e-10)
    for spot in [(0, 0), (one.steps - 1, -1)]:
        step = np.zeros_like(controls)
        step[spot] = 1e-5
        slope = (dynamics.along(controls + step)[0] - dynamics.along(controls - step)[0]) / 2e-5
        assert flat[spot] == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_the_step_of_fourth_order_is_the_classical_one() -> None:
    one = problem("pendulum")
    x, u = np.array([0.4, -0.2]), np.array([0.7])

    def slope(x):
        return np.array([x[1], -9.81 * np.sin(x[0]) + u[0] - 0.1 * x[1]])

    a = slope(x)
    b = slope(x + one.dt / 2 * a)
    c = slope(x + one.dt / 2 * b)
    d = slope(x + one.dt * c)
    np.testing.assert_allclose(Dynamics(one).step(x, u, 0.0)[0], x + one.dt / 6 * (a + 2 * b + 2 * c + d), rtol=1e-14)


@pytest.mark.parametrize(
    "law",
    [Matched(), Worldsheet(beta=0.9, gamma=0.002), WavePMP(nu=0.0, alpha=1.0), Upwind()],
    ids=lambda law: law.name,
)
@pytest.mark.parametrize("name", ["linear", "timed, coupled", "pendulum", "van der Pol"])
def test_every_law_rests_at_the_maximum_principle(name: str, law) -> None:
    one = problem(name, scheme="euler")
    controls = moved(one)
    network = one.network(controls)
    target = np.zeros((1, network.size(network.output)))
    graph = compile_network(network, law=law)
    hold = 14 * graph.longest_round_trip if law.name in ("worldsheet", "upwind") else 2 * graph.longest_round_trip + 40
    result = settle(graph, one.inputs, target, target="numpy", tolerance=1e-7, hold=hold)
    assert result.settled.all(), result.reason
    assert result.errors(exact(one, controls))["gradient"] < 1e-6


def test_a_linear_system_is_one_crossbar_per_step_under_either_scheme() -> None:
    sizes = {scheme: problem("linear", scheme=scheme).network().layers for scheme in ("euler", "rk4")}
    assert len(sizes["euler"]) == len(sizes["rk4"])
    assert problem("linear").unrolled.linear and not problem("pendulum").unrolled.linear


def test_a_front_leaves_right_values_behind() -> None:
    """All ways between two states are equally long, so that nothing overshoots while features are still under way."""
    one = problem("van der Pol", steps=16, horizon=4.0)
    network = one.network(moved(one))
    graph = compile_network(network, law=Matched())
    target = np.zeros((1, network.size(network.output)))
    result = settle(graph, one.inputs, target, target="numpy", traces=True)
    found = reference(network, one.inputs)
    assert result.settled.all(), result.reason
    for k in (1, 8, 16):
        own = result.traces.x[:, graph.layer_neurons(f"x{k}")]
        np.testing.assert_allclose(own[-1], found.states[f"x{k}"][0], rtol=1e-12, atol=1e-13)
    at = np.concatenate([np.arange(graph.neurons)[graph.layer_neurons(f"x{k}")] for k in range(17)])
    largest = max(float(np.abs(found.states[f"x{k}"]).max()) for k in range(17))
    assert np.abs(result.traces.x[:, at]).max() < 2 * largest


def test_a_problem_travels_and_its_network_too(tmp_path) -> None:
    one = problem("pendulum")
    one.network().save(tmp_path / "p.npz")
    from emulator import Network

    assert Network.load(tmp_path / "p.npz") == one.network() == pickle.loads(pickle.dumps(one.network()))


NAMES = {name: sympy.Dummy(name, real=True) for name in ("x", "y", "u")}
_LEAVES = st.sampled_from(["x", "y", "u", "0.5", "2", "1.3"])
_TEXTS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}/(3 + ({p[1]})**2))"),
        st.tuples(st.sampled_from(["sin", "cos", "tanh", "arctan"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        inner.map(lambda p: f"({p})**2"),
        inner.map(lambda p: f"(-{p})"),
    ),
    max_leaves=7,
)


@given(text=_TEXTS, seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_formula_is_functions_of_affine_forms(text: str, seed: int) -> None:
    draws = np.random.default_rng(seed)
    values = {name: draws.uniform(-1.0, 1.0, 4) for name in NAMES}
    ridges = Ridges(NAMES)
    form = ridges.lower(read(text, NAMES))
    known = dict(values)

    def value(one: Affine):
        return one.constant + sum((c * known[name] for name, c in one.terms), np.zeros(4))

    for level in ridges.levels():
        known |= {one.name: expression_activation(one.text).phi(value(one.z)) for one in level}
    expected = brian2_value(text, values)
    np.testing.assert_allclose(value(form), expected, rtol=1e-9, atol=1e-9 * (1 + np.abs(expected).max() ** 2))


GOOD = PROBLEMS["pendulum"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamics": {"a": "w", "w": "u + q"}}, "dynamics.w names 'q'; allowed: a, w, u, t, pi"),
        ({"dynamics": {"a": "w", "w": "u + floor(a)"}}, "dynamics.w calls 'floor'; allowed: sin"),
        ({"dynamics": {"a": "w", "w": "__import__('os').system('true')"}}, "dynamics.w (holds|calls)"),
        ({"dynamics": {"a": "w", "w": "u if a else w"}}, "dynamics.w holds"),
        ({"dynamics": {"a": "w", "w": "u**a"}}, "powers whose exponent is a number"),
        ({"dynamics": {"a": "w", "w": ["u"]}}, r"dynamics.w is .*; allowed: a text"),
        ({"dynamics": {"a": "w", "w": "sin(a)"}}, "control 'u' is in no dynamics; allowed: controls that move a state"),
        ({"dynamics": {}}, "dynamics is {}; allowed: a table of 1 to 32 expressions"),
        ({"dynamics": {"sin": "u", "w": "w"}}, "dynamics has the name 'sin'; allowed: letters"),
        ({"dynamics": {"a": "u", "t": "w"}}, "dynamics has the name 't'"),
        ({"controls": ["a"]}, "controls has the name 'a', which is given twice"),
        ({"controls": ["u", "u"]}, "controls has the name 'u', which is given twice"),
        ({"controls": []}, r"controls is \[\]; allowed: 1 to 32 names"),
        ({"controls": {"u": [1.0, 2.0]}}, "controls.u has 2 values; allowed: one, or 5, one per step"),
        ({"controls": {"u": float("nan")}}, "controls.u is nan; allowed: a finite number"),
        ({"x0": [0.0]}, "x0 has 1 numbers; allowed: 2, for a, w"),
        ({"x0": [0.0, float("inf")]}, r"x0\[1\] is inf; allowed: a finite number"),
        ({"x0": {"a": 0.0, "z": 1.0}}, "x0 (lacks 'w'|names 'z')"),
        ({"horizon": 0.0}, "horizon is 0; allowed: above 0"),
        ({"horizon": "long"}, "horizon is 'long'; allowed: a finite number"),
        ({"steps": 0}, "steps is 0; allowed: whole numbers from 1 to 5000"),
        ({"steps": 2.5}, "steps is 2.5; allowed: whole numbers"),
        ({"scheme": "heun"}, "scheme is 'heun'; allowed: rk4, euler"),
        ({"terminal_cost": "u**2"}, "terminal_cost names 'u'; allowed: a, w, t, pi"),
        ({"running_cost": "1e400*u"}, "no finite number"),
        ({"running_cost": None}, "running_cost is None; allowed: a text"),
        ({"constants": {"g": True}}, "constants.g is True; allowed: a finite number"),
        ({"constants": {"import": 1.0}}, "constants has the name 'import'"),
        ({"constants": 3}, "constants is 3; allowed: a table of numbers"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(changes, message: str) -> None:
    with pytest.raises(ControlError, match=message) as caught:
        ControlProblem(**{**GOOD, **changes})
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_time_inside_functions_is_refused_where_it_makes_too_many() -> None:
    one = ControlProblem(["u1/(2 + t + x1**2)"], x0=[1.0], horizon=1.0, steps=80, scheme="euler")
    with pytest.raises(ControlError, match="make more than 48 different functions"):
        one.network()


def test_wrong_controls_are_refused() -> None:
    one = problem("pendulum")
    for wrong in (np.zeros(3), [["a"]], np.full((5, 1), np.nan)):
        with pytest.raises(ControlError, match=r"controls (are|have shape)"):
            one.network(wrong)


@given(text=st.text(alphabet="xyut0123456789.+-*/()[]{}sincoexplg ,_'\"\\=<>!:;@\n", max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_strange_texts_are_a_problem_or_a_sentence(text: str) -> None:
    try:
        ControlProblem([f"u1 + {text}" if len(text) % 2 else text], text, 0, [0.1], 1.0, 2)
    except ControlError as error:
        assert len(str(error)) < 600

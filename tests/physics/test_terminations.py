"""Terminations measured in trainings: what they reflect, and their impedance against the curvature that they meet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator import Adaptive, EngineError, GaussNewton, Inductive, Network, Newton, Resistive, terminations
from emulator.learning import RateSchedule
from tests.refusals import refuses
from tests.support.descent import PORTS, problem

RATES = RateSchedule(warm_up=2)


def regression(seed: int = 0, bent: bool = False):
    """A linear map and its 12 samples; or a network with a bend."""
    rng = np.random.default_rng(seed)
    sizes = [5, 4, 3] if bent else [5, 3]
    weights = [rng.normal(size=(b, a)) / 2 for a, b in pairwise(sizes)]
    network = Network.mlp(weights, [rng.normal(size=b) / 10 for b in sizes[1:]], ["tanh", "identity"][-len(weights) :])
    return network, rng.normal(size=(12, 5)), rng.normal(size=(12, 3))


@pytest.mark.parametrize(
    ("port", "updates"),
    [
        (Resistive(0.1), 2), (Inductive(0.05, 60.0), 3), (Adaptive(0.02, memory=20.0), 2),
        (GaussNewton(0.5, 2.0, memory=30.0), 2), (Newton(0.01, 1.0, memory=1e6), 2),
    ],
)  # fmt: skip
def test_terminations_reflect_nothing_and_meet_the_curvature_that_is_there(port, updates):
    """The loss is a parabola: the curvature along any flow is known. What heavy ball reflects is left to (72)."""
    network, x, y = regression()
    found = terminations(network, x, y, port=port, batch=12, epochs=updates, rate_schedule=RATES)
    data = np.hstack([x, np.ones((12, 1))])
    second = data.T @ data / 12
    hessian = np.zeros((18, 18))
    rows = [[r * 3 + c for r in range(5)] + [15 + c] for c in range(3)]  # row by row, then biases
    for own in rows:
        hessian[np.ix_(own, own)] = second
    for part in found.of("s1"):
        assert part.reflection < 1e-12
        exact = part.flow @ hessian @ part.flow / (part.flow @ part.flow)
        assert part.curvature == pytest.approx(exact, rel=1e-9)
        z = part.flow @ part.effort / (part.flow @ part.flow)
        assert part.impedance == pytest.approx(z, rel=1e-9)
        assert part.coefficient == pytest.approx((z - exact) / (z + exact), rel=1e-8)
        if isinstance(port, Newton):  # Z = H + damping, but for the factor of the rate
            assert part.impedance * RATES.factors(12 * part.update, 12)[-1] == pytest.approx(exact + 0.01, rel=1e-4)
    if isinstance(port, Inductive):
        assert (found.powers["reflected"] > 1e-4).all()
    else:
        assert (found.powers["reflected"] < 1e-28).all()
    np.testing.assert_allclose(
        found.powers["absorbed"], [sum(p.effort @ p.flow for p in found.parts if p.update == n) for n in range(updates)]
    )


def test_a_newton_step_of_all_samples_ends_at_the_optimum():
    """Matched to the curvature, nothing comes back: the coefficient is 0 but for the damping, and no effort is left."""
    network, x, y = regression(3)
    (part,) = terminations(network, x, y, port=Newton(1e-9, 1.0, memory=1e7), batch=12, epochs=1).parts
    assert abs(part.coefficient) < 1e-5
    assert np.abs(part.left).max() < 1e-4 * np.abs(part.effort).max()


def test_the_inductive_termination_is_the_heavy_ball_of_the_paper():
    """(72), ``-grad J = R dw/dt + L d2w/dt2``, in differences of the weights alone, at a constant rate."""
    network, x, y = regression(1, bent=True)
    port = Inductive(0.05, 60.0)
    parts = terminations(network, x, y, port=port, batch=12, epochs=4).of("s2")
    for before, now in pairwise(parts):
        wanted = before.flow / port.rate + port.mass * (now.flow - before.flow)
        np.testing.assert_allclose(now.effort, wanted, atol=1e-12)
        assert np.abs(wanted).max() > 0.05


def test_averaging_the_effort_reflects_what_it_lags_behind():
    network, x, y = regression(2, bent=True)
    found = terminations(network, x, y, port=Adaptive(0.05, averaging=5.0), batch=12, epochs=3)
    first, last = found.of("s2")[0], found.of("s2")[-1]
    assert first.reflection < 1e-12 < 1e-3 < last.reflection
    assert found.powers["reflected"][-1] > 1e-6


def test_what_has_no_impedance_is_refused():
    network, inputs, labels = problem()
    refuses(
        "port device: its impedance is not known; allowed: resistive, inductive, newton",
        lambda: terminations(network, inputs, labels, port=PORTS["device"], samples=2),
        EngineError,
    )
    refuses(
        "terminations: schedule is 'unlocked'; allowed: settled",
        lambda: terminations(network, inputs, labels, port=Resistive(0.1), samples=2, schedule="unlocked"),
        EngineError,
    )
    found = terminations(network, inputs, labels, port=Resistive(0.1), samples=2)
    assert len(found.parts) == 4
    refuses("terminations: no layer 'out' that learns; allowed: s1, s2", lambda: found.of("out"), EngineError)

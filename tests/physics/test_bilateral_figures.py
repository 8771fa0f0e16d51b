"""How long two-way lines need on a 64-32-10 digits network; all figures: tests.benchmarks.figures."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Bilateral, compile_network, reference
from emulator.measure.forecast import settling_steps
from emulator.measure.rest import operating_point
from tests.benchmarks.figures import RC_TAPER_2, RC_TAPER_4, RC_UNIFORM, digits, steps
from tests.substrate import delays


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "longest", "hold", "low", "high"),
    [
        (RC_TAPER_2, 1, 200, 70, 150),  # found: 119 to 123
        (RC_TAPER_4, 1, 110, 40, 70),  # 50 to 55
        (Bilateral(0.8, 4.0, far_end=RC_TAPER_4.far_end), 5, 300, 120, 220),  # 161 to 176
    ],
)
def test_steps_to_a_thousandth(law, longest, hold, low, high):
    problem = digits()
    (found,) = steps(problem, law, longest, hold, images=2)
    assert low <= min(found) and max(found) <= high, found
    network, images, targets = problem
    graph = compile_network(network, law=law, hardware=delays(1, longest), seed=1)
    exact = reference(network, images, targets)
    predicted = [settling_steps(graph, operating_point(graph, exact, k)) for k in range(2)]
    np.testing.assert_allclose(found, predicted, rtol=0.05, atol=1)


def test_damping_at_the_far_end_and_a_taper_shorten_the_predicted_time():
    network, images, targets = digits()
    point = reference(network, images[:1], targets[:1])
    laws = (Bilateral(0.3, bandwidth=0.5), RC_UNIFORM, RC_TAPER_2, RC_TAPER_4)
    times = [settling_steps(compile_network(network, law=law), point) for law in laws]
    assert times == sorted(times, reverse=True)
    assert times[0] > 4 * times[-1]

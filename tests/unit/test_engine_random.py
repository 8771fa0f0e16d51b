"""Counter-based random numbers: right laws, independent streams, the same on every target."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, device, get_device, prefs, second, set_device
from scipy import stats

from emulator.engine.random import functions, gauss, key, uniform

N = 20_000


def test_uniform_and_gauss_follow_their_laws():
    elements = np.arange(N)
    assert stats.kstest(uniform(key(0, "a"), elements, 3), "uniform").pvalue > 1e-3
    assert stats.kstest(gauss(key(0, "a"), elements, 3), "norm").pvalue > 1e-3
    assert stats.kstest(gauss(key(0, "a"), 5, elements), "norm").pvalue > 1e-3


def test_streams_elements_and_counters_are_uncorrelated():
    elements = np.arange(N)
    base = gauss(key(0, "a"), elements, 0)
    for other in (
        gauss(key(0, "b"), elements, 0),
        gauss(key(1, "a"), elements, 0),
        gauss(key(0, "a"), elements, 1),
        gauss(key(0, "a"), elements + 1, 0),
        2 * uniform(key(0, "a"), elements, 0) - 1,
    ):
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(N)


@pytest.mark.slow
def test_all_targets_give_the_same_numbers():
    found = {}
    stream = key(3, "noise")
    for target in ("numpy", "cython", "standalone"):
        if target == "standalone":
            previous = get_device()
            set_device("cpp_standalone", directory=None)
        else:
            before, prefs.codegen.target = prefs.codegen.target, target
        group = NeuronGroup(50, "x : 1\ny : 1", namespace=functions() | {"k": stream})
        group.run_regularly("x = gauss(k, i, t_in_timesteps + 7)\ny = uniform(k, i, 12345)", dt=group.clock.dt)
        Network(group).run(0.003 * second)
        found[target] = np.array([group.x[:], group.y[:]])
        if target == "standalone":
            device.reinit()
            device.activate()
            set_device(previous)
        else:
            prefs.codegen.target = before
    last = round(0.003 / 1e-4) - 1 + 7
    expected = [gauss(stream, np.arange(50), last), uniform(stream, np.arange(50), 12345)]
    for values in found.values():
        np.testing.assert_allclose(values, expected, atol=1e-13)


def test_gauss_is_the_inverse_of_the_normal_distribution_function_far_into_the_tails():
    elements = np.arange(400_000)
    samples = gauss(key(5, "a"), elements, 0)
    quantiles = stats.norm.ppf((np.arange(len(samples)) + 0.5) / len(samples))
    spread = 1 / np.sqrt(len(samples)) / stats.norm.pdf(quantiles)
    inner = np.abs(quantiles) < 4
    assert (np.abs(np.sort(samples) - quantiles)[inner] < 3 * spread[inner]).all()
    assert 4.0 < np.abs(samples).max() < 6.5
    assert np.isfinite(samples).all()

"""What a taper stands for, too: equal lines whose crossbars are read out backwards with less gain.

Own simulation of equal lines, in which the current that a crossbar draws from its rows is ``W^T mu / t``: its voltages are those
of lines that are tapered by `t`, its costates smaller by `t` for every crossbar behind them.
"""

from __future__ import annotations

import numpy as np

from emulator import Bilateral, Network, compile_network, settle
from emulator.measure.dynamic_range import impedance_range

STEPS, IMPEDANCE, POLE = 60, 0.4, 0.6


def equal_lines(weights, x, y, taper):
    """States and costates (STEPS, n) of rows of neurons on equal lines, whose read-outs are attenuated by `taper`."""
    z, t = IMPEDANCE, taper
    lines = [n for w in weights for n in reversed(w.shape)]  # before and behind each crossbar
    ahead, back = ([np.zeros(n) for n in lines] for _ in range(2))  # as they arrive
    states, costates = [], []
    for _ in range(STEPS):
        right, left = [None] * len(lines), [None] * len(lines)  # as they leave the left and the right ends
        right[0] = x - back[0]
        shown_x, shown_lam = [x], [(x - 2 * back[0]) / z]
        for k, w in enumerate(weights):
            i, o = 2 * k, 2 * k + 1
            drawn = 2 * ahead[i] / z + w.T @ (2 * back[o]) / (t * z)
            voltage = np.linalg.solve(np.eye(w.shape[1]) / z + w.T @ w / (t * z), drawn)
            left[i], right[o] = voltage - ahead[i], w @ voltage - back[o]
            A = 2 * ahead[o]
            if k == len(weights) - 1:
                s = (A + z * y) / (1 + z)
                value, lam = s, s - y
                mu = lam
            else:
                s = np.zeros(len(A))
                for _ in range(50):  # Newton's method
                    f = s - A + (1 - np.tanh(s) ** 2) * (np.tanh(s) - 2 * back[o + 1])
                    d = 1 - np.tanh(s) ** 2
                    s = s - f / (1 + d * d - 2 * np.tanh(s) * d * (np.tanh(s) - 2 * back[o + 1]))
                value = np.tanh(s)
                lam = (value - 2 * back[o + 1]) / z
                mu = (A - s) / z
                right[o + 1] = value - back[o + 1]
            left[o] = ahead[o] - z * mu
            shown_x.append(value)
            shown_lam.append(lam)
        states.append(np.concatenate(shown_x))
        costates.append(np.concatenate([one * t ** (len(weights) - k) for k, one in enumerate(shown_lam)]))
        ahead = [a + POLE * (u - a) for a, u in zip(ahead, right, strict=True)]
        back = [a + POLE * (u - a) for a, u in zip(back, left, strict=True)]
    return np.array(states), np.array(costates)


def test_equal_lines_with_attenuated_read_outs_have_the_voltages_of_tapered_ones_and_costates_by_a_known_factor():
    rng = np.random.default_rng(4)
    weights = [rng.normal(size=(4, 3)) / 2, rng.normal(size=(5, 4)) / 2, rng.normal(size=(2, 5)) / 2]
    x, y, taper = rng.normal(size=3), rng.normal(size=2), 2.5
    network = Network.mlp(weights, activations=["tanh", "tanh", "identity"])
    graph = compile_network(network, law=Bilateral(IMPEDANCE, taper, bandwidth=POLE))
    assert impedance_range(graph) == 2.5**3
    result = settle(graph, x, y, hold_seconds=STEPS * graph.step, target="numpy", traces=True, diagnose=False)
    states, costates = equal_lines(weights, x, y, taper)
    np.testing.assert_allclose(result.traces.x[:STEPS], states, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.traces.lam[:STEPS], costates, rtol=0, atol=1e-10)

"""Two-way lines simulated once more, by node voltages and bisection: what tests compare the engine's waves with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

Carry = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def junction(A: float, J: float, z: float, G: float, phi, slope) -> tuple[float, float, float]:
    """State, pre-activation and current of a neuron with one root, between one line in and what is beside its output."""

    def left(s: float) -> float:
        return s - A + z * slope(s) * (G * phi(s) - J)

    reach = 2 + abs(A) + 2 * z * (abs(J) + G)
    s = brentq(left, -reach, reach, xtol=1e-15, rtol=8.9e-16)
    return phi(s), s, (A - s) / z


def chain(weights, x, y, z, kappa: float, steps: int, carry: Carry) -> np.ndarray:
    """Waves into all lines of a chain of crossbars with tanh neurons between and linear ones at its end.

    Parameters
    ----------
    weights : list of (C, R)
    x, y : (n,)
        Data at clamps, and targets.
    z : (L,)
        Impedances: of the lines to the first crossbar's rows, from its columns, and so on.
    carry
        Of the number of the step, and the waves that left tails and heads (L,): what heads and tails then hold.

    Returns
    -------
    (steps, 2L)
        What leaves tails, then heads.
    """
    parts, start = [], 0
    for weight in weights:
        rows = slice(start, start + weight.shape[1])
        parts.append((rows, slice(rows.stop, rows.stop + weight.shape[0])))
        start = parts[-1][1].stop
    head, tail = np.zeros((2, start))
    found = []
    for step in range(steps):
        from_tail, from_head = np.zeros((2, start))
        for weight, (rows, columns) in zip(weights, parts, strict=True):
            inner = np.diag(1 / z[rows]) + weight.T @ np.diag(1 / z[columns]) @ weight
            voltage = np.linalg.solve(inner, 2 * head[rows] / z[rows] + weight.T @ (2 * tail[columns] / z[columns]))
            from_head[rows], from_tail[columns] = voltage - head[rows], weight @ voltage - tail[columns]
        from_tail[parts[0][0]] = x - tail[parts[0][0]]
        for k, (_, columns) in enumerate(parts):
            last = k + 1 == len(parts)
            beyond = None if last else parts[k + 1][0]
            for j, line in enumerate(range(columns.start, columns.stop)):
                if last:
                    J, G, phi, slope = kappa * y[j], kappa, float, lambda _: 1.0
                else:
                    after = beyond.start + j
                    J, G, phi, slope = 2 * tail[after] / z[after], 1 / z[after], np.tanh, lambda s: 1 / np.cosh(s) ** 2
                state, _, current = junction(2 * head[line], J, z[line], G, phi, slope)
                from_head[line] = head[line] - z[line] * current
                if not last:
                    from_tail[after] = state - tail[after]
        found.append(np.concatenate([from_tail, from_head]))
        head, tail = carry(step, from_tail, from_head)
    return np.array(found)

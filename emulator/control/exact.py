"""What a substrate's answer is compared with: the discrete Riccati solution, or direct shooting with SciPy.

Neither knows of networks or waves: the step is computed from the formulas, and so are its derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy  # type: ignore[import-untyped]
from scipy.optimize import minimize

from emulator.control.description import Description, Floats
from emulator.errors import ControlError
from emulator.network.expressions import computed

#: most iterations of a shooting, and the gradient at which it ends
_MOST, _NEAR = 4000, 1e-9


@dataclass(frozen=True)
class Optimum:
    """Controls that satisfy the maximum principle, and everything along them.

    Parameters
    ----------
    method : str
    controls : (N, m)
    states, costates : (N + 1, n)
    cost : float
    """

    method: str
    controls: Floats
    states: Floats
    costates: Floats
    cost: float


@dataclass(frozen=True)
class Dynamics:
    """A control problem step by step, from its formulas.

    Parameters
    ----------
    problem : Description
    """

    problem: Description

    def step(self, x: Floats, u: Floats, time: float) -> tuple[Floats, Floats, Floats]:
        """The next state (n,) and its derivatives in the state (n, n) and the control (n, m)."""
        dt, one = self.problem.dt, np.eye(len(x))
        f, fx, fu = self._slope(x, u, time)
        if self.problem.scheme == "euler":
            return x + dt * f, one + dt * fx, dt * fu
        total, total_x, total_u = f, fx, fu
        for share, weight in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
            gx, gu = one + share * dt * fx, share * dt * fu
            f, in_x, in_u = self._slope(x + share * dt * f, u, time + share * dt)
            fx, fu = in_x @ gx, in_x @ gu + in_u
            total, total_x, total_u = total + weight * f, total_x + weight * fx, total_u + weight * fu
        return x + dt / 6 * total, one + dt / 6 * total_x, dt / 6 * total_u

    def paid(self, x: Floats, u: Floats, time: float) -> tuple[float, Floats]:
        """The running cost of a step, and its derivative in (x, u)."""
        values = self._values(x, u, time)
        return self.problem.dt * float(self._cost[0](values)), self.problem.dt * self._array(self._cost[1], values)

    def ended(self, x: Floats) -> tuple[float, Floats]:
        """The terminal cost, and its derivative."""
        values = dict(zip(self._symbols, x, strict=False))
        return float(self._end[0](values)), self._array(self._end[1], values)

    def along(self, controls: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Cost, states and costates (N + 1, n), and the derivative of the cost in the controls (N, m)."""
        times, x = self.problem.times, np.array(self.problem.x0)
        states, maps, cost = [x], [], 0.0
        for u, time in zip(controls, times, strict=False):
            paid, slope = self.paid(x, u, float(time))
            x, in_x, in_u = self.step(x, u, float(time))
            cost += paid
            states.append(x)
            maps.append((slope, in_x, in_u))
        end, lam = self.ended(x)
        costates, gradient, n = [lam], np.zeros_like(controls), len(x)
        for k, (slope, in_x, in_u) in reversed(list(enumerate(maps))):
            gradient[k] = slope[n:] + in_u.T @ lam
            lam = slope[:n] + in_x.T @ lam
            costates.append(lam)
        return cost + end, np.array(states), np.array(costates[::-1]), gradient

    def bent(self, time: float) -> tuple[Floats, Floats]:
        """Second derivative of the running cost of a step in (x, u), and the first at 0."""
        zero = np.zeros(len(self._symbols) - 1)
        values = dict(zip(self._symbols, [*zero, time], strict=True))
        slopes = [self._formula.diff(one) for one in self._symbols[:-1]]
        second = [[float(computed(slope.diff(one))(values)) for one in self._symbols[:-1]] for slope in slopes]
        n = len(self.problem.states)
        return self.problem.dt * np.array(second), self.paid(zero[:n], zero[n:], time)[1]

    def end_bent(self) -> tuple[Floats, Floats]:
        """Second derivative of the terminal cost, and the first at 0."""
        names, zero = self._symbols[: len(self.problem.states)], np.zeros(len(self.problem.states))
        values = dict(zip(names, zero, strict=True))
        second = [[float(computed(self.problem.terminal.diff(a, b))(values)) for a in names] for b in names]
        return np.array(second), self.ended(zero)[1]

    @property
    def _formula(self) -> sympy.Expr:
        return self.problem.formulas[-1]

    @cached_property
    def _symbols(self) -> list[sympy.Symbol]:
        return list(self.problem.symbols.values())

    @cached_property
    def _rates(self) -> tuple[list[Any], list[list[Any]]]:
        formulas = self.problem.formulas[:-1]
        return [computed(f) for f in formulas], [[computed(f.diff(s)) for s in self._symbols[:-1]] for f in formulas]

    @cached_property
    def _cost(self) -> tuple[Any, list[Any]]:
        return computed(self._formula), [computed(self._formula.diff(s)) for s in self._symbols[:-1]]

    @cached_property
    def _end(self) -> tuple[Any, list[Any]]:
        end, states = self.problem.terminal, self._symbols[: len(self.problem.states)]
        return computed(end), [computed(end.diff(s)) for s in states]

    def _slope(self, x: Floats, u: Floats, time: float) -> tuple[Floats, Floats, Floats]:
        values = self._values(x, u, time)
        rates, slopes = self._rates
        jacobian = np.array([self._array(row, values) for row in slopes])
        return self._array(rates, values), jacobian[:, : len(x)], jacobian[:, len(x) :]

    def _values(self, x: Floats, u: Floats, time: float) -> dict[sympy.Symbol, Any]:
        return dict(zip(self._symbols, [*x, *u, time], strict=True))

    @staticmethod
    def _array(functions: Sequence[Callable[[Any], Any]], values: dict[sympy.Symbol, Any]) -> Floats:
        return np.array([float(function(values)) for function in functions])


def riccati(problem: Description) -> Optimum:
    """The optimum of a linear system with a convex quadratic cost, by the Riccati recursion backwards in time.

    With ``x+ = A x + B u + c``, a cost ``z'Hz/2 + h'z`` of ``z = (x, u)`` per step and ``V = x'Px/2 + p'x`` of what follows,

        Q_uu = H_uu + B'PB    Q_ux = H_ux + B'PA    q_u = h_u + B'(P c + p)    u = -Q_uu^-1 (Q_ux x + q_u)
        P <- H_xx + A'PA - Q_ux' Q_uu^-1 Q_ux       p <- h_x + A'(P c + p) - Q_ux' Q_uu^-1 q_u

    Raises
    ------
    ControlError
        If the best control is not unique.
    """
    dynamics, n = Dynamics(problem), len(problem.states)
    zero = np.zeros(n), np.zeros(len(problem.controls))
    P, p = dynamics.end_bent()
    answers = []
    for time in problem.times[:-1][::-1]:
        c, A, B = dynamics.step(*zero, float(time))
        H, h = dynamics.bent(float(time))
        Q_uu, Q_ux, q_u = H[n:, n:] + B.T @ P @ B, H[n:, :n] + B.T @ P @ A, h[n:] + B.T @ (P @ c + p)
        if not np.linalg.eigvalsh(Q_uu).min() > 0:
            raise ControlError(
                f"the best control at t = {time:g} is not unique; allowed: a cost that rises with every control"
            )
        gain = np.linalg.solve(Q_uu, np.column_stack([Q_ux, q_u]))
        answers.append(gain)
        p = h[:n] + A.T @ (P @ c + p) - Q_ux.T @ gain[:, n]
        P = H[:n, :n] + A.T @ P @ A - Q_ux.T @ gain[:, :n]
    x, controls = np.array(problem.x0), []
    for gain, time in zip(answers[::-1], problem.times, strict=False):
        controls.append(-gain[:, :n] @ x - gain[:, n])
        x = dynamics.step(x, controls[-1], float(time))[0]
    return _optimum("discrete Riccati recursion", dynamics, np.array(controls))


def shooting(problem: Description, start: Floats | None = None) -> Optimum:
    """An optimum near controls `start` (N, m), by direct single shooting with SciPy's BFGS and exact gradients.

    Raises
    ------
    ControlError
        If none is found.
    """
    dynamics = Dynamics(problem)
    first = problem.initial if start is None else problem.fitting(start)

    def objective(flat: Floats) -> tuple[float, Floats]:
        cost, _, _, gradient = dynamics.along(flat.reshape(first.shape))
        return cost, gradient.ravel()

    with np.errstate(all="ignore"):
        size = max(float(np.abs(objective(first.ravel())[1]).max()), 1.0)
        found = minimize(
            objective, first.ravel(), jac=True, method="BFGS", options={"maxiter": _MOST, "gtol": _NEAR * size}
        )
        if not np.abs(found.jac).max() < 1e-4 * size:
            raise ControlError(f"SciPy found no optimum ({found.message}); allowed: first controls that lead to one")
    return _optimum("SciPy, direct shooting with BFGS", dynamics, found.x.reshape(first.shape))


def optimum(problem: Description, linear: bool, start: Floats | None = None) -> Optimum:
    """By the Riccati recursion where the problem is linear with quadratic costs, else by shooting."""
    return riccati(problem) if linear else shooting(problem, start)


def _optimum(method: str, dynamics: Dynamics, controls: Floats) -> Optimum:
    cost, states, costates, _ = dynamics.along(controls)
    return Optimum(method, controls, states, costates, cost)

"""A control problem: what is to be minimised, in the words of its user, and the network that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emulator.control.description import Description
from emulator.control.unroll import Unrolled, unroll
from emulator.network import Network


@dataclass(frozen=True, eq=False)
class ControlProblem(Description):
    """Minimise ``sum_k dt L(x_k, u_k, t_k) + Phi(x_N)`` with ``x_{k+1} = x_k + (one step of dx/dt = f(x, u, t))``.

    It becomes a network whose layers are the steps (`network`), so that every law, substrate and termination of a parameter
    serves it; the control is the weight of a crossbar with one row, which is held at 1.

    Parameters
    ----------
    dynamics : mapping of str to str, or sequence of str
        ``dx/dt`` by the name of the state; without names they are x1, x2, ... An expression names states, controls, `t`,
        `pi` and constants, with ``+ - * / **`` and the functions in `emulator.network.expressions.FUNCTIONS`.
    running_cost : str or number
        `L`, per unit of time.
    terminal_cost : str or number
        `Phi`, of the states at the horizon.
    x0 : sequence of float, or mapping of str to float
        The states at time 0.
    horizon : float
        Above 0, in the user's unit of time.
    steps : int
        Steps of ``dt = horizon/steps``, in each of which the control is constant.
    controls : sequence of str, mapping of str to float or (steps,), or int
        Names, and what each is at first (0 by default); a number of controls stands for u1, u2, ...
    scheme : {"rk4", "euler"}
        The classical step of fourth order, or forward Euler.
    constants : mapping of str to float
        Numbers that expressions may name.

    Raises
    ------
    ControlError
        In one sentence: what is wrong, where, and what is allowed.

    Examples
    --------
    >>> problem = ControlProblem(
    ...     dynamics={"angle": "speed", "speed": "-9.81*sin(angle) + torque"},
    ...     running_cost="0.5*torque**2",
    ...     terminal_cost="50*(1 + cos(angle)) + speed**2",
    ...     x0=[0, 0], horizon=2, steps=40, controls=["torque"],
    ... )
    >>> problem.network().size("x40")
    2
    """

    def network(self, controls: Any = None) -> Network:
        """The network whose loss is the objective, up to `Unrolled.constant`; its layer ``u`` holds the controls.

        Parameters
        ----------
        controls : (N, m), optional
            In place of those at first.

        Raises
        ------
        ControlError
            If a formula cannot be laid out, or the controls do not fit.
        """
        network = self.unrolled.network
        if controls is None:
            return network
        given = self.fitting(controls)
        return network.with_parameters({"u": (given.reshape(-1, 1), np.zeros(given.size))})

    @cached_property
    def unrolled(self) -> Unrolled:
        """The network, and what its loss lacks of the objective."""
        return unroll(self)

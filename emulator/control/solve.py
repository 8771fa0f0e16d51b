"""Solving a control problem on a substrate: the controls are parameters, and move until the waves exert nothing on them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from emulator.compile import compile_network
from emulator.control.description import Floats
from emulator.control.problem import ControlProblem
from emulator.control.solution import Solution, no_targets
from emulator.errors import ControlError
from emulator.graph import ScatteringGraph
from emulator.laws import Law
from emulator.learning import Inductive, Learning, ParameterPort
from emulator.measure.reference import reference
from emulator.options import HoldOptions, SubstrateOptions
from emulator.runs.holds import steps_of_hold
from emulator.training.substrate import State, Substrate
from hwmodels import HardwareModel

#: updates between two looks at what became of the cost
STRETCH = 50
#: of problems that are not linear: margin of the step, and condition that the momentum is made for
_MARGIN, _CONDITION = 1.5, 400.0
#: halvings of the step before a problem is given up, and when the cost counts as risen
_RETREATS, _RISEN = 12, 1e-6
#: stretches in which the effort must have fallen
_PATIENCE = 10
#: most controls whose curvature is measured one by one
_MEASURED = 800

Progress = Callable[[str, float | None], None]


@np.errstate(all="ignore")  # what grew beyond all numbers is told by the result
def solve(
    problem: ControlProblem,
    *,
    law: Law | None = None,
    hardware: HardwareModel | str = "ideal",
    port: ParameterPort | None = None,
    schedule: str = "settled",
    updates: int = 5000,
    tolerance: float = 1e-9,
    run: HoldOptions | None = None,
    substrate: SubstrateOptions | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Let the controls of a problem move on a substrate until they rest.

    Parameters
    ----------
    problem : ControlProblem
    law, hardware, substrate
        As for `emulator.compile_network`.
    port : ParameterPort, optional
        How a control answers its effort. By default momentum made for the curvature of the objective at first
        (`heavy_ball`), whose step is halved where the cost rises; a port that is given stays as it is.
    schedule : {"settled", "unlocked"}
        Whether the controls move at the end of each hold, or at every step.
    updates : int
        Most holds.
    tolerance : float
        Effort at which they count as resting, relative to that at first.
    run : HoldOptions, optional
        `hold`, `target`, `seed`, ...; by default just until the last wave has landed where nothing is reflected.
    progress : callable, optional
        Called with what is being done, and the fraction done.

    Raises
    ------
    ControlError
        If an argument is not allowed.
    BackwaveError
        If the law or the substrate does not take such a network. That controls do not come to rest is a result.
    """
    if isinstance(updates, bool) or not isinstance(updates, int) or updates < 1:
        raise ControlError(f"updates is {updates!r}; allowed: whole numbers from 1")
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise ControlError(f"tolerance is {tolerance!r}; allowed: above 0 and below 1")
    begun, run = time.perf_counter(), run or HoldOptions()
    if run.ramp is not None:
        raise ControlError(
            f"solve: ramp is {run.ramp.model_dump(exclude_none=True)}; allowed: none, since its data never change"
        )
    graph = compile_network(
        problem.network(), hardware=hardware, law=law, substrate=substrate or SubstrateOptions(rounding="nearest")
    )
    first = heavy_ball(problem, graph) if port is None else port
    work = _Work(problem, graph, Learning(first, schedule), _hold(graph, run), run, updates)
    status, reason = work.go(updates, tolerance, port is None, progress or (lambda stage, done: None))
    controls = work.controls
    network = problem.network(controls)
    found = compile_network(
        network, hardware=hardware, law=law, substrate=substrate or SubstrateOptions(rounding="nearest")
    )
    exact = reference(network, problem.inputs, no_targets(graph))
    at_first = reference(problem.network(), problem.inputs, no_targets(graph)).gradients["u"].weight
    return Solution(
        problem=problem,
        status=status,
        reason=reason,
        controls=controls,
        cost=work.costs[-1],
        gradient=float(np.abs(exact.gradients["u"].weight).max() / max(np.abs(at_first).max(), 1e-300)),
        updates=work.done,
        hold=work.substrate.hold,
        history=work.history(),
        port=work.substrate.learning.port,
        graph=found,
        target=work.substrate.target,
        seconds=time.perf_counter() - begun,
        _exact=exact,
    )


def heavy_ball(problem: ControlProblem, graph: ScatteringGraph | None = None) -> Inductive:
    """A port with the mass and the rate that suit the curvature of the objective at the first controls.

    With curvatures between `l` and `L` the fastest momentum is ``((1 - r)/(1 + r))^2`` with ``r = sqrt(l/L)``, and its step
    ``4/(sqrt L + sqrt l)^2`` (B. Polyak 1964). Of a problem that is not linear `L` gets a margin, and `l` is a guess.
    """
    low, high = _curvature(problem)
    if not problem.unrolled.linear or not low > 1e-12 * high:
        low, high = _MARGIN * high / _CONDITION, _MARGIN * high
    scale = 1.0 if graph is None else graph.law.load_conductance
    step = 4.0 / (math.sqrt(high) + math.sqrt(low)) ** 2 / scale
    momentum = ((math.sqrt(high) - math.sqrt(low)) / (math.sqrt(high) + math.sqrt(low))) ** 2
    return Inductive(rate=step / (1.0 - momentum), mass=1.0 / step)


def _curvature(problem: ControlProblem) -> tuple[float, float]:
    """Least and largest magnitude of the objective's curvature in the controls at first."""
    start = problem.initial
    size, step = start.size, 1e-4 * (1.0 + np.abs(start).max())
    target = np.zeros((1, problem.network().size(problem.network().output)))

    def slope(controls: Floats) -> Floats:
        exact = reference(problem.network(controls), problem.inputs, target)
        return exact.gradients["u"].weight.ravel()

    def bend(direction: Floats) -> Floats:
        move = step * direction.reshape(start.shape)
        return (slope(start + move) - slope(start - move)) / (2 * step)

    if size <= _MEASURED:
        matrix = np.array([bend(row) for row in np.eye(size)])
        values = np.abs(np.linalg.eigvalsh((matrix + matrix.T) / 2)) if np.isfinite(matrix).all() else np.zeros(1)
        low, high = float(values.min()), float(values.max())
    else:
        vector, high, low = np.ones(size) / math.sqrt(size), 0.0, 0.0
        for _ in range(40):
            moved = bend(vector)
            high = float(np.linalg.norm(moved))
            vector = moved / max(high, 1e-300)
    if not (math.isfinite(high) and high > 0):
        raise ControlError(
            "the cost does not bend with the controls at first; allowed: other first controls, or a port"
        )
    return low, high


class _Work:
    """Controls on their way."""

    def __init__(
        self,
        problem: ControlProblem,
        graph: ScatteringGraph,
        learning: Learning,
        hold: int,
        run: HoldOptions,
        updates: int,
    ) -> None:
        learning.port.check(learning.step(hold))
        self.problem, self.graph = problem, graph
        chunk = min(STRETCH, updates)
        self.substrate = Substrate(graph, learning, hold, chunk, run.seed, run.threshold, run.target)
        if run.target == "auto":
            self.substrate.target = self.substrate.choose_target(updates)
        self.state: State = self.substrate.initial()
        data = [problem.inputs[name][0] for name in graph.network.inputs]
        self.feed = np.concatenate([*data, np.zeros(graph.network.size(graph.network.output))])[np.newaxis]
        self.done, self.number = 0, 0
        self.costs, self.ends, self.efforts = [self._cost(self.controls)], [0], [1.0]
        self.path = [self.controls.ravel()]

    @property
    def controls(self) -> Floats:
        """Those that the substrate holds."""
        return self._held(self.state)

    def go(self, updates: int, tolerance: float, tuned: bool, tell: Progress) -> tuple[str, str | None]:
        """Present the problem again and again; the status and, if it is not solved, the reason."""
        first, retreats = 0.0, 0
        while self.done < updates:
            count = min(self.substrate.chunk, updates - self.done)
            self.number += 1
            left = self.substrate.train(
                self.state, np.repeat(self.feed, count, axis=0), np.ones((count, 3)), self.number
            )
            self.done += count
            felt = np.sqrt(np.abs(left.powers["available"]))
            first = first or float(felt[0])
            controls = self._held(left.state)
            cost = self._cost(controls)
            if not math.isfinite(cost) or cost > self.costs[-1] + _RISEN * abs(
                self.costs[-1] - self.costs[0]
            ) + 1e-12 * abs(cost):
                if tuned and retreats < _RETREATS and (not math.isfinite(cost) or felt[-1] > 1e-4 * first):
                    retreats += 1
                    self._retreat()
                    continue
                if not math.isfinite(cost):
                    return "not solved", "the controls grew beyond all numbers; a smaller rate may help"
            self.state = left.state
            self.costs.append(cost)
            self.ends.append(self.done)
            self.efforts.append(float(felt[-1]) / first if first else 0.0)
            self.path.append(controls.ravel())
            fallen = math.log(max(self.efforts[-1], tolerance)) / math.log(tolerance)  # as it falls: exponentially
            tell(
                f"controls: {self.done:,} updates, cost {cost:.6g}, effort {self.efforts[-1]:.2g}",
                max(self.done / updates, min(fallen, 1.0)),
            )
            if self.efforts[-1] <= tolerance:
                return "solved", None
            if len(self.efforts) > 2 * _PATIENCE and min(self.efforts[-_PATIENCE:]) > 0.9 * min(
                self.efforts[:-_PATIENCE]
            ):
                return "not solved", (
                    f"the effort on the controls stays at {self.efforts[-1]:.2g} of what it was since {_PATIENCE} stretches of "
                    f"{self.substrate.chunk} updates; a longer hold may help, or another port"
                )
        return (
            "not solved",
            f"after {self.done} updates the effort on the controls is {self.efforts[-1]:.2g} of what it was",
        )

    def history(self) -> dict[str, Floats]:
        """What happened, stretch by stretch."""
        return {
            "updates": np.array(self.ends, np.float64),
            "cost": np.array(self.costs),
            "effort": np.array(self.efforts),
            "controls": np.array(self.path),
        }

    def _retreat(self) -> None:
        """Back to where the stretch began, at rest, with half the step."""
        learning = self.substrate.learning
        assert isinstance(learning.port, Inductive)
        port = replace(learning.port, rate=learning.port.rate / 2, mass=learning.port.mass * 2)
        self.substrate.learning = replace(learning, port=port)
        idle = self.substrate.initial()
        self.state = {name: self.state[name] if name in ("w", "bias") else idle[name] for name in idle}

    def _held(self, state: State) -> Floats:
        shape = self.problem.initial.shape
        if not (np.isfinite(state["w"]).all() and np.isfinite(state["bias"]).all()):
            return np.full(shape, np.nan)
        return np.array(self.substrate.network(state).parameters["u"].weight).reshape(shape)

    def _cost(self, controls: Floats) -> float:
        if not np.isfinite(controls).all():
            return math.inf
        exact = reference(self.problem.network(controls), self.problem.inputs, no_targets(self.graph))
        return math.inf if exact.loss is None else float(exact.loss[0]) + self.problem.unrolled.constant


def _hold(graph: ScatteringGraph, run: HoldOptions) -> int:
    lines = graph.hardware.lines
    if run.hold is None and run.hold_seconds is None and graph.law.settles_on_arrival and not lines.jitter:
        return steps_of_hold(graph, run) if lines.bandwidth else graph.longest_round_trip
    return steps_of_hold(graph, run)

"""What a substrate found of a control problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emulator.control.description import Floats
from emulator.control.problem import ControlProblem
from emulator.graph import ScatteringGraph
from emulator.learning import ParameterPort
from emulator.measure.reference import Reference
from emulator.measure.result import SettleResult
from emulator.runs.settle import settle
from emulator.units import si
from hwmodels.markup import table


@dataclass(frozen=True)
class Solution:
    """What a substrate found.

    Parameters
    ----------
    problem : ControlProblem
    status : str
        ``solved``: the effort on the controls has fallen to `tolerance` of what it was; or ``not solved``.
    reason : str or None
    controls : (N, m)
    cost : float
        The objective with these controls.
    gradient : float
        Largest derivative of the objective in a control, in exact arithmetic, over that at first.
    updates, hold : int
        Updates of the controls, and steps of the substrate for each.
    history : dict of arrays
        ``updates``, ``cost`` and ``effort`` (relative, as the ports feel it) after every stretch, and ``controls`` (S, N m).
    port : ParameterPort
        As it was in the end.
    graph : ScatteringGraph
        With the controls found.
    target : str
    seconds : float
    """

    problem: ControlProblem
    status: str
    reason: str | None
    controls: Floats
    cost: float
    gradient: float
    updates: int
    hold: int
    history: dict[str, Floats]
    port: ParameterPort
    graph: ScatteringGraph
    target: str
    seconds: float
    _exact: Reference = field(repr=False)

    @property
    def solved(self) -> bool:
        """Whether the controls rest."""
        return self.status == "solved"

    @property
    def steps(self) -> int:
        """Steps that the substrate took."""
        return self.updates * self.hold

    @property
    def states(self) -> Floats:
        """``x_0, ..., x_N`` with these controls, (N + 1, n)."""
        return self._along(self._exact.states)

    @property
    def costates(self) -> Floats:
        """Derivatives of the objective in the states, (N + 1, n)."""
        return self._along(self._exact.costates)

    def settled(self, **options: Any) -> SettleResult:
        """The waves on the substrate with these controls; options as for `emulator.settle`."""
        return settle(self.graph, self.problem.inputs, no_targets(self.graph), **options)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        graph, reason = self.graph, "" if self.reason is None else f": {self.reason}"
        rows = [
            ("status", self.status + reason),
            ("cost", f"{self.cost:.6g}"),
            ("gradient", f"{self.gradient:.2g} of that at first"),
            ("updates", f"{self.updates:,}, each after {self.hold} steps"),
            ("time on the substrate", si(self.steps * graph.step, "s")),
            ("computed by", f"{self.target}, in {self.seconds:.3g} s"),
        ]
        return table(f"Controls on law {graph.law.name}, hardware {graph.hardware.name}", rows)

    def _along(self, layers: Any) -> Floats:
        return np.array([layers[f"x{k}"][0] for k in range(self.problem.steps + 1)])


def no_targets(graph: ScatteringGraph) -> Floats:
    """What a network of costs is compared with: zeros, (1, outputs)."""
    return np.zeros((1, graph.network.size(graph.network.output)))

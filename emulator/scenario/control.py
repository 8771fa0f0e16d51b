"""Control problems in scenario files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from emulator.errors import ControlError, ScenarioError
from emulator.scenario.network_base import Built, NetworkSource

if TYPE_CHECKING:
    from emulator.control.problem import ControlProblem


class ControlNetwork(NetworkSource):
    """A control problem, unrolled in time: see `emulator.ControlProblem`.

    Parameters
    ----------
    dynamics : dict or list of str
        ``dx/dt`` by state.
    running_cost, terminal_cost : str or number
    x0 : list or dict of float
        States at time 0.
    horizon : float
    steps : int
    controls : list of str, dict of first values, or int
    scheme : {"rk4", "euler"}
    constants : dict of float
    """

    source: Literal["control"]
    dynamics: Any
    running_cost: Any = 0.0
    terminal_cost: Any = 0.0
    x0: Any
    horizon: Any
    steps: Any
    controls: Any = 1
    scheme: Any = "rk4"
    constants: Any = Field(default_factory=dict)

    def problem(self) -> ControlProblem:
        """The problem itself.

        Raises
        ------
        ScenarioError
            If it is described wrongly.
        """
        from emulator.control.problem import ControlProblem

        fields = [name for name in type(self).model_fields if name not in ("source", "penalties")]
        try:
            return ControlProblem(**{name: getattr(self, name) for name in fields})
        except ControlError as error:
            raise ScenarioError(f"network: {error}") from error

    def make(self, folder: Path) -> Built:
        """Unroll it."""
        problem = self.problem()
        try:
            return Built(problem.network())
        except ControlError as error:
            raise ScenarioError(f"network: {error}") from error

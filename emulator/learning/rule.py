"""What is compiled into a substrate that learns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from emulator.errors import EngineError, suggest
from emulator.learning.ports import ParameterPort
from emulator.options import Schedule

_COPY = re.compile(r"\s*\w+\s*=\s*([A-Za-z_]\w*)\s*")
_CHANGE = re.compile(r"\s*dw\s*[+-]?=")

SCHEDULES: tuple[str, ...] = get_args(Schedule)


@dataclass(frozen=True)
class Learning:
    """A port at every parameter, and when the ports move.

    Parameters
    ----------
    port : ParameterPort
    schedule : {"settled", "unlocked"}
        Learn once at the end of every hold, or at every step from whatever has arrived.
    batched : bool
        Settled schedule: average the effort over several holds before the parameter moves.
    opening : float
        Unlocked schedule: conductances rise within a hold as this power of the time since it began.

    Raises
    ------
    EngineError
        For an unknown schedule, something that is no port, a mini-batch without settling, or ports that open by and by
        with it.
    """

    port: ParameterPort
    schedule: str = "settled"
    batched: bool = False
    opening: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.port, ParameterPort):
            raise EngineError(f"port is {self.port!r}; allowed: an instance of a ParameterPort")
        if self.schedule not in SCHEDULES:
            raise EngineError(f"unknown schedule {suggest(self.schedule, SCHEDULES)}")
        if self.batched and self.schedule == "unlocked":
            raise EngineError("schedule unlocked: batch is above 1; allowed: 1, since it learns at every step")
        if self.opening and self.schedule == "settled":
            raise EngineError(
                f"schedule settled: opening is {self.opening:g}; allowed: 0, since its ports open once, at the end of a hold"
            )
        if self.opening and not self.port.opens:
            raise EngineError(
                f"port {self.port.name}: opening is {self.opening:g}; allowed: 0, since rows are read at moments of their own, each "
                "with a weight that the opening would change"
            )
        _check_code(self.port)

    @property
    def code(self) -> str:
        """Everything that is compiled in, as text; numbers are not."""
        port = self.port
        code = [port.gather, port.neuron_update, port.conductance, port.update, self.schedule]
        code += [port.row_code, port.column_code]
        names = [port.variables, port.neuron_variables, port.sums, sorted(self.constants(1)), port.random]
        names += [port.devices, port.drifts, port.scores, port.crossing, port.peaks, port.joint, self.batched]
        names += [self.opening] if self.opening else []
        return repr([*code, *names])

    def step(self, hold: int) -> float:
        """Time between two updates, in holds of `hold` steps."""
        return 1.0 if self.schedule == "settled" else 1.0 / hold

    def constants(self, hold: int, write_key: float = 0.0, hold_seconds: float = 0.0) -> dict[str, float]:
        """The port's numbers, those that depend on the time step included.

        `write_key` names its random stream, and `hold_seconds` is the time of a hold on the substrate.
        """
        h = self.step(hold)
        drawn = {"write_key": write_key} if self.port.random else {}
        timed = {"hold_seconds": hold_seconds} if self.port.drifts else {}
        return {**self.port.constants, **self.port.step_constants(h), **drawn, **timed}


def _check_code(port: ParameterPort) -> None:
    """Refuse code that never assigns the change, or that brian2's numpy target would run on shared memory."""
    if not any(_CHANGE.match(line) for line in port.update.splitlines()):
        raise EngineError(f"port {port.name}: the update does not assign dw; allowed: code with a line 'dw = ...'")
    trains = bool(port.row_code), bool(port.column_code)
    if trains not in ((False, False), (port.crossing, port.crossing)):
        raise EngineError(
            f"port {port.name}: it has row_code or column_code alone, or is not crossing; allowed: both, of a crossing port"
        )
    shared = {"w", *port.variables, *port.neuron_variables, *port.sums}
    for code in (port.gather, port.neuron_update, port.row_code, port.column_code, port.update):
        for line in code.splitlines():
            copied = _COPY.fullmatch(line)
            if copied and copied[1] in shared:
                raise EngineError(
                    f"port {port.name}: {line.strip()!r} is a plain copy, which later changes would reach; "
                    f"allowed: an expression, such as -(-{copied[1]}), or {copied[1]} itself"
                )

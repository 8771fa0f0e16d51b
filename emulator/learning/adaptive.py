"""A parameter port whose resistance follows the effort that it has met: the circuit reading of RMSprop and Adam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.learning.ports import ParameterPort, require_number
from emulator.learning.record import Floats, PortRecord

_SQUARE = "keep_square*square + (1 - keep_square)*effort*effort"
_MEAN = "keep_mean*mean + (1 - keep_mean)*effort"
_SEEN = "keep_{0}*seen_{0} + 1 - keep_{0}"


@dataclass(frozen=True)
class Adaptive(ParameterPort):
    """A resistance that follows the running root mean square of the effort: ``R = (sqrt(<e^2>) + floor)/rate``.

    Every parameter has a resistance of its own. ``<e^2>`` is the mean of the squared effort over the last `memory` holds,
    and with `averaging` a filter ahead of the resistor takes the mean of the effort itself, ``f = <e>/R``; both means are
    right from the first update on. Settled updates are RMSprop (without averaging) and Adam with ``beta1 = 1 - 1/averaging``,
    ``beta2 = 1 - 1/memory``, both with Adam's correction of the first means. The resistance as it stands at each moment
    reflects nothing; with averaging it reflects what the mean of the effort lags behind.

    Parameters
    ----------
    rate : float
        Change of a parameter per hold under an effort that stays as it is, whatever its size; above 0.
    memory : float
        Holds over which the squared effort is averaged, at least 1.
    averaging : float
        Holds over which the effort is averaged, at least 0; up to one update it is that update's own.
    floor : float
        Effort below which the resistance falls no further, above 0.
    leak : float
        Weight decay: fraction of a weight that leaks away per hold, at the schedule's factor 1; biases do not leak.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    rate: float
    memory: float = 1000.0
    averaging: float = 0.0
    floor: float = 1e-8
    leak: float = 0.0
    name: str = "adaptive"
    rule = "resistance that follows the root mean square of the effort (RMSprop; with averaging, Adam)"
    variables = ("square", "mean", "seen_square", "seen_mean")

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "memory", low=1.0)
        require_number(self, "averaging", low=0.0)
        require_number(self, "floor", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """The rate over the root mean square, this update's effort counted in."""
        return f"rate/(sqrt(({_SQUARE})/({_SEEN.format('square')})) + floor_effort)"

    @property
    def update(self) -> str:
        """Count the effort in, and step by its mean."""
        return (
            f"square = {_SQUARE}\nseen_square = {_SEEN.format('square')}\n"
            f"mean = {_MEAN}\nseen_mean = {_SEEN.format('mean')}\n"
            "dw = h*(conductance*mean/seen_mean - is_weight*factor*leak*w)"
        )

    @property
    def constants(self) -> Mapping[str, float]:
        """`rate`, the floor of the effort, and `leak`."""
        return {"rate": self.rate, "floor_effort": self.floor, "leak": self.leak}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """Fractions of both means that one update keeps."""
        return {"keep_square": 1.0 - h / self.memory, "keep_mean": 1.0 - h / max(h, self.averaging)}

    def drop(self, seen: PortRecord) -> Floats:
        """``R f``, of the resistance that the update found."""
        resistance = np.sqrt(seen.after["square"] / seen.after["seen_square"]) + self.floor
        return np.asarray(resistance * seen.flow / (self.rate * seen.factor))

"""A parameter port of an array without accumulators: an outer product by chance, of two trains of pulses.

At an update every row of a crossbar sends a train of `slots` pulses, each with a chance in proportion to the state on
it, and every column one with a chance in proportion to its costate. Where both have a pulse in the same slot the device at
the crossing gets one, up or down by the signs of the two (T. Gokmen and Y. Vlasov, Frontiers in Neuroscience 10, 333,
2016). With the quantum q, what one mean pulse is worth,

    P(row) = |state|/state_scale,    P(column) = rate state_scale |costate|/(slots q),

each at most 1, so that the mean change is that of gradient descent. The devices of a row see one and the same train, and
so do those of a column. Nothing remembers what was too small for a pulse, or undoes what was one too many: every
coincidence meets the asymmetry of the device there and then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from emulator.errors import EngineError
from emulator.learning.ports import overshoots, require_number
from emulator.learning.written import Written
from hwmodels import Weights

_MOST_SLOTS = 31


@dataclass(frozen=True)
class Coincidence(Written):
    """Devices at the crossings of rows and columns that are written where random pulses coincide.

    Parameters
    ----------
    rate : float
        Mean change of a parameter per effort and hold, above 0, as far as no train is full.
    weights : hwmodels.Weights, optional
        The devices, with a conductance range (`g_max`) and an `update`; by default those of the hardware.
    w_max : float
        Weight of a device at `g_max`, above 0.
    slots : int
        Length of the trains, 1 to 31.
    strides : int
        Up to so many coincidences of an update are pulses one after another, 1 to `slots`; more are dealt out evenly to as
        many strides, in which each pulse moves the device as the first one does. With `slots` of them every pulse is on
        its own, and a program takes minutes to compile.
    state_scale : float
        State at which a row has a pulse in every slot, above 0; larger ones count as this.

    Raises
    ------
    EngineError
        For a value outside its range, or devices that no pulse is known for.
    """

    rate: float
    weights: Weights | None = None
    w_max: float = 1.0
    slots: int = 31
    strides: int = 4
    state_scale: float = 1.0
    name: str = "coincidence"
    rule = "devices of the hardware, pulsed where random trains of row and column coincide"
    variables: tuple[str, ...] = ("writes", "beats")
    crossing = True

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "w_max", above=0.0)
        require_number(self, "state_scale", above=0.0)
        if isinstance(self.slots, bool) or not isinstance(self.slots, int) or not 1 <= self.slots <= _MOST_SLOTS:
            raise EngineError(
                f"port {self.name}: slots is {self.slots!r}; allowed: whole numbers from 1 to {_MOST_SLOTS}"
            )
        if isinstance(self.strides, bool) or not isinstance(self.strides, int) or not 1 <= self.strides <= self.slots:
            if self.strides != type(self).strides:  # the default gives way to shorter trains
                raise EngineError(
                    f"port {self.name}: strides is {self.strides!r}; allowed: whole numbers from 1 to slots ({self.slots})"
                )
            object.__setattr__(self, "strides", self.slots)
        self.settle_devices()
        if self.weights is not None and self.weights.update is None:
            raise EngineError(
                f"port {self.name}: nothing says what a pulse does to the devices; allowed: devices with weights.update, or "
                "port device, which programs them"
            )

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the trains and of the pulses."""
        return {"rate": self.rate, "state_scale": self.state_scale, **self.device_constants}

    @property
    def update(self) -> str:
        """Draw the trains, and pulse the device as often as they coincide."""
        held = [self.faded, *(f"held{k}" for k in range(self.strides))]
        pulses = "".join(
            f"left = clip(endurance - writes, 0, endurance)\n"
            f"times = clip(floor((struck + {self.strides - 1 - k})/{self.strides}), 0, left)\n"
            "want = rare*sense*int(times > 0)\n" + self.pulse(before, after, many=True)
            for k, (before, after) in enumerate(pairwise(held))
        )
        return (
            f"{self.fade()}{self.trains}rare = int(struck > 0)\n{pulses}beats = beats + 1\n"
            + self.refreshed(held[-1])
            + self.shown(self.kept(held[-1]), "rare")
            + self.rejuvenate("rare")
        )

    @property
    def trains(self) -> str:
        """`struck`: in how many slots both trains have a pulse; `sense`: which way it goes."""
        return (
            "row_chance = clip(abs(state)/state_scale, 0, 1)\n"
            f"column_chance = clip(h*conductance*state_scale*abs(costate)/({self.slots}*quantum), 0, 1)\n"
            f"struck = coincidences(write_key, row, column, beats, row_chance, column_chance, {self.slots})\n"
            "sense = sign(effort)\n"
        )

    def warning(self, curvature: float, h: float) -> str | None:
        """What is asked for overshoots as with a resistive port."""
        return overshoots(self.name, self.rate, curvature, h)

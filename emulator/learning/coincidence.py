"""A parameter port of an array without accumulators: an outer product by chance, of two trains of pulses.

At an update every row of a crossbar sends a train of pulses, each with a chance in proportion to the state on it, and every
column one with a chance in proportion to its costate. Where both have a pulse in the same slot the device at the crossing gets
one, up or down by the signs of the two (T. Gokmen and Y. Vlasov, Frontiers in Neuroscience 10, 333, 2016). The devices of a
row see one and the same train, and so do those of a column; the biases of a layer are one more row. Nothing remembers what was
too small for a pulse, or undoes what was one too many: every coincidence meets the asymmetry of the device there and then.

The chances multiply to those of gradient descent, and are shared out between rows and columns by *update management*
(T. Gokmen, O. M. Onen and W. Haensch, Frontiers in Neuroscience 11, 538, 2017). With the largest state X and costate D of the
layer, what one mean pulse is worth, q, and ``K = rate X D/q``, the pulses that the strongest crossing is asked for, a train
has the length ``L = ceil(K)``, at most `slots`, and

    P(row) = |state|/X sqrt(K/L),    P(column) = |costate|/D sqrt(K/L),

so that a row and a column that carry their most are alike. What would need longer trains is cut off from the costates:
``P(row) = |state|/X``, ``P(column) = |costate|/D K/L``, at most 1. Both peaks are those of one update. (So does the toolkit of
M. J. Rasch et al., A flexible and fast PyTorch toolkit for simulating training and inference on analog crossbar arrays, AICAS
2021, with its options `update_management` and `update_bl_management`, as counts of its pulses show; cut off from both alike,
coincidences end elsewhere.) With a `state_scale` rows know their own scale instead: all trains have all slots,
``P(row) = |state|/state_scale`` and ``P(column) = rate state_scale |costate|/(slots q)``.
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
#: the streams of rows and of columns, as `emulator.engine.random` tells them apart
ROW, COLUMN = 3, 4
#: a line's share of the most that its layer receives
_PART = "abs({0})/({0}_peak + int({0}_peak == 0))"
#: in how many slots both trains have a pulse, and which way it goes
COINCIDE = "struck = coincident(row_train, column_train)\nsense = sign(effort)\n"


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
        Longest trains, 1 to 31.
    strides : int
        Up to so many coincidences of an update are pulses one after another, 1 to `slots`; more are dealt out evenly to as
        many strides, in which each pulse moves the device as the first one does. With `slots` of them every pulse is on
        its own, and a program takes minutes to compile.
    state_scale : float, optional
        State at which a row has a pulse in every slot, above 0; larger ones count as this. Absent: update management.
    full_trains : bool
        Whether trains have all slots however little is asked for; with a `state_scale` they do.

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
    state_scale: float | None = None
    full_trains: bool = False
    name: str = "coincidence"
    rule = "devices of the hardware, pulsed where random trains of row and column coincide"
    variables: tuple[str, ...] = ("writes",)
    neuron_variables: tuple[str, ...] = ("beats",)
    neuron_update = "beats = beats + 1"
    crossing = True

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "w_max", above=0.0)
        if self.state_scale is not None:
            require_number(self, "state_scale", above=0.0)
        if not isinstance(self.full_trains, bool):
            raise EngineError(f"port {self.name}: full_trains is {self.full_trains!r}; allowed: true or false")
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
    def peaks(self) -> bool:  # type: ignore[override]
        """Whether the trains are shared out by what the layer receives."""
        return self.state_scale is None

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the trains and of the pulses."""
        scale = {} if self.state_scale is None else {"state_scale": self.state_scale}
        return {"rate": self.rate, **scale, **self.device_constants}

    def slots_of_update(self, rows: int) -> float:
        """All crossings at once: one train."""
        return float(self.slots)

    @property
    def update(self) -> str:
        """Pulse the device as often as the trains coincide."""
        held = [self.faded, *(f"held{k}" for k in range(self.strides))]
        pulses = "".join(
            f"left = clip(endurance - writes, 0, endurance)\n"
            f"times = clip(floor((struck + {self.strides - 1 - k})/{self.strides}), 0, left)\n"
            "want = either(rare, sense*int(times > 0), 0)\n" + self.pulse(before, after, many=True)
            for k, (before, after) in enumerate(pairwise(held))
        )
        return (
            f"{self.fade()}{COINCIDE}rare = int(struck > 0)\n{pulses}"
            + self.refreshed(held[-1])
            + self.shown(self.kept(held[-1]), "rare")
            + self.rejuvenate("rare")
        )

    @property
    def row_code(self) -> str:
        """Draw the train of a row."""
        if self.state_scale is not None:
            return self._train("row", "abs(state)/state_scale", ROW)
        return self.asked() + self._train("row", f"{_PART.format('state')}*sqrt(clip(filled, 0, 1))", ROW)

    @property
    def column_code(self) -> str:
        """Draw the train of a column."""
        rate, quantum = self.asks_for
        if self.state_scale is not None:
            chance = f"h*{rate}*state_scale*abs(costate)/({self.slots}*{quantum})"
            return self._train("column", chance, COLUMN)
        most = "sqrt(filled)*clip(sqrt(filled), 1, 1e300)"
        return self.asked() + self._train("column", f"{_PART.format('costate')}*{most}", COLUMN)

    @property
    def asks_for(self) -> tuple[str, str]:
        """How much of an effort a device is asked for, and what a mean pulse is of that."""
        return "conductance", "quantum"

    def asked(self) -> str:
        """Code at a line for what its layer's strongest crossing is asked for."""
        rate, quantum = self.asks_for
        return f"asked_most = h*{rate}*state_peak*costate_peak/{quantum}\nfilled = asked_most/({self._length})\n"

    @property
    def _length(self) -> str:
        """Slots of a train."""
        every = self.full_trains or self.state_scale is not None
        return str(self.slots) if every else f"clip(ceil(asked_most), 1, {self.slots})"

    def _train(self, line: str, chance: str, lane: int) -> str:
        """The train of a line that has a pulse in a slot with a chance."""
        return (
            f"{line}_chance = clip({chance}, 0, 1)\n"
            f"{line}_train = pulse_train(write_key, {line}, beats - 1, {line}_chance, {self._length}, {lane})\n"
        )

    def warning(self, curvature: float, h: float) -> str | None:
        """What is asked for overshoots as with a resistive port."""
        return overshoots(self.name, self.rate, curvature, h)

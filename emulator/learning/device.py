"""A parameter port that owes each device a change, exactly, and writes when the debt is worth a write: mixed precision.

The port owes each device the change that gradient descent asks for, ``rate * effort`` per hold, in an accumulator of its
own. Once the debt is a whole write it is paid:

- with a law for in-situ updates (`hwmodels.PulsedUpdate`), by identical pulses up or down;
- otherwise by programming the device anew to the weight it should have, on the nearest of its `levels`, with the
  programming error of the hardware beside it.

The accumulator is a digital memory, or a capacitor, beside every device (S. R. Nandakumar et al., Frontiers in
Neuroscience 14, 406, 2020). It averages requests of both signs before anything is written, and so hides most of what
asymmetry does; an array without it is `emulator.learning.Coincidence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emulator.errors import EngineError
from emulator.learning.coincidence import Coincidence
from emulator.learning.device_code import span_of, spread_code
from emulator.learning.ports import ParameterPort, Resistive, overshoots, require_number
from emulator.learning.written import Written
from hwmodels import HardwareModel, Weights
from hwmodels.devices import g_max

#: writes over the range of a device without levels, pulses or programming error
_WRITES = 64
_MOST_PULSES = 16


def device_weights(hardware: HardwareModel, name: str = "device") -> Weights:
    """What a port of this name writes into: the hardware's devices, or its digital weight memory as devices with levels.

    A memory of b bits with sign holds ``2^(b - 1)`` magnitudes.

    Raises
    ------
    EngineError
        If the hardware's weights are exact numbers.
    """
    if not hardware.weights.exact:
        return hardware.weights
    bits = hardware.precision.weights.bits
    if bits is None:
        raise EngineError(
            f"port {name}: the weights of hardware {hardware.name} are exact numbers; allowed: hardware with devices "
            "(weights.g_max) or a weight memory (precision.weights.bits)"
        )
    return Weights(g_min=0.0, g_max=1.0, levels=2 ** (bits - 1))


def agree(port: ParameterPort, hardware: HardwareModel) -> tuple[ParameterPort, HardwareModel]:
    """A port and hardware that describe the same devices: those of the hardware, or, if it has none, of the port.

    A digital memory becomes the devices that the port writes, from -w_max to w_max; it is not rounded twice.

    Raises
    ------
    EngineError
        If neither has devices, or both have and they differ.
    """
    if not isinstance(port, Written):
        return port, hardware
    if port.weights is not None and hardware.weights.exact and hardware.precision.weights.bits is None:
        return port, hardware.replace(weights=port.weights)
    held = device_weights(hardware, port.name)
    if port.weights is not None and port.weights != held:
        differ = [name for name in type(held).model_fields if getattr(held, name) != getattr(port.weights, name)]
        raise EngineError(
            f"port {port.name}: its weights are other devices than those of hardware {hardware.name} (they differ in "
            f"{', '.join(differ)}); allowed: no weights, for the hardware's own, or hardware whose weights are exact"
        )
    if hardware.weights.exact:
        hardware = hardware.replace({"weights": held, "precision.weights.bits": None})
    return port.holding(held), hardware


@dataclass(frozen=True)
class Device(Written):
    """Weights and biases in programmable devices that are written while the substrate learns.

    Parameters
    ----------
    rate : float
        Change of a parameter per effort and hold that the devices are asked for, above 0.
    weights : hwmodels.Weights, optional
        The devices, with a conductance range (`g_max`); by default those of the hardware. The hardware that is trained
        on then has them, whatever they do: programming error, read noise, drift.
    w_max : float
        Weight of a device at `g_max`, above 0, from the initial programming on: no weight or bias can be larger. (A
        network that only runs has its layers' largest weights there.)
    burst : int
        Most pulses per device and update, 1 to 16.
    leak : float
        Weight decay asked for: fraction of a weight per hold; biases do not leak.
    programs : bool
        Whether devices are programmed anew, with the programming error of the hardware, though it is known what a pulse does.

    Raises
    ------
    EngineError
        For a value outside its range, or weights without a conductance range.
    """

    rate: float
    weights: Weights | None = None
    w_max: float = 1.0
    burst: int = 1
    leak: float = 0.0
    programs: bool = False
    name: str = "device"
    rule = "devices of the hardware, written when an exact accumulator owes a step (mixed precision)"
    variables: tuple[str, ...] = ("owed", "writes")

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "w_max", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or not 1 <= self.burst <= _MOST_PULSES:
            raise EngineError(
                f"port {self.name}: burst is {self.burst!r}; allowed: whole numbers from 1 to {_MOST_PULSES}"
            )
        if not isinstance(self.programs, bool):
            raise EngineError(f"port {self.name}: programs is {self.programs!r}; allowed: true or false")
        self.settle_devices()

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def pulses(self) -> float:
        """Writes from one end of a device to the other: pulses, or else levels, or else programmings told apart."""
        law = self.law
        if law.update is not None and not self.programs:
            return law.update.pulses
        if law.levels is not None:
            return law.levels - 1
        return _WRITES if law.programming is None else max(1, int(1.0 / max(self._largest_spread(), 1.0 / _WRITES)))

    @property
    def pulsed(self) -> bool:
        """Unless devices are programmed anew."""
        return super().pulsed and not self.programs

    def slots_of_update(self, rows: int) -> float:
        """Row after row, a burst at each."""
        return float(rows * self.burst)

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the rate and of the pulses."""
        return {"rate": self.rate, "leak": self.leak, **self.device_constants}

    @property
    def update(self) -> str:
        """Fade, owe, and pay in whole writes."""
        code = (
            f"{self.fade()}owed = owed + h*(conductance*effort{' - is_weight*factor*leak*w' * (self.leak > 0)})\n"
            "rare = int(abs(owed) >= quantum)\n"
        )
        if self.law.update is None or self.programs:
            return code + self._program(self.faded) + self.rejuvenate("want")
        held = [self.faded, *(f"held{k}" for k in range(self.burst))]  # a name of its own after every pulse
        pay = "".join(self._pay(before, after) for before, after in pairwise(held))
        moved = f"rare*int({held[-1]} != {self.faded})"
        return code + pay + self.refreshed(held[-1]) + self.shown(self.kept(held[-1]), moved) + self.rejuvenate(moved)

    def warning(self, curvature: float, h: float) -> str | None:
        """What is asked for overshoots as with a resistive port."""
        return overshoots(self.name, self.rate, curvature, h)

    def _pay(self, before: str, after: str) -> str:
        """One pulse where a whole one is owed."""
        want = "want = rare*sign(owed)*int(abs(owed) >= quantum)\n"
        return want + self.pulse(before, after) + "owed = owed - want*quantum\n"

    def _program(self, held: str) -> str:
        """Program the whole debt where it is at least one write: onto the nearest level, and an error beside it."""
        law = self.law
        error = f"({spread_code(law.programming, f'({law.g_min!r} + {span_of(law)!r}*x)')})/{span_of(law)!r}"
        steps = None if law.levels is None else law.levels - 1
        return (
            f"want = 1*rare\ngoal = clip({held} + want*owed, -w_max, w_max)\n"
            + self._read("goal", "1")
            + ("" if steps is None else f"x = floor(x*{steps} + 0.5)/{steps}\n")
            + f"x = clip(x + want*{error}*gauss_if(want, write_key, number, writes), 0, 1)\n"
            + f"written = want*{self._free('goal')}*{self._free('w')}\n"
            + f"dw = either(rare, written*{self._written('side*x' if law.differential else 'x')} + (1 - written)*{held}, {held}) - w\n"
            + "owed = (1 - want)*owed\nwrites = writes + want\n"
        )

    def _largest_spread(self) -> float:
        law = self.law
        if law.programming is None:
            return 0.0
        grid = np.linspace(law.g_min, g_max(law), 101)
        return float(law.programming.sigma(grid).max()) / span_of(law)


@dataclass(frozen=True)
class MixedPrecision(Device):
    """`Device` under the name of what it does: an exact accumulator beside every device, and a write when one is worth it."""

    name: str = "mixed-precision"


def own_port(hardware: HardwareModel, rate: float, w_max: float = 1.0) -> ParameterPort:
    """The port that a technology has of itself.

    Weights that are exact numbers move continuously. Devices for which a pulse is known are pulsed where random trains
    coincide, unless the hardware says that each has an accumulator beside it (`weights.accumulator`). Other devices and
    digital memories are written anew when a whole step is owed.
    """
    law = hardware.weights
    if law.exact and hardware.precision.weights.bits is None:
        return Resistive(rate)
    weights = device_weights(hardware)
    if law.update is not None and not law.accumulator:
        return Coincidence(rate, weights, w_max)
    return MixedPrecision(rate, weights, w_max)

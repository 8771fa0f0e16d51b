"""A parameter port that writes through the hardware's devices: in steps, unevenly, noisily, and not for ever.

The port owes each device the change that gradient descent asks for, ``rate * effort`` per hold, on a capacitor of its
own. Once the debt is a whole write it is paid:

- with a law for in-situ updates (`hwmodels.PulsedUpdate`), by an identical pulse up or down; what the pulse does
  depends on where the device stands, on its direction, and on the write noise; after `endurance` pulses a device no
  longer moves;
- otherwise by programming the device anew to the weight it should have, with the programming error of the hardware.

A differential pair holds a weight in the device of its sign and leaves the other at `g_min`; a single device spans
-w_max to w_max. Devices that are stuck take no write. With `levels`, a device comes to rest on the nearest level after every write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emulator.errors import EngineError
from emulator.learning.ports import ParameterPort, require_number
from hwmodels import HardwareModel, PolynomialSpread, PulsedUpdate, Weights

#: writes over the range of a device without levels, pulses or programming error
_WRITES = 64
_MOST_PULSES = 16
#: pulses that no device will see
_ENDLESS = 1e18


def device_weights(hardware: HardwareModel) -> Weights:
    """What a `Device` port writes into: the hardware's devices, or its digital weight memory as devices with levels.

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
            f"port device: the weights of hardware {hardware.name} are exact numbers; allowed: hardware with devices "
            "(weights.g_max) or a weight memory (precision.weights.bits)"
        )
    return Weights(g_min=0.0, g_max=1.0, levels=2 ** (bits - 1))


@dataclass(frozen=True)
class Device(ParameterPort):
    """Weights and biases in programmable devices that are written while the substrate learns.

    Parameters
    ----------
    rate : float
        Change of a parameter per effort and hold that the devices are asked for, above 0.
    weights : hwmodels.Weights
        The devices; needs a conductance range (`g_max`).
    w_max : float
        Weight of a device at `g_max`, above 0: no weight or bias can be larger.
    burst : int
        Most pulses per device and update, 1 to 16.
    leak : float
        Weight decay asked for: fraction of a weight per hold; biases do not leak.

    Raises
    ------
    EngineError
        For a value outside its range, or weights without a conductance range.
    """

    rate: float
    weights: Weights
    w_max: float = 1.0
    burst: int = 1
    leak: float = 0.0
    name: str = "device"
    variables = ("owed", "writes")
    random = True
    devices = True

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "w_max", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or not 1 <= self.burst <= _MOST_PULSES:
            raise EngineError(f"port device: burst is {self.burst!r}; allowed: whole numbers from 1 to {_MOST_PULSES}")
        if not isinstance(self.weights, Weights) or self.weights.g_max is None:
            raise EngineError(
                "port device: the hardware's weights are exact numbers; allowed: hwmodels.Weights with a g_max"
            )

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def pulses(self) -> int:
        """Writes from one end of a device to the other: pulses, at most one per level; else levels, or programmings."""
        law = self.weights
        steps = [n for n in (law.update.pulses if law.update else None, law.levels and law.levels - 1) if n]
        if steps:
            return min(steps)
        return _WRITES if law.programming is None else max(1, int(1.0 / max(self._largest_spread(), 1.0 / _WRITES)))

    @property
    def quantum(self) -> float:
        """Change of the weight that one mean write makes."""
        return self.w_max * (1.0 if self.weights.differential else 2.0) / self.pulses

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the rate and of the pulses."""
        law = self.weights.update or PulsedUpdate(pulses=self.pulses)
        return {
            "rate": self.rate,
            "leak": self.leak,
            "w_max": self.w_max,
            "quantum": self.quantum,
            "pulses": float(self.pulses),
            "asymmetry": law.asymmetry,
            "nonlinearity": law.nonlinearity,
            "write_noise": law.write_noise,
            "endurance": _ENDLESS if law.endurance is None else law.endurance,
        }

    @property
    def update(self) -> str:
        """Owe, then pay in whole writes."""
        owe = "owed = owed + h*(conductance*effort - is_weight*factor*leak*w)\n"
        if self.weights.update is None:
            return owe + self._program()
        held = ["w", *(f"held{k}" for k in range(self.burst))]  # a name of its own after every pulse
        pay = "".join(self._pulse(before, after) for before, after in pairwise(held))
        return f"{owe}{pay}dw = {held[-1]} - w"

    def _pulse(self, before: str, after: str) -> str:
        """One pulse where a whole one is owed; `x` is the conductance from 0 to 1, `grow` the pulse's direction."""
        return (
            "want = sign(owed)*int(abs(owed) >= quantum)\n"
            + self._read(before, "want")
            + f"grow = want{self._side()}\n"
            + "distance = int(grow > 0)*x + int(grow <= 0)*(1 - x)\n"
            + "stride = grow*(1 + grow*asymmetry)*exp(-nonlinearity*distance)/pulses\n"
            + "x = clip(x + stride*(1 + write_noise*gauss(write_key, number, writes)), 0, 1)\n"
            + self._rest()
            + f"can = abs(want)*int(writes < endurance)*{self._free('side')}\n{after} = can*({self._written()}) + (1 - can)*{before}\n"
            + "owed = owed - want*quantum\nwrites = writes + abs(want)\n"
        )

    def _program(self) -> str:
        """Program the whole debt where it is at least one write."""
        return (
            "want = int(abs(owed) >= quantum)\ngoal = clip(w + want*owed, -w_max, w_max)\n"
            + self._read("goal", "1")
            + f"x = clip(x + want*({self._spread()})*gauss(write_key, number, writes), 0, 1)\n"
            + self._rest()
            + f"dw = want*{self._free('goal')}*{self._free('w')}*({self._written()} - w)\n"
            + "owed = (1 - want)*owed\nwrites = writes + want"
        )

    def _read(self, weight: str, wanted: str) -> str:
        """From a weight to the conductance of the device that holds it, or would hold it if pushed the `wanted` way."""
        if self.weights.differential:
            return f"side = sign({weight}) + int({weight} == 0)*{wanted}\nx = abs({weight})/w_max\n"
        return f"x = (1 + {weight}/w_max)/2\n"

    def _side(self) -> str:
        """Factor for the sign of the device: a pair's negative device pulls the weight down as it grows."""
        return "*side" if self.weights.differential else ""

    def _free(self, weight: str) -> str:
        """Whether the device that holds a weight can be written."""
        if not self.weights.differential:
            return "free_up"
        return f"(1 - int({weight} > 0)*(1 - free_up) - int({weight} < 0)*(1 - free_down))"

    def _written(self) -> str:
        """From the conductance to the weight."""
        return "w_max*side*x" if self.weights.differential else "w_max*(2*x - 1)"

    def _rest(self) -> str:
        """Onto the nearest level."""
        levels = self.weights.levels
        return "" if levels is None else f"x = floor(x*{levels - 1} + 0.5)/{levels - 1}\n"

    def _spread(self) -> str:
        """Programming error as an expression of `x`, in units of the range."""
        law, spread = self.weights, self.weights.programming
        if spread is None or law.g_max is None:
            return "0"
        span = law.g_max - law.g_min
        conductance = f"({law.g_min!r} + {span!r}*x)"
        if isinstance(spread, PolynomialSpread):
            terms = " + ".join(
                f"{c!r}*({conductance}/{spread.reference!r})**{k}" for k, c in enumerate(spread.coefficients)
            )
            return f"clip({terms}, 0, 1)/{span!r}"
        return f"{spread.plateau!r}*(1 - exp(-{conductance}/{spread.scale!r}))/{span!r}"

    def _largest_spread(self) -> float:
        law = self.weights
        if law.programming is None or law.g_max is None:
            return 0.0
        grid = np.linspace(law.g_min, law.g_max, 101)
        return float(law.programming.sigma(grid).max()) / (law.g_max - law.g_min)

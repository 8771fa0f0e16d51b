"""A parameter port that writes through the hardware's devices: in steps, unevenly, noisily, and not for ever.

The port owes each device the change that gradient descent asks for, ``rate * effort`` per hold, on a capacitor of its
own. Once the debt is a whole write it is paid:

- with a law for in-situ updates (`hwmodels.PulsedUpdate`), by an identical pulse up or down; what the pulse does
  depends on where the device stands, on its direction, and on the write noise; after `endurance` pulses a device no
  longer moves;
- otherwise by programming the device anew to the weight it should have, on the nearest of its `levels`, with the
  programming error of the hardware beside it.

A pulse is what moves a device, a level is where it can rest. Pulsed devices with `levels` come to rest on a level, the
nearer the likelier, such that the mean over devices moves by just what the pulse does without levels: devices of few
levels take a small pulse seldom and then by a whole level.

A differential pair holds a weight in the device of its sign and leaves the other at `g_min`; a single device spans
-w_max to w_max. Where a pulse would take a device of a pair below `g_min`, the other device gets the rest of the pulse.
Devices that are stuck take no write.

Drift goes on while the substrate learns: a device that was last written a time t ago, at least the first reading t_0 of
the law, has faded by ``(t/t_0)^-nu``, with its own frozen score of the exponent at the conductance it now has; the two
devices of a pair fade alike. What the hardware reads (its read noise) is the weight as it then is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from emulator.errors import EngineError
from emulator.learning.device_code import conductance_code, exponent_code, span_of, spread_code
from emulator.learning.ports import ParameterPort, overshoots, require_number
from hwmodels import HardwareModel, PulsedUpdate, Weights
from hwmodels.devices import g_max

#: writes over the range of a device without levels, pulses or programming error
_WRITES = 64
_MOST_PULSES = 16
#: pulses that no device will see, and times (s)
_ENDLESS, _LONG = 1e18, 1e300


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


def agree(port: ParameterPort, hardware: HardwareModel) -> tuple[ParameterPort, HardwareModel]:
    """A port and hardware that describe the same devices: those of the hardware, or, if it has none, of the port.

    A digital memory becomes the devices that the port writes, from -w_max to w_max; it is not rounded twice.

    Raises
    ------
    EngineError
        If neither has devices, or both have and they differ.
    """
    if not isinstance(port, Device):
        return port, hardware
    if port.weights is not None and hardware.weights.exact and hardware.precision.weights.bits is None:
        return port, hardware.replace(weights=port.weights)
    held = device_weights(hardware)
    if port.weights is not None and port.weights != held:
        differ = [name for name in type(held).model_fields if getattr(held, name) != getattr(port.weights, name)]
        raise EngineError(
            f"port device: its weights are other devices than those of hardware {hardware.name} (they differ in "
            f"{', '.join(differ)}); allowed: no weights, for the hardware's own, or hardware whose weights are exact"
        )
    if hardware.weights.exact:
        hardware = hardware.replace({"weights": held, "precision.weights.bits": None})
    return replace(port, weights=held), hardware


@dataclass(frozen=True)
class Device(ParameterPort):
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
    name: str = "device"
    rule = "devices of the hardware, written in steps"
    variables = ("owed", "writes")
    random = True
    devices = True

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "w_max", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)
        if isinstance(self.burst, bool) or not isinstance(self.burst, int) or not 1 <= self.burst <= _MOST_PULSES:
            raise EngineError(f"port device: burst is {self.burst!r}; allowed: whole numbers from 1 to {_MOST_PULSES}")
        if self.weights is None:
            return
        if not isinstance(self.weights, Weights) or self.weights.g_max is None:
            raise EngineError(
                "port device: the hardware's weights are exact numbers; allowed: hwmodels.Weights with a g_max"
            )
        if self.weights.drift is not None:
            object.__setattr__(self, "drifts", True)
            object.__setattr__(self, "variables", (*self.variables, "age"))

    @property
    def law(self) -> Weights:
        """The devices; an `EngineError` while nobody has said which."""
        if self.weights is None:
            raise EngineError("port device: it has no weights of its own; allowed: with hardware that has devices")
        return self.weights

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def pulses(self) -> int:
        """Writes from one end of a device to the other: pulses, or else levels, or else programmings told apart."""
        law = self.law
        if law.update is not None:
            return law.update.pulses
        if law.levels is not None:
            return law.levels - 1
        return _WRITES if law.programming is None else max(1, int(1.0 / max(self._largest_spread(), 1.0 / _WRITES)))

    @property
    def quantum(self) -> float:
        """Change of the weight that one mean write makes."""
        return self.w_max * (1.0 if self.law.differential else 2.0) / self.pulses

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the rate and of the pulses."""
        law = self.law.update or PulsedUpdate(pulses=self.pulses)
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
        """Fade, owe, and pay in whole writes."""
        law = self.law
        faded = "w" if law.drift is None else "faded"
        code = self._fade() + "owed = owed + h*(conductance*effort - is_weight*factor*leak*w)\n"
        if law.update is None:
            return code + self._program(faded) + self._rejuvenate("want")
        held = [faded, *(f"held{k}" for k in range(self.burst))]  # a name of its own after every pulse
        pay = "".join(self._pulse(before, after) for before, after in pairwise(held))
        return f"{code}{pay}dw = {held[-1]} - w\n" + self._rejuvenate(f"int({held[-1]} != {faded})")

    def warning(self, curvature: float, h: float) -> str | None:
        """What is asked for overshoots as with a resistive port."""
        return overshoots(self.name, self.rate, curvature, h)

    def _pulse(self, before: str, after: str) -> str:
        """One pulse where a whole one is owed; `x` is the conductance from 0 to 1, `grow` the pulse's direction."""
        return (
            "want = sign(owed)*int(abs(owed) >= quantum)\n"
            + self._read(before, "want")
            + f"grow = want{self._side()}\n"
            + "distance = int(grow > 0)*x + int(grow <= 0)*(1 - x)\n"
            + "luck = 1 + write_noise*gauss_if(want, write_key, number, writes)\n"
            + "stride = grow*(1 + grow*asymmetry)*exp_if(want, -nonlinearity*distance)/pulses*luck\n"
            + self._move()
            + self._rest()
            + f"can = abs(want)*int(writes < endurance)*{self._free('side')}\n"
            + f"{after} = can*({self._written('y')}) + (1 - can)*{before}\n"
            + "owed = owed - want*quantum\nwrites = writes + abs(want)\n"
        )

    def _move(self) -> str:
        """From `x` to `y`: with sign in a pair, where the other device grows by what this one cannot fall."""
        if not self.law.differential:
            return "y = clip(x + stride, 0, 1)\n"
        other = "(int(side > 0)*free_down + int(side < 0)*free_up)"
        return (
            "undone = int(grow < 0)*clip(-x - stride, 0, 1)/(abs(stride) + int(stride == 0))\n"
            f"y = side*(clip(x + stride, 0, 1) - {other}*clip(undone*(1 + asymmetry)*luck/pulses, 0, 1))\n"
        )

    def _rest(self) -> str:
        """Onto one of the two nearest levels, the nearer the likelier, so that the mean stays."""
        if self.law.levels is None:
            return ""
        steps, chance = self.law.levels - 1, "uniform_if(want, write_key, number, writes)"
        if self.law.differential:
            return f"y = sign(y)*floor(abs(y)*{steps} + {chance})/{steps}\n"
        return f"y = clip(floor(y*{steps} + {chance})/{steps}, 0, 1)\n"

    def _program(self, held: str) -> str:
        """Program the whole debt where it is at least one write: onto the nearest level, and an error beside it."""
        law = self.law
        error = f"({spread_code(law.programming, f'({law.g_min!r} + {span_of(law)!r}*x)')})/{span_of(law)!r}"
        steps = None if law.levels is None else law.levels - 1
        return (
            f"want = int(abs(owed) >= quantum)\ngoal = clip({held} + want*owed, -w_max, w_max)\n"
            + self._read("goal", "1")
            + ("" if steps is None else f"x = floor(x*{steps} + 0.5)/{steps}\n")
            + f"x = clip(x + want*{error}*gauss_if(want, write_key, number, writes), 0, 1)\n"
            + f"written = want*{self._free('goal')}*{self._free('w')}\n"
            + f"dw = written*{self._written('side*x' if law.differential else 'x')} + (1 - written)*{held} - w\n"
            + "owed = (1 - want)*owed\nwrites = writes + want\n"
        )

    def _fade(self) -> str:
        """Drift since the last update, by the law of the time since the last write; biases do not drift."""
        law, drift = self.law, self.law.drift
        if drift is None:
            return ""
        relative = f"({conductance_code(law, 'w', 'w_max')})/{g_max(law)!r}"
        exponent = (
            f"{exponent_code(drift.exponent_mean, relative)} + ({exponent_code(drift.exponent_std, relative)})*score"
        )
        score, back = "drift_up", f"(({law.g_min!r} + {span_of(law)!r}*(1 + w/w_max)/2)*fade - {law.g_min!r})"
        if law.differential:
            score = "(int(w >= 0)*drift_up + int(w < 0)*drift_down)"
        first = f"{drift.first_reading!r}, {_LONG!r}"
        return (
            f"score = 1*{score}\nyoung = clip(age, {first})\n"
            "age = age + h/(share + int(share == 0))*hold_seconds\n"
            f"fade = exp(-is_weight*{self._free('w')}*abs({exponent})*log(clip(age, {first})/young))\n"
            + ("faded = w*fade\n" if law.differential else f"faded = w_max*(2*{back}/{span_of(law)!r} - 1)\n")
            + ("" if law.differential else "faded = is_weight*faded + (1 - is_weight)*w\n")
        )

    def _rejuvenate(self, written: str) -> str:
        """A device that has just been written begins to drift anew."""
        return "" if self.law.drift is None else f"age = age*(1 - {written})\n"

    def _read(self, weight: str, wanted: str) -> str:
        """From a weight to the conductance of the device that holds it, or would hold it if pushed the `wanted` way."""
        if self.law.differential:
            return f"side = sign({weight}) + int({weight} == 0)*{wanted}\nx = abs({weight})/w_max\n"
        return f"x = (1 + {weight}/w_max)/2\n"

    def _side(self) -> str:
        """Factor for the sign of the device: a pair's negative device pulls the weight down as it grows."""
        return "*side" if self.law.differential else ""

    def _free(self, weight: str) -> str:
        """Whether the device that holds a weight can be written."""
        if not self.law.differential:
            return "free_up"
        return f"(1 - int({weight} > 0)*(1 - free_up) - int({weight} < 0)*(1 - free_down))"

    def _written(self, y: str) -> str:
        """From the conductance, in a pair with the sign of its device, to the weight."""
        return f"w_max*{y}" if self.law.differential else f"w_max*(2*{y} - 1)"

    def _largest_spread(self) -> float:
        law = self.law
        if law.programming is None:
            return 0.0
        grid = np.linspace(law.g_min, g_max(law), 101)
        return float(law.programming.sigma(grid).max()) / span_of(law)

"""Parameter ports that write devices: what one pulse does to the device that holds a weight, and how devices fade.

A differential pair holds a weight in the device of its sign and leaves the other at `g_min`; a single device spans
-w_max to w_max. Where a pulse would take a device of a pair below `g_min`, the other device gets the rest of the pulse.
Devices that are stuck take no write, and a device that has had `endurance` pulses no longer moves.

Devices differ from one to the next by frozen scores of the chip, in the size of their steps, their asymmetry, and the
ends of their range. A pulse is what moves a device, a level is where it can rest: pulsed devices with `levels` come to
rest on a level, the nearer the likelier, such that the mean over devices moves by just what the pulse does without levels.

Drift goes on while the substrate learns: a device that was last written a time t ago, at least the first reading t_0 of
the law, has faded by ``(t/t_0)^-nu``, with its own frozen score of the exponent at the conductance it now has; the two
devices of a pair fade alike. What the hardware reads (its read noise) is the weight as it then is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Self

from emulator.errors import EngineError
from emulator.learning.device_code import conductance_code, exponent_code, first_step, span_of, steps_code
from emulator.learning.ports import ParameterPort
from hwmodels import PulsedUpdate, Weights
from hwmodels.devices import g_max

#: pulses that no device will see, times (s), and ends of a range
_ENDLESS, _LONG, _FAR = 1e18, 1e300, 1e300


class Written(ParameterPort):
    """A port whose parameters are held by devices; a dataclass with these fields.

    Parameters
    ----------
    weights : hwmodels.Weights, optional
        The devices, with a conductance range (`g_max`); by default those of the hardware.
    w_max : float
        Weight of a device at `g_max`, above 0.
    """

    weights: Weights | None
    w_max: float
    random = True
    devices = True

    def settle_devices(self) -> None:
        """Check the devices, and ask for what their law needs; called when they are known.

        Raises
        ------
        EngineError
            If they have no conductance range.
        """
        if self.weights is None:
            return
        if not isinstance(self.weights, Weights) or self.weights.g_max is None:
            raise EngineError(
                f"port {self.name}: the hardware's weights are exact numbers; allowed: hwmodels.Weights with a g_max"
            )
        drifts = self.weights.drift is not None
        scores = [] if self.weights.update is None else list(self.weights.update.spreads)
        object.__setattr__(self, "scores", (*scores, *["drift"] * drifts))
        if drifts:
            object.__setattr__(self, "drifts", True)
            object.__setattr__(self, "variables", (*self.variables, "age"))

    def holding(self, weights: Weights) -> Self:
        """The same port with these devices."""
        return dataclasses.replace(self, weights=weights)  # type: ignore[type-var]

    @property
    def law(self) -> Weights:
        """The devices; an `EngineError` while nobody has said which."""
        if self.weights is None:
            raise EngineError(
                f"port {self.name}: it has no weights of its own; allowed: with hardware that has devices"
            )
        return self.weights

    @property
    def pulses(self) -> int:
        """Pulses from one end of a mean device to the other."""
        update = self.law.update
        if update is None:
            raise EngineError(
                f"port {self.name}: nothing says what a pulse does to the devices; allowed: weights with an update"
            )
        return update.pulses

    @property
    def quantum(self) -> float:
        """Change of the weight that one mean write makes."""
        return self.w_max * (1.0 if self.law.differential else 2.0) / self.pulses

    @property
    def device_constants(self) -> Mapping[str, float]:
        """Numbers of the pulses."""
        law = self.law.update or PulsedUpdate(pulses=self.pulses)
        return {
            "w_max": self.w_max,
            "quantum": self.quantum,
            "pulses": float(self.pulses),
            "asymmetry": law.asymmetry,
            "nonlinearity": law.nonlinearity,
            "write_noise": law.write_noise,
            "endurance": _ENDLESS if law.endurance is None else law.endurance,
            **{f"{name}_spread": value for name, value in law.spreads.items()},
        }

    def pulse(self, before: str, after: str, many: bool = False) -> str:
        """One pulse in the direction `want` (1, -1, or 0 for none), from the weight `before` to `after`.

        `x` is the conductance from 0 to 1, `grow` the pulse's direction. `many`: as many pulses as `times` says, each as
        large as the first is in the mean.
        """
        repeated, root = ("*times", "/sqrt(times + int(times == 0))") if many else ("", "")
        update = self.law.update or PulsedUpdate(pulses=self.pulses)
        varied = update.spreads
        skew = "asymmetry" + ("" if "asymmetry" not in varied else f" + asymmetry_spread*{self._own('asymmetry')}")
        scale = "" if "step" not in varied else f"*clip(1 + step_spread*{self._own('step')}, 0, {_FAR!r})"
        code = self._read(before, "want") + f"grow = want{self._side()}\n"
        code += self._ends("bound" in varied)
        place = "((x - bottom)/(top - bottom))" if "bound" in varied else "x"
        noise = f"(1 + write_noise*gauss_if(want, write_key, number, writes){root}){repeated}"
        code += f"luck = {noise}{scale}\n"
        code += f"stride = grow*(1 + grow*({skew}))*{steps_code(update, place, 'grow')}/pulses*luck\n"
        return (
            code
            + self._move(update, noise)
            + self._rest()
            + f"can = abs(want)*int(writes < endurance)*{self._free('side')}\n"
            + f"{after} = can*({self._written('y')}) + (1 - can)*{before}\n"
            + f"writes = writes + abs(want){repeated}\n"
        )

    def fade(self) -> str:
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

    @property
    def faded(self) -> str:
        """What `fade` calls the weight as it now is."""
        return "w" if self.law.drift is None else "faded"

    def rejuvenate(self, written: str) -> str:
        """A device that has just been written begins to drift anew."""
        return "" if self.law.drift is None else f"age = age*(1 - {written})\n"

    def _ends(self, varied: bool) -> str:
        """Ends of the range of the device that is written, where devices differ in them."""
        if not varied:
            return ""
        bottom = "0*x" if self.law.differential else "clip(bound_spread*bound_down, -0.45, 0.45)"
        return f"top = 1 + clip(bound_spread*{self._own('bound')}, -0.45, 0.45)\nbottom = {bottom}\n"

    def _move(self, update: PulsedUpdate, noise: str) -> str:
        """From `x` to `y`: with sign in a pair, where the other device grows by what this one cannot fall."""
        bottom, top = ("bottom", "top") if update.bound_spread else ("0", "1")
        if not self.law.differential:
            return f"y = clip(x + stride, {bottom}, {top})\n"
        free = "(int(side > 0)*free_down + int(side < 0)*free_up)"
        skew, luck = "asymmetry", noise
        if update.asymmetry_spread:
            skew += f" + asymmetry_spread*{self._other('asymmetry')}"
        if update.step_spread:
            luck += f"*clip(1 + step_spread*{self._other('step')}, 0, {_FAR!r})"
        return (
            "undone = int(grow < 0)*clip(-x - stride, 0, 1)/(abs(stride) + int(stride == 0))\n"
            f"more = undone*(1 + {skew})*{first_step(update)!r}*{luck}/pulses\n"
            f"y = side*(clip(x + stride, 0, {top}) - {free}*clip(more, 0, 1))\n"
        )

    def _rest(self) -> str:
        """Onto one of the two nearest levels, the nearer the likelier, so that the mean stays."""
        if self.law.levels is None:
            return ""
        steps, chance = self.law.levels - 1, "uniform_if(want, write_key, number, writes)"
        if self.law.differential:
            return f"y = sign(y)*floor(abs(y)*{steps} + {chance})/{steps}\n"
        return f"y = clip(floor(y*{steps} + {chance})/{steps}, 0, 1)\n"

    def _read(self, weight: str, wanted: str) -> str:
        """From a weight to the conductance of the device that holds it, or would hold it if pushed the `wanted` way."""
        if self.law.differential:
            return f"side = sign({weight}) + int({weight} == 0)*{wanted}\nx = abs({weight})/w_max\n"
        return f"x = (1 + {weight}/w_max)/2\n"

    def _own(self, score: str) -> str:
        """The score of the device that is written."""
        if not self.law.differential:
            return f"{score}_up"
        return f"(int(side > 0)*{score}_up + int(side <= 0)*{score}_down)"

    def _other(self, score: str) -> str:
        """The score of the other device of a pair."""
        return f"(int(side > 0)*{score}_down + int(side <= 0)*{score}_up)"

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

"""Parameter ports that write devices: what one pulse does to the device that holds a weight, and how devices fade.

A differential pair holds a weight in the device of its sign and leaves the other at `g_min`; a single device spans
-w_max to w_max. Where a pulse would take a device of a pair below `g_min`, the other device gets the rest of the pulse.
Devices that are stuck take no write, and a device that has had `endurance` pulses no longer moves.

Devices differ from one to the next by frozen scores of the chip, in the size of their steps, their asymmetry, and the
ends of their range. A pulse is what moves a device, a level is where it can rest: pulsed devices with `levels` come to
rest on a level, the nearer the likelier, such that the mean over devices moves by just what the pulse does without levels.

Devices of a *one-sided* pair can only grow: a weight falls by growth of the other device, and where one of them nears its end
both are reset and their difference is written again (G. W. Burr et al., IEEE Trans. Electron Devices 62, 3498, 2015). What
devices do of themselves, drift, leak and diffuse, is that of `emulator.learning.aging`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Self

from emulator.errors import EngineError
from emulator.learning.aging import fade_code, faded_name, leaks
from emulator.learning.device_code import first_step, steps_code
from emulator.learning.ports import ParameterPort
from hwmodels import PulsedUpdate, Weights

#: pulses that no device will see, and ends of a range
_ENDLESS, _FAR = 1e18, 1e300


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
    #: whether weight 0 is the symmetry point of each device, held by a reference beside it
    zeroed = False
    #: error of that reference, as a share of the range
    zero_error = 0.0
    #: beginning of the names of the scores of the devices whose zero it is
    zero_of = ""

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
        update, drifts = self.weights.update, self.weights.drift is not None
        scores = [] if update is None else list(update.spreads)
        own = [] if update is None else _states(update)
        object.__setattr__(self, "scores", (*scores, *["zero"] * self.zeroed, *["drift"] * drifts))
        object.__setattr__(self, "drifts", drifts or leaks(update))
        object.__setattr__(self, "variables", (*type(self).variables, *own, *["age"] * drifts))
        if self.zeroed:
            self._check_zero()

    def _check_zero(self) -> None:
        """Refuse devices that have no zero to be shifted to."""
        if self.law.differential:
            raise EngineError(
                f"port {self.name}: a symmetry point is that of one device beside a reference, and weights.differential is "
                "true; allowed: differential = false"
            )
        if self.law.update is not None and self.law.update.asymmetry and self.law.update.symmetry_point is None:
            raise EngineError(
                f"port {self.name}: pulses up and down of these devices (weights.update) undo each other nowhere, so that "
                "there is no symmetry point; allowed: steps that shrink along the range, or no asymmetry"
            )

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
    def pulses(self) -> float:
        """Pulses from one end of a mean device to the other."""
        update = self.law.update
        if update is None:
            raise EngineError(
                f"port {self.name}: nothing says what a pulse does to the devices; allowed: weights with an update"
            )
        return update.pulses

    @property
    def pulsed(self) -> bool:
        """Whether writes are pulses of the devices' own law, and not programmings."""
        return self.law.update is not None

    def slots_of_update(self, rows: int) -> float:
        """How many pulses follow one another in an update, at most, of crossbars of so many rows."""
        return float(rows)

    @property
    def one_sided(self) -> bool:
        """Whether its pairs are written by growth alone."""
        return self.law.update is not None and self.law.update.one_sided

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
            **({"bend_down": law.nonlinearity_down} if law.nonlinearity_down is not None else {}),
            **({"constant_noise": law.constant_noise} if law.constant_noise or law.one_sided else {}),
            **{f"{name}_spread": value for name, value in law.spreads.items()},
            **({"bound_spread": law.bound_spread, "low_spread": law.low_spread} if "bound" in law.spreads else {}),
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
        scale = "" if "step" not in varied else _scale(update, self._own("step"))
        code = self._read(before, "want") + (
            "grow = abs(want)\n" if update.one_sided else f"grow = want{self._side()}\n"
        )
        code += self._ends(update)
        inside = "(({} - bottom)/(top - bottom))" if "bound" in varied and update.shape_follows else "{}"
        anchor = "" if update.anchor is None else inside.format(repr(update.anchor))
        steps = steps_code(update, inside.format("x"), "grow", self._bends(), anchor)
        noise = f"(1 + write_noise*gauss_if(want, write_key, number, writes){root}){repeated}"
        code += f"luck = {noise}{scale}\nway = grow*(1 + grow*({skew}))/pulses\n"
        code += f"stride = way*{steps}*luck\n"
        if update.constant_noise:
            grown = f"sqrt(1{repeated})"
            code += (
                f"stride = stride + way{scale}*constant_noise*{grown}*gauss_if(want, write_key + 1, number, writes)\n"
            )
        can = f"can = abs(want)*int(writes < endurance)*{self._free('side')}\n"
        if update.one_sided:
            can += "common = either(want, can*clip(other - clip(other - y, 0, 1), 0, 1) + (1 - can)*common, common)\n"
            written = "side*(y - other)*w_max"
        else:
            written = self._written("y")
        return (
            code
            + self._move(update, noise)
            + self._rest()
            + can
            + f"{after} = either(want, can*({written}) + (1 - can)*{before}, {before})\n"
            + f"writes = either(want, writes + 1{repeated}, writes)\n"
        )

    def fade(self) -> str:
        """What devices do of themselves since the last update, from `w` to what `faded` names."""
        return fade_code(self.law, self._free("w"))

    @property
    def faded(self) -> str:
        """What `fade` calls the weight as it now is, what it only shows taken off."""
        return faded_name(self.law)

    def rejuvenate(self, written: str) -> str:
        """A device that has just been written begins to drift anew."""
        return "" if self.law.drift is None else f"age = age*(1 - {written})\n"

    def kept(self, held: str) -> str:
        """What `refreshed` calls a weight `held`."""
        return "kept" if self.one_sided else held

    def shown(self, held: str, written: str) -> str:
        """Code that assigns `dw`: to what a device shows whose state is now `held`, anew where it was `written`."""
        scatter = 0.0 if self.law.update is None else self.law.update.scatter
        code, shows = f"fresh = {written}\n", held
        if scatter:
            drawn = f"{scatter!r}*quantum*gauss_if(fresh, write_key + 2, number, writes)"
            code, shows = f"{code}veil = either(fresh, {drawn}, veil)\n", f"{held} + veil"
        if self._rests:
            return f"{code}dw = either(fresh, {shows} - w, 0)\n"
        return f"{code}dw = {shows} - w\n"

    def refreshed(self, held: str) -> str:
        """Reset one-sided pairs that have a device near its end, and write their difference again; assigns `kept`."""
        update = self.law.update
        if update is None or not update.one_sided:
            return ""
        return (
            f"full = int(common + abs({held})/w_max >= {update.refresh_at!r})*int(common*pulses >= 1)"
            f"*{self._free(held)}*int(writes < endurance)\n"
            f"again = full*floor(abs({held})/quantum + 0.5)\n"
            "error = sqrt(write_noise**2 + constant_noise**2)*gauss_if(full, write_key + 1, number, writes)\n"
            f"kept = clip({held} + full*int(again > 0)*error*quantum, -w_max, w_max)\nwrites = writes + full + again\n"
            "common = (1 - full)*common\n"
        )

    @property
    def _rests(self) -> bool:
        """Whether a device that is not written stays as it is."""
        return self.law.drift is None and not leaks(self.law.update) and not self.one_sided

    def _ends(self, update: PulsedUpdate) -> str:
        """Ends of the range of the device that is written, where devices differ in them."""
        if "bound" not in update.spreads:
            return ""
        low, high = update.end_limits
        bottom = "0*x" if self.law.differential else f"clip(low_spread*bound_down, {low[0]!r}, {low[1]!r})"
        return f"top = 1 + clip(bound_spread*{self._own('bound')}, {high[0]!r}, {high[1]!r})\nbottom = {bottom}\n"

    def _move(self, update: PulsedUpdate, noise: str) -> str:
        """From `x` to `y`: with sign in a pair, where the other device grows by what this one cannot fall."""
        bottom, top = ("bottom", "top") if "bound" in update.spreads else ("0", "1")
        if not self.law.differential:
            return f"y = clip(x + stride, {bottom}, {top})\n"
        if update.one_sided:
            return f"y = clip(x + clip(stride, 0, 1), 0, {top})\n"
        free = "(int(side > 0)*free_down + int(side < 0)*free_up)"
        skew, luck = "asymmetry", noise
        if update.asymmetry_spread:
            skew += f" + asymmetry_spread*{self._other('asymmetry')}"
        if update.step_spread:
            luck += _scale(update, self._other("step"))
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
        if self.one_sided:  # the device that grows, and the other one
            return (
                f"side = {wanted}\nheld = side*{weight}/w_max\n"
                "x = common + clip(held, 0, 1)\nother = common + clip(-held, 0, 1)\n"
            )
        if self.law.differential:
            return f"side = sign({weight}) + int({weight} == 0)*{wanted}\nx = abs({weight})/w_max\n"
        if self.zeroed:
            return f"x = zero_up + {weight}/w_max/2\n"
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
        if self.zeroed:
            return f"2*w_max*({y} - zero_up)"
        return f"w_max*{y}" if self.law.differential else f"w_max*(2*{y} - 1)"

    def _bends(self) -> tuple[str, str]:
        """Scores of the nonlinearity of the device that is written, for pulses up and down."""
        if self.law.differential:
            return (self._own("nonlinearity"),) * 2
        return "nonlinearity_up", "nonlinearity_down"


def _states(update: PulsedUpdate) -> list[str]:
    """What a device remembers besides its weight and its writes."""
    kept = {"veil": update.scatter > 0, "common": update.one_sided, "strolls": update.diffusion > 0}
    return [name for name, there in kept.items() if there]


def _scale(update: PulsedUpdate, score: str) -> str:
    """Factor of a device on its mean step."""
    if update.step_law == "lognormal":
        return f"*exp(step_spread*{score})"
    return f"*clip(1 + step_spread*{score}, 0, {_FAR!r})"

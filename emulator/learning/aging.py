"""What devices do of themselves while the substrate learns: they drift, leak, and diffuse.

*Drift*: a device that was last written a time t ago, at least the first reading t_0 of the law, has faded by
``(t/t_0)^-nu``, with its own frozen score of the exponent at the conductance it now has; the two devices of a pair fade alike.
What the hardware reads (its read noise) is the weight as it then is. *Leak*: a weight falls as ``exp(-t/lifetime)``, as the
charge of a capacitor does. *Diffusion*: a conductance walks at random, its variance growing in proportion to time.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.learning.device_code import conductance_code, exponent_code, span_of
from hwmodels import PulsedUpdate, Weights
from hwmodels.devices import g_max

#: times (s) beyond all
_LONG = 1e300
_PASSED = "passed = h/(share + int(share == 0))*hold_seconds\n"


def leaks(update: PulsedUpdate | None) -> bool:
    """Whether devices change without being written, drift apart."""
    return update is not None and (update.lifetime is not None or update.diffusion > 0)


def faded_name(law: Weights) -> str:
    """What `fade_code` calls the weight as it now is."""
    return _stages(law)[-1][0]


def fade_code(law: Weights, free: str) -> str:
    """Code from the weight `w` at the last update to what it is now; biases do not drift."""
    stages = _stages(law)
    timed = law.drift is not None or leaks(law.update)
    code, before = _PASSED if timed else "", "w"
    for name, stage in stages:
        code += stage(law, free, before, name)
        before = name
    return code


def _stages(law: Weights) -> list[tuple[str, Callable[[Weights, str, str, str], str]]]:
    """What happens to a weight, one after another, with the name that it then has: numpy would share one name's memory."""
    update, stages = law.update, list[tuple[str, Callable[[Weights, str, str, str], str]]]()
    if update is not None and update.scatter > 0:
        stages.append(("bare", _bare))
    if law.drift is not None:
        stages.append(("drifted", _drift))
    if update is not None and update.lifetime is not None:
        stages.append(("leaked", _leak))
    if update is not None and update.diffusion > 0:
        stages.append(("strolled", _diffuse))
    return stages or [("w", lambda *_: "")]


def _bare(law: Weights, free: str, before: str, after: str) -> str:
    """What a device only shows, taken off."""
    return f"{after} = {before} - veil\n"


def _leak(law: Weights, free: str, before: str, after: str) -> str:
    """Towards 0."""
    update = _update(law)
    spread = "*clip(1 + lifetime_spread*lifetime_up, 0.1, 1e9)" if update.lifetime_spread else ""
    return f"{after} = {before}*exp(-{free}*passed/({update.lifetime!r}{spread}))\n"


def _diffuse(law: Weights, free: str, before: str, after: str) -> str:
    """A random step."""
    size = f"{1.0 if law.differential else 2.0}*w_max*sqrt({_update(law).diffusion!r}*passed)"
    return (
        f"{after} = clip({before} + {free}*{size}*gauss(write_key + 3, number, strolls), -w_max, w_max)\n"
        "strolls = strolls + 1\n"
    )


def _update(law: Weights) -> PulsedUpdate:
    return law.update or PulsedUpdate(pulses=1)


def _drift(law: Weights, free: str, before: str, after: str) -> str:
    """Drift by the law of the time since the last write."""
    drift = law.drift
    if drift is None:
        return ""
    relative = f"({conductance_code(law, before, 'w_max')})/{g_max(law)!r}"
    exponent = f"{exponent_code(drift.exponent_mean, relative)} + ({exponent_code(drift.exponent_std, relative)})*score"
    score, back = "drift_up", f"(({law.g_min!r} + {span_of(law)!r}*(1 + {before}/w_max)/2)*fade - {law.g_min!r})"
    if law.differential:
        score = f"(int({before} >= 0)*drift_up + int({before} < 0)*drift_down)"
    first = f"{drift.first_reading!r}, {_LONG!r}"
    faded = f"{before}*fade" if law.differential else f"w_max*(2*{back}/{span_of(law)!r} - 1)"
    return (
        f"score = 1*{score}\nyoung = clip(age, {first})\nage = age + passed\n"
        f"fade = exp(-is_weight*{free}*abs({exponent})*log(clip(age, {first})/young))\n"
        f"{after} = is_weight*{faded} + (1 - is_weight)*{before}\n"
    )

"""What devices do at a weight that moves, as code: the laws of `hwmodels.devices` in brian2's expression language.

A differential pair holds a weight in the device of its sign and leaves the other at `g_min`; a single device spans
``-top`` (`g_min`) to ``top`` (`g_max`), with `top` the weight of a device at `g_max`.
"""

from __future__ import annotations

import numpy as np

from hwmodels import HardwareError, PolynomialSpread, PowerSpread, PulsedUpdate, SaturatingSpread, Weights
from hwmodels.devices import g_max
from hwmodels.weights import LogLaw

#: beyond every conductance (S), and below every relative one that matters
_MOST, _LEAST = 1e300, 1e-30
#: below this relative conductance the laws with a logarithm stay as they are
_FLAT = 1e-7


def conductance_code(law: Weights, weight: str, top: str) -> str:
    """Conductance [S] of the device that holds a weight."""
    low, span = law.g_min, span_of(law)
    x = f"abs({weight})/{top}" if law.differential else f"(1 + {weight}/{top})/2"
    return f"clip({low!r} + {span!r}*{x}, 0, {_MOST!r})"


def spread_code(spread: PolynomialSpread | SaturatingSpread | None, conductance: str) -> str:
    """Standard deviation [S] of a conductance."""
    if spread is None:
        return "0"
    if isinstance(spread, PolynomialSpread):
        *lower, highest = spread.coefficients
        terms = repr(highest)
        for coefficient in reversed(lower):  # a power would take longer than all the rest
            terms = f"({coefficient!r} + ({conductance}/{spread.reference!r})*{terms})"
        return f"clip({terms}, 0, {_MOST!r})"
    return f"{spread.plateau!r}*(1 - exp(-{conductance}/{spread.scale!r}))"


def read_noise_code(law: Weights, weight: str, top: str) -> str:
    """Standard deviation of one reading of a weight: that of `DeviceArray.read_sigma`, just programmed, as it now is.

    Raises
    ------
    HardwareError
        If the noise depends on a time that the law does not give.
    """
    holding, resting = _reading(law, "conductance"), _reading(law, repr(law.g_min))
    code = f"2*({holding})"
    if law.differential:  # a device that rests at 0 adds nothing
        code = holding if law.g_min == 0 and _quiet(law) else f"sqrt(({holding})**2 + ({resting})**2)"
    given = conductance_code(law, weight, top)
    return f"{top}/{span_of(law)!r}*{code.replace('conductance', f'({given})')}"


def _quiet(law: Weights) -> bool:
    """Whether the reading of a device without conductance has no noise."""
    return isinstance(law.read_noise, PowerSpread | SaturatingSpread)


def exponent_code(law: LogLaw, relative: str) -> str:
    """A law of the logarithm of the conductance relative to `g_max`."""
    return f"clip({law.slope!r}*log(clip({relative}, {_FLAT!r}, {_MOST!r})) + {law.intercept!r}, {law.floor!r}, {law.ceiling!r})"


def steps_code(law: PulsedUpdate, place: str, grow: str, scores: tuple[str, str] = ("0", "0"), anchor: str = "") -> str:
    """The shape of a pulse, as `PulsedUpdate.steps` has it, at a place from 0 to 1; `grow` is above 0 for a pulse up.

    `scores`: of the device's nonlinearity, up and down; `anchor`: the place at which the step is a mean step, where it
    differs from the law's.
    """
    plain = _plain_steps(law, place, grow, scores)
    if law.anchor is None:
        return plain
    return f"({plain}/{_plain_steps(law, anchor or repr(law.anchor), grow, scores)})"


def _plain_steps(law: PulsedUpdate, place: str, grow: str, scores: tuple[str, str]) -> str:
    """The shape without an anchor."""
    if law.up_steps is not None and law.down_steps is not None:
        up, down = _table_code(law.up_steps, place), _table_code(law.down_steps, place)
        return f"(int({grow} > 0)*{up} + int({grow} <= 0)*{down})"
    gone = f"(int({grow} > 0)*{place} + int({grow} <= 0)*(1 - {place}))"
    bend = _bend_code(law, grow, scores)
    if law.shape == "linear":
        return f"clip(1 - {bend}*{gone}, 0, {_MOST!r})"
    if law.shape == "power":
        return f"clip(1 - {gone}, 0, 1)**{bend}"
    code, (rise, fall) = f"exp_if({grow}, -{bend}*{gone})", law.plateaus
    if rise == fall == 0:
        return code
    left = repr(rise) if rise == fall else f"(int({grow} > 0)*{rise!r} + int({grow} <= 0)*{fall!r})"
    return f"({left} + (1 - {left})*{code})"


def _bend_code(law: PulsedUpdate, grow: str, scores: tuple[str, str]) -> str:
    """The k of the shape, of the device at hand."""
    up, down = "nonlinearity", "nonlinearity" if law.nonlinearity_down is None else "bend_down"
    if law.nonlinearity_spread:
        most = 1.0 if law.shape == "linear" else _MOST
        up, down = (
            f"clip({k} + nonlinearity_spread*{score}, 0, {most!r})" for k, score in zip((up, down), scores, strict=True)
        )
    return up if up == down else f"(int({grow} > 0)*{up} + int({grow} <= 0)*{down})"


def first_step(law: PulsedUpdate) -> float:
    """The shape of a pulse that makes a device grow from 0."""
    return float(law.steps(0.0, 1))


def _table_code(table: tuple[float, ...], place: str) -> str:
    """Straight lines through numbers at equal distances from 0 to 1, level beyond."""
    n, rises = len(table) - 1, np.diff(table)
    terms = [repr(float(table[0]))] + [f"{float(r)!r}*clip({n}*{place} - {k}, 0, 1)" for k, r in enumerate(rises) if r]
    return f"({' + '.join(terms)})"


def span_of(law: Weights) -> float:
    """Width of the conductance range [S]."""
    return g_max(law) - law.g_min


def _reading(law: Weights, conductance: str) -> str:
    """Standard deviation [S] of one reading of a device."""
    spread = law.read_noise
    if not isinstance(spread, PowerSpread):
        return spread_code(spread, conductance)
    time = 0.0
    if spread.reading_time is not None:
        if law.drift is None:
            raise HardwareError("weights.time", "must be given: the read noise depends on it")
        time = law.drift.first_reading
    grown = float(spread.model_copy(update={"coefficient": 1.0, "exponent": 0.0, "ceiling": None}).relative(1.0, time))
    relative = f"clip({conductance}/{g_max(law)!r}, {_LEAST!r}, {_MOST!r})"
    ceiling = _MOST if spread.ceiling is None else spread.ceiling
    return f"{grown!r}*{conductance}*clip({spread.coefficient!r}*{relative}**({-spread.exponent!r}), 0, {ceiling!r})"

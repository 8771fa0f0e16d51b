"""The answer of a neuron's junction: the branch that it is on, followed as a junction with a little capacitance does.

A neuron between two-way lines solves ``f(s) = s - A + Z phi'(s) (G phi(s) - J) = 0`` (see `emulator.laws.bilateral`).
It has one root while ``f' > 0`` everywhere, for which ``Z (G c + |J| m) < 1`` suffices (`Shape`); beyond, an activation
that bends may give three. A real junction has some capacitance, ``C ds/dt = -f(s)``: from where it was it moves down
where `f` is above 0 and up where it is below, and rests at the first root that it meets. So it stays on its branch as
the waves move, jumps where the branch ends (a fold), and never rests at the middle root, where ``f' < 0``.

No root is stepped over: within a window `f` bends by at most `B`, so the parabola of that curvature through the present
point reaches 0 no later than `f` does, and its root is the next point. Close to a simple root that is as fast as
Newton's method. Where the condition holds there is nothing to step over, and Newton's method in a bracket is used. The
bracket holds since ``phi' phi`` is at least 0 above ``s = 0`` and at most `MOST_BELOW` below it, and ``|phi'|`` at most
`STEEPEST`, for every activation.

Piecewise linear activations are solved on either side of their kink. Where neither side has a root the neuron rests at
the kink, ``s = 0``, and passes on whatever costate balances it. Where only the slope of ``phi'`` jumps (`BROKEN`), `f` is
straight above 0 and bends below: above there is at most one root, which is solved for; a branch below is followed up to
0 and no further, and goes on above.

An output with a cross-entropy load has the term ``p = 1/(1 + exp(rest - phi(s)))`` more in its costate, with `rest` the
log-sum-exp of the other outputs; see `emulator.families.bilateral.load`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.network.activations import ActivationFunction, activation_function

Floats = NDArray[np.float64]

#: activations whose branches are followed: what their second derivatives do is known (`SHAPES`), or there are none
FOLLOWED = ("identity", "tanh", "relu", "leaky_relu", "sigmoid", "softplus", "gelu", "silu", "elu")
#: position of every activation, the same in every plan
KINDS = {name: k for k, name in enumerate(("source", *FOLLOWED))}
KINKED = ("relu", "leaky_relu")
#: of those that bend, the ones that are straight above 0, with a slope of 1, and bend up to 0
BROKEN = ("elu",)
#: of those that bend, the ones whose slope falls to 0 on both sides
SATURATING = ("tanh", "sigmoid")
#: a neuron of this kind is not solved for by itself
COUPLED = -1
#: what bounds the bracket: ``phi' phi`` below 0, and the slope anywhere
MOST_BELOW, STEEPEST = 0.35, 1.13
#: steps after which a root is given up; residuals that are rounding, in units of what is summed
MOST_STEPS, ROUNDING = 300, 4 * 2.0**-52
#: beyond, no activation bends
_FAR = 1e3
#: roots further apart than this share of their size are two
APART = 1e-6


@dataclass(frozen=True)
class Shape:
    """Bounds on a smooth activation; all hold for every s (`tests/physics/test_bilateral_branches.py`), but where ``phi''`` jumps.

    Parameters
    ----------
    least : float
        ``phi'^2 + phi'' phi`` is at least minus this.
    up, down : float
        ``phi''`` is at most `up` and at least ``-down``.
    decay : float
        The next three fall at least as ``exp(-decay max(0, |s| - 1))``, and are at most these at its start:
    third, mixed, cross : float
        Of ``|phi'''|``, ``|phi''' phi + 3 phi'' phi'|`` and ``|3 phi'' phi'|``.
    """

    least: float
    up: float
    down: float
    decay: float
    third: float
    mixed: float
    cross: float


SHAPES = {
    "identity": Shape(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    "tanh": Shape(0.33334, 0.7699, 0.7699, 2.0, 2.2, 2.2, 1.72),
    "sigmoid": Shape(0.0602, 0.0963, 0.0963, 1.0, 0.368, 0.368, 0.0713),
    "softplus": Shape(0.0, 0.2501, 0.0, 0.8, 0.29, 1.8, 0.72),
    "gelu": Shape(0.0845, 0.798, 0.108, 2.0, 3.9, 9.3, 5.2),
    "silu": Shape(0.0766, 0.5001, 0.037, 0.8, 0.453, 3.25, 1.67),
    "elu": Shape(0.1251, 1.0, 0.0, 1.0, 1.0, 3.0, 3.0),
}
#: largest second derivative of ``1/(1 + exp(-x))``
P2 = 0.0963


@dataclass
class Junctions:
    """Junctions of one activation, M of them.

    Parameters
    ----------
    name : str
        Of the activation.
    low : (M,)
        Slope below the kink.
    A, J, G, Z : (M,)
    rest : (M,)
        Log-sum-exp of the other outputs; inf where there is no such term.
    """

    name: str
    low: Floats
    A: Floats
    J: Floats
    G: Floats
    Z: Floats
    rest: Floats

    def __getitem__(self, part: NDArray[Any]) -> Junctions:
        columns = (self.low, self.A, self.J, self.G, self.Z, self.rest)
        return Junctions(self.name, *(column[part] for column in columns))

    @property
    def function(self) -> ActivationFunction:
        """The activation."""
        return activation_function(self.name)

    def share(self, x: Floats) -> Floats:
        """The output's probability `p`."""
        return np.asarray(1 / (1 + np.exp(self.rest - x)))

    def at(self, s: Floats) -> tuple[Floats, Floats, Floats]:
        """`f` of a smooth activation, its slope, and how much of it may be rounding, times 1/`ROUNDING`."""
        function = self.function
        value, slope, bend = function.phi(s), slope_of(self.name, s), function.curvature(np.clip(s, -_FAR, _FAR))
        p = self.share(value)
        lam = self.G * value - self.J + p
        f = s - self.A + self.Z * slope * lam
        tilt = 1 + self.Z * (bend * lam + slope * slope * (self.G + p * (1 - p)))
        size = np.abs(self.A) + self.Z * np.abs(slope) * (np.abs(self.G * value) + np.abs(self.J) + p)
        return f, tilt, size + np.maximum(np.abs(tilt), 1.0) * np.abs(s)

    @property
    def flat(self) -> Floats:
        """Beyond this distance from 0 the activation is straight to rounding."""
        shape = SHAPES[self.name]
        steep = self.Z * (self.G * shape.mixed + (np.abs(self.J) + 1) * shape.third)
        return 1 + (40 + np.log(np.maximum(steep, 1.0))) / shape.decay

    @property
    def margin(self) -> Floats:
        """What must be below 1 for a single root to be certain."""
        shape = SHAPES[self.name]
        bent = np.where(np.isinf(self.rest), 0.0, max(shape.up, shape.down))  # p is at most 1, and adds to the costate
        return self.Z * (self.G * shape.least + np.maximum(self.J * shape.up, -self.J * shape.down) + bent)

    def bracket(self) -> tuple[Floats, Floats]:
        """Ends between which all roots lie."""
        p = np.where(np.isinf(self.rest), 0.0, 1.0)
        reach = STEEPEST * self.Z * (np.abs(self.J) + p)
        return np.minimum(self.A, 0) - reach - MOST_BELOW * self.Z * self.G, np.maximum(self.A, 0) + reach

    def curvature(self, s: Floats, inward: Floats, width: Floats) -> Floats:
        """Bound on ``|f''|`` on a way that leads towards 0 by `inward`, and of an output within `width`."""
        shape = SHAPES[self.name]
        near = np.maximum(np.abs(s) - inward, 0)
        tail = np.exp(-shape.decay * np.maximum(near - 1, 0))
        bound = tail * (self.G * shape.mixed + np.abs(self.J) * shape.third)
        coupled = ~np.isinf(self.rest)
        if coupled.any():
            away = self.function.phi(s) - self.rest
            span = STEEPEST * width
            p = np.exp(np.minimum(away + span, 0))
            side = np.exp(-np.maximum(np.abs(away) - span, 0))
            more = tail * (shape.third * p + shape.cross * np.minimum(side, 0.25))
            more = more + P2 * STEEPEST**3 * side * (tail if self.name in SATURATING else 1.0)
            bound = bound + np.where(coupled, more, 0)
        return self.Z * bound


def slope_of(name: str, s: Floats) -> Floats:
    """``phi'``, of tanh without the cancellation where it saturates."""
    if name != "tanh":
        return activation_function(name).dphi(s)
    e = np.exp(-2 * np.abs(s))
    return np.asarray(4 * e / (1 + e) ** 2)


def value_at(name: str, low: Floats, s: Floats) -> Floats:
    """States of neurons of one activation, of slope `low` below a kink."""
    return np.where(s > 0, s, low * s) if name in KINKED else activation_function(name).phi(s)


def slope_at(name: str, low: Floats, s: Floats) -> Floats:
    """Their slopes."""
    return np.where(s > 0, 1.0, low) if name in KINKED else slope_of(name, s)


def solved(junctions: Junctions, s: Floats) -> Floats:
    """Where junctions rest that were at `s` (M,)."""
    if junctions.name in KINKED:
        return _kinked(junctions, s)[0]
    if junctions.name == "identity" and np.isinf(junctions.rest).all():
        return (junctions.A + junctions.Z * junctions.J) / (1 + junctions.Z * junctions.G)
    low, high = junctions.bracket()
    start = np.minimum(np.maximum(np.where(np.isfinite(s), s, 0.0), low), high)
    if junctions.name in BROKEN:
        return _broken(junctions, start, low, high)
    return _bent(junctions, start, low, high)


def _bent(junctions: Junctions, start: Floats, low: Floats, high: Floats) -> Floats:
    """Where junctions that bend rest, from a start between the ends of their bracket; at `high` at most where they break."""
    plain = junctions.margin < 1
    if plain.all():
        return _newton(junctions, start, low, high)
    found = np.empty_like(start)
    found[plain] = _newton(junctions[plain], start[plain], low[plain], high[plain])
    found[~plain] = _followed(junctions[~plain], start[~plain])
    return found


def several(junctions: Junctions, s: Floats) -> Floats:
    """1 for junctions that might as well rest elsewhere than at `s` (M,), else 0."""
    if junctions.name in KINKED:
        return _kinked(junctions, s)[1]
    found = np.zeros(len(s))
    doubtful = junctions.margin >= 1
    if doubtful.any():
        some = junctions[np.tile(np.flatnonzero(doubtful), 2)]
        low, high = some.bracket()
        half = len(low) // 2
        start = np.concatenate([low[:half], high[half:]])
        ends = _broken(some, start, low, high) if some.name in BROKEN else _followed(some, start)
        lowest, highest = ends[:half], ends[half:]
        apart = APART * (1 + np.maximum(np.abs(lowest), np.abs(highest)))
        found[doubtful] = highest - lowest > apart
    return found


def _newton(junctions: Junctions, s: Floats, low: Floats, high: Floats) -> Floats:
    """The only root, by Newton's method inside a bracket; where that is left, or slow, the bracket is divided."""
    s, step, flat = s.copy(), high - low, junctions.flat
    for _ in range(MOST_STEPS):
        f, tilt, size = junctions.at(s)
        moving = np.abs(f) > ROUNDING * size
        if not moving.any():
            break
        above = f > 0
        high, low = np.where(above, s, high), np.where(above, low, s)
        newton = s - f / tilt
        good = (newton >= low) & (newton <= high) & (np.abs(newton - s) < 0.5 * step)
        edge = np.where((low < -flat) & (high > -flat), -flat, np.where((low < flat) & (high > flat), flat, np.nan))
        divided = np.where(np.isnan(edge), 0.5 * low + 0.5 * high, edge)
        moved = np.where(moving, np.where(good, newton, divided), s)
        step, s = np.where(moving & good, np.abs(moved - s), high - low), moved
    return s


def _followed(junctions: Junctions, s: Floats) -> Floats:
    """The first root in the direction of ``-f``."""
    s = s.copy()
    down = junctions.at(s)[0] > 0
    width, flat = np.ones_like(s), junctions.flat
    alone = np.isinf(junctions.rest) | (junctions.name in SATURATING)
    left, most = np.ones(len(s), bool), 0.0 if junctions.name in BROKEN else np.inf
    for _ in range(MOST_STEPS):
        some, here, sink, wide = junctions[left], s[left], down[left], width[left]
        f, tilt, size = some.at(here)
        there = ((f > 0) != sink) | ~(np.abs(f) > ROUNDING * size)
        outward = (here > 0) != sink
        wide = np.where(outward & alone[left], np.inf, wide)
        straight = ~outward & alone[left] & (np.abs(here) > flat[left])
        step = np.abs(f) / tilt
        leap = np.where(step < np.abs(here) - flat[left], here - f / tilt, np.copysign(flat[left], here))
        bend = some.curvature(here, np.where(outward, 0.0, wide), np.where(alone[left], 0.0, wide))
        step = 2 * np.abs(f) / (tilt + np.hypot(tilt, np.sqrt(2 * bend) * np.sqrt(np.abs(f))))
        full = ~(step < wide)
        moved = here + np.where(sink, -1.0, 1.0) * np.where(full, wide, step)
        moved = np.minimum(np.where(straight, leap, moved), most)
        there |= moved == here
        s[left] = np.where(there, here, moved)
        width[left] = np.where(full, 2 * wide, np.maximum(np.minimum(wide, 8 * step), wide / 8))
        width[left] = np.where(np.isinf(wide) | straight, 1.0, width[left])
        left[left] = ~there
        if not left.any():
            break
    f, tilt, _ = junctions.at(s)  # a long way leaves rounding of its own
    better = np.minimum(s - f / np.where(tilt > 0, tilt, np.inf), most)
    return np.where(np.abs(junctions.at(better)[0]) < np.abs(f), better, s)


def _broken(junctions: Junctions, s: Floats, low: Floats, high: Floats) -> Floats:
    """Where junctions rest that bend below 0 only: up there where the straight side has its root, if they come so far."""
    up, rest = _above(junctions, s), np.empty_like(s)
    above = (up > 0) & ((s > 0) | (junctions.margin < 1))
    rest[above] = up[above]
    if not above.all():
        below = ~above
        found = _bent(junctions[below], np.minimum(s, 0.0)[below], low[below], np.minimum(high, 0.0)[below])
        rest[below] = np.where((found >= 0) & (up[below] > 0), up[below], found)
    return rest


def _above(junctions: Junctions, s: Floats) -> Floats:
    """Root of the straight side above 0, continued below it."""
    if np.isinf(junctions.rest).all():
        return (junctions.A + junctions.Z * junctions.J) / (1 + junctions.Z * junctions.G)
    return _side(junctions, 1.0 + 0 * s, s)


def _kinked(junctions: Junctions, s: Floats) -> tuple[Floats, Floats]:
    """Where piecewise linear junctions rest, and whether both sides have a root."""
    up = _above(junctions, s)
    if np.isinf(junctions.rest).all():
        drive = junctions.A + junctions.Z * junctions.low * junctions.J
        down = drive / (1 + junctions.Z * junctions.low**2 * junctions.G)
    else:
        down = _side(junctions, junctions.low, s)
    go_up = (up > 0) & ((s > 0) | (down > 0))
    go_down = ~go_up & (down <= 0)
    rest = np.where(go_up, up, np.where(go_down, down, 0.0))
    rest = np.where(np.isfinite(up) & np.isfinite(down), rest, np.nan)
    return rest, ((up > 0) & (down <= 0)).astype(float)


def _side(junctions: Junctions, slope: Floats, s: Floats) -> Floats:
    """Root of a straight side, continued beyond the kink, under a cross-entropy load: there is one, and it is found."""
    some = junctions
    reach = np.abs(slope) * some.Z * (np.abs(some.J) + 1)
    low, high = np.minimum(some.A, 0) - reach, np.maximum(some.A, 0) + reach
    s = np.minimum(np.maximum(np.where(np.isfinite(s), s, 0.0), low), high)
    for _ in range(MOST_STEPS):
        x = slope * s
        p = some.share(x)
        f = s - some.A + some.Z * slope * (some.G * x - some.J + p)
        tilt = 1 + some.Z * slope * slope * (some.G + p * (1 - p))
        size = np.abs(s) + np.abs(some.A) + some.Z * np.abs(slope) * (np.abs(some.G * x) + np.abs(some.J) + p)
        moving = np.abs(f) > ROUNDING * size
        if not moving.any():
            break
        high, low = np.where(f > 0, s, high), np.where(f > 0, low, s)
        newton = s - f / tilt
        inside = (newton >= low) & (newton <= high)
        s = np.where(moving, np.where(inside, newton, 0.5 * low + 0.5 * high), s)
    return s

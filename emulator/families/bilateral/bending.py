"""What neurons between two-way lines answer to waves as large as those at rest, where their junctions bend.

At rest the sums of a neuron are ``A = s + Zs mu`` and ``J = G x - lam``, with the conductance of a squared load in `G` and the
probability of a cross-entropy in `J`. What a deviation brings to the taps comes on top, and the junction is solved for it
(`emulator.families.bilateral.branches`). Sources, linear neurons, crossbars and lines do as near the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.engine.layout import Floats, Ints
from emulator.families.bilateral.branches import FOLLOWED, KINDS, KINKED, Junctions, slope_at, solved, value_at
from emulator.families.bilateral.lines import law_of
from emulator.families.bilateral.load import SWEEPS, answered
from emulator.families.bilateral.near_rest import Junctions as NearRest
from emulator.measure.rest import OperatingPoint
from emulator.network.losses import softmax

#: of what is summed: how near outputs that share a load come to their answer, and what counts as rounding
_NEAR = 1e-10


class Answer(NamedTuple):
    """Deviations of states and costates (N,), and what ports send (P,) beyond what they would near the rest."""

    x: Floats
    lam: Floats
    more: Floats


class Bent:
    """The neurons of a substrate that was blank, or at another rest, and is on its way to this one.

    Parameters
    ----------
    near : emulator.families.bilateral.near_rest.Junctions
        Its junctions, linearised at the rest.
    point : OperatingPoint
        The rest.

    Attributes
    ----------
    bends : bool
        Whether any of them bends.
    """

    def __init__(self, near: NearRest, point: OperatingPoint) -> None:
        graph, layout, law = near.graph, near.layout, law_of(near.graph)
        names, out = np.array(layout.function), layout.outputs
        self._near, self._point = near, point
        self._kinds = np.array([KINDS[name] for name in names], np.int32)
        self._low = np.where(names == "leaky_relu", layout.slope, 0.0)
        self._series, self._stiff = layout.series, layout.conductance + point.loaded * layout.shunt
        coupled, p = np.zeros(graph.neurons, bool), np.zeros(graph.neurons)
        if point.loaded and graph.loss == "mse":
            self._stiff[out] += law.kappa
        elif point.loaded:
            coupled[out], p[out] = True, softmax(point.x[out])
        self._coupled = out[coupled[out]]
        groups = [(name, np.flatnonzero((names == name) & (coupled | (name != "identity")))) for name in FOLLOWED]
        self._groups = [(name, at) for name, at in groups if len(at)]
        self._alone = [(name, part) for name, at in self._groups if len(part := at[~coupled[at]])]
        self._straight = bool((names[out] == "identity").all())
        self.bends = bool(self._groups)
        self._s = np.zeros(graph.neurons)
        mu = self._values(point.s)[1] * point.lam
        self._rest = point.s + self._series * mu, self._stiff * point.x + p - point.lam, mu

    def answer(self, held: Floats) -> Answer:
        """What deviations of the waves at taps (P,) are answered by."""
        near, rest, layout = self._near, self._point, self._near.layout
        with np.errstate(all="ignore"):
            state, costate, current = (one @ held for one in (near.state, near.costate, near.current))
            A, J = _added(self._rest[0], near.series @ held), _added(self._rest[1], near.parallel @ held)
            p = self._solve(A, J)
            values, slopes = self._values(self._s)
            x, lam, mu = state.copy(), costate.copy(), current.copy()
            for name, at in self._groups:
                found = self._stiff[at] * values[at] - J[at] + p[at]
                stands = (self._s[at] == 0) & (name in KINKED)  # at its kink
                x[at], lam[at] = values[at] - rest.x[at], found - rest.lam[at]
                mu[at] = np.where(stands, A[at] / self._series[at], slopes[at] * found) - self._rest[2][at]
        node = layout.node
        more = layout.on_x * (x - state)[node] + layout.on_mu * (mu - current)[node]
        return Answer(x, lam, np.where(layout.at_neuron, more, 0.0))

    def _solve(self, A: Floats, J: Floats) -> Floats:
        """Follow the branch of every neuron that bends; the probabilities (N,) of outputs with a cross-entropy."""
        s, p, out = self._s, np.zeros(len(A)), self._coupled
        for name, at in self._alone:
            s[at] = solved(self._junctions(name, at, A, J, np.full(len(at), np.inf)), s[at])
        if len(out) and self._straight:
            kinds, low, stiff, series = (one[out] for one in (self._kinds, self._low, self._stiff, self._series))
            s[out], p[out], _ = answered(kinds, low, A[out], J[out], stiff, series, s[out], True)
        elif len(out):
            p[out] = self._together(A, J)
        return p

    def _junctions(self, name: str, at: Ints, A: Floats, J: Floats, others: Floats) -> Junctions:
        return Junctions(name, self._low[at], A[at], J[at], self._stiff[at], self._series[at], others)

    def _together(self, A: Floats, J: Floats) -> Floats:
        """Follow outputs that bend and share a load, each with the others as they were found the turn before."""
        s, out = self._s, self._coupled
        for _ in range(SWEEPS):
            before, x = s[out], self._values(s)[0][out]
            size = np.exp(x - x.max())
            others = x.max() + np.log(np.maximum(size.sum() - size, 0))
            for name, at in self._groups:
                here = np.isin(out, at)
                if here.any():
                    s[out[here]] = solved(self._junctions(name, out[here], A, J, others[here]), before[here])
            if np.abs(s[out] - before).max() <= _NEAR * (1 + np.abs(before).max()):
                break
        return softmax(self._values(s)[0][out])

    def _values(self, s: Floats) -> tuple[Floats, Floats]:
        """States and slopes (N,) of the neurons that bend."""
        x, slope = np.zeros((2, len(s)))
        for name, at in self._groups:
            x[at], slope[at] = value_at(name, self._low[at], s[at]), slope_at(name, self._low[at], s[at])
        return x, slope


def _added(rest: Floats, more: Floats) -> Floats:
    """A sum that is 0 where it is rounding: on which side of a kink a blank neuron is must not depend on that."""
    total = rest + more
    return np.where(np.abs(total) <= _NEAR * np.abs(rest), 0.0, total)

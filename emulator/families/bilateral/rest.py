"""Where two-way lines rest that change what they carry: the static equations of all junctions, solved.

At rest every line is a resistive two-port, and terminations draw nothing. All is linear but the activations: with a linear
answer ``(x, mu) = N (A, J) + r`` in the place of every neuron the waves follow from what the true answers have more, `r`,

    (A, J) = H r + h        A: sum over a neuron's inputs, J: over its outputs

so that 2 numbers per neuron are unknown: its pre-activation (of one with a kink, `A`, which tells on which side of it it is)
and its costate. Newton's method solves for those of all samples of a batch at once. Lines that carry all that they are
given rest at exact backpropagation, and none of this is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from emulator.engine.layout import Floats, biases
from emulator.families.bilateral.branches import KINKED
from emulator.families.bilateral.carriage import Carriage, carriage_of
from emulator.families.bilateral.layout import lay_out
from emulator.families.bilateral.lines import Lines, law_of
from emulator.families.bilateral.matrices import scattering
from emulator.graph import ScatteringGraph
from emulator.measure.rest import OperatingPoint, first_slopes, slopes
from emulator.network.activations import activation_function
from emulator.network.losses import softmax

#: slope of the linear answers, steps of Newton's method, how often one is halved, and what counts as solved
_SLOPE, _STEPS, _HALVED, _NEAR = 0.6, 60, 12, 1e-13
#: shares of the effects over which a rest is followed where it is not found at once
_SHARES = (0.1, 0.25, 0.45, 0.7, 0.85, 1.0)
#: waves, of answers of order 1, beyond which a node floats
_FLOATING = 1e9
#: numbers of all Jacobians of a portion of a batch
_MOST = 1 << 22


@dataclass(frozen=True)
class OwnRest(OperatingPoint):
    """A rest, with the waves that belong to it.

    Parameters
    ----------
    leaving, arriving : (P,)
    """

    leaving: Floats | None = None
    arriving: Floats | None = None


@dataclass(frozen=True)
class Rests:
    """The rests of B samples.

    Parameters
    ----------
    x, s, lam, mu : (B, N)
    leaving, arriving : (B, P)
    found : (B,) bool
    """

    x: Floats
    s: Floats
    lam: Floats
    mu: Floats
    leaving: Floats
    arriving: Floats
    found: np.ndarray


class Statics:
    """The static equations of one graph, whose weights are those of its network.

    Parameters
    ----------
    graph : ScatteringGraph
    loaded : bool
    carriage : Carriage, optional
        By default that of the graph's lines.
    lines : Lines, optional
        In the place of the graph's.
    """

    def __init__(
        self, graph: ScatteringGraph, loaded: bool, carriage: Carriage | None = None, lines: Lines | None = None
    ) -> None:
        self.graph, self.loaded, self.layout = graph, loaded, lay_out(graph, lines)
        layout, law = self.layout, law_of(graph)
        self.carriage = carriage_of(layout) if carriage is None else carriage
        source = np.array([name == "source" for name in layout.function])
        self.inner, self.sources = np.flatnonzero(~source), layout.inputs
        self.Z, self.G, self.bias = layout.series, layout.conductance + loaded * layout.shunt, biases(graph)
        self.squared = law.kappa if graph.loss == "mse" else 0.0
        self.kinked = np.array([name in KINKED for name in layout.function])[self.inner]
        self.low = np.array(
            [s if name == "leaky_relu" else 0.0 for name, s in zip(layout.function, layout.slope, strict=True)]
        )
        out = np.zeros(graph.neurons)
        out[layout.outputs] = 1.0
        self.out = np.flatnonzero(out[self.inner])
        stiff = self.G + loaded * out * (self.squared or 0.25)
        R = law.source_resistance
        # the linear answers: x = xA A + xJ J, mu = mA A + mJ J
        bottom = 1 + self.Z * _SLOPE**2 * stiff
        xA, xJ = (
            np.where(source, 0.0, _SLOPE / bottom),
            np.where(source, R / (1 + R * self.G), self.Z * _SLOPE**2 / bottom),
        )
        inverse = np.divide(1.0, self.Z, out=np.zeros_like(self.Z), where=self.Z > 0)
        mA, mJ = inverse * (1 - xA / _SLOPE), -inverse * xJ / _SLOPE
        mA, mJ = np.where(source, 0.0, mA), np.where(source, 0.0, mJ)
        self.N = tuple(one[self.inner] for one in (xA, xJ, mA, mJ))
        self.given = 1 / (1 + R * self.G)[self.sources]
        self._system((xA, xJ, mA, mJ))

    def _system(self, answer: tuple[Floats, ...]) -> None:
        layout, count, ports = self.layout, self.graph.neurons, np.arange(self.layout.ports)
        at, shape = layout.at_neuron, (count, layout.ports)
        self.to_A = sparse.csr_array((layout.to_in[at], (layout.node[at], ports[at])), shape=shape)
        self.to_J = sparse.csr_array((layout.to_out[at], (layout.node[at], ports[at])), shape=shape)
        back = (layout.ports, count)
        self.of_x = sparse.csr_array((layout.on_x[at], (ports[at], layout.node[at])), shape=back)
        self.of_mu = sparse.csr_array((layout.on_mu[at], (ports[at], layout.node[at])), shape=back)
        own = sparse.csr_array((layout.other, (ports, layout.mate)), shape=(layout.ports, layout.ports))
        self.reflected = sparse.csr_array(own + sparse.diags_array(layout.own) + scattering(self.graph, layout))
        xA, xJ, mA, mJ = (sparse.diags_array(one) for one in answer)
        answered = self.of_x @ (xA @ self.to_A + xJ @ self.to_J) + self.of_mu @ (mA @ self.to_A + mJ @ self.to_J)
        through = self.carriage.through
        whole = sparse.csc_array(sparse.eye_array(layout.ports) - through @ (self.reflected + answered))
        self.solve = _solver(whole)
        drive = (
            through @ sparse.hstack([self.of_x[:, self.inner], self.of_mu[:, self.inner], self.of_x[:, self.sources]])
        ).toarray()
        self.waves = self.solve(
            drive
        )  # (P, 2n + inputs): arriving waves of unit additions to answers, and of unit data
        #: where a line is broken a node may float: it rests anywhere, and no rest is found
        self.fixed = bool(np.abs(self.waves).max(initial=0.0) < _FLOATING)
        sums = np.vstack([(m @ self.waves)[self.inner] for m in (self.to_A, self.to_J)])
        unknown = 2 * len(self.inner)
        self.H, self.from_data = sums[:, :unknown], sums[:, unknown:]

    def _offset(self, more: Floats | None, samples: int) -> Floats:
        """Arriving waves (B, P) of what lines add; `more` (B, P) is added at the taps."""
        own = np.broadcast_to(self.carriage.constant, (samples, self.layout.ports))
        return np.asarray(self.solve(np.ascontiguousarray((own if more is None else own + more).T)).T)

    def rests(self, s: Floats, lam: Floats, data: Floats, wanted: Floats, more: Floats | None = None) -> Rests:
        """The rests nearest to what is held.

        Parameters
        ----------
        s, lam : (B, N)
            Where to begin.
        data, wanted : (B, inputs), (B, outputs)
        more : (B, P), optional
            What is added to the waves at taps, besides offsets.
        """
        step = max(1, _MOST // (4 * max(1, len(self.inner)) ** 2))
        parts = [slice(k, k + step) for k in range(0, len(s), step)]
        found = [self._part(s[p], lam[p], data[p], wanted[p], None if more is None else more[p]) for p in parts]
        return Rests(*(np.concatenate([getattr(one, name) for one in found]) for name in Rests.__dataclass_fields__))

    def _part(self, s: Floats, lam: Floats, data: Floats, wanted: Floats, more: Floats | None) -> Rests:
        data = data * self.given
        offset = self._offset(more, len(s))
        sums = np.hstack([(m @ offset.T).T[:, self.inner] for m in (self.to_A, self.to_J)])
        fixed = sums + data @ self.from_data.T
        point, found = self._newton(s, lam, wanted, fixed)
        arriving = np.hstack([point.more, data]) @ self.waves.T + offset
        full = [np.zeros((len(s), self.graph.neurons)) for _ in range(4)]
        for whole, part in zip(full, (point.x, point.s, point.w, point.mu), strict=True):
            whole[:, self.inner] = part
        resistance = law_of(self.graph).source_resistance
        J = (self.to_J @ arriving.T).T[:, self.sources]
        full[0][:, self.sources] = data + resistance * self.given * J
        full[2][:, self.sources] = self.G[self.sources] * full[0][:, self.sources] - J
        made = (self.of_x @ full[0].T + self.of_mu @ full[3].T + self.reflected @ arriving.T).T
        return Rests(full[0], full[1], full[2], full[3], self.carriage.sent(np.asarray(made)), arriving, found)

    def _newton(self, s: Floats, lam: Floats, wanted: Floats, fixed: Floats) -> tuple[_Point, np.ndarray]:
        """Where it ends, and for which samples the equations hold."""
        Z = self.Z[self.inner]
        first = first_slopes(self.graph, s)[:, self.inner]
        v, w = s[:, self.inner].copy(), lam[:, self.inner].copy()
        v[:, self.kinked] += (Z * first * w)[:, self.kinked]
        point = _Point(self, v, w, wanted, s[:, self.inner])
        left, size = point.left(fixed)
        for _ in range(_STEPS):
            open_ = left > _NEAR * size
            if not open_.any() or not np.isfinite(left).any():
                break
            step = point.step(fixed, open_)
            share = open_.astype(float)
            for _ in range(_HALVED):
                there = _Point(self, v - share[:, None] * step[0], w - share[:, None] * step[1], wanted, point.s)
                after, measure = there.left(fixed)
                worse = open_ & ~(after < left) & (share > 0)
                if not worse.any():
                    break
                share[worse] /= 2
            else:
                share[worse] = 0.0
                there = _Point(self, v - share[:, None] * step[0], w - share[:, None] * step[1], wanted, point.s)
                after, measure = there.left(fixed)
            if not (share > 0).any():
                break
            v, w, point, left, size = there.v, there.w, there, after, measure
        return point, np.asarray(left <= 1e3 * _NEAR * size) & self.fixed


class _Point:
    """Neurons at unknowns `v` and `w` (B, n); of those with a kink, near pre-activations `before`."""

    def __init__(self, of: Statics, v: Floats, w: Floats, wanted: Floats, before: Floats) -> None:
        self.of, self.v, self.w, self.wanted = of, v, w, wanted
        inner, kinked = of.inner, of.kinked
        Z, low = of.Z[inner], of.low[inner]
        s, held = v.copy(), np.zeros(v.shape, bool)
        if kinked.any():
            up, down = v - Z * w, v - Z * low * w
            above = (up > 0) & ((before > 0) | (down > 0))
            below = ~above & (down <= 0)
            held = kinked & ~above & ~below
            s = np.where(kinked, np.where(above, up, np.where(below, down, 0.0)), v)
        whole = np.zeros((len(v), of.graph.neurons))
        whole[:, inner] = s
        self.s, self.held = s, held
        D, bend = (one[:, inner] for one in slopes(of.graph, whole, exact=False))
        value = np.zeros_like(whole)
        for site in of.graph.sites:
            if site.role != "source":
                part = slice(site.start, site.stop)
                value[:, part] = activation_function(site.function, site.slope).phi(whole[:, part])
        self.x, self.D, self.bend = value[:, inner], np.where(held, 0.0, D), bend
        self.mu = np.where(held, v / Z, D * w)
        self.A = np.where(kinked, v, s + Z * self.mu) - of.bias[inner]
        load = np.zeros_like(v)
        self.p = np.zeros((len(v), len(of.out)))
        if of.loaded and of.squared:
            load[:, of.out] = of.squared * (self.x[:, of.out] - wanted)
        elif of.loaded:
            self.p = softmax(self.x[:, of.out])
            load[:, of.out] = self.p - wanted
        self.J = of.G[inner] * self.x + load - w
        xA, xJ, mA, mJ = of.N
        self.more = np.hstack([self.x - xA * self.A - xJ * self.J, self.mu - mA * self.A - mJ * self.J])

    def left(self, fixed: Floats) -> tuple[Floats, Floats]:
        """What is left of the equations, the largest of each sample (B,), and of what size its terms are."""
        terms = np.hstack([self.A, self.J])
        size = np.abs(terms).max(axis=1) + np.abs(fixed).max(axis=1) + 1e-300
        left = np.abs(self._left(fixed)).max(axis=1)
        return np.where(np.isfinite(left), left, np.inf), size

    def _left(self, fixed: Floats) -> Floats:
        return np.hstack([self.A, self.J]) - self.more @ self.of.H.T - fixed

    def step(self, fixed: Floats, of: np.ndarray) -> tuple[Floats, Floats]:
        """Newton's step of some samples, 0 of the others."""
        some, n = np.flatnonzero(of), self.v.shape[1]
        statics, Z, one = self.of, self.of.Z[self.of.inner], np.eye(n)
        D, held, kinked, w = self.D[some], self.held[some], statics.kinked, self.w[some]
        smooth = np.where(kinked, 0.0, self.bend[some] * w)  # d mu/d v of those that bend
        ds_v, ds_w = np.where(held, 0.0, 1.0), np.where(kinked & ~held, -Z * D, 0.0)
        mu_v, mu_w = np.where(held, 1 / Z, smooth), D
        A_v, A_w = np.where(kinked, 1.0, 1 + Z * smooth), np.where(kinked, 0.0, Z * D)
        stiff = statics.G[statics.inner] * one
        stiff = np.broadcast_to(stiff, (len(some), n, n)).copy()
        out = statics.out
        if statics.loaded and statics.squared:
            stiff[:, out, out] += statics.squared
        elif statics.loaded:
            p = self.p[some]
            stiff[np.ix_(np.arange(len(some)), out, out)] += p[:, :, None] * (np.eye(len(out)) - p[:, None, :])
        x_v, x_w = D * ds_v, D * ds_w
        J_v, J_w = stiff * x_v[:, None, :], stiff * x_w[:, None, :] - one
        xA, xJ, mA, mJ = (part[:, None] for part in statics.N)
        sums, more = [], []
        for A, J, x, mu in ((A_v, J_v, x_v, mu_v), (A_w, J_w, x_w, mu_w)):
            A, x, mu = (part[:, None, :] * one for part in (A, x, mu))
            sums.append(np.concatenate([A, J], axis=1))
            more.append(np.concatenate([x - xA * A - xJ * J, mu - mA * A - mJ * J], axis=1))
        jacobian = np.concatenate(sums, axis=2) - statics.H @ np.concatenate(more, axis=2)
        found = np.zeros((len(self.v), 2 * n))
        with np.errstate(all="ignore"):
            found[some] = _solved(jacobian, self._left(fixed)[some])
        return found[:, :n], found[:, n:]


def _solver(matrix: sparse.csc_array) -> Callable[[Floats], Floats]:
    """What solves linear equations with this matrix; no number where it is singular."""
    try:
        return splu(matrix).solve
    except RuntimeError:
        return lambda right: np.full_like(right, np.nan)


def _solved(jacobian: Floats, left: Floats) -> Floats:
    """Solutions of linear equations, one per sample; no number where there is none."""
    try:
        return np.asarray(np.linalg.solve(jacobian, left[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:  # of one at least
        if len(left) == 1:
            return np.full_like(left, np.nan)
        return np.concatenate([_solved(jacobian[k : k + 1], left[k : k + 1]) for k in range(len(left))])


def rests_of(
    graph: ScatteringGraph,
    s: Floats,
    lam: Floats,
    data: Floats,
    wanted: Floats,
    loaded: bool,
    lines: Lines | None = None,
) -> Rests:
    """The rests of a batch from exact values (B, N), by way of weaker effects where they are not found at once.

    With `lines` in the place of those of the graph.
    """
    first = Statics(graph, loaded, lines=lines)
    found, carriage = first.rests(s, lam, data, wanted), first.carriage
    lost = np.flatnonzero(~found.found)
    if not len(lost):
        return found
    near = s[lost], lam[lost]
    for share in _SHARES:
        gain, spill = 1 + share * (carriage.gain - 1), share * carriage.spill
        weaker = replace(carriage, gain=gain, offset=share * carriage.offset, spill=spill)
        last = Statics(graph, loaded, weaker, lines).rests(*near, data[lost], wanted[lost])
        near = last.s, last.lam
    for name in Rests.__dataclass_fields__:
        getattr(found, name)[lost] = getattr(last, name)
    return found

"""The stationary equations of Wave-PMP, for the waves ``a`` and ``c`` that phase A leaves (see `links`), and their slopes.

Everything else of a step follows from these two: ``x = a + c``, ``lam = M (a - c)``, ``s = W x + b``, the residuals, the
waves after phases C and E, and what phase A makes of those. A rest is a root of what it makes less what it was. The slopes
are exact, so that Newton's method ends at round-off, and they are those that the linearised step needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from emulator.engine.effects import Effects, effects_of
from emulator.engine.layout import flatten
from emulator.families.wave_pmp.links import Links, links_of
from emulator.families.wave_pmp.sending import Sending
from emulator.graph import ScatteringGraph
from emulator.laws.wave_pmp import WavePMP
from emulator.measure.rest import slopes
from emulator.network import softmax
from emulator.network.activations import activation_function

Floats = NDArray[np.float64]
#: Newton's steps for the implicit load, and the rounding at which it ends
_MOST, _ROUNDING = 100, 4e-16


@dataclass(frozen=True)
class Point:
    """One step at a point, of one sample; (N,) each.

    Parameters
    ----------
    x, lam, s, F, D, mu : state, costate, pre-activation, ``phi(s)`` (data of a source), slope, ``D lam``
    a, c : waves after phases C and E, in units of the state
    m : ``D M c``, which is sent down where the Jacobian transports
    answer : what the load and the penalty answer to the state read
    ended : the state that the load makes at the outputs: ``a + c``
    left_a, left_c : what phase A makes of the waves, less what it was
    """

    x: Floats
    lam: Floats
    s: Floats
    F: Floats
    D: Floats
    mu: Floats
    a: Floats
    c: Floats
    m: Floats
    answer: Floats
    ended: Floats
    left_a: Floats
    left_c: Floats


class Equations:
    """The stationary equations of one graph.

    Parameters
    ----------
    graph : ScatteringGraph
        With a `WavePMP` law.
    bias : (N,)
    loaded : bool
        Whether there are targets.
    links : Links, optional
        By default those of the graph's chip as it was programmed.
    effects : Effects, optional
        What its ports do, likewise.

    Attributes
    ----------
    sending : Sending
        What ports make of what they send; it may hold errors of rounding.
    offsets : dict of (N,)
        What neurons get when nothing is sent, by map.
    """

    def __init__(
        self,
        graph: ScatteringGraph,
        law: WavePMP,
        bias: Floats,
        loaded: bool,
        links: Links | None = None,
        effects: Effects | None = None,
    ) -> None:
        self.graph, self.law, self.bias, self.loaded = graph, law, bias, loaded
        layout = flatten(graph) if links is None else links.layout
        effects = effects_of(graph, layout, 0) if effects is None else effects
        self.links = links_of(graph, law, layout, effects) if links is None else links
        self.maps, self.offsets = self.links.maps, dict(self.links.offsets)
        self.sending = Sending(graph, effects)
        inner, outer = ~self.links.source, ~self.links.output
        self.nu_up, self.nu_down = law.nu * inner, law.nu * outer
        self.shunt = self.links.shunt * loaded

    def got(self, name: str, what: str, wave: Floats) -> Floats:
        """What neurons get by a map of a number that neurons send."""
        return np.asarray(self.maps[name] @ self.sending.sent(what, wave) + self.offsets[name])

    def start(self, x: Floats, lam: Floats) -> Floats:
        """The unknowns (2N,) at a state and costate."""
        wave = self.links.impedance @ lam
        return np.concatenate([(x + wave) / 2, (x - wave) / 2])

    def at(self, unknown: Floats, ext: Floats) -> Point:
        """One step from the waves that phase A left (2N,), with data and targets `ext` (N,)."""
        links, law = self.links, self.law
        up, down = np.split(unknown, 2)
        x, lam = up + down, links.mass @ (up - down)
        s = self.got("up", "x", x) + self.bias
        F, D = self._activated(s, ext)
        mu = D * lam
        answer = self._answer(x, ext)
        wave = links.impedance @ (lam - self.got("down", "mu", mu) - answer)
        a, c = up - law.alpha / 2 * (x - F + wave), down - law.alpha / 2 * (x - F - wave)
        a = np.where(links.source, ext - c, a)
        ended = x if law.load == "lagged" else self._ended(a, x, ext)
        load = links.impedance @ np.where(links.output, self._answer(ended, ext), 0.0)
        c = np.where(links.output, a - load, c)
        m = D * (links.mass @ c)
        rises = D * self.got("moved_up", "a", a) + self.got("passed_up", "a", a)
        falls = links.impedance @ self.got("moved_down", "m", m) + self.got("passed_down", "c", c)
        left_a, left_c = a - self.nu_up * (a - rises) - up, c - self.nu_down * (c - falls) - down
        return Point(x, lam, s, F, D, mu, a, c, m, answer, ended, left_a, left_c)

    def slopes(self, point: Point) -> sparse.csr_array:
        """Derivative of what is left, in the unknowns, (2N, 2N)."""
        step, maps = Slopes(self, point), step_maps(self, point)
        one = sparse.eye_array(self.links.count)
        eye = sparse.block_array([[one, None], [None, one]])
        a, c = step.after
        D = sparse.diags_array(point.D)
        nu_up, nu_down = sparse.diags_array(self.nu_up), sparse.diags_array(self.nu_down)
        keep_up, keep_down = one - nu_up, one - nu_down
        turned = step.bend @ step.drive  # change of the slopes
        carried = sparse.diags_array(self.got("moved_up", "a", point.a))
        ahead = D @ maps["moved_up"] @ a + carried @ turned
        held = self.links.mass @ point.c
        back = maps["moved_down"] @ (D @ self.links.mass @ c + sparse.diags_array(held) @ turned)
        new_a = keep_up @ a + nu_up @ (ahead + maps["passed_up"] @ a)
        new_c = keep_down @ c + nu_down @ (self.links.impedance @ back + maps["passed_down"] @ c)
        return sparse.csr_array(sparse.vstack([new_a, new_c]) - eye)

    def _activated(self, s: Floats, ext: Floats) -> tuple[Floats, Floats]:
        F, D = np.empty_like(s), np.zeros_like(s)
        for site in self.graph.sites:
            part = slice(site.start, site.stop)
            if site.role == "source":
                F[part] = ext[part]
            else:
                function = activation_function(site.function, site.slope)
                F[part], D[part] = function.phi(s[part]), function.dphi(s[part])
        return F, D

    def _answer(self, x: Floats, ext: Floats) -> Floats:
        """What load and penalties answer."""
        answer, out = self.shunt * x, self.links.output
        if self.loaded:
            answer[out] += (x[out] if self.graph.loss == "mse" else softmax(x[out])) - ext[out]
        return answer

    def stiffness(self, x: Floats) -> sparse.csr_array:
        """Its derivative, (N, N)."""
        diagonal, out = self.shunt.copy(), np.flatnonzero(self.links.output)
        if not self.loaded:
            return sparse.csr_array(sparse.diags_array(diagonal))
        if self.graph.loss == "mse":
            diagonal[out] += 1.0
            return sparse.csr_array(sparse.diags_array(diagonal))
        p = softmax(x[out])
        block = np.diag(p) - np.outer(p, p)
        where = np.repeat(out, len(out)), np.tile(out, len(out))
        return sparse.csr_array(
            sparse.diags_array(diagonal) + sparse.csr_array((block.ravel(), where), shape=(len(x),) * 2)
        )

    def _ended(self, a: Floats, x: Floats, ext: Floats) -> Floats:
        """The state at the outputs that agrees with its own load, ``x + Z grad l(x) = 2 a``, by Newton's method."""
        out = np.flatnonzero(self.links.output)
        z = self.links.impedance[out][:, out].toarray()
        one, found = np.eye(len(out)), x.copy()

        def miss() -> Floats:
            return np.asarray(found[out] - 2 * a[out] + z @ self._answer(found, ext)[out])

        left = miss()
        for _ in range(_MOST):
            change = np.linalg.solve(one + z @ self.stiffness(found)[out][:, out].toarray(), left)
            before, size, least = found[out].copy(), 1.0, float(np.abs(left).max())
            while True:
                found[out] = before - size * change
                left = miss()
                if not float(np.abs(left).max()) > least or size < 1e-6:
                    break
                size /= 2
            if not np.abs(change).max() > _ROUNDING * np.abs(found[out]).max():
                break
        return found


#: which number each map carries
CARRIES = {"up": "x", "down": "mu", "moved_up": "a", "passed_up": "a", "moved_down": "m", "passed_down": "c"}


def step_maps(equations: Equations, point: Point) -> dict[str, sparse.csr_array]:
    """The maps for small changes at a point: ports at full scale, or stuck, send none."""
    follows = {what: equations.sending.slope(what, getattr(point, what)) for what in CARRIES.values()}
    return {
        name: equations.maps[name] if follows[what].all() else equations.maps[name] @ sparse.diags_array(follows[what])
        for name, what in CARRIES.items()
    }


class Slopes:
    """How everything in a step follows small changes of the waves that phase A left: maps from the 2N unknowns.

    Attributes
    ----------
    x, lam, s, mu : sparse (N, 2N)
    after : (a, c), sparse (N, 2N) each, after phases C and E
    bend : sparse (N, N), ``phi''``
    drive : sparse (N, 2N), change of the pre-activations
    """

    def __init__(self, equations: Equations, point: Point) -> None:
        links, maps, alpha = equations.links, step_maps(equations, point), equations.law.alpha
        one = sparse.eye_array(links.count, format="csr")
        none = sparse.csr_array((links.count, links.count))
        up, down = sparse.hstack([one, none], format="csr"), sparse.hstack([none, one], format="csr")
        _, second = slopes(equations.graph, point.s, exact=False)
        D, self.bend = sparse.diags_array(point.D), sparse.diags_array(second)
        self.x = up + down
        self.lam = links.mass @ (up - down)
        self.drive = maps["up"] @ self.x
        self.mu = D @ self.lam + sparse.diags_array(second * point.lam) @ self.drive
        short = self.x - D @ self.drive
        stiff = equations.stiffness(point.x)
        wave = links.impedance @ (self.lam - maps["down"] @ self.mu - stiff @ self.x)
        a, c = up - alpha / 2 * (short + wave), down - alpha / 2 * (short - wave)
        self.after = ended(equations, point, a, c, self.x)


def ended(
    equations: Equations, point: Point, a: sparse.csr_array, c: sparse.csr_array, x: sparse.csr_array
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """What the ports of phase E make of small changes of the waves."""
    links, law = equations.links, equations.law
    source, out = sparse.diags_array(links.source * 1.0), sparse.diags_array(links.output * 1.0)
    one = sparse.eye_array(links.count)
    a = (one - source) @ a - source @ c
    if law.load == "lagged":
        answered = a - links.impedance @ out @ equations.stiffness(point.x) @ x
    else:
        at = np.flatnonzero(links.output)
        inner = np.eye(len(at)) + (links.impedance @ equations.stiffness(point.ended))[at][:, at].toarray()
        solved = sparse.csr_array(
            (np.linalg.inv(inner).ravel(), (np.repeat(at, len(at)), np.tile(at, len(at)))), shape=one.shape
        )
        answered = 2 * solved @ a - a
    return sparse.csr_array(a), sparse.csr_array((one - out) @ c + out @ answered)

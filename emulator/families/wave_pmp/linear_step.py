"""One step of Wave-PMP for small deviations from its rest, with numbers under way on lines longer than a step.

It acts on vectors of the waves of the last steps, newest first (upwards; downwards as Jacobians pass them on, and as they
are), then of states and costates, then of the pre-activations whose slopes the next transport has, then of costates. Where
lines are band-limited there follows what every tap holds of each of the five numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from emulator.families.wave_pmp.equations import CARRIES, Equations, Point
from emulator.families.wave_pmp.rest import rest_near
from emulator.graph import ScatteringGraph
from emulator.measure.linear_step import Floats, LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes

#: numbers of which vectors have the last steps
_SENT = ("a", "m", "c", "x", "mu")
_NOTHING: Mapping[str, Floats] = {}


class WavePMPStep(LinearStep):
    """The linearised step of N neurons and C taps.

    Parameters
    ----------
    graph : ScatteringGraph
        Compiled with the wave-pmp law.
    point : Reference or OperatingPoint
        The rest, or a point near it, such as backpropagation: of a reference, the first sample.
    equations : Equations, optional
        Those of the graph, if they are there already.

    Raises
    ------
    EngineError
        If the point does not suit the graph.
    """

    def __init__(
        self, graph: ScatteringGraph, point: Reference | OperatingPoint, equations: Equations | None = None
    ) -> None:
        own, self.equations, self.point = rest_near(graph, checked_point(graph, point), equations)
        links, at, count = self.equations.links, self.point, graph.neurons
        self.count, self.depth = count, links.depth
        pole = graph.hardware.lines.filter_coefficient(graph.step)
        self.pole = pole if pole < 1 else None
        rows = {name: self.depth * count for name in _SENT} | {"s": count, "lam": count}
        taps = links.layout.tap_port
        rows |= {f"at_{name}": len(taps) for name in _SENT if self.pole is not None}
        ends = np.cumsum([0, *rows.values()])
        self.part = {name: slice(ends[k], ends[k + 1]) for k, name in enumerate(rows)}
        super().__init__(dtype=np.dtype(float), shape=(int(ends[-1]), int(ends[-1])))
        self.reach = links.at
        self.sent: dict[str, sparse.csr_array] = {}
        for name, what in CARRIES.items():
            follows = np.tile(self.equations.sending.slope(what, getattr(at, what)), self.depth)
            self.sent[what] = sparse.csr_array(links.sent(name, self.depth) @ sparse.diags_array(follows))
        self.maps = {name: sparse.csr_array(self.reach[name] @ self.sent[what]) for name, what in CARRIES.items()}
        self.bend = slopes(graph, at.s, exact=False)[1]
        self.held, self.carried = links.mass @ at.c, self.equations.got("moved_up", "a", at.a)
        self.stiff, self.ported = self.equations.stiffness(at.x), _port(self.equations, at)
        values = {name: np.tile(getattr(at, name), self.depth) for name in _SENT} | {"s": at.s, "lam": at.lam}
        if self.pole is not None:
            values |= {f"at_{name}": self.sent[name] @ values[name] for name in _SENT}
        self.rest = np.concatenate([values[name] for name in rows])
        self.resting = own.x, own.lam

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector."""
        return vector[self.part["x"]][: self.count], vector[self.part["lam"]]

    def _matvec(self, vector: Floats) -> Floats:
        return self.stepped(vector.reshape(-1, 1)).ravel()

    def _matmat(self, vectors: Floats) -> Floats:
        return self.stepped(vectors)

    def stepped(self, vectors: Floats, disturbed: Mapping[str, Floats] = _NOTHING) -> Floats:
        """One step of vectors (M, R) side by side.

        Parameters
        ----------
        vectors : (M, R)
        disturbed : mapping of (C, R) or (N, R)
            What is added to what taps receive of each of the five numbers, and, as ``F``, to forward proposals.
        """
        links, nu_up, nu_down = (
            self.equations.links, self.equations.nu_up[:, None], self.equations.nu_down[:, None],
        )  # fmt: skip
        held = {name: vectors[part] for name, part in self.part.items()}
        fresh, count, lost = {}, self.count, disturbed.get("F", 0.0)
        D, bend, alpha = self.point.D[:, None], self.bend[:, None], self.equations.law.alpha

        def got(what: str, line: Floats) -> dict[str, Floats]:
            names = [name for name, carried in CARRIES.items() if carried == what]
            if self.pole is None and what not in disturbed:
                return {name: self.maps[name] @ line for name in names}
            here = self.sent[what] @ line + disturbed.get(what, 0.0)
            if self.pole is not None:
                here = held[f"at_{what}"] + self.pole * (here - held[f"at_{what}"])
                fresh[f"at_{what}"] = here
            return {name: self.reach[name] @ here for name in names}

        came = {name: values for what in ("a", "m", "c") for name, values in got(what, held[what]).items()}
        a, c = held["a"][:count], held["c"][:count]
        rises = D * came["moved_up"] + bend * held["s"] * self.carried[:, None] + came["passed_up"]
        falls = links.impedance @ came["moved_down"] + came["passed_down"]
        up, down = a - nu_up * (a - rises), c - nu_down * (c - falls)
        x, lam = up + down, links.mass @ (up - down)
        fresh["x"] = np.concatenate([x, held["x"][:-count]])
        s = got("x", fresh["x"])["up"]
        mu = D * lam + bend * self.point.lam[:, None] * s
        fresh["mu"] = np.concatenate([mu, held["mu"][:-count]])
        short = x - D * s - lost
        wave = links.impedance @ (lam - got("mu", fresh["mu"])["down"] - self.stiff @ x)
        a, c = up - alpha / 2 * (short + wave), down - alpha / 2 * (short - wave)
        a = np.where(links.source[:, None], lost - c, a)
        c = np.where(links.output[:, None], self.ported[0] @ a - self.ported[1] @ x, c)
        m = D * (links.mass @ c) + bend * s * self.held[:, None]
        fresh |= {name: np.concatenate([new, held[name][:-count]]) for name, new in (("a", a), ("m", m), ("c", c))}
        fresh |= {"s": s, "lam": lam}
        return np.concatenate([fresh[name] for name in self.part])


def _port(equations: Equations, point: Point) -> tuple[sparse.csr_array, sparse.csr_array]:
    """What the load sends back: maps of its wave, and of the state that was read."""
    links, law = equations.links, equations.law
    count = links.count
    stiff = links.impedance @ equations.stiffness(point.ended)
    one = sparse.eye_array(count, format="csr")
    if law.load == "lagged":
        return one, sparse.csr_array(stiff)
    at = np.flatnonzero(links.output)
    inner = np.linalg.inv(np.eye(len(at)) + stiff[at][:, at].toarray())
    where = np.repeat(at, len(at)), np.tile(at, len(at))
    solved = sparse.csr_array((inner.ravel(), where), shape=(count, count))
    return sparse.csr_array(2 * solved - one), sparse.csr_array((count, count))

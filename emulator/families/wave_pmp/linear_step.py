"""One step of Wave-PMP for small deviations from its rest, with numbers under way on lines longer than a step.

It acts on vectors of the waves that were sent in the last steps, newest first (upwards; downwards as Jacobians pass them
on, and as they are), then of states and costates, then of the pre-activations whose slopes the next transport has.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emulator.families.wave_pmp.equations import Equations, Point
from emulator.families.wave_pmp.links import MAPS
from emulator.families.wave_pmp.rest import rest_near
from emulator.graph import ScatteringGraph
from emulator.measure.linear_step import Floats, LinearStep
from emulator.measure.reference import Reference
from emulator.measure.rest import OperatingPoint, checked_point, slopes


class WavePMPStep(LinearStep):
    """The linearised step of N neurons.

    Parameters
    ----------
    graph : ScatteringGraph
        Compiled with the wave-pmp law.
    point : Reference or OperatingPoint
        The rest, or a point near it, such as backpropagation: of a reference, the first sample.

    Raises
    ------
    EngineError
        If the point does not suit the graph.
    """

    def __init__(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> None:
        own, self.equations, self.point = rest_near(graph, checked_point(graph, point))
        links, at, count = self.equations.links, self.point, graph.neurons
        self.count, self.depth = count, links.depth
        names = ("a", "m", "c", "x", "mu")
        self.part = {name: slice(k * count * self.depth, (k + 1) * count * self.depth) for k, name in enumerate(names)}
        after = len(names) * count * self.depth
        self.part["s"], self.part["lam"] = slice(after, after + count), slice(after + count, after + 2 * count)
        size = after + 2 * count
        super().__init__(dtype=np.dtype(float), shape=(size, size))
        self.maps = {name: sparse.csr_array(links.at[name] @ links.sent(name, links.depth)) for name in MAPS}
        self.bend = slopes(graph, at.s, exact=False)[1]
        self.held, self.carried = links.mass @ at.c, links.maps["moved_up"] @ at.a
        self.stiff, self.ported = self.equations.stiffness(at.x), _port(self.equations, at)
        sent = {"a": at.a, "m": at.D * self.held, "c": at.c, "x": at.x, "mu": at.mu, "s": at.s, "lam": at.lam}
        self.rest = np.concatenate([np.tile(sent[name], self.depth) for name in names] + [at.s, at.lam])
        self.resting = own.x, own.lam

    def newest(self, vector: Floats) -> tuple[Floats, Floats]:
        """State and costate (N,) in a vector."""
        return vector[self.part["x"]][: self.count], vector[self.part["lam"]]

    def _matvec(self, vector: Floats) -> Floats:
        vector, count, links = vector.ravel(), self.count, self.equations.links
        held = {name: vector[part] for name, part in self.part.items()}
        D, maps = self.point.D, self.maps
        a, c = held["a"][:count], held["c"][:count]
        rises = (
            D * (maps["moved_up"] @ held["a"]) + self.bend * held["s"] * self.carried + maps["passed_up"] @ held["a"]
        )
        falls = links.impedance @ (maps["moved_down"] @ held["m"]) + maps["passed_down"] @ held["c"]
        up = a - self.equations.nu_up * (a - rises)
        down = c - self.equations.nu_down * (c - falls)
        x, lam = up + down, links.mass @ (up - down)
        x_line = np.concatenate([x, held["x"][:-count]])
        s = maps["up"] @ x_line
        mu = D * lam + self.bend * self.point.lam * s
        mu_line = np.concatenate([mu, held["mu"][:-count]])
        short, alpha = x - D * s, self.equations.law.alpha
        wave = links.impedance @ (lam - maps["down"] @ mu_line - self.stiff @ x)
        a, c = up - alpha / 2 * (short + wave), down - alpha / 2 * (short - wave)
        a = np.where(links.source, -c, a)
        c = np.where(links.output, self.ported[0] @ a - self.ported[1] @ x, c)
        m = D * (links.mass @ c) + self.bend * s * self.held
        fresh = [np.concatenate([new, held[name][:-count]]) for name, new in (("a", a), ("m", m), ("c", c))]
        return np.concatenate([*fresh, x_line, mu_line, s, lam])


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

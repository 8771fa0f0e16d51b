"""Algorithm 1 of Pehle and Slotine (arXiv:2602.10461), "Wave-PMP", written out in NumPy, phase by phase, as printed.

A node k has a state of n_k numbers and a metric ``Theta_k`` (n_k, n_k); it holds two waves (38)-(40),
``w+- = (Theta x +- Theta^-T lam)/sqrt 2``. Links are the layers ``x_j = phi(sum over links of W x_i + b)``; where several
end at one node, or leave from one, the sums are the obvious ones. Slopes of a transport are those of the newest states
that are known, the ones read in the step before. Lines may be longer than the paper's: a wave that is sent at the end of
a step arrives `d` steps later, in units of the state, a state or costate ``d - 1`` steps after it was read; with ``d = 1``
it is the paper's case. What real ports, lines and receivers make of the numbers is left to a carrier, if one is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Floats = NDArray[np.float64]
ROOT2 = np.sqrt(2.0)


def tanh_slope(s: Floats) -> Floats:
    return 1 - np.tanh(s) ** 2


#: value and slope
FUNCTIONS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "identity": (lambda s: s, np.ones_like),
    "tanh": (np.tanh, tanh_slope),
    "relu": (lambda s: np.maximum(s, 0), lambda s: (s > 0) * 1.0),
    "sigmoid": (lambda s: 1 / (1 + np.exp(-s)), lambda s: np.exp(-s) / (1 + np.exp(-s)) ** 2),
}


@dataclass
class Node:
    """A row of neurons; `bias` is moved by learning. `state_penalty` is `r` of ``R = r |x|^2/2``."""

    size: int
    function: str = "identity"
    bias: Floats = field(default_factory=lambda: np.zeros(0))
    learns: bool = False
    state_penalty: float = 0.0

    def __post_init__(self) -> None:
        if not self.bias.size:
            self.bias = np.zeros(self.size)


@dataclass
class Link:
    """From node `i` to node `j`; without a weight (n_j, n_i) a wire. Delays in steps, per number that is sent."""

    i: int
    j: int
    weight: Floats | None = None
    forward: Floats | None = None
    backward: Floats | None = None
    weight_penalty: float = 0.0
    identity: bool = False

    def matrix(self, size: int) -> Floats:
        return np.eye(size) if self.weight is None else self.weight


class Algorithm1:
    """A run of it; every trace is a list of one array per step.

    Parameters
    ----------
    nodes : list of Node
        In topological order; the last is the output, those that no link ends at are sources.
    links : list of Link
    theta : list of (n_k, n_k)
    nu, alpha, eta : float
    loss : {"mse", "softmax_cross_entropy"}
    transport : {"identity", "jacobian"}
        Identity on links of equal width, or the Jacobian on all.
    load : {"lagged", "implicit"}
    loaded : bool
        Whether there is a loss.
    carrier : optional
        What carries numbers from node to node, in units of the state, in place of exact lines.
    """

    def __init__(
        self,
        nodes: list[Node],
        links: list[Link],
        theta: list[Floats],
        *,
        nu: float,
        alpha: float,
        eta: float = 0.0,
        loss: str = "mse",
        transport: str = "identity",
        load: str = "lagged",
        loaded: bool = True,
        carrier: Any = None,
    ) -> None:
        self.nodes, self.links, self.theta = nodes, links, theta
        self.inverse = [np.linalg.inv(part) for part in theta]
        self.nu, self.alpha, self.eta, self.loss, self.load, self.loaded = nu, alpha, eta, loss, load, loaded
        for link in links:
            link.identity = transport == "identity" and nodes[link.i].size == nodes[link.j].size
        self.sources = [k for k in range(len(nodes)) if all(link.j != k for link in links)]
        none = [np.zeros(node.size) for node in nodes]
        self.plus, self.minus = list(none), list(none)
        self.x, self.lam, self.s = list(none), list(none), [node.bias.copy() for node in nodes]
        self.carrier = carrier
        self.sent: list[dict[str, list[Floats]]] = [{} for _ in links]
        self.trace: dict[str, list[Floats]] = {}

    def slope(self, k: int) -> Floats:
        if self.carrier is not None and not self.carrier.time:
            return np.zeros(self.nodes[k].size)  # nothing has been read yet
        return FUNCTIONS[self.nodes[k].function][1](self.s[k])

    def delivered(self, number: int, what: str, now: Floats | None, delay: Floats | None) -> Floats:
        """What a line hands over: `now` is put in first, and of the past each number is taken at its own delay."""
        if self.carrier is not None:
            kind, scale = ("state", 1.0) if what in ("x", "mu") else ("wave", ROOT2)
            return scale * self.carrier.held(kind, number, what in ("mu", "minus"))
        past = self.sent[number].setdefault(what, [])
        if now is not None:
            past.append(now)
        size = len(past[0]) if past else 0
        late = np.zeros(size, int) if delay is None else np.asarray(delay, int) - 1
        return np.array([past[-1 - d][n] if d < len(past) else 0.0 for n, d in enumerate(late)])

    def gradient(self, x: Floats, target: Floats) -> Floats:
        """Of the loss in the output, (3)."""
        node = self.nodes[-1]
        answer = x - target if self.loss == "mse" else softmax(x) - target
        return self.loaded * answer + node.state_penalty * x

    def step(self, data: Mapping[int, Floats], target: Floats) -> None:
        nodes, links, theta, inverse, nu = self.nodes, self.links, self.theta, self.inverse, self.nu
        last = len(nodes) - 1
        if self.carrier is not None:
            self.carrier.hear("wave")
        # (A) transport (41), (42), (44)-(46)
        into = [np.zeros(node.size) for node in nodes]
        back = [np.zeros(node.size) for node in nodes]
        for number, link in enumerate(links):
            i, j = link.i, link.j
            up = self.delivered(number, "plus", None, link.forward)
            down = self.delivered(number, "minus", None, link.backward)
            if not up.size:
                continue  # nothing has been sent yet
            if link.identity:
                into[j] = into[j] + theta[i] @ up
                back[i] = back[i] + theta[j] @ down
            else:
                weight = link.matrix(nodes[i].size)
                into[j] = into[j] + theta[j] @ (self.slope(j) * (weight @ up))
                back[i] = back[i] + inverse[i].T @ (weight.T @ down)
        plus, minus = list(self.plus), list(self.minus)
        for k in range(len(nodes)):
            if k not in self.sources:
                plus[k] = (1 - nu) * self.plus[k] + nu * into[k]
            if k != last:
                minus[k] = (1 - nu) * self.minus[k] + nu * back[k]
        # (B) read (38)-(40)
        self.x = [inverse[k] @ (plus[k] + minus[k]) / ROOT2 for k in range(len(nodes))]
        self.lam = [theta[k].T @ (plus[k] - minus[k]) / ROOT2 for k in range(len(nodes))]
        # (C) sources
        self.s = [node.bias.copy() for node in nodes]
        if self.carrier is not None:
            self.carrier.put(x=np.concatenate(self.x))
            self.carrier.hear("state", back=False)
        states, noise = [], [np.zeros(node.size) for node in nodes]
        for number, link in enumerate(links):
            states.append(self.delivered(number, "x", self.x[link.i], link.forward))
            self.s[link.j] = self.s[link.j] + link.matrix(nodes[link.i].size) @ states[-1]
        if self.carrier is not None:
            noise = np.split(self.carrier.forward_noise(), np.cumsum([node.size for node in nodes])[:-1])
            self.carrier.time += 1  # slopes are those of this step
            mu = np.concatenate([self.slope(k) * (k not in self.sources) * self.lam[k] for k in range(len(nodes))])
            self.carrier.time -= 1
            self.carrier.put(mu=mu)
            self.carrier.hear("state", back=True)
        costates = []
        pulled = [node.state_penalty * x for node, x in zip(nodes, self.x, strict=True)]
        for number, link in enumerate(links):
            mu = self.slope(link.j) * self.lam[link.j]
            costates.append(self.delivered(number, "mu", mu, link.backward))
            pulled[link.i] = pulled[link.i] + link.matrix(nodes[link.i].size).T @ costates[-1]
        at_end = self.gradient(self.x[last], target)
        pulled[last] = at_end
        for k, node in enumerate(nodes):
            r_x = self.x[k] - (data[k] if k in self.sources else FUNCTIONS[node.function][0](self.s[k])) - noise[k]
            r_lam = self.lam[k] - pulled[k]
            flow, effort = theta[k] @ r_x, inverse[k].T @ r_lam
            self.plus[k] = plus[k] - self.alpha * (flow + effort) / ROOT2
            self.minus[k] = minus[k] - self.alpha * (flow - effort) / ROOT2
        # (E) ports, (15); they do not depend on the parameters
        for k in self.sources:
            self.plus[k] = ROOT2 * theta[k] @ (data[k] + noise[k]) - self.minus[k]
        if self.load == "implicit":
            at_end = self.gradient(self.loaded_state(target), target)
        self.minus[last] = self.plus[last] - ROOT2 * inverse[last].T @ at_end
        if self.carrier is not None:
            self.carrier.time += 1
            units = [(inverse[k] @ self.plus[k], inverse[k] @ self.minus[k]) for k in range(len(nodes))]
            moved = [self.slope(k) * (k not in self.sources) * (theta[k].T @ self.minus[k]) for k in range(len(nodes))]
            self.carrier.time -= 1
            self.carrier.put(a=np.concatenate([a for a, _ in units]) / ROOT2)
            self.carrier.put(m=np.concatenate(moved) / ROOT2, c=np.concatenate([c for _, c in units]) / ROOT2)
            self.carrier.time += 1
        # what goes onto the lines: transposed transport begins at the far node, with the slopes of this step
        for number, link in enumerate(links):
            down = inverse[link.j] @ self.minus[link.j]
            if not link.identity:
                down = self.slope(link.j) * (theta[link.j].T @ self.minus[link.j])
            self.sent[number].setdefault("plus", []).append(inverse[link.i] @ self.plus[link.i])
            self.sent[number].setdefault("minus", []).append(down)
        for name, rows in (("x", self.x), ("lam", self.lam), ("plus", self.plus), ("minus", self.minus)):
            self.trace.setdefault(name, []).append(np.concatenate(rows))
        # (D) parameters, with this step's states and costates
        if self.eta:
            self.learn(states, costates)
        weights = [link.weight.ravel() for link in links if link.weight is not None]
        self.trace.setdefault("weights", []).append(np.concatenate([*weights, *(node.bias for node in nodes)]))

    def learn(self, states: list[Floats], costates: list[Floats]) -> None:
        for number, link in enumerate(self.links):
            if link.weight is not None:
                rise = np.outer(costates[number], states[number]) + link.weight_penalty * link.weight
                link.weight = link.weight - self.eta * rise
        for k, node in enumerate(self.nodes):
            if node.learns:
                node.bias = node.bias - self.eta * self.slope(k) * self.lam[k]

    def loaded_state(self, target: Floats) -> Floats:
        """The state at which the effort port agrees with itself: ``Theta x = sqrt 2 w+ - Theta^-T grad l(x)``."""
        wave, impedance = self.plus[-1], self.inverse[-1] @ self.inverse[-1].T
        open_end = ROOT2 * self.inverse[-1] @ wave
        x, one = open_end.copy(), np.eye(len(wave))
        for _ in range(100):
            bend = one if self.loss == "mse" else np.diag(softmax(x)) - np.outer(softmax(x), softmax(x))
            bend = self.loaded * bend + self.nodes[-1].state_penalty * one
            miss = x - open_end + impedance @ self.gradient(x, target)
            change = np.linalg.solve(one + impedance @ bend, miss)
            size = 1.0
            while size > 1e-6 and np.linalg.norm(
                x - size * change - open_end + impedance @ self.gradient(x - size * change, target)
            ) > np.linalg.norm(miss):
                size /= 2
            x = x - size * change
            if np.abs(change).max() <= 1e-15 * (1 + np.abs(x).max()):
                break
        return x

    def run(self, data: Mapping[int, Floats], target: Floats, steps: int) -> None:
        for _ in range(steps):
            self.step(data, target)


def perceptron(
    sizes: list[int], weights: list[Floats], biases: list[Floats], functions: list[str]
) -> tuple[list[Node], list[Link]]:
    """Nodes and links of a layered network."""
    nodes = [Node(sizes[0])]
    nodes += [Node(n, f, b.copy(), learns=True) for n, f, b in zip(sizes[1:], functions, biases, strict=True)]
    return nodes, [Link(k, k + 1, w.copy()) for k, w in enumerate(weights)]


def backpropagated(
    nodes: list[Node], links: list[Link], data: Mapping[int, Floats], target: Floats, loss: str
) -> list[Floats]:
    """Exact gradients (weights in the order of the links) of a network, by backpropagation."""
    s = [node.bias.copy() for node in nodes]
    x: list[Floats] = []
    for k, node in enumerate(nodes):
        for link in links:
            if link.j == k:
                s[k] = s[k] + link.matrix(nodes[link.i].size) @ x[link.i]
        x.append(data[k] if all(link.j != k for link in links) else FUNCTIONS[node.function][0](s[k]))
    answer = x[-1] - target if loss == "mse" else softmax(x[-1]) - target
    lam = [node.state_penalty * state for node, state in zip(nodes, x, strict=True)]
    lam[-1] = lam[-1] + answer
    mu = [np.zeros(node.size) for node in nodes]
    for k in reversed(range(len(nodes))):
        mu[k] = FUNCTIONS[nodes[k].function][1](s[k]) * lam[k]
        for link in links:
            if link.j == k:
                lam[link.i] = lam[link.i] + link.matrix(nodes[link.i].size).T @ mu[k]
    return [
        np.outer(mu[link.j], x[link.i]) + link.weight_penalty * link.weight for link in links if link.weight is not None
    ]


def settled_at(
    run: Algorithm1, data: Mapping[int, Floats], target: Floats, most: int, band: float = 1e-3
) -> int | None:
    """Steps after which states and costates stay within `band` of their rest, row by row; None if they do not rest."""
    for n in range(most):
        run.step(data, target)
        if n > 4 and not np.isfinite(run.trace["x"][-1]).all():
            return None
        if (
            n > 4
            and np.abs(run.trace["x"][-1] - run.trace["x"][-5]).max() < 1e-14 > 0
            and (np.abs(run.trace["lam"][-1] - run.trace["lam"][-5]).max() < 1e-14)
        ):
            break
    else:
        return None
    rows = np.cumsum([0, *(node.size for node in run.nodes)])
    latest = 0
    for name in ("x", "lam"):
        values = np.array(run.trace[name])
        for first, stop in pairwise(rows):
            part = values[:, first:stop]
            off = np.abs(part - part[-1]).max(axis=1) > band * max(np.abs(part[-1]).max(), 1e-300)
            latest = max(latest, int(np.flatnonzero(off).max(initial=-1)) + 1)
    return latest


def gradient_of(run: Algorithm1) -> list[Floats]:
    """Weight gradients from the states and costates that are held."""
    return [
        np.outer(run.slope(link.j) * run.lam[link.j], run.x[link.i]) + link.weight_penalty * link.weight
        for link in run.links
        if link.weight is not None
    ]


def bias_of(run: Algorithm1, data: Mapping[int, Floats], target: Floats) -> tuple[float, float]:
    """Relative error and cosine of the gradient that is held, against backpropagation."""
    ours = np.concatenate([part.ravel() for part in gradient_of(run)])
    exact = np.concatenate([part.ravel() for part in backpropagated(run.nodes, run.links, data, target, run.loss)])
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(ours - exact)) / size, float(ours @ exact / (size * np.linalg.norm(ours)))

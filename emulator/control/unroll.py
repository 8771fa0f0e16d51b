"""From a control problem to a network: one step after another, each a few rows of neurons.

    one --> x0 --+-----------------------------+--> x1 --> ...  x1 = affine in x0, u0 and the features
                 +--> features, level by level -+              features: activations of affine forms
    one --> u --> u0, u1, ... ------------------+              u: the controls, weights of one crossbar with one row

All ways from one state to the next are equally long, rows that only wait included: a front that fills the substrate leaves
right values behind, not what would be without features that are still under way.
A step of fourth order is four such stages whose affine parts are folded into each other, so that a linear system is one
crossbar per step under either scheme. Quadratic costs are penalties of the rows they are of, where they are conductances,
or rows of their own; what else the costs are is added up to one number c, whose neuron answers ``sqrt(2 (c + offset))``: half
its square is c again, so that costates are those of the objective itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy  # type: ignore[import-untyped]

from emulator.control.cost import Cost, cost_of
from emulator.control.description import Description
from emulator.control.ridge import Affine, Ridges
from emulator.errors import ControlError
from emulator.measure.reference import reference
from emulator.network import (
    Activation,
    Concat,
    Dense,
    Input,
    Layer,
    Network,
    Penalty,
    Slice,
    activation_function,
    layer_sources,
)

#: most different activations: each is computed for every neuron
_MOST_FUNCTIONS = 48
#: most neurons
_MOST_NEURONS = 200_000

#: a component of a layer
Spot = tuple[str, int]


@dataclass(frozen=True)
class Unrolled:
    """A control problem as a network.

    Parameters
    ----------
    network : Network
    constant : float
        The objective less the network's loss.
    offset : float
        Added to the cost that is no quadratic form, so that it has a root; 0 without such a cost.
    linear : bool
        Whether the network is linear, and the objective quadratic.
    """

    network: Network
    constant: float
    offset: float
    linear: bool


@dataclass(frozen=True)
class Value:
    """A number at a step: a constant, and coefficients of components of layers."""

    constant: float = 0.0
    terms: dict[Spot, float] = field(default_factory=dict)


def unroll(problem: Description) -> Unrolled:
    """Lay a control problem out as a network.

    Raises
    ------
    ControlError
        If it becomes too large, or time makes too many different functions of its formulas.
    """
    work = _Work(problem)
    states = [Value(0.0, {("x0", k): 1.0}) for k in range(len(problem.states))]
    for k, time in enumerate(problem.times[:-1]):
        work.pay(k, states, float(time))
        states = work.step(k, states, float(time))
    work.finish(states)
    return work.unrolled()


class _Work:
    """The layers so far."""

    def __init__(self, problem: Description) -> None:
        self.problem = problem
        count, start = problem.steps * len(problem.controls), problem.initial
        self.layers: dict[str, Layer] = {
            "one": Input("one", 1),
            "x0": Dense("x0", "one", problem.x0[:, None], 0.0 * problem.x0, trainable=False, biased=False),
            "u": Dense("u", "one", start.reshape(count, 1), np.zeros(count), biased=False),
        }
        self.sizes = {"x0": len(problem.states), "one": 1, "u": count}
        self.depth: dict[str, int] = {"x0": 0}
        self._relays: dict[str, str] = {}
        self.conductance = {"u": np.zeros(count)}
        self.squares: list[str] = []
        self.others: list[Value] = []
        self.constant = 0.0
        self.functions: set[str] = set()
        self._templates: dict[Any, Any] = {}

    def control(self, k: int) -> list[Value]:
        """The controls of step k."""
        m = len(self.problem.controls)
        name = f"u{k}"
        if m == self.sizes["u"]:
            name = "u"
        elif name not in self.layers:
            self._add(Slice(name, "u", k * m, (k + 1) * m), m)
        return [Value(0.0, {(name, j): 1.0}) for j in range(m)]

    def step(self, k: int, states: list[Value], time: float) -> list[Value]:
        """The states after step k, as a row of neurons."""
        dt, controls = self.problem.dt, self.control(k)

        def slope(stage: str, at: list[Value], moment: float) -> list[Value]:
            return self.apply(f"x{k}{stage}", self.problem.formulas[:-1], at, controls, moment)

        if self.problem.scheme == "euler":
            return self.row(
                f"x{k + 1}", [_sum((x, 1.0), (f, dt)) for x, f in zip(states, slope("a", states, time), strict=True)]
            )
        first = slope("a", states, time)
        second = slope("b", _moved(states, first, dt / 2), time + dt / 2)
        third = slope("c", _moved(states, second, dt / 2), time + dt / 2)
        fourth = slope("d", _moved(states, third, dt), time + dt)
        ends = [
            _sum((x, 1.0), (a, dt / 6), (b, dt / 3), (c, dt / 3), (d, dt / 6))
            for x, a, b, c, d in zip(states, first, second, third, fourth, strict=True)
        ]
        return self.row(f"x{k + 1}", ends)

    def pay(self, k: int, states: list[Value], time: float) -> None:
        """The running cost of step k."""
        cost = self._template(("cost", time), self._cost, self.problem.formulas[-1], time)
        self._charge(f"l{k}", cost, states, self.control(k), time)

    def finish(self, states: list[Value]) -> None:
        """The terminal cost."""
        symbols = [self.problem.symbols[name] for name in self.problem.states]
        self._charge("l", cost_of(self.problem.terminal, symbols, 1.0), states, [], self.problem.horizon)

    def _cost(self, formula: sympy.Expr, time: float) -> Cost:
        symbols = [one for name, one in self.problem.symbols.items() if name != "t"]
        return cost_of(formula.xreplace({self.problem.symbols["t"]: sympy.Float(time)}), symbols, self.problem.dt)

    def _charge(self, name: str, cost: Cost, states: list[Value], controls: list[Value], time: float) -> None:
        values = [*states, *controls]
        self.constant += cost.constant
        for value, conductance in zip(values, cost.diagonal, strict=True):
            ((layer, index),) = value.terms
            if conductance:
                found = self.layers[layer]
                at = (found.source, found.start + index) if isinstance(found, Slice) else (layer, index)
                self.conductance.setdefault(at[0], np.zeros(self.sizes[at[0]]))[at[1]] += conductance
        if len(cost.rows):
            rows = [
                _sum(*zip(values, row, strict=True), constant=c) for row, c in zip(cost.rows, cost.offset, strict=True)
            ]
            self.row(name, rows)
            self.squares.append(name)
        if cost.other != 0:
            self.others += self.apply(f"{name}.", (cost.other,), states, controls, time)

    def apply(
        self, place: str, formulas: Sequence[sympy.Expr], states: list[Value], controls: list[Value], time: float
    ) -> list[Value]:
        """What formulas are of states and controls at a time; their features become rows named after the place."""
        ridges, forms = self._template((formulas, time), _lowered, formulas, self.problem, time)
        names = [name for name in self.problem.symbols if name != "t"]
        known = dict(zip(names, [*states, *controls], strict=False))
        for number, level in enumerate(ridges.levels()):
            for text in dict.fromkeys(one.text for one in level):
                alike = [one for one in level if one.text == text]
                inner = [_value(one.z, known) for one in alike]
                self.functions.add(text)
                if len(self.functions) > _MOST_FUNCTIONS:
                    raise ControlError(
                        f"the formulas make more than {_MOST_FUNCTIONS} different functions; allowed: fewer (time inside a "
                        "function makes one of every step: write it outside, or as a state)"
                    )
                for one, value in zip(alike, inner, strict=True):
                    if not value.terms:  # a number, whatever the states are
                        known[one.name] = Value(float(activation_function(text).phi(np.array([value.constant]))[0]))
                moving = [(one, value) for one, value in zip(alike, inner, strict=True) if value.terms]
                if moving:
                    name = f"{place}{number}.{len(self.layers)}"
                    self.row(f"{name}s", [value for _, value in moving])
                    self._add(Activation(name, f"{name}s", text), len(moving))
                    self.depth[name] = self.depth[f"{name}s"]
                    known |= {one.name: Value(0.0, {(name, k): 1.0}) for k, (one, _) in enumerate(moving)}
        return [_value(form, known) for form in forms]

    def row(self, name: str, values: list[Value], waits: bool = True) -> list[Value]:
        """A row of neurons that holds these numbers; what comes a shorter way to it waits in relays for the others."""
        used = list(dict.fromkeys(layer for value in values for layer, _ in value.terms)) or ["one"]
        self.depth[name] = 1 + max((self.depth.get(layer, 0) for layer in used), default=0)
        starts = dict(zip(used, np.cumsum([0, *(self.sizes[one] for one in used)]), strict=False))
        weight = np.zeros((len(values), sum(self.sizes[one] for one in used)))
        for k, value in enumerate(values):
            for (layer, index), coefficient in value.terms.items():
                weight[k, starts[layer] + index] += coefficient
        if waits:
            used = [self._relayed(layer, self.depth[name] - 1) for layer in used]
        source = used[0]
        if len(used) > 1:
            source = self._add(Concat(f"{name}.in", tuple(used)), weight.shape[1])
        bias = np.array([value.constant for value in values])
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ControlError(
                f"step {name} has numbers beyond all floats; allowed: smaller coefficients, or more steps"
            )
        devices = None if weight.all() or not weight.any() else weight != 0
        self._add(Dense(name, source, weight, bias, devices, trainable=False), len(values))
        return [Value(0.0, {(name, k): 1.0}) for k in range(len(values))]

    def _relayed(self, layer: str, depth: int) -> str:
        """A layer, or what stands for it that many rows behind the input; constants are there at any depth."""
        while self.depth.get(layer, depth) < depth:
            if layer not in self._relays:
                name, size = f"{layer}'", self.sizes[layer]
                one = np.eye(size)
                devices = one > 0 if size > 1 else None
                self._add(Dense(name, layer, one, np.zeros(size), devices, trainable=False), size)
                self.depth[name], self._relays[layer] = self.depth[layer] + 1, name
            layer = self._relays[layer]
        return layer

    def unrolled(self) -> Unrolled:
        """The network of all that is there."""
        offset, ends = 0.0, list(self.squares)
        if self.others:
            offset = self._root()
            ends.append("c")
        last = f"x{self.problem.steps}"
        if not any(last in _needed(self.layers, one) for one in ends):
            self._add(Dense("end", last, np.zeros((1, self.sizes[last])), np.zeros(1), trainable=False), 1)
            ends.append("end")
        output = ends[0]
        if len(ends) > 1:
            output = self._add(Concat("ends", tuple(ends)), sum(self.sizes[one] for one in ends))
        penalties = {name: Penalty(tuple(values)) for name, values in self.conductance.items() if values.any()}
        layers = _needed(self.layers, output).values()
        network = Network(layers, output=output, loss="mse", penalties=penalties)
        return Unrolled(network, self.constant - offset, offset, not self.functions)

    def _root(self) -> float:
        """The neuron that all other costs meet at; what was added to them."""
        total = _sum(*((value, 1.0) for value in self.others))
        self.constant += total.constant
        total = Value(0.0, total.terms)
        self.row("cs", [total], waits=False)
        layers = _needed(self.layers, "cs")
        inputs = {name: rows for name, rows in self.problem.inputs.items() if name in layers}
        network = Network(layers.values(), output="cs")
        first = float(reference(network, inputs).states["cs"][0, 0])
        offset = 1.0 + 2.0 * abs(first)
        if not np.isfinite(offset):
            raise ControlError("the cost at the first controls is no finite number; allowed: controls for which it is")
        last = self.layers["cs"]
        assert isinstance(last, Dense)
        self.layers["cs"] = Dense("cs", last.source, last.weight, np.array([offset]), last.devices, trainable=False)
        self._add(Activation("c", "cs", "sqrt(2*s)"), 1)
        return offset

    def _add(self, layer: Layer, size: int) -> str:
        self.layers[layer.name], self.sizes[layer.name] = layer, size
        if sum(self.sizes.values()) > _MOST_NEURONS:
            raise ControlError(
                f"the problem needs more than {_MOST_NEURONS} neurons; allowed: fewer steps or shorter formulas"
            )
        return layer.name

    def _template(self, key: Any, make: Any, *given: Any) -> Any:
        """What is made of a formula, once where time is not in it."""
        formula = given[0]
        timed = any(
            one.has(self.problem.symbols["t"]) for one in (formula if isinstance(formula, tuple) else (formula,))
        )
        key = key if timed else key[0]
        if key not in self._templates:
            self._templates[key] = make(*given)
        return self._templates[key]


def _lowered(formulas: Sequence[sympy.Expr], problem: Description, time: float) -> tuple[Ridges, list[Affine]]:
    ridges = Ridges({name: one for name, one in problem.symbols.items() if name != "t"})
    now = {problem.symbols["t"]: sympy.Float(time)}
    return ridges, [ridges.lower(formula.xreplace(now)) for formula in formulas]


def _value(form: Affine, known: dict[str, Value]) -> Value:
    return _sum(*((known[name], coefficient) for name, coefficient in form.terms), constant=form.constant)


def _sum(*parts: tuple[Value, float], constant: float = 0.0) -> Value:
    terms: dict[Spot, float] = {}
    for value, factor in parts:
        constant += factor * value.constant
        for spot, coefficient in value.terms.items():
            terms[spot] = terms.get(spot, 0.0) + float(factor) * coefficient
    return Value(float(constant), {spot: coefficient for spot, coefficient in terms.items() if coefficient != 0})


def _moved(states: list[Value], slopes: list[Value], dt: float) -> list[Value]:
    return [_sum((x, 1.0), (f, dt)) for x, f in zip(states, slopes, strict=True)]


def _needed(layers: dict[str, Layer], output: str) -> dict[str, Layer]:
    """The layers that an output depends on."""
    found, ahead = set[str](), [output]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += layer_sources(layers[name])
    return {name: layer for name, layer in layers.items() if name in found}

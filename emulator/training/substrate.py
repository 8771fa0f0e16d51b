"""A substrate whose parameters move: the same compiled program, presented with one stretch of samples after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.engine import Layout, runtime
from emulator.engine.joint import members_of
from emulator.engine.learning import POWERS, RATE_COLUMNS, plastic_masks
from emulator.engine.plan import Values
from emulator.engine.port_code import FREE, score_names, state_names
from emulator.engine.programming import bias_scores, device_scores, top_weight, writable, zeros
from emulator.engine.random import key
from emulator.engine.simulate import choose_target
from emulator.engine.standalone import program
from emulator.families.base import Family
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.learning import Learning, Written
from emulator.measure.energy import operations_of_port
from emulator.network import Network

Floats = NDArray[np.float64]
#: everything that learning changes: `w` (S,), `bias` (N,), and the state of the ports
State = dict[str, Floats]

_MOST_BYTES = 64_000_000


@dataclass(frozen=True)
class Stretch:
    """What a stretch of n samples left behind.

    Parameters
    ----------
    outputs : (n, n_out)
        Output state at the end of every hold.
    powers : dict of (n,)
        Power `absorbed`, `available` and `reflected` at the parameter ports, averaged over each hold, all parameters.
    state : dict
        Parameters and port state afterwards.
    events : int
        Events that lines carried.
    several : int
        Steps in which a junction of two-way lines had more than one answer.
    operations : int
        Times that a weight acted on an event.
    seconds : float
        Time the run took, without building.
    """

    outputs: Floats
    powers: dict[str, Floats]
    state: State
    events: int
    several: int
    operations: int
    seconds: float


@dataclass
class Substrate:
    """A compiled network whose parameters can move.

    Parameters
    ----------
    graph : ScatteringGraph
    learning : Learning
    hold : int
        Steps per sample.
    chunk : int
        Most samples per stretch; the substrate is at rest before each.
    seed : int
        Root of every random draw of the runs.
    threshold : float
        Send-on-change threshold.
    target : {"numpy", "cython", "standalone"}
    holds_to_read : int
        Holds for which an input is presented before its answer is read; `chunk` is at least as long.
    ramp : int
        Steps in which data and targets move from one sample to the next; with 1 they jump.
    """

    graph: ScatteringGraph
    learning: Learning
    hold: int
    chunk: int
    seed: int
    threshold: float
    target: str
    holds_to_read: int = 1
    ramp: int = 1
    layout: Layout = field(init=False)
    compile_seconds: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._names = state_names(self.learning)
        self._family: Family[Any] = family_of(self.graph.law)
        plan = self._family.plan(self.graph, self.hold, self.chunk, seed=self.seed, learning=self.learning)
        self._plan = replace(plan, ramp=self.ramp)
        self.layout = self._plan.layout

    @property
    def width(self) -> int:
        """Columns of the feed: all inputs, then the targets."""
        return len(self.layout.inputs) + len(self.layout.outputs)

    def initial(self) -> State:
        """The network's own parameters as the hardware holds them, and ports at rest."""
        values = self._held(0, loaded=True)
        return {"w": np.array(values["w"]), "bias": np.array(values["bias"]), **self._idle()}

    def choose_target(self, samples: int) -> str:
        """The brian2 target that suits a training of this many samples."""
        return choose_target(replace(self._plan, samples=max(samples, 1)))

    def train(self, state: State, feed: Floats, rates: Floats, number: int) -> Stretch:
        """Present samples and let the parameters move.

        Parameters
        ----------
        state : dict
            From `initial` or an earlier stretch.
        feed : (n, width)
            Inputs and targets; n of at most `chunk`.
        rates : (n, 3)
            See `emulator.engine.learning.RATE_COLUMNS`.
        number : int
            Number of the stretch, from which noise draws its samples.
        """
        return self._run(state, feed, rates, number, loaded=True)

    def answers(self, state: State, inputs: Floats, number: int) -> Floats:
        """Outputs (n, n_out) of the substrate with these parameters, which do not move, for inputs (n, n_in).

        Where learning does not wait for the waves, an input is presented for several holds, so that what is read is
        the answer to it, not to the one before.
        """
        frozen = {**self._idle(), "w": state["w"], "bias": state["bias"]}
        times = self.holds_to_read
        step = max(1, self.chunk // times)
        found = []
        for start in range(0, len(inputs), step):
            part = np.repeat(inputs[start : start + step], times, axis=0)
            feed = np.hstack([part, np.zeros((len(part), len(self.layout.outputs)))])
            still = np.zeros((len(part), RATE_COLUMNS))
            found.append(self._run(frozen, feed, still, number, loaded=False).outputs[times - 1 :: times])
        return np.concatenate(found)

    def network(self, state: State) -> Network:
        """The network with the parameters that the substrate holds."""
        held = self.built(state)
        return held if self.graph.tiling is None else self.graph.tiling.joined(held)

    def built(self, state: State) -> Network:
        """The same as it is built: large crossbars in their tiles."""
        weights = {block.layer: block.matrix(state["w"]) for block in self.layout.blocks if block.layer is not None}
        return self.graph.network.with_parameters(
            {name: (weight, state["bias"][self.graph.layer_neurons(name)]) for name, weight in weights.items()}
        )

    def largest(self, state: State) -> float:
        """Largest magnitude of any weight or bias that can move."""
        dense, plastic = plastic_masks(self.layout)
        moving = np.concatenate([state["w"][plastic], state["bias"][dense]])
        return float(np.abs(moving).max(initial=0.0))

    def _run(self, state: State, feed: Floats, rates: Floats, number: int, loaded: bool) -> Stretch:
        count = len(feed)
        values = {**self._values(number, loaded, state["w"]), **state}
        if self.target == "standalone":
            if missing := self.chunk - count:
                feed = np.vstack([feed, np.repeat(feed[-1:], missing, axis=0)])
                rates = np.vstack([rates, np.zeros((missing, RATE_COLUMNS))])
            values["rates"] = rates
            outputs, times = program(self._plan).run(values, feed)
        else:
            values["rates"] = rates
            outputs, times = runtime.run(replace(self._plan, samples=count), values, feed, self.target)
        self.compile_seconds += times["build"]
        ended, h = slice(1, count + 1), self.learning.step(self.hold)
        return Stretch(
            outputs=outputs["end.outputs"][ended],
            powers={name: outputs[f"power.{name}"][ended].sum(axis=1) * h for name in POWERS},
            state={name: np.array(outputs[name]) for name in ("w", "bias", *self._names)},
            several=int(outputs["held.n_steps"][ended].sum()) if "held.n_steps" in outputs else 0,
            events=int(outputs["n_sent"].astype(np.int64) @ self.layout.lines_of_port),
            operations=int(outputs["n_sent"].astype(np.int64) @ operations_of_port(self.layout)),
            seconds=times["run"],
        )

    def _values(self, number: int, loaded: bool, weight: Floats | None = None) -> dict[str, Any]:
        """The numbers of a run; noise is drawn anew for every stretch."""
        constants = self.learning.constants(self.hold, key(self.seed, "writes"), self.hold * self.graph.step)
        ports = {f"port.{name}": value for name, value in constants.items()}
        return {**self._held(number, loaded, weight)} | ports | self.devices

    def _held(self, number: int, loaded: bool, weight: Floats | None = None) -> Values:
        """Those of the network, of its lines and of their noise."""
        seed = self.seed if number == 0 else int(key(self.seed, "stretch", str(number)))
        how: dict[str, Any] = {"loaded": loaded, "threshold": self.threshold, "seed": seed, "weight": weight}
        return self._family.values(self.graph, self._plan, **how)

    @cached_property
    def devices(self) -> State:
        """Whether the devices can be written, and how each differs from the mean, if the port asks; none of a bias is stuck."""
        port, found = self.learning.port, dict[str, Floats]()
        if port.devices:
            free = writable(self.graph, self.layout, top_weight(self.learning))
            found |= {f"weight.{name}": array for name, array in zip(FREE, free, strict=True)}
            found |= {f"bias.{name}": np.ones(self.layout.neurons) for name in FREE}
        for score in port.scores:
            if isinstance(port, Written) and score == f"{port.zero_of}zero":
                both = zeros(self.graph, self.layout, port)
                for name in score_names(score):
                    found |= {f"weight.{name}": both[0], f"bias.{name}": both[1]}
                continue
            names, weights = score_names(score), device_scores(self.graph, self.layout, score)
            found |= {f"weight.{name}": array for name, array in zip(names, weights, strict=True)}
            biases = bias_scores(self.graph, self.layout, score)
            found |= {f"bias.{name}": array for name, array in zip(names, biases, strict=True)}
        return found

    def _idle(self) -> State:
        """Port state at the start."""
        sizes = {"weight": self.layout.synapses, "bias": self.layout.neurons, "neuron": self.layout.neurons}
        if self.learning.port.joint:
            sizes["pair"] = members_of(self.layout).count
        return {name: np.zeros(sizes[kind]) for name, kind in self._names.items()}


def default_chunk(graph: ScatteringGraph, samples: int | None, batch: int, longest: int = 4096) -> int:
    """Samples per stretch: an epoch if it is not too long, a whole number of mini-batches, bounded in memory."""
    row = 8 * (graph.network.size(graph.network.output) * 2 + sum(graph.network.size(n) for n in graph.network.inputs))
    fits = max(1, _MOST_BYTES // row)
    wanted = min(longest if samples is None else samples, longest, fits)
    return max(1, -(-wanted // batch)) * batch


def rate_rows(factors: Floats, start: int, batch: int, total: int | None) -> Floats:
    """Rates (n, 3) of the samples from `start` on: a mini-batch ends after every `batch` samples, and at the end."""
    number = np.arange(start + 1, start + len(factors) + 1)
    share = np.where(number % batch == 0, 1.0 / batch, 0.0)
    if total is not None and start < total <= start + len(factors) and total % batch:
        share[total - start - 1] = 1.0 / (total % batch)
    return np.column_stack([factors, share, np.ones(len(factors))])


def state_matches(state: Mapping[str, Floats], other: Mapping[str, Floats]) -> bool:
    """Whether two states have the same names and shapes."""
    return {n: a.shape for n, a in state.items()} == {n: a.shape for n, a in other.items()}

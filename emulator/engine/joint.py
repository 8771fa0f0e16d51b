"""Layers whose parameters answer together: their curvature between any two parameters, and the termination by it, in brian2.

| object    | what it is                                                                                               |
|-----------|----------------------------------------------------------------------------------------------------------|
| `pairs`   | one per two parameters of a layer: the mean of the costate that a probe finds, times the two states      |
| `answers` | one per layer: the resistances ``|H| + damping`` between its parameters take up all their efforts at once |

What probes find is in `emulator.engine.probes`. The answer is the flow ``(|H| + damping)^-1 e``, with ``|H|`` from the principal
directions of `H`: it stands for the physics of the termination, which is fast against a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses
from brian2.core.variables import Variable

from emulator.engine.events import refer
from emulator.engine.joint_cpp import ANSWER_LAYER
from emulator.engine.layout import Block, Floats, Ints, Layout
from emulator.engine.native import Arrays, native

#: what a parameter has besides, if its layer answers together
ASKS = "felt : 1\nasked : 1\n"


@dataclass(frozen=True)
class Members:
    """The P parameters of all layers that learn: of each its weights in the crossbar's order, then its biases.

    Parameters
    ----------
    blocks : tuple of Block
    synapse, neuron : (P,) int32
        Synapse of every weight, 0 for biases; and the neuron whose pre-activation the parameter moves.
    is_bias : (P,) bool
    first : (L, 3) int32
        Per layer: its first parameter, how many there are, and its first pair.
    """

    blocks: tuple[Block, ...]
    synapse: Ints
    neuron: Ints
    is_bias: np.ndarray
    first: Ints

    @property
    def count(self) -> int:
        """Pairs of parameters, every parameter with itself among them."""
        return int((self.first[:, 1].astype(np.int64) ** 2).sum())

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Both parameters of every pair, (Q,) each."""
        one = [np.repeat(np.arange(size), size) + begin for begin, size, _ in self.first]
        other = [np.tile(np.arange(size), size) + begin for begin, size, _ in self.first]
        return np.concatenate(one).astype(np.int32), np.concatenate(other).astype(np.int32)

    def part(self, layer: str, pairs: Floats) -> Floats:
        """The numbers of one layer's pairs, as a matrix."""
        _, size, begin = self.first[[block.layer for block in self.blocks].index(layer)]
        return pairs[begin : begin + size * size].reshape(size, size)


def members_of(layout: Layout) -> Members:
    """The parameters that learn."""
    blocks = tuple(block for block in layout.blocks if block.layer is not None and block.trainable)
    synapse, neuron, is_bias, first = [], [], [], []
    begin = pair = 0
    for block in blocks:
        own, biases = (
            np.arange(block.first, block.first + block.size),
            block.columns if block.biased else block.columns[:0],
        )
        synapse.append(np.concatenate([own, np.zeros(len(biases), int)]))
        neuron.append(np.concatenate([layout.to_state[own] - layout.neurons, biases]))
        is_bias.append(np.arange(len(own) + len(biases)) >= len(own))
        size = len(own) + len(biases)
        first.append((begin, size, pair))
        begin, pair = begin + size, pair + size * size
    at, moved = np.concatenate(synapse).astype(np.int32), np.concatenate(neuron).astype(np.int32)
    return Members(blocks, at, moved, np.concatenate(is_bias), np.array(first, dtype=np.int32))


@dataclass
class JointObjects:
    """brian2 objects, and the mean curvature of all pairs, which is part of the ports' state."""

    objects: list[Any]
    curvature: Variable


def joint_objects(
    members: Members,
    probes: NeuronGroup,
    cell: Ints,
    xbar: Synapses,
    learners: NeuronGroup,
    live: str,
    space: dict[str, Any],
    decaying: bool,
    clock: Clock,
    beat: Clock,
    orders: tuple[int, int],
) -> JointObjects:
    """Let the parameters of every layer answer together.

    Parameters
    ----------
    members : Members
    probes : NeuronGroup
        With the costate `dmu` that every probe finds at every neuron.
    cell : (Q,) int32
        Per pair, the cell of `probes` of its first parameter's probe at its second one's neuron.
    xbar, learners : Synapses, NeuronGroup
        With the variables in `ASKS`; their `solved` will be what is answered.
    live : str
        Code that assigns `live`, 1 while a sample is presented.
    space : dict
        What that code names.
    decaying : bool
        Whether weights have penalties, `decay`.
    clock, beat : Clock
        Of the steps, and of the updates.
    orders : (int, int)
        Within ``start``: of the curvature, and of the answers.
    """
    one, other = members.pairs
    pairs = NeuronGroup(
        len(one),
        "curvature : 1\n" + "".join(f"{name} : integer (constant)\n" for name in ("cell", "one", "other"))
        + "bias_one : 1 (constant)\nbias_other : 1 (constant)\nitself : 1 (constant)\n",
        namespace=space, clock=clock, name="pairs",  # times are told apart by steps
    )  # fmt: skip
    pairs.cell, pairs.one, pairs.other = cell, members.synapse[one], members.synapse[other]
    pairs.bias_one, pairs.bias_other = members.is_bias[one], members.is_bias[other]
    pairs.itself = (one == other) & ~members.is_bias[one]
    refer(pairs, "found", probes, "dmu", index="cell")
    refer(pairs, "felt_one", xbar, "felt", index="one")
    refer(pairs, "felt_other", xbar, "felt", index="other")
    refer(pairs, "keep", learners, "keep", index="0")
    if decaying:
        refer(pairs, "decay", xbar, "decay", index="one")
    code = f"""{live}part = live*(1 - keep)
states = (bias_one + (1 - bias_one)*felt_one)*(bias_other + (1 - bias_other)*felt_other)
curvature = (1 - part)*curvature + part*(found*states{" + itself*decay" * decaying})"""
    pairs.run_regularly(code, clock=beat, when="start", order=orders[0], name="curve")

    group = NeuronGroup(
        len(members.synapse), "flow : 1\nsynapse : integer (constant)\nneuron : integer (constant)\n"
        "is_bias : integer (constant)\n", clock=beat, name="members",
    )  # fmt: skip
    group.synapse, group.neuron, group.is_bias = members.synapse, members.neuron, members.is_bias
    of_weight, of_bias = np.zeros(len(xbar), np.int32), np.zeros(len(learners), np.int32)
    of_weight[members.synapse[~members.is_bias]] = np.flatnonzero(~members.is_bias)
    of_bias[members.neuron[members.is_bias]] = np.flatnonzero(members.is_bias)
    for owner, member in ((xbar, of_weight), (learners, of_bias)):
        owner.member = member
        refer(owner, "solved", group, "flow", index="member")
    names = ("begin", "count", "pair")
    answers = NeuronGroup(
        len(members.first), "done : integer\n" + "".join(f"{name} : integer (constant)\n" for name in names),
        clock=beat, name="answers",
    )  # fmt: skip
    for name, values in zip(names, members.first.T, strict=True):
        setattr(answers, name, values)
    used = {"CURVATURE": pairs.variables["curvature"], "FLOW": group.variables["flow"]}
    used |= {"ASKED_WEIGHT": xbar.variables["asked"], "ASKED_BIAS": learners.variables["asked"]}
    used |= {name.upper(): group.variables[name] for name in ("synapse", "neuron", "is_bias")}
    used |= {name.upper(): learners.variables[name] for name in ("seen", "damping")}
    solver = native(
        answers, "done = answer_layer(begin, count, pair)", "answer_layer", ANSWER_LAYER, 3, used, _answering(members.first),
        clock=beat, when="start", order=orders[1],
    )  # fmt: skip
    found: list[Any] = [pairs, group, answers, *([] if solver is None else [solver])]
    return JointObjects(found, pairs.variables["curvature"])


def answered(curvature: Floats, damping: float, effort: Floats) -> Floats:
    """The flow ``(|H| + damping)^-1 e``; no numbers where the curvature grew beyond all."""
    if not np.isfinite(curvature).all() or not np.isfinite(effort).all():
        return np.full_like(effort, np.nan)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return np.asarray(vectors @ ((vectors.T @ effort) / (np.abs(values) + damping)))


def _answering(first: Ints) -> Callable[[Arrays], Callable[[], None]]:
    def work(arrays: Arrays) -> Callable[[], None]:
        curvature, flow, synapse, neuron, seen, damping = (
            arrays[name] for name in ("CURVATURE", "FLOW", "SYNAPSE", "NEURON", "SEEN", "DAMPING")
        )
        is_bias, weights, biases = (arrays[name] for name in ("IS_BIAS", "ASKED_WEIGHT", "ASKED_BIAS"))

        def answer() -> None:
            asked = np.where(is_bias != 0, biases[neuron], weights[synapse])
            for begin, count, pair in first:
                part, effort = slice(begin, begin + count), asked[begin : begin + count]
                if not effort.any() or not seen[0] > 0:
                    flow[part] = 0.0
                    continue
                own = curvature[pair : pair + count * count].reshape(count, count)
                flow[part] = answered(own / seen[0], float(damping[0]), effort)

        return answer

    return work

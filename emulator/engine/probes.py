"""Probes in brian2: what follows from moving one neuron's pre-activation, forward to the load and back.

| object         | what it is                                                                                          |
|----------------|-----------------------------------------------------------------------------------------------------|
| `bends`        | one per neuron: how its activation bends times its costate, and how the load stiffens its state     |
| `probes`       | one per probe and neuron of its layer or behind: how state and costate change, `dx` and `dlam`      |
| `probe_lines`  | one per probe and synapse behind it: the changes travel by the weights, a layer a step, both ways   |
| `probe_shares` | one per probe and two outputs of a cross-entropy load, which couples them                           |

With ``ds = w dx`` from below, ``dx = phi' ds``; with ``dlam = w dmu`` from above and the load's answer to `dx`,
``dmu = phi' dlam + phi'' lam ds``. A probe adds 1 to its own neuron's `ds`; the `dmu` that it finds is the second derivative of the
loss in two pre-activations, whatever lies behind them, once waves and probes have settled: a probe passes a layer a step,
no slower than the waves. The weights are those of the crossbars, nothing of the lines acts on probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import refer
from emulator.engine.expressions import node_functions
from emulator.engine.joint import Members
from emulator.engine.layout import Ints, Layout
from emulator.errors import EngineError
from emulator.network import ACTIVATIONS

#: most synapses that probes may have
MOST = 2_000_000
_CURVE, _TRAVEL, _FORWARD, _SHARE, _BACK = range(5)


@dataclass(frozen=True)
class Probing:
    """Where probes go.

    Parameters
    ----------
    probe, neuron : (C,) int32
        Per cell the neuron that is probed, and the one that it is about.
    lines : (3, W) int32
        Cells from and to, and the synapse between their neurons.
    shares : (2, H) int32
        Two outputs of one probe.
    cell : (Q,) int32
        Per pair of `members`, the cell of its first one's probe at its second one's neuron.
    """

    probe: Ints
    neuron: Ints
    lines: Ints
    shares: Ints
    cell: Ints


def probing_of(layout: Layout, members: Members, coupled: bool) -> Probing:
    """Lay probes out, one at every neuron whose pre-activation a parameter moves.

    Raises
    ------
    EngineError
        If they take too many synapses.
    """
    count, tail, head = layout.neurons, layout.to_costate, layout.to_state - layout.neurons
    seen = np.zeros((len(members.blocks), count), bool)  # what a layer's probes reach: the layer, and all behind it
    for row, block in zip(seen, members.blocks, strict=True):
        row[block.columns] = True
    while True:
        layer, synapse = np.nonzero(seen[:, tail])
        if seen[layer, head[synapse]].all():
            break
        seen[layer, head[synapse]] = True
    probed = np.concatenate([block.columns for block in members.blocks])
    of_layer = np.repeat(np.arange(len(seen)), [len(block.columns) for block in members.blocks])
    passed = int((np.bincount(layer, minlength=len(seen)) * np.bincount(of_layer, minlength=len(seen))).sum())
    if passed > MOST:
        raise EngineError(
            f"port newton: {len(probed)} probes would pass {passed:,} synapses; allowed: up to {MOST:,}, or gauss-newton "
            "(an approximation)"
        )
    there = seen[of_layer]
    number = np.full(there.shape, -1)
    number[there] = np.arange(int(there.sum()))
    probe, synapse = np.nonzero(there[:, tail])
    lines = np.stack([number[probe, tail[synapse]], number[probe, head[synapse]], synapse])
    at, place = np.nonzero(there)
    shares = np.zeros((2, 0), int)
    if coupled:
        own = number[:, layout.outputs]
        own = own[(own >= 0).all(axis=1)]
        one, other = np.nonzero(~np.eye(len(layout.outputs), dtype=bool))
        shares = np.stack([own[:, one].ravel(), own[:, other].ravel()])
    cell, begin = [], 0
    for block, (start, size, _) in zip(members.blocks, members.first, strict=True):
        neuron = members.neuron[start : start + size]
        row = np.zeros(count, int)
        row[block.columns] = np.arange(len(block.columns)) + begin
        cell.append(number[np.ix_(row[neuron], neuron)].ravel())
        begin += len(block.columns)
    return Probing(*(part.astype(np.int32) for part in (probed[at], place, lines, shares, np.concatenate(cell))))


def bend_text(used: tuple[str, ...]) -> str:
    """Second derivative of whichever of the activations in use a neuron has, of `s` and its slope `D`.

    Raises
    ------
    EngineError
        Naming an activation without a text for it.
    """
    texts = []
    for k, name in enumerate(used):
        text = "0" if name == "source" else ACTIVATIONS[name].bend
        if text is None:
            raise EngineError(
                f"port newton: activation {name!r} has no second derivative in brian2's language; allowed: one that was "
                "registered with bend"
            )
        texts += [] if text == "0" else [f"int(act == {k})*({text})"]
    return " + ".join(texts) or "0"


def probes_of(
    layout: Layout,
    activation: Ints,
    used: tuple[str, ...],
    probing: Probing,
    nodes: NeuronGroup,
    drive: tuple[Any, str, str],
    biased: bool,
    stiff: str,
    xbar: Synapses,
    clock: Clock,
) -> tuple[NeuronGroup, list[Any]]:
    """The probes, and all their objects.

    Parameters
    ----------
    layout : Layout
    activation, used
        Per neuron a position among the activations in use.
    probing : Probing
    nodes : NeuronGroup
        With `lam`, `D`, `load`, `p`.
    drive : (group, variable, index)
        What has arrived as a neuron's pre-activation; `index` is a variable of `bends`.
    biased : bool
        Whether the bias is still to be added.
    stiff : str
        Second derivative of the loss in a neuron's own state.
    xbar : Synapses
    clock : Clock
    """
    count = layout.neurons
    bends = NeuronGroup(
        count, "curve : 1\nstiff : 1\nact : integer (constant)\ncostate_port : integer (constant)\n",
        namespace=node_functions(), clock=clock, name="bends",
    )  # fmt: skip
    bends.act, bends.costate_port = activation, np.arange(count) + count
    group, variable, index = drive
    refer(bends, "driven", group, variable, index=index)
    refer_load(bends, nodes)
    for name in ("lam", "D", "slope" if "slope" in nodes.variables else "low"):
        refer(bends, "slope" if name == "low" else name, nodes, name)
    refer(bends, "offset", nodes, "bias")
    code = f"s = driven{' + offset' * biased}\ncurve = ({bend_text(used)})*lam\nstiff = {stiff}"
    bends.run_regularly(code, clock=clock, when="end", order=_CURVE, name="bend")

    coupled = bool(probing.shares.size)
    names = ["come", "back", "dx", "ds", "dlam", "dmu", *(["pushed", "rest"] if coupled else [])]
    probes = NeuronGroup(
        len(probing.neuron), "".join(f"{name} : 1\n" for name in names) + "unit : 1 (constant)\nneuron : integer (constant)\n",
        clock=clock, name="probes",
    )  # fmt: skip
    probes.neuron, probes.unit = probing.neuron, probing.probe == probing.neuron
    for name, owner in (("D", nodes), ("curve", bends), ("stiff", bends), *((("p", nodes),) if coupled else ())):
        refer(probes, name, owner, name, index="neuron")
    lines = Synapses(
        probes, probes, "through : integer (constant)\ncome_post = w*dx_pre : 1 (summed)\nback_pre = w*dmu_post : 1 (summed)",
        clock=clock, name="probe_lines",
    )  # fmt: skip
    _connect(lines, probing.lines[:2])
    if probing.lines.size:
        lines.through = probing.lines[2]
    refer(lines, "w", xbar, "w", index="through")
    forward = "ds = unit + come\ndx = D*ds" + "\npushed = p*dx" * coupled
    probes.run_regularly(forward, clock=clock, when="end", order=_FORWARD, name="probe_forward")
    back = f"dlam = back + stiff*dx{' - p*rest' * coupled}\ndmu = D*dlam + curve*ds"
    probes.run_regularly(back, clock=clock, when="end", order=_BACK, name="probe_back")
    objects = [bends, probes, lines]
    summing = [(updater, _TRAVEL) for updater in lines.summed_updaters.values()]
    if coupled:
        shares = Synapses(probes, probes, "rest_post = pushed_pre : 1 (summed)", clock=clock, name="probe_shares")
        _connect(shares, probing.shares)
        objects.append(shares)
        summing += [(updater, _SHARE) for updater in shares.summed_updaters.values()]
    for updater, order in summing:
        updater.when, updater.order = "end", order
    return probes, objects


def refer_load(group: NeuronGroup, nodes: NeuronGroup) -> None:
    """Let a group with one element per neuron see what the load does there."""
    for name in ("load", "p", "shunt"):
        if name in nodes.variables:
            refer(group, name, nodes, name)
    if "kappa" in nodes.variables:
        refer(group, "kappa", nodes, "kappa", index="0")


def _connect(synapses: Synapses, ends: Ints) -> None:
    if ends.size:
        synapses.connect(i=ends[0], j=ends[1])
    else:
        synapses.connect(False)

"""Buses: parameters that learn together meet the sum of their efforts, as the places of one kernel do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import refer
from emulator.engine.layout import Layout
from emulator.engine.port_code import ORDER, Received, pulled


@dataclass(frozen=True)
class Shared:
    """Parameters that learn together.

    Parameters
    ----------
    synapse, neuron : (S,), (N,) int32
        Bus of every weight and of every bias; -1 for those that learn on their own.
    places : (B,) int64
        Parameters on each bus.
    """

    synapse: np.ndarray
    neuron: np.ndarray
    places: np.ndarray

    @property
    def additions(self) -> int:
        """Efforts that all buses add up in one update."""
        return int(self.places.sum())


def joins(layout: Layout) -> bool:
    """Whether any parameters learn together."""
    return any(block.kernel is not None and block.trainable for block in layout.blocks)


def shared_ports(layout: Layout) -> Shared | None:
    """The buses of a substrate; None where every parameter learns on its own."""
    if not joins(layout):
        return None
    synapse, neuron = np.full(layout.synapses, -1, np.int32), np.full(layout.neurons, -1, np.int32)
    count = 0
    for block in layout.blocks:
        if block.kernel is None or not block.trainable:
            continue
        used, number = np.unique(block.kernel, return_inverse=True)
        bus = np.where(block.kernel < 0, -1, number - int(used[0] < 0) + count)
        synapse[block.first : block.first + block.size] = bus[: block.size]
        neuron[block.columns] = bus[block.size :]
        count += int((used >= 0).sum())
    held = np.concatenate([synapse, neuron])
    return Shared(synapse, neuron, np.bincount(held[held >= 0], minlength=count))


#: what a parameter has that may learn with others
JOINED = "bus : integer (constant)\non_bus : boolean (constant)\nportion : 1 (constant)"


def buses_of(
    shared: Shared, learners: NeuronGroup, xbar: Synapses, received: Received, decaying: bool, beat: Clock
) -> NeuronGroup:
    """Let every bus add up the efforts of its places; each place then takes up its portion of the kernel's power."""
    buses = NeuronGroup(len(shared.places), "drive : 1", clock=beat, name="buses")
    for group, bus in ((xbar, shared.synapse), (learners, shared.neuron)):
        group.on_bus, group.bus = bus >= 0, np.maximum(bus, 0)
        group.portion = np.where(bus >= 0, 1.0 / shared.places[np.maximum(bus, 0)], 1.0)
        refer(group, "drive", buses, "drive", index="bus")
    code = f"state = {received.state}\ncostate = {received.costate}\n"
    code += f"drive += -int(on_bus)*{pulled(decaying)}"
    xbar.run_regularly(code, clock=beat, when="start", order=ORDER["buses"], name="sum_weights")
    learners.run_regularly(
        "drive += -int(on_bus)*costate", clock=beat, when="start", order=ORDER["buses"], name="sum_biases"
    )
    buses.run_regularly("drive = 0", clock=beat, when="start", order=ORDER["clear"], name="clear_buses")
    return buses

"""The power on two-way lines, place by place; see `emulator.measure.power`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.engine import WaveTraces, biases
from emulator.families.bilateral.carriage import Carriage, carriage_of
from emulator.families.bilateral.layout import BilateralLayout, lay_out
from emulator.graph import ScatteringGraph
from emulator.measure.power import PowerBalance

Floats = NDArray[np.float64]


def power_balance(graph: ScatteringGraph, waves: WaveTraces) -> PowerBalance:
    """Account for the power of recorded waves."""
    layout = lay_out(graph)
    leaving, arriving, z = waves.leaving, waves.arriving, layout.impedance
    into = (arriving**2 - leaving**2) / z
    source = np.array([name == "source" for name in layout.function])
    into_neurons = _sum(into, layout.node, layout.at_neuron, layout.neurons)
    sent = layout.at_neuron & layout.out & (layout.lines_of_port > 0)
    carried = _sum((leaving - arriving) / z, layout.node, sent, layout.neurons)
    given = np.where(source, waves.x * waves.lam, 0.0)
    taken = np.where(source, 0.0, waves.x * (waves.lam - carried))
    biased = biases(graph) * waves.mu
    stored, dissipated, lost = _lines(layout, carriage_of(layout), leaving, arriving)
    return PowerBalance(
        ports=into,
        stored=stored,
        source=given.sum(axis=1),
        bias=biased.sum(axis=1),
        load=taken.sum(axis=1),
        dissipated=dissipated,
        neurons=into_neurons + given + biased - taken,
        crossbars=np.stack([into[:, ports].sum(axis=1) for ports in crossbars], axis=1)
        if (crossbars := crossbar_ports(layout))
        else np.zeros((len(into), 0)),
        lines=lost,
        places=_places(graph, layout),
    )


def _lines(
    layout: BilateralLayout, carriage: Carriage, leaving: Floats, arriving: Floats
) -> tuple[Floats, Floats, Floats]:
    """Energy on all line directions (T,), what they dissipate in the step after (T,), and their excess (T, P).

    What attenuators take, and amplifiers and offsets give, is dissipated where a wave arrives.
    """
    steps, ports = leaving.shape
    leaving = carriage.sent(leaving)
    delayed = np.stack(
        [
            np.concatenate([np.zeros(d), leaving[:, p]])[:steps]
            for p, d in zip(layout.partner, layout.tap_delay, strict=True)
        ],
        axis=1,
    )
    landed = (carriage.mix @ delayed.T).T + carriage.offset
    stored, dissipated = np.zeros(steps), np.zeros(steps)
    excess = np.zeros((steps, ports))
    for tap in range(ports):
        sent, held = leaving[:, layout.partner[tap]], arriving[:, tap]
        delay, pole, z = int(layout.tap_delay[tap]), layout.pole[tap], layout.impedance[tap]
        keep = (1 - pole) / pole
        total = np.concatenate([[0.0], np.cumsum(sent**2)])
        step = np.arange(steps)
        stored += (total[step] - total[np.maximum(step - delay + 1, 0)] + (1 + keep) * held**2) / z
        came, taken = delayed[:, tap], landed[:, tap]
        before = np.concatenate([[0.0], held[:-1]])
        burnt = (1 - pole) * (taken - before) ** 2 / z + (came**2 - taken**2) / z
        excess[:, tap] = (came**2 - held**2 - keep * (held**2 - before**2)) / z - burnt
        dissipated[:-1] += burnt[1:]
    return stored, dissipated, excess


def _sum(values: Floats, place: NDArray[np.int32], chosen: NDArray[np.bool_], count: int) -> Floats:
    """Columns of `values` summed by place, (T, count)."""
    found = np.zeros((count, len(values)))
    np.add.at(found, place[chosen], values[:, chosen].T)
    return found.T


def crossbar_ports(layout: BilateralLayout) -> list[NDArray[np.int32]]:
    """Ports of every crossbar."""
    return [layout.crossbars.ports_of(block) for block in layout.blocks if block.layer is not None]


def _places(graph: ScatteringGraph, layout: BilateralLayout) -> dict[str, tuple[str, ...]]:
    neurons = tuple(f"{site.name}[{k}]" for site in graph.sites for k in range(site.size))
    crossbars = tuple(block.layer for block in layout.blocks if block.layer is not None)
    names = np.empty(layout.ports, dtype=object)
    for ports, crossbar in zip(crossbar_ports(layout), crossbars, strict=True):
        for port in ports:
            names[port] = f"line into crossbar {crossbar}, port {port}"
    for port in np.flatnonzero(layout.at_neuron):
        names[port] = f"line into {neurons[layout.node[port]]}, port {port}"
    return {"neurons": neurons, "crossbars": crossbars, "lines": tuple(names)}

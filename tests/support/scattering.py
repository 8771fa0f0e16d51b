"""Networks as multiports: the directional circuit around its rest, and netlists of scattering parts put together."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from emulator import reference
from emulator.export import Options
from emulator.export.sax_models import models
from emulator.export.small_signal import band, network_scattering
from emulator.export.two_way import two_way
from emulator.measure.rest import neuron_values, slopes
from emulator.measure.synapses import crossbar
from emulator.network import softmax


def scattering(graph, inputs, targets, options: Options):
    """51 frequencies, and S of a network between its inputs and its targets, by a way that knows no netlist."""
    point = reference(graph.network, inputs, targets)
    used = two_way(graph) if options.bilateral else graph
    hertz = np.array(band(used, 51))
    return hertz, network_scattering(used, point, hertz) if options.bilateral else _directional(used, point, hertz)


def _directional(graph, point, hertz):
    """What small waves of states and targets make of costates and outputs, neuron by neuron."""
    x, s, lam = (values[0] for values in neuron_values(graph, point))
    slope, bend = slopes(graph, s)
    inputs = np.concatenate([graph.layer_neurons(name) for name in graph.network.inputs])
    outputs, n = graph.layer_neurons(graph.network.output), graph.neurons
    share = softmax(x[outputs])
    stiff = np.zeros((n, n))
    stiff[np.ix_(outputs, outputs)] = (
        np.eye(len(outputs)) if graph.loss == "mse" else np.diag(share) - np.outer(share, share)
    )
    states, wanted = np.zeros((2, n, len(inputs) + len(outputs)))
    states[inputs, np.arange(len(inputs))] = 1
    wanted[outputs, len(inputs) + np.arange(len(outputs))] = 1
    found = []
    for q in np.exp(-2j * np.pi * hertz * graph.step):
        ahead, back = np.zeros((2, n, n), complex)
        for coupling in graph.couplings:
            (row, column), weight = coupling.pairs(), crossbar(graph, coupling)
            held = np.ones(len(row)) if weight is None else weight[column, row]
            there, returning = coupling.pair_delays()
            r, c = coupling.rows[row], coupling.columns[column]
            np.add.at(ahead, (c, r), held * q**there)
            np.add.at(back, (r, c), held * q**returning)
        dx = np.linalg.solve(np.eye(n) - slope[:, None] * ahead, states)
        driven = stiff @ dx - wanted + back @ ((bend * lam)[:, None] * (ahead @ dx))
        dlam = np.linalg.solve(np.eye(n) - back * slope, driven)
        found.append(np.concatenate([dlam[inputs], dx[outputs]]))
    return np.stack(found)


def joined(netlist: dict[str, Any], f: float):
    """S of a netlist at one frequency, by one linear system of all waves; its ports in their order."""
    known, pins, blocks = models(netlist), [], []
    for name, instance in netlist["instances"].items():
        model = known[instance["component"]]
        settings = {k: v for k, v in instance["settings"].items() if k in inspect.signature(model).parameters}
        found = model(f=f, **settings)
        if isinstance(found, dict):
            ports = sorted({port for pair in found for port in pair})
            block = np.array([[found.get((i, o), 0) for i in ports] for o in ports])
        else:
            block, ports = found[0], sorted(found[1], key=found[1].get)
        blocks.append(block)
        pins += [f"{name},{port}" for port in ports]
    at = {pin: k for k, pin in enumerate(pins)}
    s, join = np.zeros((len(pins), len(pins)), complex), np.zeros((len(pins), len(pins)))
    start = 0
    for block in blocks:
        s[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    for one, other in netlist["connections"].items():
        join[at[one], at[other]] = join[at[other], at[one]] = 1
    ports = [at[pin] for pin in netlist["ports"].values()]
    return np.linalg.solve(np.eye(len(pins)) - s @ join, s[:, ports])[ports]

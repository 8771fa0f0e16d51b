"""Sentences about settings that cannot work well, or that do not do what one might think, known before the first sample."""

from __future__ import annotations

import math

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.learning import LARGEST, Learning, Written
from emulator.measure.rest import load_conductance
from emulator.network import Network
from emulator.training.stability import Outlook, outlook
from emulator.training.streams import ArrayStream, Stream
from emulator.units import si

#: most samples looked at before a training
_SEEN = 4096


def look_ahead(graph: ScatteringGraph, stream: Stream, batch: int) -> Outlook:
    """What the data say before the training; an iterator, whose samples can be read only once, says nothing."""
    if not isinstance(stream, ArrayStream) or stream.epoch is None:
        return Outlook(None, math.nan, math.nan)
    rows = stream.rows(0, min(stream.epoch, _SEEN))
    return outlook(graph.network, rows, batch, load_conductance(graph), whole=batch >= stream.epoch)


def check_devices(network: Network, learning: Learning) -> None:
    """Refuse a network in which nothing may learn, a port that would part the places of a kernel, or parameters too large.

    Raises
    ------
    EngineError
        Naming the largest parameter.
    """
    if network.dense and not any(layer.trainable for layer in network.dense.values()):
        raise EngineError("every dense layer of the network is fixed; allowed: at least one with trainable=True")
    port = learning.port
    tied = [name for name, layer in network.dense.items() if layer.tied and layer.trainable]
    if tied and (port.neuron_variables or port.crossing):
        raise EngineError(
            f"port {port.name}: layer {tied[0]!r} has tied kernels, and the port answers each place by what its own neuron "
            "collects: a bus sums efforts, not resistances, and places that move by their own would come apart; "
            "allowed: resistive, inductive, adaptive, device, or sharing = 'free'"
        )
    if port.joint:
        for name, layer in network.dense.items():
            size = layer.count + (len(layer.bias) if layer.biased else 0)
            if layer.trainable and size > LARGEST:
                raise EngineError(
                    f"port {port.name}: layer {name!r} has {size:,} parameters, which would answer together; allowed: up to "
                    f"{LARGEST}, or gauss-newton (an approximation)"
                )
    if port.crossing:
        _check_crossing(network, learning)
    if not isinstance(port, Written):
        return
    largest = max((float(abs(part).max(initial=0.0)) for p in network.parameters.values() for part in p), default=0.0)
    if largest > port.w_max:
        raise EngineError(
            f"port {port.name}: the network's largest weight or bias is {largest:.4g}; allowed: up to w_max = {port.w_max:g}"
        )


def _check_crossing(network: Network, learning: Learning) -> None:
    """Refuse what a device that only sees its two lines cannot be told: sums over samples, and penalties of weights."""
    name = learning.port.name
    if learning.batched:
        raise EngineError(
            f"port {name}: batch is above 1, and pulses that coincide change a device there and then; allowed: batch = 1"
        )
    decaying = [layer for layer, penalty in network.penalties.items() if penalty.weight]
    if decaying:
        raise EngineError(
            f"port {name}: layer {decaying[0]!r} has a penalty of its weights, which neither line of a crossing carries; "
            "allowed: port device or resistive, or no such penalty"
        )


def warnings(
    graph: ScatteringGraph, learning: Learning, ahead: Outlook, hold: int, samples: int | None
) -> tuple[str, ...]:
    """All of them.

    Parameters
    ----------
    graph : ScatteringGraph
    learning : Learning
    ahead : Outlook
    hold : int
        Steps per sample.
    samples : int or None
        Samples to present; None if nobody knows.

    Raises
    ------
    EngineError
        If the training would take longer than the laws of its devices were fitted to.
    """
    found = list(graph.law.warnings())
    trip = graph.longest_round_trip
    if learning.schedule == "settled" and hold < trip:
        found.append(
            f"the hold of {hold} steps is shorter than the longest round trip of {trip}: parameters move before all "
            f"waves of a sample have come back (at least {trip / graph.transit:.4g} transits, or none given, are enough)"
        )
    if ahead.curvatures is not None:
        sentence = learning.port.forewarning(ahead.curvatures, _stale(graph, learning, hold))
        found += [sentence] if sentence is not None else []
    return (*found, *_device_warnings(graph, learning, hold, samples))


def _stale(graph: ScatteringGraph, learning: Learning, hold: int) -> float:
    """For how many holds an effort goes on as it was.

    Unlocked, it follows the parameters with the delay of the round trip: a flow with delay d is stable up to a
    curvature of ``pi/(2 d)``, where steps of length d are up to ``2/d``.
    """
    if learning.schedule == "settled":
        return 1.0
    return min(1.0, 4.0 / math.pi * graph.longest_round_trip / hold)


def _device_warnings(graph: ScatteringGraph, learning: Learning, hold: int, samples: int | None) -> list[str]:
    """What the hardware's weights do not do under this port, and how far they drift."""
    hardware, port, found = graph.hardware, learning.port, list[str]()
    law, bits = hardware.weights, hardware.precision.weights.bits
    if not isinstance(port, Written):
        if bits is not None:
            found.append(
                f"hardware {hardware.name} has weights of {bits} bits, but port {port.name} moves "
                "them continuously: only the initial weights are rounded (a Device port writes in steps)"
            )
        if not law.exact:
            found.append(
                f"hardware {hardware.name} holds weights in devices, but port {port.name} moves them continuously and "
                "without bound: programming error, levels and stuck devices act on the initial weights only, and "
                "nothing drifts; read noise follows the weights (a Device port writes into the devices)"
            )
        return found
    if bits is not None:
        found.append(
            f"hardware {hardware.name} rounds weights to {bits} bits besides holding them in devices: only the initial "
            "weights are rounded"
        )
    if law.drift is not None and samples is not None:
        lasts, first = samples * hold * graph.step, law.drift.first_reading
        if law.fitted_time is not None and lasts > law.fitted_time:
            raise EngineError(
                f"port {port.name}: the training takes {lasts:g} s on the substrate, and the drift of its devices is known "
                f"up to weights.fitted_time = {law.fitted_time:g} s; allowed: fewer samples, shorter holds, or no drift"
            )
        if lasts <= first:
            found.append(
                f"hardware {hardware.name}: its devices drift from {si(first, 's')} after a write on; the training takes "
                f"{si(lasts, 's')} on the substrate, so none drifts while it learns"
            )
    return found

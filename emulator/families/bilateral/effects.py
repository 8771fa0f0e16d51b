"""What a hardware model does to the waves on two-way lines: rounding where they are sent, loss and noise where they arrive.

A wave is rounded as it leaves its junction, by the quantiser of its direction. As it arrives at the other end it is
attenuated, it gets the gain and the offset of that line and direction, and noise, once for every event. Terminations are
part of the junction they stand at: their waves stay as they are. Crossbars are read with noise, anew for every sample.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.claims import check_claims
from emulator.engine.effects import Effects, Value, event_faults, lsb, reading, rounded
from emulator.engine.layout import Floats
from emulator.engine.places import facing, ports_at
from emulator.engine.random import key
from emulator.families.bilateral.carriage import Carriage
from emulator.families.bilateral.layout import BilateralLayout
from emulator.families.bilateral.lines import thermal_noise
from emulator.graph import ScatteringGraph
from hwmodels import Fault


def bilateral_effects(graph: ScatteringGraph, layout: BilateralLayout, carriage: Carriage, seed: int) -> Effects:
    """The effects of a graph's hardware model on two-way lines, for a run with this seed.

    Raises
    ------
    EngineError
        If the hardware model has an effect on waves or weights that two-way lines do not know.
    """
    check_claims(graph)
    wave, ports, dithered, values = _sending(graph, layout, seed)
    if carriage.stuck.any():
        wave, ports = f"(1 - stuck)*({wave}) + stuck*stuck_at", (*ports, "stuck", "stuck_at")
        values |= {"stuck": carriage.stuck.astype(float), "stuck_at": carriage.stuck_at}
    sigma, received, lines = _hiss(graph, layout), "came", list[str]()
    if carriage.spill:
        received, values["spill"] = "(came + spill*((raw_left - came) + (raw_right - came)))", carriage.spill
    if (carriage.gain != 1).any():
        received, values["gain"] = f"gain*{received}", carriage.gain
        lines.append("gain")
    if carriage.offset.any():
        received, values["offset"] = f"{received} + offset", carriage.offset
        lines.append("offset")
    if sigma.any():
        received += " + hiss"
        lines.append("sigma")
        values["sigma"] = sigma
        values["noise_key"] = key(seed, "receiver noise")
    reads, numbers = reading(graph, seed)
    values |= numbers
    for name, where, fault in event_faults(graph):  # what arrives twice is taken in already
        if fault.rate:
            values[name] = fault.rate * _struck(graph, layout, fault, where)
    if "drop" in values:
        values["fate_key"] = key(seed, "fate of events")
        lines.append("drop")
    return Effects(
        wave=wave,
        received=received,
        port_variables=ports,
        line_variables=tuple(lines),
        dithered=dithered,
        drops="drop" in values,
        counts="sigma" in values or "drop" in values,
        crosstalk=carriage.spill > 0,
        read_noise=reads,
        values=values,
    )


def _hiss(graph: ScatteringGraph, layout: BilateralLayout) -> Floats:
    """Rms (P,) of the noise of what is taken in at lines: of the receiver, and thermal where a line attenuates."""
    noise, rest = graph.hardware.noise, layout.ports - 2 * layout.lines.count
    thermal = np.concatenate([thermal_noise(graph), np.zeros(rest)])
    return np.where(layout.lines_of_port > 0, np.sqrt(noise.receiver**2 + thermal), 0.0)


def lost_share(graph: ScatteringGraph, layout: BilateralLayout) -> Value:
    """Share (P,) of the events that get lost at taps: on average a tap follows what comes as behind a low-pass."""
    _, where, fault = event_faults(graph)[0]
    return fault.rate * _struck(graph, layout, fault, where) if fault.rate else np.zeros(layout.ports)


def _struck(graph: ScatteringGraph, layout: BilateralLayout, fault: Fault, where: str) -> Value:
    """1 at taps (P,) where a fault of events may be: those of lines, in its direction, that the named neurons drive."""
    count, port = layout.lines.count, np.arange(layout.ports)
    forward = (port >= count) & (port < 2 * count)
    found = (layout.lines_of_port > 0) & facing(fault.direction, forward)
    if fault.places:
        named = ports_at(graph, fault, where)
        driven = np.append(np.isin(layout.lines.head, named), np.isin(layout.lines.tail, named))
        found[: 2 * count] &= driven
    return found.astype(float)


def _sending(
    graph: ScatteringGraph, layout: BilateralLayout, seed: int
) -> tuple[str, tuple[str, ...], bool, dict[str, Value]]:
    """Quantisation at the ports: forward waves leave the tail end of a line, backward ones its head end."""
    quantisers = (graph.hardware.precision.forward, graph.hardware.precision.backward)
    if all(q.bits is None for q in quantisers):
        return "u", (), False, {}
    count, rest = layout.lines.count, layout.ports - 2 * layout.lines.count
    values: dict[str, Value] = {
        "lsb": np.concatenate([np.repeat([lsb(q) for q in quantisers], count), np.ones(rest)]),
        "top": np.concatenate([np.repeat([q.full_scale for q in quantisers], count), np.ones(rest)]),
    }
    forward, backward = (rounded(q) for q in quantisers)
    wave = f"int(i < {count})*({forward}) + int(i >= {count} and i < {2 * count})*({backward})"
    wave += f" + int(i >= {2 * count})*u" if rest else ""
    dithered = any(q.bits is not None and q.rounding == "stochastic" for q in quantisers)
    if dithered:
        values["round_key"] = key(seed, "stochastic rounding")
    return wave, ("lsb", "top"), dithered, values

"""What a hardware model does to the waves on two-way lines: rounding where they are sent, loss and noise where they arrive.

A wave is rounded as it leaves its junction, by the quantiser of its direction. As it arrives at the other end it is
attenuated, it gets the gain and the offset of that line and direction, and noise, once for every event. Terminations are
part of the junction they stand at: their waves stay as they are.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.claims import check_claims
from emulator.engine.effects import Effects, Value, lsb, rounded
from emulator.engine.random import key
from emulator.families.bilateral.carriage import carriage_of
from emulator.families.bilateral.layout import BilateralLayout
from emulator.graph import ScatteringGraph

#: what a refusal says of the fields that are implemented
ALLOWED = (
    "; delay, loss, bandwidth and impedance of lines, mismatch of gains and offsets, receiver noise, precision, and devices "
    "read without noise"
)


def bilateral_effects(graph: ScatteringGraph, layout: BilateralLayout, seed: int) -> Effects:
    """The effects of a graph's hardware model on two-way lines, for a run with this seed.

    Raises
    ------
    EngineError
        If the hardware model has an effect on waves or weights that two-way lines do not know.
    """
    check_claims(graph, ALLOWED)
    wave, ports, dithered, values = _sending(graph, layout, seed)
    carriage = carriage_of(layout)
    sigma, received, lines = graph.hardware.noise.receiver, "arriving", list[str]()
    if (carriage.gain != 1).any():
        received, values["gain"] = "gain*arriving", carriage.gain
        lines.append("gain")
    if carriage.offset.any():
        received, values["offset"] = f"{received} + offset", carriage.offset
        lines.append("offset")
    if sigma:
        received += " + sigma*gauss(noise_key, {tap}, n_got)"
        lines.append("sigma")
        values["sigma"] = np.where(layout.lines_of_port > 0, sigma, 0.0)
        values["noise_key"] = key(seed, "receiver noise")
    return Effects(
        wave=wave,
        received=received,
        port_variables=ports,
        line_variables=tuple(lines),
        dithered=dithered,
        counts=bool(sigma),
        values=values,
    )


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

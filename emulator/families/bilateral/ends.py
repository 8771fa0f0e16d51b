"""The ends of two-way lines: how ports are numbered, and what those of neurons answer.

Ports: the tail end of every line, then the head ends, then the terminations at far ends, then those at source ends. A
termination stands at the same end of the same line as another port, its mate: at the far end the two are in parallel, at the
source end in series. A neuron's port answers

    u = drive (x or mu) + own a + mate a_mate        a: wave held at its tap
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emulator.engine.layout import Floats
from emulator.families.bilateral.lines import Lines


@dataclass(frozen=True)
class Ends:
    """All ends of L lines and their terminations; P ports.

    Parameters
    ----------
    lines : Lines
    tails, heads : (L,)
        Ports at the ends of the lines.
    fars, sources : (L,) or (0,)
        Ports of the terminations at far ends, and at source ends.
    impedance, pole : (P,)
        Impedance, and coefficient of the low-pass at the tap.
    node : (P,)
        Neuron of every port, -1 for those of crossbars.
    partner, mate : (P,)
        The port at the other end, and the other port of the same end; the port itself where there is none.
    delay : (P,)
        Steps on the way to the tap.
    share : (L,)
        Of the line's own wave in what its far end sees.
    far, source : (L,)
        Impedance of each far end, and of each source end, with its termination.
    """

    lines: Lines
    tails: np.ndarray
    heads: np.ndarray
    fars: np.ndarray
    sources: np.ndarray
    impedance: Floats
    pole: Floats
    node: np.ndarray
    partner: np.ndarray
    mate: np.ndarray
    delay: np.ndarray
    share: Floats
    far: Floats
    source: Floats

    @property
    def count(self) -> int:
        """Number of ports."""
        return len(self.node)

    @property
    def sign(self) -> Floats:
        """Sign (P,) with which a wave enters its end."""
        found = np.ones(self.count)
        found[self.sources] = -1.0
        return found


def ends_of(lines: Lines, pole: float) -> Ends:
    """Number the ports of lines with a low-pass of this coefficient at either end."""
    count, z = lines.count, lines.impedance
    number, narrow, at_once = np.arange(count), np.full(count, pole), np.ones(count)
    parts: list[tuple[np.ndarray, ...]] = [
        (z, narrow, lines.tail, lines.backward),
        (z, narrow, lines.head, lines.forward),
    ]
    fars, sources, far, source = number[:0], number[:0], z, z
    if lines.far_impedance is not None and lines.far_pole is not None:
        fars, far = number + len(parts) * count, 1 / (1 / z + 1 / lines.far_impedance)
        parts.append((lines.far_impedance, lines.far_pole, lines.head, at_once))
    if lines.source_impedance is not None and lines.source_pole is not None:
        sources, source = number + len(parts) * count, z + lines.source_impedance
        parts.append((lines.source_impedance, lines.source_pole, lines.tail, at_once))
    impedance, poles, node, delay = (np.concatenate(part) for part in zip(*parts, strict=True))
    tails, heads = number, number + count
    partner, mate = np.arange(len(node)), np.arange(len(node))
    partner[tails], partner[heads] = heads, tails
    for ends, stubs in ((heads, fars), (tails, sources)):
        if len(stubs):
            mate[ends], mate[stubs] = stubs, ends
    return Ends(
        lines,
        tails,
        heads,
        fars,
        sources,
        impedance,
        poles,
        node,
        partner,
        mate,
        delay,
        np.asarray(far / z),
        far,
        source,
    )


def answers(ends: Ends, neurons: int) -> dict[str, Any]:
    """What ports of neurons answer and bring: the fields of these names of a `BilateralLayout`; 0 at crossbars."""
    lines, sign, mate = ends.lines, ends.sign, ends.mate
    on_x, on_mu, own, other, to_in, to_out = np.zeros((6, ends.count))
    series, conductance = np.zeros((2, neurons))
    at = lines.head >= 0  # inputs of neurons: line and far end in parallel, all inputs in series
    np.add.at(series, lines.head[at], ends.far[at])
    for ports, share in ((ends.heads, ends.share), (ends.fars, 1 - ends.share)):
        if len(ports):
            p = ports[at]
            on_mu[p], to_in[p] = -ends.far[at], 2 * share[at]
            own[p], other[p] = 2 * share[at] - 1, 2 * (1 - share[at])
    at = lines.tail >= 0  # outputs of neurons: line and source end in series, all outputs in parallel
    np.add.at(conductance, lines.tail[at], 1 / ends.source[at])
    for ports in (ends.tails, ends.sources):
        if len(ports):
            p = ports[at]
            on_x[p], to_out[p] = ends.impedance[p] / ends.source[at], 2 * sign[p] / ends.source[at]
            own[p] = sign[p] - 2 * on_x[p] * sign[p]
            other[p] = -2 * on_x[p] * sign[mate[p]] * (mate[p] != p)
    return {
        "on_x": on_x, "on_mu": on_mu, "own": own, "other": other, "to_in": to_in, "to_out": to_out,
        "series": series, "conductance": conductance,
    }  # fmt: skip

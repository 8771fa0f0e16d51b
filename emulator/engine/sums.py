"""What crossbars answer: at every port the weighted sum of the amplitudes that their taps hold.

A direction of a crossbar adds up anew what reaches its receivers in every step in which one of its taps has changed, or
a weight. A sum thus has no memory: it is what the amplitudes and weights of this moment give, to round-off of their own
size, whatever has passed before, were it beyond all numbers. The weights of a receiver, or those of a sender, are one
contiguous run, so that adding anew costs less than following every single change.

Each direction is ``sum_k w[k] a[k]`` over its senders `k` with strides of its own, which serves crossbars of either
wiring, forward and backward, and plain wires. Where a crossbar has no device for some pairs, each of those it has names
its receiver and its sender. Several may end at one port: each keeps its `part` of the sum there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from brian2 import Clock, NeuronGroup
from brian2.core.variables import Variable

from emulator.engine.layout import Floats, Ints, Layout
from emulator.engine.native import Arrays, native

#: columns of the table of directions, as the code calls them; strides of weights and amplitudes per receiver and sender
FIELDS = (
    "receivers", "senders", "first_weight", "first_tap", "first_part",
    "weight_receiver", "weight_sender", "tap_receiver", "tap_sender", "joints", "first_joint",
)  # fmt: skip
#: sums of receivers that are added up side by side, where each goes along a run of weights of its own of at least so many:
#: one alone would wait for its last addition before every next. Runs of weights that go along the receivers are taken four at
#: a time, so that sums are read and written once for all of them. The order of each sum, and so its last bit, stays
SIDE, LONG = 8, 24
_C = """
static int add_up(int moved, int receivers, int senders, int first_weight, int first_tap, int first_part,
                  int weight_receiver, int weight_sender, int tap_receiver, int tap_sender,
                  int joints, int first_joint)
{
    static double sum[MOST];
    if (!moved || !receivers)
        return 0;
    const double* w = &@WEIGHT[first_weight];
    const double* a = &@AMPLITUDE[first_tap];
    if (joints)
    {
        const int* receiver = &@RECEIVER[first_joint];
        const int* sender = &@SENDER[first_joint];
        for (int r = 0; r < receivers; r++)
            sum[r] = 0.0;
        for (int k = 0; k < joints; k++)
            sum[receiver[k]] += w[k]*a[sender[k]];
    }
    else if (weight_receiver == 1)
    {
        for (int r = 0; r < receivers; r++)
            sum[r] = 0.0;
        int k = 0;
        if (!tap_receiver)
            for (; k + 4 <= senders; k += 4, w += 4*weight_sender, a += 4*tap_sender)
            {
                const double a0 = a[0], a1 = a[tap_sender], a2 = a[2*tap_sender], a3 = a[3*tap_sender];
                const double *w1 = w + weight_sender, *w2 = w1 + weight_sender, *w3 = w2 + weight_sender;
                if (a0 != 0.0 && a1 != 0.0 && a2 != 0.0 && a3 != 0.0)
                    for (int r = 0; r < receivers; r++)
                        sum[r] = (((sum[r] + w[r]*a0) + w1[r]*a1) + w2[r]*a2) + w3[r]*a3;
                else
                    for (int n = 0; n < 4; n++)
                        if (a[n*tap_sender] != 0.0)
                            for (int r = 0; r < receivers; r++)
                                sum[r] += w[n*weight_sender + r]*a[n*tap_sender];
            }
        for (; k < senders; k++, w += weight_sender, a += tap_sender)
            if (tap_receiver)
                for (int r = 0; r < receivers; r++)
                    sum[r] += w[r]*a[r];
            else if (*a != 0.0)
                for (int r = 0; r < receivers; r++)
                    sum[r] += w[r]* *a;
    }
    else
    {
        int r = 0;
        const int whole = senders < LONG ? 0 : senders/SIDE*SIDE;
        for (; whole && r + SIDE <= receivers; r += SIDE, w += SIDE*weight_receiver, a += SIDE*tap_receiver)
        {
            double together[SIDE] = {0.0};
            for (int k = 0; k < whole; k++)
                for (int n = 0; n < SIDE; n++)
                    together[n] += w[n*weight_receiver + k]*a[n*tap_receiver + k];
            for (int n = 0; n < SIDE; n++)
            {
                double total = together[n];
                for (int k = whole; k < senders; k++)
                    total += w[n*weight_receiver + k]*a[n*tap_receiver + k];
                sum[r + n] = total;
            }
        }
        for (; r < receivers; r++, w += weight_receiver, a += tap_receiver)
        {
            double total = 0.0;
            for (int k = 0; k < senders; k++)
                total += w[k]*a[k];
            sum[r] = total;
        }
    }
    for (int r = 0; r < receivers; r++)
        @PART[@PLACE[first_part + r]] = sum[r];
    for (int r = 0; r < receivers; r++)
    {
        const int port = @PORT[first_part + r];
        double total = 0.0;
        for (int k = @FIRST[port]; k < @FIRST[port + 1]; k++)
            total += @PART[k];
        @V[port] = total;
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Directions:
    """The directions of all crossbars and wires, D of them, with E receivers in all.

    Parameters
    ----------
    table : (D, len(FIELDS)) int32
    of_tap : (C,) int32
        The direction that each tap belongs to.
    port : (E,) int32
        The port at each receiver.
    place : (E,) int32
        Where its part of the sum stands: parts of one port stand together.
    first : (2N + 1,) int32
        Where the parts of each port begin.
    receiver, sender : (J,) int32
        Of every device of the crossbars that do not have all: position among the receivers, and among the taps.
    """

    table: Ints
    of_tap: Ints
    port: Ints
    place: Ints
    first: Ints
    receiver: Ints
    sender: Ints


def directions(layout: Layout, deaf: np.ndarray | None = None) -> Directions:
    """Tabulate a layout; a direction whose taps are `deaf` (C,) has no receivers."""
    rows: list[tuple[int, ...]] = []
    ports: list[Ints] = []
    of_tap = np.zeros(len(layout.tap_port), np.int32)
    joined: list[tuple[Ints, Ints]] = [(of_tap[:0], of_tap[:0])]
    for block in layout.blocks:
        height, width = len(block.rows), len(block.columns)
        if block.layer is None:  # wires: a sender for each receiver
            forward = backward = (1, 0, 1, 0)
            sizes = ((width, 1), (height, 1))
        else:
            each = 0 if layout.tile else 1
            forward, backward = (1, width, each, max(1, width * each)), (width, 1, width * each, 1)
            sizes = ((width, height), (height, width))
        for taps, to, strides, size, way in (
            (block.row_taps, block.columns + layout.neurons, forward, sizes[0], 1),
            (block.column_taps, block.rows, backward, sizes[1], -1),
        ):
            of_tap[taps] = len(rows)
            silent = not block.size or (deaf is not None and deaf[taps].all())
            ports.append(to[:0] if silent else to)
            part = sum(len(p) for p in ports[:-1])
            joints = (0, 0)
            if block.devices is not None:
                sender, receiver = block.devices[::way]
                joints = block.size, sum(len(found) for found, _ in joined)
                joined.append((receiver, sender if layout.tile else np.arange(block.size, dtype=np.int32)))
            rows.append(
                (
                    0 if silent else size[0],
                    size[1],
                    block.first,
                    int(taps[0]) if len(taps) else 0,
                    part,
                    *strides,
                    *joints,
                )
            )
    port = np.concatenate(ports).astype(np.int32)
    place = np.empty(len(port), np.int32)
    place[np.argsort(port, kind="stable")] = np.arange(len(port))
    first = np.searchsorted(np.sort(port), np.arange(layout.ports + 1)).astype(np.int32)
    receiver, sender = (np.concatenate(found) for found in zip(*joined, strict=True))
    return Directions(np.array(rows, np.int32), of_tap, port, place, first, receiver, sender)


def adders_of(found: Directions, clock: Clock, name: str = "") -> NeuronGroup:
    """One element per direction; `moved` counts the changes at its taps since it added up. `name` tells sets of them apart."""
    adders = NeuronGroup(
        len(found.table),
        "moved : integer\n" + "".join(f"{name} : integer (constant)\n" for name in FIELDS),
        clock=clock,
        name=f"adders{name}",
    )
    for field, column in zip(FIELDS, found.table.T, strict=True):
        setattr(adders, field, column)
    return adders


def sums_of(
    found: Directions,
    adders: NeuronGroup,
    ports: NeuronGroup,
    weight: Variable,
    amplitude: Variable,
    clock: Clock,
    anew: Clock | None,
    *,
    name: str = "",
    into: str = "v",
    order: int = -1,
) -> list[object]:
    """Let the directions add up, once what arrives in a step has arrived.

    Parameters
    ----------
    found, adders
        From `directions` and `adders_of`.
    ports : NeuronGroup
        Whose `v` are the sums.
    weight, amplitude : Variable
        Per synapse, and per tap.
    clock : Clock
        Of the steps.
    anew : Clock, optional
        When weights may have moved, or nothing has arrived yet: all is added up at the start of its steps. On the
        clock of the steps that is enough, since nobody else reads a sum.
    name : str
        As for `adders_of`.
    into : str
        The variable of the ports that the sums are.
    order : int
        Where in the start of a step all is added up anew.
    """
    parts = NeuronGroup(
        max(1, len(found.port)), "part : 1\nplace : integer (constant)\nport : integer (constant)\n",
        clock=clock, name=f"parts{name}",
    )  # fmt: skip
    tables = NeuronGroup(
        max(len(found.first), len(found.sender)),
        "first : integer (constant)\nreceiver : integer (constant)\nsender : integer (constant)\n",
        clock=clock, name=f"tables{name}",
    )  # fmt: skip
    if len(found.port):
        parts.place, parts.port = found.place, found.port
    for column in ("first", "receiver", "sender"):
        entries = getattr(found, column)
        setattr(tables, column, np.pad(entries, (0, len(tables) - len(entries))))
    used = {
        "WEIGHT": weight,
        "AMPLITUDE": amplitude,
        "PART": parts.variables["part"],
        "PLACE": parts.variables["place"],
        "PORT": parts.variables["port"],
        "FIRST": tables.variables["first"],
        "RECEIVER": tables.variables["receiver"],
        "SENDER": tables.variables["sender"],
        "V": ports.variables[into],
        "MOVED": adders.variables["moved"],
    }
    text = _C.replace("SIDE", str(SIDE)).replace("LONG", str(LONG)).replace("add_up", f"add_up{name}")
    text = text.replace("MOST", str(max(1, int(found.table[:, 0].max()))))
    made: list[object] = [adders, parts, tables]
    arguments = ", ".join(FIELDS)
    occasions = [] if anew is clock else [(clock, "synapses", 0, "moved")]
    occasions += [] if anew is None else [(anew, "start", order, "moved + 1")]
    for when, slot, place, changed in occasions:
        code = f"moved = add_up{name}({changed}, {arguments})"
        work = partial(_adding, found, everything=changed != "moved")
        added = native(
            adders, code, f"add_up{name}", text, len(FIELDS) + 1, used, work, clock=when, when=slot, order=place
        )
        made += [] if added is None else [added]
    return made


def _adding(found: Directions, arrays: Arrays, everything: bool) -> Callable[[], None]:
    """What the compiled program does."""
    w, a, part, v, moved = (arrays[name] for name in ("WEIGHT", "AMPLITUDE", "PART", "V", "MOVED"))
    port = np.repeat(np.arange(len(v)), np.diff(found.first))
    work: list[Callable[[], Floats]] = []
    places: list[Ints] = []
    for receivers, senders, w0, a0, first, w_r, w_k, a_r, a_k, joints, joint in found.table.tolist():
        places.append(found.place[first : first + receivers])
        if joints:
            at, of = found.receiver[joint : joint + joints], found.sender[joint : joint + joints]
            work.append(_joined(w[w0 : w0 + joints], a[a0:], at, of, receivers))
        else:
            weight = _strided(w[w0:], receivers, senders, w_r, w_k)
            work.append(_full(weight, _strided(a[a0:], receivers, senders, a_r, a_k) if a_r else a[a0 : a0 + senders]))

    def add_up() -> None:
        if not everything and not moved.any():
            return
        for k in range(len(work)) if everything else np.flatnonzero(moved):
            part[places[k]] = work[k]()
        v[:] = np.bincount(port, part[: len(port)], len(v))
        moved[:] = 0

    return add_up


def _full(weight: Floats, held: Floats) -> Callable[[], Floats]:
    """Sums of a crossbar whose weights are views with strides, of amplitudes shared by the receivers or their own."""
    if held.ndim == 1:
        return lambda: np.asarray(weight @ held)
    return lambda: np.einsum("rk,rk->r", weight, held)


def _joined(weight: Floats, held: Floats, receiver: Ints, sender: Ints, receivers: int) -> Callable[[], Floats]:
    """Sums of a crossbar that does not have all devices."""
    if not receivers:
        return lambda: np.zeros(0)
    return lambda: np.asarray(np.bincount(receiver, weight * held[sender], receivers), dtype=np.float64)


def _strided(run: Floats, receivers: int, senders: int, receiver: int, sender: int) -> Floats:
    """A run of numbers as (receivers, senders), with strides in numbers."""
    strides = (receiver * run.itemsize, sender * run.itemsize)
    return np.lib.stride_tricks.as_strided(run, (receivers, senders), strides, writeable=False)

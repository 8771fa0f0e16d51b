"""Models of the components of a SAX netlist: what each scatters at a frequency ``f`` in hertz.

``sax.circuit(netlist, models(netlist), backend="klu")`` builds the circuit; set ``jax_enable_x64`` for more than 7 digits,
and import ``jax.numpy`` in the place of ``numpy`` to differentiate or to compile it.

Waves are ``a = (v + i) / 2`` and ``b = (v - i) / 2`` at every port, for a voltage `v` in units of a state and a current `i`
into the port in units of a costate: the reference impedance is 1, a state over a costate.

``one_way_`` components have a pin for every state and one for every costate, both voltages: what reads a voltage takes no
current, and what drives one has no resistance. ``two_way_`` components have a state as the voltage and a costate as the
current of one pin. Neurons and the load are linearised at the rest that the netlist was written for. An entry of a matrix
is what comes out over what goes in; a key of a dictionary has first where it goes in, as SAX has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Model = Callable[..., Any]
Pairs = dict[tuple[str, str], Any]


def models(netlist: dict[str, Any]) -> dict[str, Model]:
    """The model of every component that a netlist has, by name."""
    names = {instance["component"] for instance in netlist["instances"].values()}
    return {name: _model(name) for name in sorted(names)}


def _model(name: str) -> Model:
    found = re.fullmatch(r"(one_way|two_way)_([a-z]+)_(?:\w*?_)??((?:\d+_)*\d+)", name)
    if found is None:
        return LINES[name]
    ways, kind, sizes = found.groups()
    widths = [int(size) for size in sizes.split("_")]
    return {"one_way": ONE_WAY, "two_way": TWO_WAY}[ways][kind](widths)


def _dense(matrix: Any, f: Any, ports: Sequence[str]) -> tuple[Any, dict[str, int]]:
    """A matrix that is the same at all frequencies."""
    everywhere = np.broadcast_to(matrix + 0j, (*np.shape(f), *matrix.shape))
    return everywhere, {name: k for k, name in enumerate(ports)}


def _bus(name: str, count: int) -> list[str]:
    return [f"{name}_{k}" for k in range(count)]


# ---- lines and what ends them


def _ends(same: Any, there: Any, back: Any) -> Pairs:
    """What has two ends that are alike: out of the end that a wave goes into, and there and back."""
    return {("near", "near"): same, ("far", "far"): same, ("near", "far"): there, ("far", "near"): back}


def line(
    f: Any = 0.0,
    delay_forward: Any = 0.0,
    delay_backward: Any = 0.0,
    impedance: Any = 1.0,
    gain_forward: Any = 1.0,
    gain_backward: Any = 1.0,
    pole: Any = 1.0,
    step: Any = 0.0,
    broken: bool = False,
    stuck_near: bool = False,
    stuck_far: bool = False,
) -> Pairs:
    """A line: waves of its own impedance are delayed, low-passed (by a pole, once a step) and attenuated each way.

    A broken one brings each end its own waves back, and an end that is stuck sends none that changes.
    """
    shift = np.exp(-2j * np.pi * np.asarray(f) * step)
    low = pole / (1 - (1 - pole) * shift)
    there = low * gain_forward * np.exp(-2j * np.pi * np.asarray(f) * delay_forward)
    back = low * gain_backward * np.exp(-2j * np.pi * np.asarray(f) * delay_backward)
    there, back = (
        there * (1 - (stuck_far if broken else stuck_near)),
        back * (1 - (stuck_near if broken else stuck_far)),
    )
    r = (impedance - 1) / (impedance + 1)
    if broken:
        near, far = ((r + one) / (1 + r * one) for one in (back, there))
        return {**_ends(near, 0 * there, 0 * back), ("far", "far"): far}
    whole = 1 - r * r * there * back
    across = (1 - r * r) / whole
    return _ends(r * (1 - there * back) / whole, across * there, across * back)


def _across(admittance: Any) -> Pairs:
    """An admittance from the wire between two ports to ground."""
    through = 2 / (2 + admittance)
    return _ends(-admittance / (2 + admittance), through, through)


def matched_end(f: Any = 0.0, resistance: Any = 1.0) -> Pairs:
    """A resistor from the end of a line to ground."""
    return _across(1 / resistance + 0j * np.asarray(f))


def far_end(f: Any = 0.0, resistance: Any = 1.0, capacitance: Any = 1.0, stub: Any = 0.0) -> Pairs:
    """A resistor and a capacitor in series, to ground; with a stub, an open line of that delay is the capacitor."""
    f = np.asarray(f)
    if stub:
        q = np.exp(-4j * np.pi * f * stub)
        return _across((1 - q) / (resistance * (1 - q) + stub / capacitance * (1 + q)))
    s = 2j * np.pi * f
    return _across(s * capacitance / (1 + s * resistance * capacitance))


def source_end(f: Any = 0.0, resistance: Any = 1.0, inductance: Any = 1.0, stub: Any = 0.0) -> Pairs:
    """A resistor and an inductor side by side, in series with a line; with a stub, a shorted line is the inductor."""
    f = np.asarray(f)
    if stub:
        q = np.exp(-4j * np.pi * f * stub)
        z = inductance / stub
        impedance = resistance * z * (1 - q) / (z * (1 - q) + resistance * (1 + q))
    else:
        s = 2j * np.pi * f
        impedance = s * inductance * resistance / (resistance + s * inductance)
    through = 2 / (2 + impedance)
    return _ends(impedance / (2 + impedance), through, through)


def opened(f: Any = 0.0) -> Pairs:
    """A port that leads nowhere."""
    return {("port", "port"): 1 + 0j * np.asarray(f)}


# ---- states and costates apart


def _amplifier(
    f: Any, read: Sequence[str], driven: Sequence[str], gain: Any, matched: Sequence[str] = (), entering: Any = None
) -> tuple[Any, dict[str, int]]:
    """Voltages driven by voltages that are read: `gain` is (driven, read).

    A wave into a `matched` pin is a voltage, too: `entering` is (driven, matched); out of it comes what is read, first of all.
    """
    reads, drives, ends = len(read), len(driven), len(matched)
    at_rest = np.zeros((reads, drives + ends))
    given = np.zeros((drives, ends)) if entering is None else entering
    rows = [
        np.concatenate([np.eye(reads), at_rest], axis=1),
        np.concatenate([2 * gain, -np.eye(drives), given], axis=1),
        np.concatenate([2 * np.eye(ends, reads), np.zeros((ends, drives + ends))], axis=1),
    ]
    return _dense(np.concatenate(rows, axis=0), f, [*read, *driven, *matched])


def _blocks(first: Any, second: Any) -> Any:
    """Two matrices on a diagonal."""
    (a, b), (c, d) = np.shape(first), np.shape(second)
    return np.concatenate(
        [
            np.concatenate([first, np.zeros((a, d))], axis=1),
            np.concatenate([np.zeros((c, b)), second], axis=1),
        ],
        axis=0,
    )


def _one_way_source(widths: list[int]) -> Model:
    (n,) = widths

    def source(f: Any = 0.0) -> tuple[Any, dict[str, int]]:
        return _amplifier(f, _bus("out_back", n), _bus("out", n), np.zeros((n, n)), _bus("data", n), np.eye(n))

    return source


def _one_way_crossbar(widths: list[int]) -> Model:
    rows, columns = widths
    weight_before = np.zeros((columns, rows))

    def crossbar(f: Any = 0.0, weight: Any = weight_before) -> tuple[Any, dict[str, int]]:
        w = np.asarray(weight)
        read = [*_bus("rows", rows), *_bus("columns_back", columns)]
        return _amplifier(f, read, [*_bus("columns", columns), *_bus("rows_back", rows)], _blocks(w, w.T))

    return crossbar


def _one_way_activation(widths: list[int]) -> Model:
    n = widths[-1]
    slope_before = np.ones(n)
    bend_before = np.zeros(n)

    def activation(f: Any = 0.0, slope: Any = slope_before, bend: Any = bend_before) -> tuple[Any, dict[str, int]]:
        first, second = np.diag(np.asarray(slope)), np.diag(np.asarray(bend))
        gain = np.concatenate(
            [np.concatenate([first, 0 * first], axis=1), np.concatenate([second, first], axis=1)], axis=0
        )
        read = [*_bus("in", n), *_bus("out_back", n)]
        return _amplifier(f, read, [*_bus("out", n), *_bus("in_back", n)], gain)

    return activation


def _one_way_adder(widths: list[int]) -> Model:
    n, count = widths[-1], len(widths) - 1

    def adder(f: Any = 0.0) -> tuple[Any, dict[str, int]]:
        gain = _blocks(np.tile(np.eye(n), (1, count)), np.tile(np.eye(n), (count, 1)))
        ins = [name for k in range(count) for name in _bus(f"in{k}", n)]
        backs = [name for k in range(count) for name in _bus(f"in{k}_back", n)]
        return _amplifier(f, [*ins, *_bus("out_back", n)], [*_bus("out", n), *backs], gain)

    return adder


def _chosen(widths: list[int], start: Any) -> Any:
    """Which scalar of a fan-out each of its outward scalars is: (outward, inward) of ones and zeros."""
    starts = np.asarray(start).astype(int)
    parts = [np.eye(widths[0])[int(at) : int(at) + width] for at, width in zip(starts, widths[1:], strict=True)]
    return np.concatenate(parts, axis=0)


def _one_way_fanout(widths: list[int]) -> Model:
    n = widths[0]
    start_before = np.zeros(len(widths) - 1)

    def fanout(f: Any = 0.0, start: Any = start_before) -> tuple[Any, dict[str, int]]:
        chosen = _chosen(widths, start)
        outs = [name for k, width in enumerate(widths[1:]) for name in _bus(f"out{k}", width)]
        backs = [name for k, width in enumerate(widths[1:]) for name in _bus(f"out{k}_back", width)]
        return _amplifier(f, [*_bus("in", n), *backs], [*outs, *_bus("in_back", n)], _blocks(chosen, chosen.T))

    return fanout


def _one_way_load(widths: list[int]) -> Model:
    (n,) = widths
    stiffness_before = np.eye(n)

    def load(f: Any = 0.0, stiffness: Any = stiffness_before, share: Any = 1.0) -> tuple[Any, dict[str, int]]:
        back = -share * np.eye(n)
        return _amplifier(f, _bus("in", n), _bus("in_back", n), np.asarray(stiffness), _bus("target", n), back)

    return load


# ---- states and costates as voltages and currents


def _two_way_source(widths: list[int]) -> Model:
    (n,) = widths

    def source(f: Any = 0.0) -> tuple[Any, dict[str, int]]:
        one, none = np.eye(n), np.zeros((n, n))
        matrix = np.concatenate([np.concatenate([none, one], axis=1), np.concatenate([one, none], axis=1)], axis=0)
        return _dense(matrix, f, [*_bus("data", n), *_bus("out", n)])

    return source


def _two_way_crossbar(widths: list[int]) -> Model:
    rows, columns = widths
    weight_before = np.zeros((columns, rows))

    def crossbar(f: Any = 0.0, weight: Any = weight_before) -> tuple[Any, dict[str, int]]:
        both = np.concatenate([np.eye(rows), np.asarray(weight)], axis=0)  # all voltages from those of the rows
        matrix = 2 * both @ np.linalg.solve(both.T @ both, both.T) - np.eye(rows + columns)
        return _dense(matrix, f, [*_bus("rows", rows), *_bus("columns", columns)])

    return crossbar


def _two_way_activation(widths: list[int]) -> Model:
    n = widths[-1]
    slope_before = np.ones(n)
    bend_before = np.zeros(n)

    def activation(f: Any = 0.0, slope: Any = slope_before, bend: Any = bend_before) -> tuple[Any, dict[str, int]]:
        p, r = np.asarray(slope), np.asarray(bend)
        whole = 1 + p * p + r
        first, across = (1 - p * p - r) / whole, 2 * p / whole
        matrix = np.concatenate(
            [
                np.concatenate([np.diag(first), np.diag(across)], axis=1),
                np.concatenate([np.diag(across), np.diag(p * across - 1)], axis=1),
            ],
            axis=0,
        )
        return _dense(matrix, f, [*_bus("in", n), *_bus("out", n)])

    return activation


def _two_way_adder(widths: list[int]) -> Model:
    n, count = widths[-1], len(widths) - 1

    def adder(f: Any = 0.0) -> tuple[Any, dict[str, int]]:
        signs = np.asarray([1.0] * count + [-1.0])  # of the current that all have in common
        matrix = np.eye(count + 1) - 2 / (count + 1) * signs[:, None] * signs
        names = [name for k in range(count) for name in _bus(f"in{k}", n)]
        return _dense(np.kron(matrix, np.eye(n)), f, [*names, *_bus("out", n)])

    return adder


def _two_way_fanout(widths: list[int]) -> Model:
    n = widths[0]
    start_before = np.zeros(len(widths) - 1)

    def fanout(f: Any = 0.0, start: Any = start_before) -> tuple[Any, dict[str, int]]:
        chosen = np.concatenate(
            [np.eye(n), _chosen(widths, start)], axis=0
        )  # all voltages from those of the inward port
        matrix = 2 * chosen @ np.linalg.solve(chosen.T @ chosen, chosen.T) - np.eye(len(chosen))
        names = [name for k, width in enumerate(widths[1:]) for name in _bus(f"out{k}", width)]
        return _dense(matrix, f, [*_bus("in", n), *names])

    return fanout


def _two_way_load(widths: list[int]) -> Model:
    (n,) = widths
    stiffness_before = np.eye(n)

    def load(f: Any = 0.0, stiffness: Any = stiffness_before, share: Any = 1.0) -> tuple[Any, dict[str, int]]:
        joined = 2 * np.linalg.inv(2 * np.eye(n) + np.asarray(stiffness))
        minus = joined - np.eye(n)
        matrix = np.concatenate(
            [np.concatenate([minus, joined], axis=1), np.concatenate([joined, minus], axis=1)], axis=0
        )
        return _dense(matrix, f, [*_bus("in", n), *_bus("target", n)])

    return load


LINES: dict[str, Model] = {
    "line": line, "matched_end": matched_end, "far_end": far_end, "source_end": source_end, "open": opened,
}  # fmt: skip
ONE_WAY = {
    "source": _one_way_source, "crossbar": _one_way_crossbar, "activation": _one_way_activation, "adder": _one_way_adder,
    "fanout": _one_way_fanout, "load": _one_way_load,
}  # fmt: skip
TWO_WAY = {
    "source": _two_way_source, "crossbar": _two_way_crossbar, "activation": _two_way_activation, "adder": _two_way_adder,
    "fanout": _two_way_fanout, "load": _two_way_load,
}  # fmt: skip

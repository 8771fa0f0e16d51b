"""Passes that decide which joints are lines, and how long a wave needs on each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emulator.compile.draft import Draft
from emulator.compile.elements import fused_into
from emulator.errors import CompileError, setting
from emulator.graph.elements import Steps
from emulator.network import Dense
from emulator.units import si

Seconds = NDArray[np.float64]

#: a delay this close to a whole number of steps, in steps, is whole
_WHOLE = 1e-6
#: the longest delay the engine can count, in steps
_LONGEST = 2**31 - 1
#: what to do with delays that are no whole steps
_NEAREST = setting("substrate.rounding", "nearest")


def lay_lines(draft: Draft) -> None:
    """Lines run between neurons and crossbars, and between neurons wired one to one; the rest are joints.

    In tile wiring a neuron's row line carries its state to the crossbar and its column line carries the
    costate of its pre-activation there: one driver and one receiver per line, the way out of the crossbar
    being part of the neuron; under a law of two-way lines both carry waves both ways. In synapse wiring
    each synapse has a line of its own, used both ways. Waiting for `assign_delays`, a line's delay is 0.
    """
    two_way = draft.law.two_way
    if two_way and draft.wiring == "synapse":
        raise CompileError(
            f"law {draft.law.name}: wiring is 'synapse'; allowed: tile, one two-way line per neuron, since lines of single weights "
            "would stand in series at a neuron, and their impedances add up"
        )
    dense = draft.network.dense.values()
    if dense and not any(layer.count for layer in dense):
        raise CompileError("no layer has a device; allowed: networks with at least one")
    for bundle in draft.bundles():
        tail, head = draft.element(bundle.tail[0]), draft.element(bundle.head[0])
        back = _zeros(bundle.count) if two_way else None
        if head.kind in ("load", "fanout"):
            continue
        if head.kind == "crossbar":
            if draft.wiring == "tile":
                draft.replace(bundle, replace(bundle, delay_forward=_zeros(bundle.count), delay_backward=back))
            else:
                rows, columns = _devices(draft.network.dense[head.layer], bundle.into)
                apart = replace(bundle, count=len(rows), rows=rows, columns=columns)
                zeros = _zeros(len(rows))
                draft.replace(bundle, replace(apart, delay_forward=zeros, delay_backward=zeros))
        elif tail.kind == "crossbar":
            if draft.wiring == "tile":
                draft.replace(bundle, replace(bundle, delay_forward=back, delay_backward=_zeros(bundle.count)))
        elif not (tail.kind == "adder" and fused_into(draft, tail.layer) == head.layer):
            zeros = _zeros(bundle.count)
            draft.replace(bundle, replace(bundle, delay_forward=zeros, delay_backward=zeros))


def _devices(layer: Dense, into: slice) -> tuple[Steps, Steps]:
    """Row and column of every device in some rows of a crossbar, row by row."""
    part = np.ones(layer.weight.shape, bool) if layer.devices is None else layer.devices
    row, column = np.nonzero(part[:, into].T)
    return row + into.start, column


def assign_delays(draft: Draft) -> None:
    """Draw every line's delay from the hardware model, each bundle under its own name, in whole steps.

    The characteristic impedance of a line is that of the nodes it joins.
    """
    step, worst = draft.step, 0.0
    for bundle in draft.bundles():
        if not bundle.is_line:
            continue
        sample = draft.hardware.lines.sample(bundle.count, draft.seed, f"lines of {bundle.name}")
        forward, backward = bundle.delay_forward, bundle.delay_backward
        place = f"bundle {bundle.name}"
        if forward is not None:
            forward, error = _whole_steps(sample.delay_forward, step, f"{place}, forward", draft.rounding)
            worst = max(worst, error)
        if backward is not None:
            backward, error = _whole_steps(sample.delay_backward, step, f"{place}, backward", draft.rounding)
            worst = max(worst, error)
        line = replace(bundle, delay_forward=forward, delay_backward=backward, impedance=draft.law.impedance)
        draft.replace(bundle, line)
    if worst > 0:
        note = f"line delays rounded to whole steps of {si(step, 's')}, by at most {si(worst, 's')}"
        draft.notes.append(note)


def _whole_steps(seconds: Seconds, step: float, place: str, rounding: str) -> tuple[Steps, float]:
    """Delays in steps, and the largest rounding in seconds (0 where they were whole)."""
    wrong = ~((seconds >= 0) & (seconds <= _LONGEST * step))
    if wrong.any():
        raise CompileError(
            f"{place}: delay {seconds[wrong][0]:g} s; allowed: finite, not negative, at most {_LONGEST} steps"
        )
    if rounding == "error" and len(seconds) and (seconds < step * (1 - _WHOLE)).any():
        raise CompileError(
            f"{place}: delay {seconds.min():g} s is finer than the clock; allowed: at least one node update "
            f"interval of {step:g} s (or {_NEAREST})"
        )
    steps = np.maximum(np.rint(seconds / step).astype(np.int64), 1)
    error = np.abs(steps * step - seconds)
    if (error <= _WHOLE * step).all():
        return steps, 0.0
    if rounding == "error":
        k = int(error.argmax())
        raise CompileError(
            f"{place}: delay {seconds[k]:.9g} s of line {k} is not a whole number of steps of {step:g} s; "
            f"allowed: whole multiples (or {_NEAREST}, which reports the largest change)"
        )
    return steps, float(error.max(initial=0.0))


def _zeros(count: int) -> Steps:
    return np.zeros(count, np.int64)

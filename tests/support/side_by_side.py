"""Many graphs in one run of brian2, side by side, each judged by `settle` itself: only the engine's run is shared.

`settle` is called twice for each graph: until it would run the engine, which tells what is to run; and again, with its
part of what the shared run recorded in the place of a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
from brian2 import NetworkOperation, NeuronGroup

from emulator.engine import runtime
from emulator.engine.events import refer
from emulator.engine.layout import Layout
from emulator.engine.plan import Plan
from emulator.engine.selfcheck import ensure_right
from emulator.errors import BackwaveError
from emulator.families.bilateral.load import answered
from emulator.families.bilateral.plan import BilateralPlan
from emulator.families.upwind.stack import Stack, UpwindPlan
from emulator.measure.result import SettleResult
from tests.support.joined_lines import joined_carriages, joined_lines, parts_of


class _Planned(Exception):
    """Instead of a run: what would have run."""

    def __init__(self, plan: Plan, values: dict[str, Any], feed: np.ndarray) -> None:
        super().__init__()
        self.plan, self.values, self.feed = plan, values, feed


@dataclass(frozen=True)
class _Places:
    """Where one graph's things begin among those of all."""

    neuron: int
    port: int
    tap: int
    synapse: int


def settle_side_by_side(calls: Sequence[Callable[[], SettleResult]]) -> list[SettleResult | BackwaveError]:
    """What each call of `settle` returns or raises.

    The graphs have the same law, loss, wiring and effects of hardware, the same samples, hold and tolerance; networks,
    delays, impedances and data may differ.
    """
    planned: list[_Planned | BackwaveError] = []
    for call in calls:
        try:
            with _at_the_door(_stop):
                call()
        except (_Planned, BackwaveError) as found:
            planned.append(found)
    runs = [one for one in planned if isinstance(one, _Planned)]
    parts: Iterator[dict[str, np.ndarray]] = iter(())
    if runs:
        parts = _run([one.plan for one in runs], runs)
    found = []
    for call, one in zip(calls, planned, strict=True):
        if isinstance(one, BackwaveError):
            found.append(one)
            continue
        recorded = next(parts), {"build": 0.0, "run": 0.0}, "numpy"
        with _at_the_door(lambda *_, recorded=recorded: recorded):
            found.append(call())
    return found


def _stop(plan: Plan, values: dict[str, Any], feed: np.ndarray, *_: Any) -> Any:
    raise _Planned(plan, values, feed)


@contextmanager
def _at_the_door(execute: Callable[..., Any]) -> Iterator[None]:
    """Let runs of the engine be answered by `execute`."""
    with patch("emulator.engine.simulate.execute", execute):
        yield


def _run(plans: list[Plan], runs: list[_Planned]) -> Iterator[dict[str, np.ndarray]]:
    """Run all at once; each one's part of what was recorded."""
    layouts = [plan.layout for plan in plans]
    starts = [np.cumsum([0, *(getattr(one, size) for one in layouts)]) for size in ("neurons", "ports", "synapses")]
    taps = np.cumsum([0, *(len(one.tap_port) for one in layouts)])
    places = [_Places(*map(int, start)) for start in zip(starts[0], starts[1], taps, starts[2], strict=True)]
    neurons = int(starts[0][-1])
    two_way = isinstance(plans[0], BilateralPlan)
    joined = joined_lines(layouts) if two_way else _one_way(layouts, places, neurons)
    changes: dict[str, Any] = {"layout": joined}
    if two_way:
        changes["carriage"] = joined_carriages([plan.carries for plan in plans])
    if isinstance(plans[0], UpwindPlan):
        changes["stack"] = _stacks([plan.cells for plan in plans], places)
    plan, feeds = replace(plans[0], **changes), [one.feed for one in runs]
    split = [len(layout.inputs) for layout in layouts]
    feed = np.hstack([part[:, :n] for part, n in zip(feeds, split, strict=True)]
                     + [part[:, n:] for part, n in zip(feeds, split, strict=True)])  # fmt: skip
    sizes = [len(layout.outputs) for layout in layouts]
    ensure_right("numpy", lambda small, numbers, data: runtime.run(small, numbers, data, "numpy")[0])
    with _loads(sizes):
        values = _values([one.values for one in runs]) | (plan.places if two_way else {})
        outputs, _ = runtime.run(plan, values, feed, "numpy")
    parts = parts_of(layouts) if two_way else [dict[str, slice]()] * len(layouts)
    for layout, place, part in zip(layouts, places[:-1], parts, strict=True):
        yield _part(outputs, layout, place, neurons, part)


def _values(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of all: arrays one after another, numbers the same for all, keys of random numbers the first's."""
    found: dict[str, Any] = {}
    for name, first in parts[0].items():
        every = [part[name] for part in parts]
        if np.ndim(first):
            found[name] = np.concatenate(every)
        elif not name.endswith("_key") and any(value != first for value in every):
            raise ValueError(f"graphs side by side share {name}: {every}")
        else:
            found[name] = first
    return found


def _joined(layouts: Sequence[Any], name: str, starts: Sequence[int]) -> np.ndarray:
    parts = [np.asarray(getattr(one, name)) + np.int32(s) for one, s in zip(layouts, starts, strict=True)]
    return np.concatenate(parts)


def _one_way(layouts: Sequence[Layout], places: Sequence[_Places], neurons: int) -> Layout:
    """One layout of them all; ports from which states leave come first."""
    first = [place.neuron for place in places[:-1]]
    taps = [place.tap for place in places[:-1]]

    def ports(name: str) -> np.ndarray:
        parts = [
            np.where((port := getattr(one, name)) < one.neurons, port + start, port - one.neurons + start + neurons)
            for one, start in zip(layouts, first, strict=True)
        ]
        return np.concatenate(parts).astype(np.int32)

    def halves(name: str) -> np.ndarray:
        whole = [getattr(one, name) for one in layouts]
        sizes = [one.neurons for one in layouts]
        forward = [values[:n] for values, n in zip(whole, sizes, strict=True)]
        return np.concatenate(forward + [values[n:] for values, n in zip(whole, sizes, strict=True)])

    changes: dict[str, Any] = {name: ports(name) for name in ("tap_port", "to_state", "to_costate")}
    changes |= {name: halves(name) for name in ("lines_of_port", "longest")}
    changes |= {name: _joined(layouts, name, first) for name in ("inputs", "outputs")}
    changes |= {name: _joined(layouts, name, taps) for name in ("row", "column")}
    changes |= {name: np.concatenate([getattr(one, name) for one in layouts]) for name in ("slope", "tap_delay")}
    blocks = [
        replace(
            block,
            first=block.first + place.synapse,
            rows=block.rows + np.int32(place.neuron),
            columns=block.columns + np.int32(place.neuron),
            row_taps=block.row_taps + np.int32(place.tap),
            column_taps=block.column_taps + np.int32(place.tap),
        )
        for one, place in zip(layouts, places, strict=False)
        for block in one.blocks
    ]
    function = tuple(name for one in layouts for name in one.function)
    return replace(layouts[0], neurons=neurons, function=function, blocks=tuple(blocks), **changes)


def _stacks(stacks: Sequence[Stack], places: Sequence[_Places]) -> Stack:
    """One stack of them all, which have as many levels."""
    first = [place.neuron for place in places[:-1]]
    levels = [
        np.concatenate([one.synapses[k] + np.int32(place.synapse) for one, place in zip(stacks, places, strict=False)])
        for k in range(len(stacks[0].synapses))
    ]
    joined = {name: _joined(stacks, name, first) for name in ("before", "after")}
    level, rank, cell = (np.concatenate([getattr(one, name) for one in stacks]) for name in ("level", "rank", "cell"))
    return Stack(level, rank, stacks[0].parts, **joined, cell=cell, synapses=tuple(levels))


def _part(
    outputs: dict[str, np.ndarray], layout: Layout, place: _Places, neurons: int, part: dict[str, slice]
) -> dict[str, np.ndarray]:
    """What one graph left behind."""
    own = slice(place.neuron, place.neuron + layout.neurons)
    back = slice(own.start + neurons, own.stop + neurons)
    ports = np.r_[own, back]
    taps = slice(place.tap, place.tap + len(layout.tap_port))
    of_ports = ("end.sent", "end.v", "end.n_sent", "end.u")
    inside = (outputs["moved.i"] >= own.start) & (outputs["moved.i"] < own.stop)
    found = {}
    for name, values in outputs.items():
        if name.startswith("moved."):
            found[name] = values[inside] - (own.start if name == "moved.i" else 0)
        elif name in part:
            found[name] = values[:, part[name]]
        elif name in of_ports:
            found[name] = values[:, ports]
        elif name == "end.a":
            found[name] = values[:, taps]
        elif name == "g":
            found[name] = values[place.synapse : place.synapse + layout.synapses]
        elif name in ("power", "held.n_steps"):
            found[name] = values
        else:
            found[name] = values[:, own]
    return found


@contextmanager
def _loads(sizes: Sequence[int]) -> Iterator[None]:
    """Let the outputs answer to loads of so many each, not to one of them all."""
    ends = np.cumsum(sizes)
    starts = ends - sizes

    def softmax_of(outputs: np.ndarray, ports: NeuronGroup, nodes: NeuronGroup, clock: Any) -> list[Any]:
        load = NeuronGroup(len(sizes), "top : 1\nrest : 1", clock=clock, name="load")
        which = np.zeros(len(nodes), np.int32)
        which[outputs] = np.repeat(np.arange(len(sizes)), sizes)
        nodes.variables.add_array("which", size=len(nodes), dtype=np.int32, values=which, constant=True)
        for name in ("top", "rest"):
            refer(nodes, name, load, name, index="which")
        u, top, rest = (v.get_value() for v in (ports.variables["u"], load.variables["top"], load.variables["rest"]))

        def find() -> None:
            logits = u[outputs]
            with np.errstate(all="ignore"):
                top[:] = np.maximum.reduceat(logits, starts)
                parts = np.exp(logits - np.repeat(top, sizes))
                # the largest counts once: it is 1 among the parts, however many are as large
                parts[[s + int(logits[s:e].argmax()) for s, e in zip(starts, ends, strict=True)]] = 0.0
                rest[:] = np.add.reduceat(parts, starts)

        return [load, NetworkOperation(find, clock=clock, when="start", order=1, name="find_top")]

    def load_object(nodes: NeuronGroup, outputs: np.ndarray, clock: Any, order: int) -> list[Any]:
        names = ("act", "low", "bias", "sum_in", "sum_out", "G", "series", "ext", "load", "s", "p", "several")
        used = {name: nodes.variables[name] for name in names}

        def solve() -> None:
            held = {name: variable.get_value() for name, variable in used.items()}
            for start, end in zip(starts, ends, strict=True):
                at = outputs[start:end]
                of = {name: values[at] for name, values in held.items()}
                drive = of["sum_out"] + of["load"] * of["ext"]
                numbers = (of["act"], of["low"], of["bias"] + of["sum_in"], drive, of["G"], of["series"])
                with np.errstate(all="ignore"):
                    s, p, many = answered(*numbers, of["s"], bool(of["load"][0] > 0))
                for name, values in (("s", s), ("p", p), ("several", many)):
                    held[name][at] = values

        return [NetworkOperation(solve, clock=clock, when="start", order=order, name="load")]

    one_way, two_way = ("emulator.families.node.nodes.softmax_of", "emulator.families.bilateral.objects.load_object")
    with patch(one_way, softmax_of), patch(two_way, load_object):
        yield

"""The lines that cross at parameters, row and column: the most that a layer's lines carry, and their trains of pulses.

| object    | what it is                                                                                       |
|-----------|--------------------------------------------------------------------------------------------------|
| `tiers`   | one per layer that learns: the largest state and costate that its lines carry                    |
| `rows`    | one per row of a layer that learns: what its line does before the parameters move                |
| `columns` | one per column, likewise                                                                         |

What a line does is done once, however many parameters it crosses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import refer
from emulator.engine.layout import Block, Ints, Layout
from emulator.engine.native import Arrays, native
from emulator.engine.port_code import ORDER, Received, line_code
from emulator.learning import Learning

#: what a synapse and a neuron have besides, if their layer's peaks are wanted; and a synapse, if its lines have code
TIER = "tier : integer (constant)\n"
ENDS = "row_end : integer (constant)\ncolumn_end : integer (constant)\n"
_PEAKS = ("state_peak", "costate_peak")
_C = """
static double most_of(const double* wave, const int* tap, int first, int count, double most)
{
    for (int k = first; k < first + count; k++)
        if (fabs(wave[tap[k]]) > most)
            most = fabs(wave[tap[k]]);
    return most;
}
static int find_peaks(int tier, int row, int rows, int column, int columns, int biased)
{
    @STATE_PEAK[tier] = most_of(&@STATE[0], &@ROW[0], row, rows, biased ? 1.0 : 0.0);
    @COSTATE_PEAK[tier] = most_of(&@COSTATE[0], &@COLUMN[0], column, columns, 0.0);
    return 0;
}
"""


@dataclass(frozen=True)
class Ends:
    """Where the lines of one side, E of them, meet the parameters of the layers that learn, layer by layer.

    Parameters
    ----------
    tap : (E,) int32
        What receives there.
    driver, fed, tier : (E,) int32
        The neuron that drives the line, one that its parameters feed, and the layer.
    first, count : (T,) int32
        The lines of each layer.
    of : (S,) int32
        The line of every synapse; 0 where nothing learns.
    """

    tap: Ints
    driver: Ints
    fed: Ints
    tier: Ints
    first: Ints
    count: Ints
    of: Ints


def learning_blocks(layout: Layout) -> list[Block]:
    """The crossbars whose weights learn."""
    return [block for block in layout.blocks if block.layer is not None and block.trainable and block.size]


def ends_of(layout: Layout, tap: Ints, driver: Ints) -> Ends:
    """The lines of one side, from the tap (S,) of every synapse there and the neuron (S,) that drives it."""
    of = np.zeros(layout.synapses, np.int32)
    ends: list[tuple[Ints, Ints, Ints]] = []
    passed = 0
    for block in learning_blocks(layout):
        found, at, which = np.unique(
            tap[block.first : block.first + block.size], return_index=True, return_inverse=True
        )
        of[block.first : block.first + block.size] = which + passed
        ends.append((found, driver[block.first + at], layout.to_state[block.first + at] - layout.neurons))
        passed += len(found)
    count = np.array([len(one[0]) for one in ends], np.int32)
    taps, drivers, fed = (np.concatenate([of[:0], *(one[n] for one in ends)]).astype(np.int32) for n in range(3))
    tier = np.repeat(np.arange(len(ends), dtype=np.int32), count)
    return Ends(taps, drivers, fed, tier, (np.cumsum(count) - count).astype(np.int32), count, of)


def crossings_of(
    layout: Layout,
    learning: Learning,
    xbar: Synapses,
    learners: NeuronGroup,
    received: Received,
    beat: Clock,
    space: dict[str, Any],
) -> list[Any]:
    """Let lines do what the port says, and every parameter see its lines' trains and its layer's peaks.

    Parameters
    ----------
    layout : Layout
    learning : Learning
    xbar, learners : Synapses, NeuronGroup
        With the variables in `TIER` (both), if the port asks for peaks, and in `ENDS` (synapses), if it has code for lines.
    received : Received
    beat : Clock
        Of the updates.
    space : dict
        What the code names besides.
    """
    port = learning.port
    rows = ends_of(layout, received.taps[0], layout.to_costate)
    columns = ends_of(layout, received.taps[1], layout.to_state - layout.neurons)
    made: list[Any] = []
    groups = [_group(ends, name, beat, space) for ends, name in ((rows, "row"), (columns, "column"))]
    if port.peaks:
        tiers = _tiers(layout, rows, columns, groups, xbar, received, beat)
        made += tiers
        of_weight, of_bias = np.zeros(len(xbar), np.int32), np.zeros(len(learners), np.int32)
        for k, block in enumerate(learning_blocks(layout)):
            of_weight[block.first : block.first + block.size] = of_bias[block.columns] = k
        xbar.tier, learners.tier = of_weight, of_bias
        for group in (xbar, learners, *groups):
            for name in _PEAKS:
                refer(group, name, tiers[0], name, index="tier")
    if port.row_code:
        xbar.row_end, xbar.column_end = rows.of, columns.of
        for group, code, wave, side, source in (
            (groups[0], port.row_code, "state", "row", xbar.source), (groups[1], port.column_code, "costate", "column", xbar.target),
        ):  # fmt: skip
            refer(group, wave, source, received.variable(wave), index="tap")
            for name in learning.constants(1):
                refer(group, name, learners, name, index="0")
            for name in port.neuron_variables:
                refer(group, name, learners, name, index="fed")
            refer(xbar, f"{side}_train", group, f"{side}_train", index=f"{side}_end")
            group.run_regularly(
                line_code(learning, code), clock=beat, when="start", order=ORDER["lines"], name=f"{side}_trains"
            )
    return [*made, *groups]


def _group(ends: Ends, side: str, beat: Clock, space: dict[str, Any]) -> NeuronGroup:
    """One element per line."""
    numbers = ("tap", "fed", "tier", side)
    group = NeuronGroup(
        max(1, len(ends.tap)),
        f"{side}_train : integer\n" + "".join(f"{name} : integer (constant)\n" for name in numbers),
        namespace=space, clock=beat, name=f"{side}s_that_learn",
    )  # fmt: skip
    if len(ends.tap):
        for name, values in zip(numbers, (ends.tap, ends.fed, ends.tier, ends.driver), strict=True):
            setattr(group, name, values)
    return group


def _tiers(
    layout: Layout,
    rows: Ends,
    columns: Ends,
    groups: list[NeuronGroup],
    xbar: Synapses,
    received: Received,
    beat: Clock,
) -> list[Any]:
    """Objects, the tiers first, that find the largest state, at least 1 where biases learn, and costate of every layer."""
    blocks = learning_blocks(layout)
    numbers = {
        "first_row": rows.first, "rows": rows.count, "first_column": columns.first, "columns": columns.count,
        "biased": np.array([int(block.biased) for block in blocks]),
    }  # fmt: skip
    equations = "state_peak : 1\ncostate_peak : 1\ndone : integer\n"
    equations += "".join(f"{name} : integer (constant)\n" for name in numbers)
    tiers = NeuronGroup(max(1, len(blocks)), equations, clock=beat, name="tiers")
    if blocks:
        for name, values in numbers.items():
            setattr(tiers, name, values)
    used = {"STATE": xbar.source.variables[received.variable("state")], "ROW": groups[0].variables["tap"]}
    used |= {"COSTATE": xbar.target.variables[received.variable("costate")], "COLUMN": groups[1].variables["tap"]}
    used |= {name.upper(): tiers.variables[name] for name in _PEAKS}
    found = native(
        tiers, f"done = find_peaks(i, {', '.join(numbers)})", "find_peaks", _C, 6, used, _finding(rows, columns, blocks),
        clock=beat, when="start", order=ORDER["peaks"],
    )  # fmt: skip
    return [tiers, *([] if found is None else [found])]


def _finding(rows: Ends, columns: Ends, blocks: list[Block]) -> Callable[[Arrays], Callable[[], None]]:
    def work(arrays: Arrays) -> Callable[[], None]:
        def find() -> None:
            for k, block in enumerate(blocks):
                for ends, wave, least in ((rows, "STATE", float(block.biased)), (columns, "COSTATE", 0.0)):
                    taps = ends.tap[ends.first[k] : ends.first[k] + ends.count[k]]
                    arrays[f"{wave}_PEAK"][k] = np.abs(arrays[wave][taps]).max(initial=least)

        return find

    return work

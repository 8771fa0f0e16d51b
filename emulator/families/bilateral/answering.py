"""Crossbars of two-way lines in brian2, in one form for weights that stay and weights that move.

A crossbar with weights `W`, impedances `Z1` of its rows and `Z2` of its columns answers the waves `i` that reach it by

    lam = (Z2 + W Z1 W^T)^-1 2 (W i_row - i_column)        current into its columns
    x   = 2 i_row - Z1 W^T lam                             voltage across its rows

which is the scattering matrix of `emulator.laws.bilateral` in another form, one in which the weights themselves stand.
At every step the waves pass forward through the weights, through the inverted matrix, and back through the same
weights. Where weights have moved the matrix, columns by columns, is inverted anew to round-off before the crossbar
answers: that stands for the crossbar's own physics, which is fast against a step.

All waves change at every step, so nothing waits for events: each crossbar is passed through in a few runs over contiguous
numbers (`emulator.engine.native`).

| object    | what it is                                                                                    |
|-----------|-----------------------------------------------------------------------------------------------|
| `rows`    | one per row: the wave that reaches it, and the state `x` that is received there               |
| `columns` | one per column: the wave that reaches it, and the costate `lam` that is received there        |
| `xbar`    | one synapse per weight, used forward and backward; wires between neurons stand among them     |
| `inner`   | one per pair of columns of a crossbar: the inverted matrix                                    |
| `tiles`   | one per crossbar: answers, and inverts its matrix                                             |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses, TimedArray, second
from brian2.core.variables import Variable
from scipy import sparse

from emulator.engine.clocks import STEP
from emulator.engine.events import refer
from emulator.engine.layout import Floats
from emulator.engine.learning import synapse_equations
from emulator.engine.native import Arrays, native
from emulator.engine.random import functions
from emulator.engine.reading import read_anew, read_equations, read_names
from emulator.engine.wiring import constants
from emulator.families.bilateral.answering_cpp import ANSWER, INVERT
from emulator.families.bilateral.crossbars import Crossbars
from emulator.families.bilateral.plan import BilateralPlan

#: places within a step that the crossbars' answer takes, one after another
SLOTS = 4
_INDICES = ("first_weight", "first_row", "height", "first_column", "width", "first_pair", "full")


@dataclass
class CrossbarObjects:
    """brian2 objects of the crossbars, and the variables through which numbers go in."""

    objects: list[Any]
    rows: NeuronGroup
    columns: NeuronGroup
    xbar: Synapses
    inputs: dict[str, Variable]


def crossbars_of(
    plan: BilateralPlan,
    rates: np.ndarray | None,
    ports: NeuronGroup,
    nodes: NeuronGroup,
    clock: Clock,
    beat: Clock,
    hold: Clock,
    order: int,
) -> CrossbarObjects:
    """Let the crossbars answer, in `SLOTS` slots of `start` from `order` on.

    Parameters
    ----------
    plan : BilateralPlan
    rates : (samples, 3), optional
        See `emulator.engine.learning.RATE_COLUMNS`; None where weights stay as they are.
    ports, nodes : NeuronGroup
    clock, beat, hold : Clock
        Of the steps, of the updates of the weights, and of the samples.
    order : int
        After the updates of the weights.
    """
    crossbars = plan.layout.crossbars
    rows = NeuronGroup(
        len(crossbars.driver),
        "wave : 1\nx : 1\n" + constants(("row_share", "row_impedance"))
        + "".join(f"{name} : integer (constant)\n" for name in ("tap", "stub", "driver", "wire", "count")),
        clock=clock, name="rows",
    )  # fmt: skip
    for name in ("driver", "wire"):
        setattr(rows, name, getattr(crossbars, name))
    rows.tap, rows.stub = crossbars.row_tap, crossbars.row_stub
    rows.count = np.bincount(crossbars.row, minlength=len(rows))
    columns = NeuronGroup(
        len(crossbars.column_tap),
        "wave : 1\nlam : 1\n" + constants(("stubbed", "column_impedance"))
        + "tap : integer (constant)\nstub : integer (constant)\n",
        clock=clock, name="columns",
    )  # fmt: skip
    columns.tap, columns.stub = crossbars.column_tap, crossbars.column_stub
    for group in (rows, columns):
        refer(group, "a_line", ports, "a", index="tap")
        refer(group, "a_stub", ports, "a", index="stub")
    refer(rows, "x_driver", nodes, "x", index="driver")
    xbar = Synapses(
        rows, columns,
        "w : 1\n" + synapse_equations(plan.learning, plan.layout, plan.decaying) + read_equations(plan.effects),
        namespace=functions(), clock=clock, name="xbar",
    )  # fmt: skip
    xbar.connect(i=crossbars.row, j=crossbars.column)
    if plan.learning is not None:
        xbar.to_costate = crossbars.source
    weight = read_anew(xbar, len(columns), plan.effects, beat, hold)
    inner = NeuronGroup(max(1, crossbars.pairs), "d : 1", clock=clock, name="inner")
    objects: list[Any] = [rows, columns, xbar, inner]

    def run(group: NeuronGroup, code: str, later: int, name: str) -> None:
        group.run_regularly(code, clock=clock, when="start", order=order + later, name=name)

    run(rows, "wave = row_share*a_line + (1 - row_share)*a_stub", 0, "reach_rows")
    run(columns, "wave = a_line - stubbed*a_stub", 0, "reach_columns")
    if len(crossbars.first):
        offsets = NeuronGroup(len(crossbars.row), "at : integer (constant)", clock=clock, name="offsets")
        offsets.at = crossbars.offsets
        tiles = _tiles(plan, rates, clock)
        used = {
            "WEIGHT": weight, "AT": offsets.variables["at"], "COUNT": rows.variables["count"],
            "ROW": rows.variables["wave"], "COLUMN": columns.variables["wave"], "X": rows.variables["x"],
            "LAM": columns.variables["lam"], "ROW_IMPEDANCE": rows.variables["row_impedance"],
            "COLUMN_IMPEDANCE": columns.variables["column_impedance"], "INVERSE": inner.variables["d"],
        }  # fmt: skip
        begins = f"t_in_timesteps % {plan.hold} == 0" if plan.effects.read_noise else "t < lag"
        moved = f"int({begins})" if rates is None else f"int({begins} or rates(t - lag, 2) > 0)"
        listed, (highest, most) = ", ".join(_INDICES), np.maximum(1, crossbars.first[:, [2, 4]].max(axis=0))
        made = (
            native(tiles, f"done = invert({moved}, {listed})", "invert", INVERT, 8, used,
                   lambda arrays: _inverting(crossbars, arrays), clock=beat, when="start", order=order),
            native(tiles, f"done = answer({listed})", "answer", ANSWER.replace("MOST", str(most)).replace("HIGHEST", str(highest)), 7, used,
                   lambda arrays: _answering(crossbars, arrays), clock=clock, when="start", order=order + 1),
        )  # fmt: skip
        objects += [tiles, offsets, *(one for one in made if one is not None)]
    if plan.learning is not None:  # what passes a wire is its driver's state
        run(rows, "x = wire*x_driver + (1 - wire)*x", 2, "drive_wires")
    owned = (
        (rows, ("row_share", "row_impedance")),
        (columns, ("stubbed", "column_impedance")),
        (xbar, ("w", *read_names(plan.effects))),
    )
    inputs = {name: group.variables[name] for group, names in owned for name in names}
    return CrossbarObjects(objects, rows, columns, xbar, inputs)


def _tiles(plan: BilateralPlan, rates: np.ndarray | None, clock: Clock) -> NeuronGroup:
    """One element per crossbar."""
    space: dict[str, Any] = {"lag": 0.5 * STEP * second}
    if rates is not None:
        space["rates"] = TimedArray(rates, dt=plan.hold * STEP * second, name="rates")
    first = plan.layout.crossbars.first
    tiles = NeuronGroup(
        len(first), "done : integer\n" + "".join(f"{name} : integer (constant)\n" for name in _INDICES),
        namespace=space, clock=clock, name="tiles",
    )  # fmt: skip
    for name, values in zip(_INDICES, first.T, strict=True):
        setattr(tiles, name, values)
    return tiles


def _matrices(crossbars: Crossbars, w: Floats) -> list[Any]:
    """Each crossbar's weights (rows, columns), of numbers that stand where they stood."""
    made: list[Any] = []
    for (w0, r0, height, c0, width, _, full), size in zip(crossbars.first.tolist(), crossbars.sizes, strict=True):
        own = w[w0 : w0 + size]
        if full:
            made.append(own.reshape(height, width))
            continue
        rows = np.searchsorted(crossbars.row[w0 : w0 + size], np.arange(height + 1) + r0)
        held = sparse.csr_array((own, crossbars.column[w0 : w0 + size] - c0, rows), (height, width))
        held.data = own  # SciPy copies short parts of long arrays
        made.append(held)
    return made


def _answering(crossbars: Crossbars, arrays: Arrays) -> Callable[[], None]:
    """What the compiled program does."""
    names = ("ROW", "COLUMN", "X", "LAM", "ROW_IMPEDANCE", "INVERSE")
    row, wave, x, lam, z1, d = (arrays[name] for name in names)
    matrices = _matrices(crossbars, arrays["WEIGHT"])
    parts = [
        (slice(r0, r0 + height), slice(c0, c0 + width), d[d0 : d0 + width**2].reshape(width, width))
        for _, r0, height, c0, width, d0, _ in crossbars.first.tolist()
    ]

    def answer() -> None:
        for w, (rows, columns, inverse) in zip(matrices, parts, strict=True):
            lam[columns] = inverse @ (2 * (row[rows] @ w - wave[columns]))
            x[rows] = 2 * row[rows] - z1[rows] * (w @ lam[columns])

    return answer


def _inverting(crossbars: Crossbars, arrays: Arrays) -> Callable[[], None]:
    """The same of the inversion."""
    w, z1, z2, d = (arrays[name] for name in ("WEIGHT", "ROW_IMPEDANCE", "COLUMN_IMPEDANCE", "INVERSE"))
    matrices, seen = _matrices(crossbars, w), np.zeros(0)

    def invert() -> None:
        nonlocal seen
        if np.array_equal(w, seen):
            return
        seen = w.copy()
        for held, (_, r0, height, c0, width, d0, _) in zip(matrices, crossbars.first, strict=True):
            weight = held.toarray() if sparse.issparse(held) else held
            inner = np.diag(z2[c0 : c0 + width]) + weight.T @ (z1[r0 : r0 + height, np.newaxis] * weight)
            d[d0 : d0 + width**2] = _inverse(inner).ravel()

    return invert


def _inverse(matrix: Floats) -> Floats:
    """What the compiled program does; weights that grew beyond all numbers give no numbers, and no error."""
    d = matrix.copy()
    for k in range(len(d)):
        pivot, d[k, k] = 1.0 / d[k, k], 1.0
        d[k] *= pivot
        part = d[:, k].copy()
        part[k] = 0.0
        d[:, k] -= part
        d -= np.outer(part, d[k])
    return d

"""Crossbars of two-way lines whose weights move, in brian2.

A crossbar with weights `W`, impedances `Z1` of its rows and `Z2` of its columns answers the waves `i` that reach it by

    lam = (Z2 + W Z1 W^T)^-1 2 (W i_row - i_column)        current into its columns
    x   = 2 i_row - Z1 W^T lam                             voltage across its rows

which is the scattering matrix of `emulator.laws.bilateral` in another form, one in which the weights themselves stand.
At every step the waves pass forward through the weights, through the inverted matrix, and back through the same
weights. Where weights have moved the matrix, columns by columns, is inverted anew to round-off before the crossbar
answers: that stands for the crossbar's own physics, which is fast against a step.

| object    | what it is                                                                                    |
|-----------|-----------------------------------------------------------------------------------------------|
| `rows`    | one per row: the wave that reaches it, and the state `x` that is received there               |
| `columns` | one per column: the wave that reaches it, and the costate `lam` that is received there        |
| `xbar`    | one synapse per weight, used forward and backward; wires between neurons stand among them     |
| `inner`   | one synapse per pair of columns of a crossbar: the inverted matrix                            |
| `inverses`| one per crossbar: inverts its matrix                                                          |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import Clock, Function, NetworkOperation, NeuronGroup, Synapses, TimedArray, Unit, get_device, second
from brian2.core.variables import Variable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from emulator.engine.clocks import STEP
from emulator.engine.events import refer
from emulator.engine.layout import Floats
from emulator.engine.learning import synapse_equations
from emulator.engine.wiring import constants
from emulator.errors import EngineError
from emulator.families.bilateral.plan import BilateralPlan
from emulator.families.bilateral.plastic_layout import Crossbars

#: places within a step that the crossbars' answer takes, one after another
SLOTS = 7
#: what a port at a crossbar knows of it
MOVING = constants(("as_row", "as_column", "keep")) + "row : integer (constant)\ncolumn : integer (constant)\n"
_INDICES = ("first_weight", "first_row", "height", "first_column", "width", "first_pair")
#: inverts one symmetric positive definite matrix by Gauss-Jordan elimination, for which no pivoting is needed
_C = """
static double invert(int moved, int first_weight, int first_row, int height, int first_column, int width, int first_pair)
{
    if (!moved)
        return 0.0;
    const double* w = &brian::WEIGHT[first_weight];
    const int* column = &brian::COLUMN[first_weight];
    const int* count = brian::COUNT + first_row;
    const double* z1 = brian::ROW_IMPEDANCE + first_row;
    const double* z2 = brian::COLUMN_IMPEDANCE + first_column;
    double* d = &brian::INVERSE[first_pair];
    for (int c = 0; c < width; c++)
        for (int k = 0; k < width; k++)
            d[c*width + k] = c == k ? z2[c] : 0.0;
    for (int r = 0; r < height; w += count[r], column += count[r], r++)
        for (int c = 0; c < count[r]; c++)
        {
            const double part = z1[r]*w[c];
            double* to = d + (column[c] - first_column)*width;
            if (count[r] == width)
                for (int k = 0; k < width; k++)
                    to[k] += part*w[k];
            else
                for (int k = 0; k < count[r]; k++)
                    to[column[k] - first_column] += part*w[k];
        }
    for (int k = 0; k < width; k++)
    {
        const double pivot = 1.0/d[k*width + k];
        d[k*width + k] = 1.0;
        for (int j = 0; j < width; j++)
            d[k*width + j] *= pivot;
        for (int c = 0; c < width; c++)
        {
            if (c == k)
                continue;
            const double part = d[c*width + k];
            d[c*width + k] = 0.0;
            for (int j = 0; j < width; j++)
                d[c*width + j] -= part*d[k*width + j];
        }
    }
    return 1.0;
}
"""


@dataclass
class PlasticCrossbars:
    """brian2 objects of the crossbars, and the variables through which numbers go in."""

    objects: list[Any]
    xbar: Synapses
    inputs: dict[str, Variable]


def plastic_crossbars(
    plan: BilateralPlan,
    rates: np.ndarray,
    ports: NeuronGroup,
    taps: NeuronGroup,
    nodes: NeuronGroup,
    clock: Clock,
    beat: Clock,
    order: int,
) -> PlasticCrossbars:
    """Let the crossbars answer, and say so to their ports, in `SLOTS` slots of `start` from `order` on.

    Parameters
    ----------
    plan : BilateralPlan
        One that learns.
    rates : (samples, 3)
        See `emulator.engine.learning.RATE_COLUMNS`.
    ports, taps, nodes : NeuronGroup
    clock, beat : Clock
        Of the steps, and of the updates of the weights.
    order : int
        After the updates of the weights.

    Raises
    ------
    EngineError
        If the plan was laid out for crossbars that stay as they are.
    """
    crossbars = plan.layout.crossbars
    if crossbars is None:
        raise EngineError("a plan that learns has no crossbars that move; allowed: a layout made with learns=True")
    rows = NeuronGroup(
        len(crossbars.driver),
        "wave : 1\nx : 1\nback : 1\n" + constants(("row_share", "row_impedance"))
        + "".join(f"{name} : integer (constant)\n" for name in ("tap", "stub", "driver", "wire", "count")),
        clock=clock, name="rows",
    )  # fmt: skip
    rows.tap, rows.stub, rows.driver, rows.wire = (
        crossbars.row_tap,
        crossbars.row_stub,
        crossbars.driver,
        crossbars.wire,
    )
    rows.count = np.bincount(crossbars.row, minlength=len(crossbars.driver))
    columns = NeuronGroup(
        len(crossbars.column_tap),
        "wave : 1\nlam : 1\nsent : 1\nforce : 1\n" + constants(("stubbed", "column_impedance"))
        + "tap : integer (constant)\nstub : integer (constant)\n",
        clock=clock, name="columns",
    )  # fmt: skip
    columns.tap, columns.stub = crossbars.column_tap, crossbars.column_stub
    for group in (rows, columns):
        refer(group, "a_line", taps, "a", index="tap")
        refer(group, "a_stub", taps, "a", index="stub")
    refer(rows, "x_driver", nodes, "x", index="driver")
    xbar = Synapses(
        rows,
        columns,
        "w : 1\nsent_post = w*wave_pre : 1 (summed)\n"
        "back_pre = w*lam_post : 1 (summed)\n" + synapse_equations(plan.learning, plan.layout, plan.decaying),
        clock=clock,
        name="xbar",
    )
    xbar.connect(i=crossbars.row, j=crossbars.column)
    xbar.to_costate = crossbars.source
    inner = Synapses(columns, columns, "d : 1\nlam_post = d*force_pre : 1 (summed)", clock=clock, name="inner")
    inner.connect(i=crossbars.pairs[0], j=crossbars.pairs[1])
    for synapses, name, later in ((xbar, "sent_post", 1), (inner, "lam_post", 3), (xbar, "back_pre", 4)):
        updater = synapses.summed_updaters[name]
        updater.when, updater.order = "start", order + later

    def run(group: NeuronGroup, code: str, later: int, name: str) -> None:
        group.run_regularly(code, clock=clock, when="start", order=order + later, name=name)

    run(rows, "wave = row_share*a_line + (1 - row_share)*a_stub", 0, "reach_rows")
    run(columns, "wave = a_line - stubbed*a_stub", 0, "reach_columns")
    run(columns, "force = 2*(sent - wave)", 2, "push")
    run(rows, "x = wire*x_driver + (1 - wire)*(2*wave - row_impedance*back)", 5, "receive")
    ports.row, ports.column = crossbars.port_row, crossbars.port_column
    refer(ports, "x_row", rows, "x", index="row")
    refer(ports, "lam_column", columns, "lam", index="column")
    run(ports, "v = as_row*x_row + as_column*lam_column + keep*a", 6, "scatter")
    inverting = _inverting(crossbars, rates, plan.hold, xbar, rows, columns, inner, beat, order)
    owned = ((rows, ("row_share", "row_impedance")), (columns, ("stubbed", "column_impedance")), (xbar, ("w",)),
             (ports, ("as_row", "as_column", "keep")))  # fmt: skip
    inputs = {name: group.variables[name] for group, names in owned for name in names}
    return PlasticCrossbars([rows, columns, xbar, inner, inverting], xbar, inputs)


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


def _inverting(
    crossbars: Crossbars,
    rates: np.ndarray,
    hold: int,
    xbar: Synapses,
    rows: NeuronGroup,
    columns: NeuronGroup,
    inner: Synapses,
    beat: Clock,
    order: int,
) -> Any:
    """The object that inverts the crossbars' matrices: in NumPy, and in C++ in a compiled program."""
    used = {
        "WEIGHT": xbar.variables["w"],
        "ROW_IMPEDANCE": rows.variables["row_impedance"],
        "COLUMN_IMPEDANCE": columns.variables["column_impedance"],
        "INVERSE": inner.variables["d"],
        "COLUMN": xbar.variables["_synaptic_post"],
        "COUNT": rows.variables["count"],
    }
    device = get_device()
    if not isinstance(device, CPPStandaloneDevice):
        seen = np.zeros(0)
        blocks = [block for block in crossbars.blocks if block.layer is not None]

        def invert_all() -> None:
            nonlocal seen
            w, z1, z2, d = (
                used[name].get_value() for name in ("WEIGHT", "ROW_IMPEDANCE", "COLUMN_IMPEDANCE", "INVERSE")
            )
            if np.array_equal(w, seen):
                return
            seen = w.copy()
            for block, (_, r0, height, c0, width, d0) in zip(blocks, crossbars.first, strict=True):
                weight = block.matrix(w).T
                matrix = np.diag(z2[c0 : c0 + width]) + weight.T @ (z1[r0 : r0 + height, np.newaxis] * weight)
                d[d0 : d0 + width**2] = _inverse(matrix).ravel()

        return NetworkOperation(invert_all, clock=beat, when="start", order=order, name="invert")
    function = Function(
        None, arg_units=[1] * 7, return_unit=Unit(1), arg_types=["integer"] * 7, return_type="float", stateless=False
    )
    code = _C
    for name, variable in used.items():
        code = code.replace(name, device.get_array_name(variable, access_data=False))
    function.implementations.add_implementation("cpp", code, name="invert")
    group = NeuronGroup(
        len(crossbars.first),
        "done : 1\n" + "".join(f"{name} : integer (constant)\n" for name in _INDICES),
        namespace={
            "invert": function,
            "rates": TimedArray(rates, dt=hold * STEP * second, name="rates"),
            "lag": 0.5 * STEP * second,
        },
        clock=beat,
        name="inverses",
    )
    for name, values in zip(_INDICES, crossbars.first.T, strict=True):
        setattr(group, name, values)
    moved = "int(t < lag or rates(t - lag, 2) > 0)"
    code = f"done = invert({moved}, {', '.join(_INDICES)})"
    group.run_regularly(code, clock=beat, when="start", order=order, name="invert")
    return group

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
from emulator.families.bilateral.crossbars import Crossbars
from emulator.families.bilateral.plan import BilateralPlan

#: places within a step that the crossbars' answer takes, one after another
SLOTS = 4
_INDICES = ("first_weight", "first_row", "height", "first_column", "width", "first_pair", "full")
_C = """
typedef double side __attribute__((vector_size(64)));
static inline side eight(const double* from)
{
    side found;
    __builtin_memcpy(&found, from, sizeof found);
    return found;
}
// out[c] += what comes through the rows: four runs of eight columns at a time, whose sums stay in registers; even rows and odd ones
static void through(const double* m, int height, int width, const double* in, double* __restrict out)
{
    int c = 0;
    for (; c + 32 <= width; c += 32)
    {
        side even[4] = {}, odd[4] = {};
        const double* w = m + c;
        int r = 0;
        for (; r + 2 <= height; r += 2, w += 2*width)
            for (int k = 0; k < 4; k++)
            {
                even[k] += in[r]*eight(w + 8*k);
                odd[k] += in[r + 1]*eight(w + width + 8*k);
            }
        for (int k = 0; r < height && k < 4; k++)
            even[k] += in[r]*eight(w + 8*k);
        for (int k = 0; k < 4; k++)
        {
            const side sum = even[k] + odd[k] + eight(out + c + 8*k);
            __builtin_memcpy(out + c + 8*k, &sum, sizeof sum);
        }
    }
    for (; c < width; c += 8)
    {
        const int at = c + 8 <= width ? c : width - 8;  // the last columns of eight, some of which are done already
        side sums[4] = {};
        if (at < 0)
            break;
        const double* w = m + at;
        int r = 0;
        for (; r + 4 <= height; r += 4, w += 4*width)
            for (int k = 0; k < 4; k++)
                sums[k] += in[r + k]*eight(w + k*width);
        for (; r < height; r++, w += width)
            sums[0] += in[r]*eight(w);
        const side sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (int k = c - at; k < 8; k++)
            out[at + k] += sum[k];
    }
    for (int r = 0; width < 8 && r < height; r++)
        for (int k = 0; k < width; k++)
            out[k] += in[r]*m[r*width + k];
}
// sums along contiguous weights, four rows at a time: eight numbers of each are added up side by side, then those
static inline double total(side sum) { return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7])); }
static void along(const double* m, int height, int width, const double* in, double* __restrict out)
{
    const int whole = width & ~7;
    int r = 0;
    for (; r + 4 <= height; r += 4, m += 4*width)
    {
        const double *m1 = m + width, *m2 = m1 + width, *m3 = m2 + width;
        side s0 = {0.0}, s1 = s0, s2 = s0, s3 = s0;
        for (int c = 0; c < whole; c += 8)
        {
            const side v = eight(in + c);
            s0 += eight(m + c)*v;
            s1 += eight(m1 + c)*v;
            s2 += eight(m2 + c)*v;
            s3 += eight(m3 + c)*v;
        }
        double t0 = total(s0), t1 = total(s1), t2 = total(s2), t3 = total(s3);
        for (int c = whole; c < width; c++)
        {
            t0 += m[c]*in[c];
            t1 += m1[c]*in[c];
            t2 += m2[c]*in[c];
            t3 += m3[c]*in[c];
        }
        out[r] = t0, out[r + 1] = t1, out[r + 2] = t2, out[r + 3] = t3;
    }
    for (; r < height; r++, m += width)
    {
        side sum = {0.0};
        for (int c = 0; c < whole; c += 8)
            sum += eight(m + c)*eight(in + c);
        double all = total(sum);
        for (int c = whole; c < width; c++)
            all += m[c]*in[c];
        out[r] = all;
    }
}
static int answer(int w0, int r0, int height, int c0, int width, int d0, int full)
{
    static double push[MOST], back[HIGHEST];
    const double* w = height && width ? &@WEIGHT[w0] : 0;
    const double *row = @ROW + r0, *z1 = @ROW_IMPEDANCE + r0, *wave = @COLUMN + c0;
    double *__restrict x = @X + r0, *__restrict lam = @LAM + c0;
    for (int c = 0; c < width; c++)
    {
        push[c] = -2.0*wave[c];
        lam[c] = 0.0;
    }
    if (full)
    {
        through(w, height, width, row, lam);
        for (int c = 0; c < width; c++)
        {
            push[c] += 2.0*lam[c];
            lam[c] = 0.0;
        }
    }
    else
    {
        const double* v = w;
        const int* at = @AT + w0;
        for (int r = 0; r < height; r++)
            for (int k = 0; k < @COUNT[r0 + r]; k++)
                push[*at++] += 2.0*row[r]* *v++;
    }
    through(@INVERSE + d0, width, width, push, lam);
    if (full)
        along(w, height, width, lam, back);
    else
    {
        const int* at = @AT + w0;
        for (int r = 0; r < height; r++)
        {
            back[r] = 0.0;
            for (int k = 0; k < @COUNT[r0 + r]; k++)
                back[r] += *w++*lam[*at++];
        }
    }
    for (int r = 0; r < height; r++)
        x[r] = 2.0*row[r] - z1[r]*back[r];
    return 0;
}
"""
#: inverts one symmetric positive definite matrix by Gauss-Jordan elimination, for which no pivoting is needed
_INVERT = """
static int invert(int moved, int w0, int r0, int height, int c0, int width, int d0, int full)
{
    if (!moved || !width)
        return 0;
    const double* w = height ? &@WEIGHT[w0] : 0;
    const int* at = full ? 0 : @AT + w0;
    const double *z1 = @ROW_IMPEDANCE + r0, *z2 = @COLUMN_IMPEDANCE + c0;
    double* d = @INVERSE + d0;
    for (int c = 0; c < width; c++)
        for (int k = 0; k < width; k++)
            d[c*width + k] = c == k ? z2[c] : 0.0;
    for (int r = 0; r < height; r++)
    {
        const int count = full ? width : @COUNT[r0 + r];
        for (int c = 0; c < count; c++)
        {
            const double part = z1[r]*w[c];
            double* __restrict to = d + (full ? c : at[c])*width;
            if (full)
                for (int k = 0; k < width; k++)
                    to[k] += part*w[k];
            else
                for (int k = 0; k < count; k++)
                    to[at[k]] += part*w[k];
        }
        w += count;
        at += full ? 0 : count;
    }
    for (int k = 0; k < width; k++)
    {
        const double pivot = 1.0/d[k*width + k];
        const double* own = d + k*width;
        d[k*width + k] = 1.0;
        for (int j = 0; j < width; j++)
            d[k*width + j] *= pivot;
        for (int c = 0; c < width; c++)
        {
            if (c == k)
                continue;
            double* __restrict to = d + c*width;
            const double part = to[k];
            to[k] = 0.0;
            for (int j = 0; j < width; j++)
                to[j] -= part*own[j];
        }
    }
    return 0;
}
"""


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
            native(tiles, f"done = invert({moved}, {listed})", "invert", _INVERT, 8, used,
                   lambda arrays: _inverting(crossbars, arrays), clock=beat, when="start", order=order),
            native(tiles, f"done = answer({listed})", "answer", _C.replace("MOST", str(most)).replace("HIGHEST", str(highest)), 7, used,
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

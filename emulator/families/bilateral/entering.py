"""When neurons of two-way lines came to stay where a hold ends, found by a compiled program itself as each hold ends.

What they approach by and by is never held exactly, so a program knows neither where a neuron rests nor how wide its band
is, but both nearly: the band is a tolerance of the largest value of a row. A value that is farther from the end than
``1 + width`` such bands was outside, one nearer than ``1 - width`` was inside, where the end is within `width` bands of rest. Of
every row the width is chosen by how far it still moved at the end of the hold, and written; whether it sufficed is seen once the
rest is known (`emulator.measure.entry.certain_by_rows`). Only of values in between, and of neurons that nothing shows to have
been outside, the movements that may matter are listed.

All neurons move at nearly every step, so states and costates of one hold are kept as they are, and movements are told apart
as it ends: the same that any other run records (`emulator.engine.recorders.MOVED`).
"""

from __future__ import annotations

import re
import sys

import numpy as np
from brian2 import Clock, NeuronGroup, StateMonitor, get_device
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from emulator.engine.clocks import STEP
from emulator.engine.entries import Watch
from emulator.engine.native import NEVER, native
from emulator.engine.plan import Plan
from emulator.engine.recorders import Recorded, movements_of
from emulator.engine.recording import BAND, UNCLEAR, ZERO_ROW

#: share of a hold by whose end a width is chosen, how many times what moved then it is, and the least
_LAST, _TIMES, _LEAST = 8, 4.0, 1 / 16
#: states and costates of a hold up to which they are kept
_KEPT = 1 << 24
_MOST = sys.float_info.max
_KEEP = """
static int keep(int n, int hold)
{
    const int row = @KEPT[0] + 1;  // the first row is what was recorded last before the hold
    for (int k = 0; row <= hold && k < n; k++)
    {
        @WINDOW_X[row*n + k] = @X[k];
        @WINDOW_LAM[row*n + k] = @LAM[k];
    }
    return @KEPT[0] = row;
}
"""
_ENTER = f"""
SIZES
static double most_of(const double* values, int first, int size)
{{
    double most = 0.0;
    for (int k = first; k < first + size; k++)
        most = fabs(values[k]) <= most ? most : fabs(values[k]);
    return most;
}}
// of the neurons of every row, how near and how far from their `end` values were inside and outside for certain
static void bands(const double* end, const double* window, int n, int hold, double* near, double* far, double* width)
{{
    static double moved[COUNT];
    for (int k = 0; k < n; k++)
        moved[k] = 0.0;
    for (int t = hold - hold/{_LAST}; t <= hold; t++)
    {{
        const double* held = window + t*n;
        for (int k = 0; k < n; k++)
        {{
            const double off = fabs(held[k] - end[k]);
            moved[k] = off <= moved[k] ? moved[k] : off;
        }}
    }}
    const double band = {BAND!r}*@RESOLUTION[0], least = {ZERO_ROW!r}*most_of(end, 0, n);
    for (int row = 0, first = 0; row < ROWS; first += sizes[row++])
    {{
        const double size = most_of(end, first, sizes[row]), off = most_of(moved, first, sizes[row]);
        const double wide = off > 0.0 ? {_TIMES!r}*off/(band*size) : 0.0;
        const double open = !(wide <= 1.0) ? 1.0 : wide > {_LEAST!r} ? wide : {_LEAST!r};
        for (int k = first; k < first + sizes[row]; k++)
        {{
            near[k] = (1.0 - open)*band*size;
            far[k] = (1.0 + open)*band*(size > least ? size : least);
            width[k] = open;
        }}
    }}
}}
static inline double finite(double value)
{{
    return fabs(value) <= {_MOST!r} ? 1.0 : 0.0;
}}
static inline double moves(double value, double seen, double resolution)  // above 0 if it does; as numbers it vectorises
{{
    const double off = fabs(value - seen), least = resolution*fabs(seen);
    return (off > least ? 1.0 : 0.0) + fabs(finite(value) - finite(seen));
}}
static int enter(int n, int hold)
{{
    static double near_x[COUNT], near_lam[COUNT], far_x[COUNT], far_lam[COUNT];
    static double went[COUNT], out_x[COUNT], out_lam[COUNT], late_x[COUNT], late_lam[COUNT];
    static std::vector<int> listed, ordered;
    static int place[STEPS];
    if (@KEPT[0] < hold)  // no hold has gone by yet
        return 0;
    @KEPT[0] = 0;
    const double *end_x = @X, *end_lam = @LAM, resolution = @RESOLUTION[0];
    double *all_x = @WINDOW_X, *all_lam = @WINDOW_LAM;
    bands(end_x, all_x, n, hold, near_x, far_x, @WIDTH_X);
    bands(end_lam, all_lam, n, hold, near_lam, far_lam, @WIDTH_LAM);
    for (int k = 0; k < n; k++)
    {{
        went[k] = 0.0;
        out_x[k] = out_lam[k] = late_x[k] = late_lam[k] = 0.0;
    }}
    for (int t = 1; t <= hold; t++)  // the window has what was recorded last instead, step by step
    {{
        double *__restrict x = all_x + t*n, *__restrict lam = all_lam + t*n;
        const double *seen_x = x - n, *seen_lam = lam - n;
        #pragma GCC ivdep
        for (int k = 0; k < n; k++)
        {{
            const double moved = moves(x[k], seen_x[k], resolution) + moves(lam[k], seen_lam[k], resolution);
            const double at_x = moved > 0.0 ? x[k] : seen_x[k], at_lam = moved > 0.0 ? lam[k] : seen_lam[k];
            const double gone = went[k] + moved, now = gone > 0.0 ? t : 0.0;
            const double off_x = fabs(at_x - end_x[k]), off_lam = fabs(at_lam - end_lam[k]);
            x[k] = at_x;
            lam[k] = at_lam;
            went[k] = gone;
            out_x[k] = off_x <= far_x[k] ? out_x[k] : now;
            out_lam[k] = off_lam <= far_lam[k] ? out_lam[k] : now;
            late_x[k] = off_x <= near_x[k] ? late_x[k] : now;
            late_lam[k] = off_lam <= near_lam[k] ? late_lam[k] : now;
        }}
    }}
    listed.clear();
    for (int t = 0; t <= hold + 1; t++)
        place[t] = 0;
    for (int k = 0; k < n; k++)
    {{
        int from[2], to[2];
        for (int of = 0; of < 2; of++)  // steps are counted from 0, and so the one after `out` is `out`
        {{
            const int out = (int)(of ? out_lam[k] : out_x[k]), late = (int)(of ? late_lam[k] : late_x[k]);
            const bool clear = out > 0 && late == out && out < hold;
            (of ? @ENTERED_LAM : @ENTERED_X)[k] = clear ? out : {UNCLEAR};
            int t = clear ? hold + 1 : out > 0 ? out : 1;
            while (out > 0 && t <= hold && !MOVED)
                t--;
            while (out == 0 && t <= hold && !MOVED)
                t++;
            from[of] = t;
            to[of] = late < t ? t : late + 1;
        }}
        const int first = from[0] < from[1] ? from[0] : from[1], last = to[0] > to[1] ? to[0] : to[1];
        for (int t = first; t <= last && t <= hold; t++)
            if (((t >= from[0] && t <= to[0]) || (t >= from[1] && t <= to[1])) && MOVED)
            {{
                listed.push_back(t*n + k);
                place[t + 1]++;
            }}
    }}
    for (int t = 0; t <= hold; t++)  // in order of time
        place[t + 1] += place[t];
    ordered.resize(listed.size());
    for (size_t j = 0; j < listed.size(); j++)
        ordered[place[listed[j]/n]++] = listed[j];
    const double begin = @NOW[0] - {STEP!r}*(hold + 1);
    for (size_t j = 0; j < ordered.size(); j++)
    {{
        const int at = ordered[j];
        @MOVED_I.push_back(at % n);
        @MOVED_T.push_back(begin + {STEP!r}*(at/n));
        @MOVED_X.push_back(all_x[at]);
        @MOVED_LAM.push_back(all_lam[at]);
    }}
    for (int k = 0; k < n; k++)
    {{
        all_x[k] = all_x[hold*n + k];
        all_lam[k] = all_lam[hold*n + k];
    }}
    return 1;
}}
"""
#: whether the neuron at hand moved at step `t`
_MOVED = "(all_x[t*n + k] != all_x[(t - 1)*n + k] || all_lam[t*n + k] != all_lam[(t - 1)*n + k])"


def entering(plan: Plan, nodes: NeuronGroup, hold: Clock) -> Recorded:
    """What is recorded of the movements of neurons; see `emulator.engine.entries.watched`.

    Of the neurons there is besides ``entered.width_x`` and ``entered.width_lam`` at the end of every hold.
    """
    count = len(nodes)
    if not tells(plan):
        return movements_of(nodes)
    integers, widths = ("entered_x", "entered_lam"), ("width_x", "width_lam")
    model = "".join(f"{name} : integer\n" for name in integers) + "".join(f"{name} : 1\n" for name in widths)
    group = Watch(count, model + "kept : integer (shared)\ndone : integer (shared)", clock=nodes.clock, name="watch")
    lists = {"i": np.int32, "t": np.float64, "x": np.float64, "lam": np.float64}
    for name, dtype in lists.items():
        group.variables.add_dynamic_array(f"moved_{name}", size=0, dtype=dtype)
    for name in ("x", "lam"):
        group.variables.add_array(f"window_{name}", size=(plan.hold + 1) * count, dtype=np.float64)
    own = ("kept", *integers, *widths, "window_x", "window_lam", *(f"moved_{name}" for name in lists))
    used = {name.upper(): group.variables[name] for name in own}
    used |= {name.upper(): nodes.variables[name] for name in ("x", "lam", "resolution")}
    used |= {"NOW": nodes.clock.variables["t"]}
    sizes = f"static const int sizes[] = {{{', '.join(map(str, plan.judged))}}};"
    text = re.sub(r"\bMOVED\b", _MOVED, _ENTER).replace("SIZES", sizes)
    text = text.replace("ROWS", str(len(plan.judged))).replace("COUNT", str(count)).replace("STEPS", str(plan.hold + 2))
    for name, what, when in (
        ("keep", _KEEP, {"clock": nodes.clock, "when": "groups", "order": 0}),
        ("enter", text, {"clock": hold, "when": "start", "order": -10}),
    ):
        native(group, f"done = {name}({count}, {plan.hold})", name, what, 2, used, NEVER, **when)
    end = StateMonitor(group, [*integers, *widths], record=True, clock=hold, when="start", order=-9, name="end_watch")
    outputs = {f"entered.{name}": end.variables[f"entered_{name}"] for name in ("x", "lam")}
    outputs |= {f"entered.{name}": end.variables[name] for name in widths}
    outputs |= {f"moved.{name}": group.variables[f"moved_{name}"] for name in lists}
    return [group, end], outputs


def tells(plan: Plan) -> bool:
    """Whether a program of the plan finds out itself when neurons came to stay."""
    kept = (plan.hold + 1) * plan.layout.neurons <= _KEPT
    return bool(plan.judged) and kept and isinstance(get_device(), CPPStandaloneDevice)

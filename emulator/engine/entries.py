"""When neurons came to stay where a hold ends, found by a compiled program itself as each hold ends.

Where a substrate rests is known only afterwards, from all that it held (`emulator.measure.deviation`), and so is the band
within which it must stay. But of a sample that settles what is held at the end is near the midst of that band: a value that
is farther from it than `FAR` resolutions of the largest value of its row was outside, one that is nearer than a resolution
of itself was inside, wherever exactly the rest may be. So of a hold the program keeps all movements
until it ends, and of most neurons it then writes the step alone. Of a neuron with a movement between the two, its movements
since it was outside are written, and judged once the rest is known.
"""

from __future__ import annotations

import numpy as np
from brian2 import Clock, NeuronGroup, StateMonitor, get_device
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from emulator.engine.clocks import STEP
from emulator.engine.native import NEVER, native
from emulator.engine.plan import Plan
from emulator.engine.recorders import Recorded, follow, movements_of
from emulator.engine.recording import FAR, UNCLEAR, ZERO_ROW

#: of a neuron's movements, looked at from the last one backward: one outside is found; one was neither inside nor outside
_FOUND, _GREY = 1, 2
_NOTE = """
static int note(int n)
{
    const int count = @SPACE[n];
    for (int j = 0; j < count; j++)
    {
        const int k = @SPACE[j];
        @TRAIL_I.push_back(k);
        @TRAIL_T.push_back(@NOW[0]);
        @TRAIL_X.push_back(@X[PLACE]);
        @TRAIL_LAM.push_back(@LAM[k]);
    }
    return count;
}
"""
_ENTER = f"""
static bool look(int32_t* state, int32_t* entered, double value, double end, double near, double far, int step)
{{
    const double off = fabs(value - end);
    if (off > far)
    {{
        *state |= {_FOUND};
        return true;
    }}
    *entered = step;
    *state |= off <= near ? 0 : {_GREY};
    return false;
}}
static int told(int32_t state, int32_t entered)
{{
    return state & {_GREY} || (state & {_FOUND} && entered < 0) ? {UNCLEAR} : entered;
}}
static int enter(int n, int hold)
{{
    double x[ROWS + 1] = {{0}}, lam[ROWS + 1] = {{0}};  // the largest of every row, and of the sample
    for (int k = 0; k < n; k++)
    {{
        const int row = @ROW[k];
        x[row] = fabs(@X[PLACE]) > x[row] ? fabs(@X[PLACE]) : x[row];
        lam[row] = fabs(@LAM[k]) > lam[row] ? fabs(@LAM[k]) : lam[row];
    }}
    for (int row = 0; row < ROWS; row++)
    {{
        x[ROWS] = x[row] > x[ROWS] ? x[row] : x[ROWS];
        lam[ROWS] = lam[row] > lam[ROWS] ? lam[row] : lam[ROWS];
    }}
    const double near = @RESOLUTION[0];
    for (int row = 0; row < ROWS; row++)
    {{
        x[row] = {FAR}*near*(x[row] > {ZERO_ROW}*x[ROWS] ? x[row] : {ZERO_ROW}*x[ROWS]);
        lam[row] = {FAR}*near*(lam[row] > {ZERO_ROW}*lam[ROWS] ? lam[row] : {ZERO_ROW}*lam[ROWS]);
    }}
    const double begin = @NOW[0] - {STEP!r}*hold;
    const int trail = (int)@TRAIL_I.size();
    for (int k = 0; k < n; k++)
    {{
        @STATE_X[k] = @STATE_LAM[k] = 0;
        @ENTERED_X[k] = @ENTERED_LAM[k] = {UNCLEAR};
        @SINCE_X[k] = @SINCE_LAM[k] = 0;
    }}
    int open = 2*n;
    for (int j = trail - 1; j >= 0 && open; j--)
    {{
        const int k = @TRAIL_I[j];
        if (@STATE_X[k] & @STATE_LAM[k] & {_FOUND})
            continue;
        const int step = (int)((@TRAIL_T[j] - begin)/{STEP!r});
        if (!(@STATE_X[k] & {_FOUND})
            && look(&@STATE_X[k], &@ENTERED_X[k], @TRAIL_X[j], @X[PLACE], near*fabs(@X[PLACE]), x[@ROW[k]], step))
            @SINCE_X[k] = j, open--;
        if (!(@STATE_LAM[k] & {_FOUND})
            && look(&@STATE_LAM[k], &@ENTERED_LAM[k], @TRAIL_LAM[j], @LAM[k], near*fabs(@LAM[k]), lam[@ROW[k]], step))
            @SINCE_LAM[k] = j, open--;
    }}
    int first = trail;
    for (int k = 0; k < n; k++)
    {{
        if (!(@STATE_X[k] & {_FOUND}))
            look(&@STATE_X[k], &@ENTERED_X[k], @WAS_X[k], @X[PLACE], near*fabs(@X[PLACE]), x[@ROW[k]], 0);
        if (!(@STATE_LAM[k] & {_FOUND}))
            look(&@STATE_LAM[k], &@ENTERED_LAM[k], @WAS_LAM[k], @LAM[k], near*fabs(@LAM[k]), lam[@ROW[k]], 0);
        @ENTERED_X[k] = told(@STATE_X[k], @ENTERED_X[k]);
        @ENTERED_LAM[k] = told(@STATE_LAM[k], @ENTERED_LAM[k]);
        @WAS_X[k] = @SEEN_X[k];
        @WAS_LAM[k] = @SEEN_LAM[k];
        const int since_x = @ENTERED_X[k] < 0 ? @SINCE_X[k] : trail, since_lam = @ENTERED_LAM[k] < 0 ? @SINCE_LAM[k] : trail;
        @SINCE_X[k] = since_x < since_lam ? since_x : since_lam;
        first = @SINCE_X[k] < first ? @SINCE_X[k] : first;
    }}
    for (int j = first; j < trail; j++)
    {{
        const int k = @TRAIL_I[j];
        if (j < @SINCE_X[k])
            continue;
        @MOVED_I.push_back(k);
        @MOVED_T.push_back(@TRAIL_T[j]);
        @MOVED_X.push_back(@TRAIL_X[j]);
        @MOVED_LAM.push_back(@TRAIL_LAM[j]);
    }}
    @TRAIL_I.clear();
    @TRAIL_T.clear();
    @TRAIL_X.clear();
    @TRAIL_LAM.clear();
    return trail - first;
}}
"""
_TELL = """
static void exceed(double* most, double value)
{
    *most = fabs(value) > *most || value != value ? fabs(value) : *most;
}
static int tell(int n)
{
    for (int row = 0; row < ROWS; row++)
        @MOST_RX[row] = @MOST_RL[row] = 0;
    for (int k = 0; k < n; k++)
    {
        exceed(&@MOST_RX[@ROW[k]], @RX[k]);
        exceed(&@MOST_RL[@ROW[k]], @RL[k]);
    }
    return n;
}
"""


class Watch(NeuronGroup):
    """What keeps the movements of a hold, and lists what is left to judge."""


def judges(plan: Plan) -> bool:
    """Whether this is a compiled program that is to judge as far as it can."""
    return bool(plan.judged) and isinstance(get_device(), CPPStandaloneDevice)


def watched(plan: Plan, nodes: NeuronGroup, hold: Clock) -> Recorded:
    """What is recorded of the movements of neurons with an event ``moved`` of the condition `MOVED`.

    All of them, or, in a compiled program that `judges`, what is left to judge: ``entered.x`` and ``entered.lam`` by neuron at
    the end of every hold, steps since it began. The largest residuals of every row, ``end.rx`` and ``end.rl``, then take the
    place of those of all neurons.
    """
    if not judges(plan):
        return movements_of(nodes)
    integers = [f"{what}_{name}" for what in ("entered", "state", "since") for name in ("x", "lam")]
    model = "".join(f"{name} : integer\n" for name in integers) + "was_x : 1\nwas_lam : 1\n"
    model += "row : integer (constant)\ndone : integer (shared)"
    group = Watch(len(nodes), model, clock=nodes.clock, name="watch")
    group.row = np.repeat(np.arange(len(plan.judged)), plan.judged)
    lists = {"i": np.int32, "t": np.float64, "x": np.float64, "lam": np.float64}
    for name, dtype in lists.items():
        for kind in ("trail", "moved"):
            group.variables.add_dynamic_array(f"{kind}_{name}", size=0, dtype=dtype)
    used = {name.upper(): group.variables[name] for name in group.variables if name.startswith(("trail", "moved"))}
    used |= {name.upper(): group.variables[name] for name in (*integers, "was_x", "was_lam", "row")}
    used |= {name.upper(): nodes.variables[name] for name in ("x", "lam", "seen_x", "seen_lam", "resolution")}
    rows = NeuronGroup(len(plan.judged), "rx : 1\nrl : 1", clock=nodes.clock, name="rows")
    for name in ("rx", "rl"):
        used |= {name.upper(): nodes.variables[name], f"MOST_{name.upper()}": rows.variables[name]}
    used |= {"SPACE": nodes.variables["_movedspace"], "NOW": nodes.clock.variables["t"]}
    place, index = "k", nodes.variables.indices["x"]
    if index != "_idx":  # the state is a variable of another group
        used["AT"], place = nodes.variables[index], "@AT[k]"
    for name, text, arguments, when in (
        ("note", _NOTE, f"{len(nodes)}", {"clock": nodes.clock, "when": "groups", "order": 0}),
        ("tell", _TELL, f"{len(nodes)}", {"clock": hold, "when": "start", "order": -11}),
        ("enter", _ENTER, f"{len(nodes)}, {plan.hold}", {"clock": hold, "when": "start", "order": -10}),
    ):
        text = text.replace("PLACE", place).replace("ROWS", str(len(plan.judged)))
        native(group, f"done = {name}({arguments})", name, text, arguments.count(",") + 1, used, NEVER, **when)
    end = StateMonitor(
        group, ["entered_x", "entered_lam"], record=True, clock=hold, when="start", order=-9, name="end_watch"
    )
    most = StateMonitor(rows, ["rx", "rl"], record=True, clock=hold, when="start", order=-9, name="end_rows")
    outputs = {f"end.{name}": most.variables[name] for name in ("rx", "rl")}
    outputs |= {f"entered.{name}": end.variables[f"entered_{name}"] for name in ("x", "lam")}
    outputs |= {f"moved.{name}": group.variables[f"moved_{name}"] for name in lists}
    return [group, rows, follow(nodes), end, most], outputs

"""When neurons came to stay where a hold ends, found by a compiled program itself as each hold ends.

Where a substrate rests is known only afterwards, from all that it held (`emulator.measure.deviation`), and so is the band
within which it must stay. But of a sample that settles what is held at the end is near the midst of that band: a value that
is farther from it than `FAR` resolutions of the largest value of its row was outside, one that is nearer than a resolution
of itself was inside, wherever exactly the rest may be. So of a hold the program keeps all movements
until it ends, and of most neurons it then writes the step alone. Of a neuron with a movement between the two, its movements
are written, and judged once the rest is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, StateMonitor, get_device
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from emulator.engine.clocks import STEP
from emulator.engine.native import native
from emulator.engine.plan import Plan
from emulator.engine.recorders import Recorded, follow, movements_of
from emulator.engine.recording import FAR, UNCLEAR, ZERO_ROW

_OUTSIDE = UNCLEAR - 1
#: what a run that interprets would do: it records every movement
_NEVER: Any = None
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
static int passed(int entered, double value, double end, double near, double far, int step)
{{
    const double off = fabs(value - end);
    if (off > far)
        return {_OUTSIDE};
    if (!(off <= near))
        return {UNCLEAR};
    return entered == {_OUTSIDE} ? step : entered;
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
    for (int k = 0; k < n; k++)
    {{
        @ENTERED_X[k] = passed(0, @WAS_X[k], @X[PLACE], near*fabs(@X[PLACE]), x[@ROW[k]], 0);
        @ENTERED_LAM[k] = passed(0, @WAS_LAM[k], @LAM[k], near*fabs(@LAM[k]), lam[@ROW[k]], 0);
    }}
    const size_t trail = @TRAIL_I.size();
    for (size_t j = 0; j < trail; j++)
    {{
        const int k = @TRAIL_I[j], step = (int)((@TRAIL_T[j] - begin)/{STEP!r});
        @ENTERED_X[k] = passed(@ENTERED_X[k], @TRAIL_X[j], @X[PLACE], near*fabs(@X[PLACE]), x[@ROW[k]], step);
        @ENTERED_LAM[k] = passed(@ENTERED_LAM[k], @TRAIL_LAM[j], @LAM[k], near*fabs(@LAM[k]), lam[@ROW[k]], step);
    }}
    int unclear = 0;
    for (int k = 0; k < n; k++)
    {{
        @WAS_X[k] = @SEEN_X[k];
        @WAS_LAM[k] = @SEEN_LAM[k];
        unclear += @ENTERED_X[k] < 0 || @ENTERED_LAM[k] < 0;
    }}
    for (size_t j = 0; unclear && j < trail; j++)
    {{
        const int k = @TRAIL_I[j];
        if (@ENTERED_X[k] >= 0 && @ENTERED_LAM[k] >= 0)
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
    return unclear;
}}
"""


class Watch(NeuronGroup):
    """What keeps the movements of a hold, and lists what is left to judge."""


def watched(plan: Plan, nodes: NeuronGroup, hold: Clock) -> Recorded:
    """What is recorded of the movements of neurons with an event ``moved`` of the condition `MOVED`.

    All of them, or, in a compiled program that is to judge as far as it can, what is left to judge: ``entered.x`` and
    ``entered.lam`` by neuron at the end of every hold, steps since it began.
    """
    if not (plan.judged and isinstance(get_device(), CPPStandaloneDevice)):
        return movements_of(nodes)
    group = Watch(
        len(nodes), "entered_x : integer\nentered_lam : integer\nwas_x : 1\nwas_lam : 1\nrow : integer (constant)\ndone : integer (shared)",
        clock=nodes.clock, name="watch",
    )  # fmt: skip
    group.row = np.repeat(np.arange(len(plan.judged)), plan.judged)
    lists = {"i": np.int32, "t": np.float64, "x": np.float64, "lam": np.float64}
    for name, dtype in lists.items():
        for kind in ("trail", "moved"):
            group.variables.add_dynamic_array(f"{kind}_{name}", size=0, dtype=dtype)
    used = {name.upper(): group.variables[name] for name in group.variables if name.startswith(("trail", "moved"))}
    used |= {name.upper(): group.variables[name] for name in ("entered_x", "entered_lam", "was_x", "was_lam", "row")}
    used |= {name.upper(): nodes.variables[name] for name in ("x", "lam", "seen_x", "seen_lam", "resolution")}
    used |= {"SPACE": nodes.variables["_movedspace"], "NOW": nodes.clock.variables["t"]}
    place, index = "k", nodes.variables.indices["x"]
    if index != "_idx":  # the state is a variable of another group
        used["AT"], place = nodes.variables[index], "@AT[k]"
    for name, text, arguments, when in (
        ("note", _NOTE, f"{len(nodes)}", {"clock": nodes.clock, "when": "groups", "order": 0}),
        ("enter", _ENTER, f"{len(nodes)}, {plan.hold}", {"clock": hold, "when": "start", "order": -10}),
    ):
        text = text.replace("PLACE", place).replace("ROWS", str(len(plan.judged)))
        native(group, f"done = {name}({arguments})", name, text, arguments.count(",") + 1, used, _NEVER, **when)
    end = StateMonitor(
        group, ["entered_x", "entered_lam"], record=True, clock=hold, when="start", order=-9, name="end_watch"
    )
    outputs = {f"entered.{name}": end.variables[f"entered_{name}"] for name in ("x", "lam")}
    outputs |= {f"moved.{name}": group.variables[f"moved_{name}"] for name in lists}
    return [group, follow(nodes), end], outputs

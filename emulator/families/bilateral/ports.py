"""The ends of two-way lines in brian2: waves that leave, travel and arrive, all of them at every step.

| object  | what it is                                                                                             |
|---------|--------------------------------------------------------------------------------------------------------|
| `ports` | the ends of lines and their terminations: the wave that leaves (`u`), as it was sent last (`sent`), and the wave |
|         | that has arrived and is held (`a`), behind a low-pass where there is one                                |
| `ring`  | what was sent in the last steps, a run of all ports for each step; none where every line has one step   |

A wave is sent when it has moved by the send-on-change threshold, which counts as an event; until then the line goes on
carrying what was sent before. A line of d steps is read ``d - 1`` runs behind the one that has just been written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, get_device
from brian2.core.variables import Variable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from emulator.engine.events import refer, set_unique
from emulator.engine.native import NEVER, Arrays, elementwise, native
from emulator.engine.random import functions
from emulator.engine.wiring import constants
from emulator.families.bilateral.layout import SIDES, BilateralLayout
from emulator.families.bilateral.plan import BilateralPlan

#: numbers of every port
NUMBERS = ("drive", "own", "other", "power_scale", "to_sum")
_LEAVE = """
static int waves_leave(int first, int count, int kind, int shift, int mate, int partner)
{
    const double *reply = kind == 0 ? @X : kind == 1 ? @MU : kind == 2 ? @ROW : @COLUMN;
    const double *a = @A + first, *drive = @DRIVE + first, *own = @OWN + first, *other = @OTHER + first;
    const double *scale = @POWER_SCALE + first;
    double* __restrict u = @U + first;
    static double power[8];  // of all ports up to these
    for (int l = 0; first == 0 && l < 8; l++)
        power[l] = 0.0;
    if (shift >= 0)
        #pragma GCC ivdep
        for (int i = 0; i < count; i++)
            u[i] = drive[i]*reply[shift + i] + own[i]*a[i] + other[i]*a[i + mate];
    else
        for (int i = 0; i < count; i++)
            u[i] = drive[i]*reply[@AT[first + i]] + own[i]*a[i] + other[i]*a[i + mate];
    int i = 0;
    for (; METERED && i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++)
        {
            const double d = COMING(i + l) - a[i + l + partner];
            power[l] += scale[i + l]*d*d;
        }
    for (; METERED && i < count; i++)
    {
        const double d = COMING(i) - a[i + partner];
        power[0] += scale[i]*d*d;
    }
    if (METERED && first + count == PORTS)
        @POWER[0] = ((power[0] + power[4]) + (power[2] + power[6])) + ((power[1] + power[5]) + (power[3] + power[7]));
    return 0;
}
"""
_GATHER = """
static int gather(int first, int count, int kind, int shift)
{
    for (int k = 0; first == 0 && k < NEURONS; k++)
        @SUM_IN[k] = @SUM_OUT[k] = 0.0;
    if (kind > 1)
        return 0;
    double* sum = kind == 0 ? @SUM_OUT : @SUM_IN;
    const double *a = @A + first, *share = @TO_SUM + first;
    const int* at = @AT + first;
    if (shift >= 0)
    {
        sum += shift;
        #pragma GCC ivdep
        for (int i = 0; i < count; i++)
            sum[i] += share[i]*a[i];
    }
    else
        for (int i = 0; i < count; i++)
            sum[at[i]] += share[i]*a[i];
    return 0;
}
"""
_LAND = """
static int land(int first, int count, int partner)
{
    const double* from = FROM;
    double* arriving = @ARRIVING + first;
    #pragma GCC ivdep
    for (int i = 0; i < count; i++)
        arriving[i] = from[i];
    return 0;
}
"""


def ports_of(plan: BilateralPlan, clock: Clock) -> tuple[NeuronGroup, NeuronGroup, list[Any]]:
    """The ports, the runs of them that differ in nothing but their number, and the objects that carry waves."""
    layout, effects, filtered = plan.layout, plan.effects, plan.filtered
    numbers = (*NUMBERS, *effects.port_variables, *effects.line_variables, *(("pole",) if filtered else ()))
    shared = (
        "q",
        *effects.port_keys,
        *effects.line_keys,
        *(("spill",) if effects.crosstalk else ()),
        *(("grain",) if filtered else ()),
    )
    equations = "u : 1\nsent : 1\na : 1\nmoves : integer\nn_sent : integer\n" + constants(numbers, shared)
    equations += "partner : integer (constant)\nat : integer (constant)\n"
    equations += "y : 1\n" * filtered + "unrounded : 1\n" * effects.dithered
    equations += "n_got : integer\n" * effects.counts + "inbox : 1\nmissed : 1\n" * effects.drops
    equations += "hiss : 1\n" * ("sigma" in effects.line_variables)
    equations += "".join(f"{side} : integer\n" for side in _beside(plan))
    equations += "cell : integer\nthere : integer\n" + "arriving : 1\n" * _alike(plan)
    ports = NeuronGroup(
        layout.ports, equations, events={"emit": "moves > 0"} if plan.traces else {},
        namespace={**functions(), "chosen": elementwise("chosen", 3, _chosen, "a != 0 ? b : c")},
        clock=clock, name="ports",
    )  # fmt: skip
    if plan.traces:
        ports.set_event_schedule("emit", when="thresholds")
    ports.partner, ports.at = layout.partner, layout.answered_by[1]
    sides = _sides(plan.layout, clock)
    _arrive(plan, ports, clock)
    return ports, sides, [ports, sides, *_ring(plan, ports, sides, clock)]


def _sides(layout: BilateralLayout, clock: Clock) -> NeuronGroup:
    """One element per run of ports."""
    table = layout.sides
    sides = NeuronGroup(
        len(table), "done : integer\n" + "".join(f"{name} : integer (constant)\n" for name in SIDES),
        clock=clock, name="sides",
    )  # fmt: skip
    for name, column in zip(SIDES, table.T, strict=True):
        setattr(sides, name, column)
    return sides


def gather(plan: BilateralPlan, ports: NeuronGroup, sides: NeuronGroup, nodes: NeuronGroup, clock: Clock) -> list[Any]:
    """Sums over the waves that are held, made anew at every step: nothing of an earlier sample is left in them."""
    used = {name.upper(): ports.variables[name] for name in ("a", "to_sum", "at")}
    used |= {name.upper(): nodes.variables[name] for name in ("sum_in", "sum_out")}
    made = native(
        sides, "done = gather(first, count, kind, shift)", "gather", _GATHER.replace("NEURONS", str(len(nodes))), 4, used,
        lambda arrays: _gathering(plan.layout, arrays), clock=clock, when="synapses", order=0,
    )  # fmt: skip
    return [] if made is None else [made]


def _gathering(layout: BilateralLayout, arrays: Arrays) -> Callable[[], None]:
    """What the compiled program does."""
    parts = [
        (np.flatnonzero(layout.at_neuron & (layout.out == out)), name)
        for out, name in ((True, "SUM_OUT"), (False, "SUM_IN"))
    ]

    def gather() -> None:
        for at, name in parts:
            waves = arrays["TO_SUM"][at] * arrays["A"][at]
            arrays[name][:] = np.bincount(layout.node[at], waves, minlength=layout.neurons)

    return gather


def leave(
    plan: BilateralPlan,
    ports: NeuronGroup,
    sides: NeuronGroup,
    answers: Mapping[str, Variable],
    clock: Clock,
    order: int,
) -> tuple[list[Any], Variable]:
    """Let waves leave, once junctions have answered: in two slots of `start` from `order` on.

    Parameters
    ----------
    plan : BilateralPlan
    ports, sides : NeuronGroup
    answers : mapping of Variable
        Of neurons ``X`` and ``MU``, of the crossbars' rows ``ROW`` and columns ``COLUMN``.
    clock : Clock
    order : int

    Returns
    -------
    objects, power
        `power` is that of all ports in this step.
    """
    effects = plan.effects
    meter = NeuronGroup(1, "P : 1", clock=clock, name="meter")
    used = {name.upper(): ports.variables[name] for name in ("u", "a", "at", *NUMBERS)}
    used |= {**answers, "POWER": meter.variables["P"]}
    if plan.carries.metered:
        used |= {name.upper(): ports.variables[name] for name in ("gain", "offset") if name in effects.line_variables}
    else:
        used |= {"SENT": ports.variables["sent"]}
    left = native(
        sides, f"done = waves_leave({', '.join(SIDES)})", "waves_leave", _leave_code(plan),
        len(SIDES), used, lambda arrays: _leaving(plan, arrays), clock=clock, when="start", order=order,
    )  # fmt: skip
    # a rounding that is drawn anew for every event is not compared: it would never rest
    moves = "abs(u - unrounded) >= q" if effects.dithered else "abs(wave - sent) >= q"
    code = f"wave = {effects.wave}\nmoves = int({moves})\nsent = chosen(moves, wave, sent)\nn_sent = n_sent + moves\n"
    code += "unrounded = chosen(moves, u, unrounded)\n" * effects.dithered
    code += "leaving = sent\n" * (plan.ring_depth > 1)
    code += "counting = n_sent\n" * (effects.counts and plan.ring_depth > 1)
    ports.run_regularly(code, clock=clock, when="start", order=order + 1, name="leave")
    return [meter, *([] if left is None else [left])], meter.variables["P"]


def _leave_code(plan: BilateralPlan) -> str:
    """What lets waves leave, and measures how far they are from what was there: that is the power still under way.

    What was there is the wave at the other end, or, where neighbours leak in or ports are stuck, the one that was sent last.
    """
    coming, lines = "u[{0}]", plan.effects.line_variables
    coming = "@GAIN[first + {0} + partner]*" * ("gain" in lines) + coming
    coming += " + @OFFSET[first + {0} + partner]" * ("offset" in lines)
    text = _LEAVE if plan.carries.metered else re.sub(r"a\[(.*?) \+ partner\]", r"@SENT[first + \1]", _LEAVE)
    coming = coming if plan.carries.metered else "u[{0}]"
    code = re.sub(r"COMING\((.*?)\)", lambda found: f"({coming.format(found[1])})", text)
    return code.replace("METERED", str(int(plan.power))).replace("PORTS", str(plan.layout.ports))


def _leaving(plan: BilateralPlan, arrays: Arrays) -> Callable[[], None]:
    """What the compiled program does."""
    layout, carriage = plan.layout, plan.carries
    kind, number = layout.answered_by
    names = ("X", "MU", "ROW", "COLUMN")
    starts = np.cumsum([0, *(len(arrays[name]) for name in names)])[:-1]
    source, u, a = starts[kind] + number, arrays["U"], arrays["A"]

    def leave() -> None:
        answers = np.concatenate([arrays[name] for name in names])
        u[:] = arrays["DRIVE"] * answers[source] + arrays["OWN"] * a + arrays["OTHER"] * a[layout.mate]
        before = carriage.coming(u) - a[layout.partner] if carriage.metered else u - arrays["SENT"]
        arrays["POWER"][0] = arrays["POWER_SCALE"] @ np.square(before)

    return leave


def _chosen(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.where(a != 0, b, c)


def _beside(plan: BilateralPlan) -> tuple[str, ...]:
    """What leads a tap to the waves at the ends of the neighbouring lines."""
    return ("there_left", "there_right") if plan.effects.crosstalk else ()


def _ring(plan: BilateralPlan, ports: NeuronGroup, sides: NeuronGroup, clock: Clock) -> list[Any]:
    """What lines longer than a step carry; lines of one step hand on what was sent."""
    depth, count, counts = plan.ring_depth, plan.layout.ports, plan.effects.counts
    if depth == 1:
        for name, taps in zip(_beside(plan), (plan.carries.left, plan.carries.right), strict=False):
            set_unique(ports, name, plan.layout.partner[taps])
        if _alike(plan):
            _land(ports, sides, "@SENT + first + partner", {"SENT": ports.variables["sent"]}, clock)
        else:
            refer(ports, "arriving", ports, "sent", index="partner")
        refer(ports, "counted", ports, "n_sent", index="partner")
        for name in _beside(plan):
            refer(ports, name.replace("there", "raw"), ports, "sent", index=name)
        return []
    ring = NeuronGroup(depth * count, "amplitude : 1\n" + "number : integer\n" * counts, clock=clock, name="ring")
    set_unique(ports, "cell", np.arange(count))
    for name, variable, index in (
        ("leaving", "amplitude", "cell"), *(() if _alike(plan) else (("arriving", "amplitude", "there"),)),
        *((("counting", "number", "cell"), ("counted", "number", "there")) if counts else ()),
        *((name.replace("there", "raw"), "amplitude", name) for name in _beside(plan)),
    ):  # fmt: skip
        refer(ports, name, ring, variable, index=index)
    if _alike(plan):
        used = {"THERE": ports.variables["there"], "CARRIED": ring.variables["amplitude"]}
        _land(ports, sides, "@CARRIED + @THERE[first]", used, clock)
    for index in ("cell", "there", *_beside(plan)):
        code = f"{index} = {index} + {count} - {depth * count}*int({index} + {count} >= {depth * count})"
        ports.run_regularly(code, clock=clock, when="taps", order=1, name=f"advance_{index}")
    return [ring]


def _alike(plan: BilateralPlan) -> bool:
    """Whether what arrives at a run of ports is fetched as a run of waves, as a compiled program can where their lines are alike."""
    return plan.alike and isinstance(get_device(), CPPStandaloneDevice)


def _land(ports: NeuronGroup, sides: NeuronGroup, place: str, used: dict[str, Variable], clock: Clock) -> None:
    """Let a compiled program fetch what arrives, run by run."""
    used = used | {"ARRIVING": ports.variables["arriving"]}
    text, code = _LAND.replace("FROM", place), "done = land(first, count, partner)"
    native(sides, code, "land", text, 3, used, NEVER, clock=clock, when="taps", order=-1)


def _arrive(plan: BilateralPlan, ports: NeuronGroup, clock: Clock) -> None:
    """Let waves arrive, and be held: an event that gets lost leaves the one before, what is drawn for one stays with it."""
    effects, code, came = plan.effects, "", "arriving"
    if effects.counts:
        kept = " and uniform(fate_key, i, counted) >= drop" if effects.drops else ""
        code += f"news = int(counted > n_got{kept})\n"
    if effects.drops:
        code += "inbox = chosen(news, arriving, inbox)\nmissed = inbox - arriving\n"
        came = "inbox"
    if "sigma" in effects.line_variables:
        code += "hiss = chosen(news, sigma*gauss(noise_key, i, n_got), hiss)\n"
    code += "n_got = counted\n" * effects.counts
    if effects.received != "came":
        code += f"came = {came}\nfresh = {effects.received}\n"
        came = "fresh"
    if plan.filtered:
        code += f"y = y + pole*({came} - y)\na = chosen(int(abs(y - a) < grain), a, y)\n"
    else:
        code += f"a = {came}\n"
    ports.run_regularly(code, clock=clock, when="taps", name="arrive")

"""What substrates have in common in brian2: where the data come in, and what is recorded of any of them.

Neurons have the variables `x` and `lam`, `seen_x` and `seen_lam` for what was recorded last, `ext` for their datum or
target, and `resolution`, below which a relative movement is not recorded.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from brian2 import Clock, EventMonitor, NeuronGroup, StateMonitor, Synapses, TimedArray, second
from brian2.core.variables import Variable

from emulator.engine.clocks import STEP
from emulator.engine.events import OnEvent, refer, set_unique
from emulator.engine.plan import Plan

_MOST = sys.float_info.max
#: the event that a neuron's state or costate has moved, or that it is a number and was none, or the other way round
MOVED = " or ".join(
    f"abs({name} - seen_{name}) > resolution*abs(seen_{name}) or "
    f"int(abs({name}) <= {_MOST!r}) != int(abs(seen_{name}) <= {_MOST!r})"
    for name in ("x", "lam")
)

Recorded = tuple[list[Any], dict[str, Variable]]


def terminals_of(plan: Plan, nodes: NeuronGroup, feed: np.ndarray, clock: Clock, hold: Clock) -> NeuronGroup:
    """What sets the data and the targets; `feed` is (samples, inputs + outputs).

    They jump when a sample begins, or move evenly from what they were for the steps of a ramp, and then are the datum itself.
    """
    ramped = plan.ramp > 1
    model = "at : integer (constant)\n" + "was : 1\ngoal : 1\nlate : 1\n" * ramped
    terminals = NeuronGroup(feed.shape[1], model, clock=clock, name="terminals")
    refer(terminals, "ext", nodes, "ext", index="at")
    set_unique(terminals, "at", np.concatenate([plan.layout.inputs, plan.layout.outputs]))
    terminals.namespace["feed"] = TimedArray(feed, dt=plan.hold * STEP * second, name="feed")
    if not ramped:
        terminals.run_regularly("ext = feed(t, i)", clock=hold, when="start", order=-1, name="present")
        return terminals
    begin = "was = 1.0*ext\ngoal = feed(t, i)\nlate = 0"
    terminals.run_regularly(begin, clock=hold, when="start", order=-2, name="present")
    move = f"late = late + 1\next = int(late >= {plan.ramp})*goal + int(late < {plan.ramp})*(was + (goal - was)*late/{plan.ramp}.0)"
    terminals.run_regularly(move, clock=clock, when="start", order=-1, name="drive")
    return terminals


def movements_of(nodes: NeuronGroup) -> Recorded:
    """Every movement of neurons with an event ``moved``, of the condition `MOVED`."""
    moved = EventMonitor(nodes, "moved", variables=["x", "lam"], when="groups", name="movements")
    return [follow(nodes), moved], {f"moved.{name}": moved.variables[name] for name in ("i", "t", "x", "lam")}


def follow(nodes: NeuronGroup) -> OnEvent:
    """What notices movements, and notes what has been recorded of them."""
    nodes.set_event_schedule("moved", when="groups", order=-1)
    return OnEvent(nodes, "moved", "seen_x = x\nseen_lam = lam", when="after_groups")


def power_of(places: NeuronGroup, clock: Clock) -> Recorded:
    """The power `P` of all places, summed at every step."""
    meter = NeuronGroup(1, "P : 1", clock=clock, name="meter")
    wires = Synapses(places, meter, "P_post = P_pre : 1 (summed)", clock=clock, name="meter_wires")
    wires.connect(i=np.arange(len(places)), j=np.zeros(len(places), dtype=int))
    power = StateMonitor(meter, "P", record=True, clock=clock, when="end", name="power")
    return [meter, wires, power], {"power": power.variables["P"]}

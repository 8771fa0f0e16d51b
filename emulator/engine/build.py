"""From a plan to its brian2 objects, whichever kind of substrate it is for."""

from __future__ import annotations

import numpy as np

from emulator.engine import fabric, junctions, upwind
from emulator.engine.junction_plan import JunctionPlan
from emulator.engine.plan import Plan
from emulator.engine.stack import StackPlan


def build(plan: Plan, feed: np.ndarray, rates: np.ndarray | None = None) -> fabric.Fabric:
    """Create the brian2 objects of a plan; see `emulator.engine.fabric.build`."""
    if isinstance(plan, JunctionPlan):
        return junctions.build_junctions(plan, feed, rates)
    if isinstance(plan, StackPlan):
        return upwind.build_upwind(plan, feed)
    return fabric.build(plan, feed, rates)

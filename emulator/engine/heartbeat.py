"""How far a compiled program has come: it prints the fraction done, at most a hundred times, as it begins a sample."""

from __future__ import annotations

import numpy as np
from brian2 import Clock, Function, NeuronGroup, Unit

#: what a line of progress begins with
PREFIX = "backwave-done "

_C = """
#include <cstdio>
static inline double heartbeat(double done)
{
    static double next = 0.01;
    if (done >= next) {
        std::printf("PREFIX%.3f\\n", done);
        std::fflush(stdout);
        next = done + 0.01;
    }
    return done;
}
"""


def heartbeat_of(total: float, hold: Clock) -> NeuronGroup:
    """One element that reports, once a hold, the fraction of `total` (in brian2's seconds) that has passed."""
    function = Function(
        lambda done: done, arg_units=[1], return_unit=Unit(1), arg_types=["float"], return_type="float", stateless=False
    )
    function.implementations.add_implementation("numpy", lambda done, **_: np.asarray(done))
    function.implementations.add_implementation("cython", "cdef double heartbeat(double done):\n    return done\n")
    function.implementations.add_implementation("cpp", _C.replace("PREFIX", PREFIX), name="heartbeat")
    group = NeuronGroup(1, "done : 1", namespace={"heartbeat": function}, clock=hold, name="pulse")
    group.run_regularly(f"done = heartbeat(t/({total!r}*second))", clock=hold, when="end", name="beat")
    return group

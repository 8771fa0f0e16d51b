"""The load of a cross-entropy: softmax of the outputs, exact for any finite logits.

Every step the largest output `top` and ``rest = sum exp(x - top)`` over the others are found anew from the outputs
alone, so that nothing is carried from one sample to the next, and no power of e is above 1. With ``e = exp(x - top)``
an output has ``p = e/(1 + rest)``, and ``1 - p = (1 - e + rest)/(1 + rest)`` without cancellation: against a target `y`
the load answers ``p - y = p (1 - y) - y (1 - p)`` to round-off of its own, even where `p` is nearly `y`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup

from emulator.engine.events import refer
from emulator.engine.layout import Ints
from emulator.engine.native import Arrays, native

#: probability of an output, the rest to 1, and what the load answers to a target `ext`
PROBABILITIES = """p = exp_if(load, clip(x - top, -800, 0))
other = int(load != 0)*(1 - p + rest)/(1 + rest)
p = int(load != 0)*p/(1 + rest)
"""
ANSWER = "(p*(1 - ext) - ext*other)"

_C = """
static int find_top(int count)
{
    int best = 0;
    for (int k = 1; k < count; k++)
        if (!(@U[@OUTPUT[k]] <= @U[@OUTPUT[best]]))
            best = k;
    const double top = @U[@OUTPUT[best]];
    double rest = 0.0;
    for (int k = 0; k < count; k++)
        if (k != best)
            rest += exp(@U[@OUTPUT[k]] - top);
    @TOP[0] = top;
    @REST[0] = rest;
    return 0;
}
"""


def softmax_of(
    outputs: Ints, ports: NeuronGroup, nodes: NeuronGroup, clock: Clock, states: str = "u", order: int = 1
) -> list[Any]:
    """Find `top` and `rest` between the updates of states and of costates, and let the nodes see them."""
    load = NeuronGroup(
        len(outputs), "output : integer (constant)\ntop : 1 (shared)\nrest : 1 (shared)\ndone : integer (shared)",
        clock=clock, name="load",
    )  # fmt: skip
    load.output = outputs
    for name in ("top", "rest"):
        refer(nodes, name, load, name, index="0")
    used = {"U": ports.variables[states], "OUTPUT": load.variables["output"]}
    used |= {"TOP": load.variables["top"], "REST": load.variables["rest"]}
    found = native(
        load, f"done = find_top({len(outputs)})", "find_top", _C, 1, used, _finding,
        clock=clock, when="start", order=order,
    )  # fmt: skip
    return [load] if found is None else [load, found]


def _finding(arrays: Arrays) -> Callable[[], None]:
    u, output, top, rest = (arrays[name] for name in ("U", "OUTPUT", "TOP", "REST"))

    def find_top() -> None:
        logits = u[output]
        best = logits.argmax()
        top[0] = logits[best]
        parts = np.exp(logits - top[0])
        parts[best] = 0.0
        rest[0] = parts.sum()

    return find_top

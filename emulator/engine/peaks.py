"""The largest state and costate that a layer receives, for ports that share out pulses by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses

from emulator.engine.events import refer
from emulator.engine.layout import Block, Layout
from emulator.engine.native import Arrays, native
from emulator.engine.port_code import ORDER, Received

#: what a synapse and a neuron have besides, if their layer's peaks are wanted
LEVELS = "state_level : 1\ncostate_level : 1\n"
TIER = "tier : integer (constant)\n"
_NAMES = ("state_peak", "costate_peak")
_C = """
static int find_peaks(int tier, int first, int count, int biased)
{
    double state = biased ? 1.0 : 0.0, costate = 0.0;
    for (int k = first; k < first + count; k++)
    {
        if (@STATES[k] > state)
            state = @STATES[k];
        if (@COSTATES[k] > costate)
            costate = @COSTATES[k];
    }
    @STATE_PEAK[tier] = state;
    @COSTATE_PEAK[tier] = costate;
    return 0;
}
"""


def peaks_of(layout: Layout, xbar: Synapses, learners: NeuronGroup, received: Received, beat: Clock) -> list[Any]:
    """Let every parameter that learns see its layer's `state_peak`, at least 1 where biases learn, and `costate_peak`.

    Parameters
    ----------
    layout : Layout
    xbar, learners : Synapses, NeuronGroup
        With the variables in `LEVELS` (synapses) and `TIER` (both).
    received : Received
    beat : Clock
        Of the updates.
    """
    blocks = [block for block in layout.blocks if block.layer is not None and block.trainable and block.size]
    columns = ("first", "count", "biased")
    tiers = NeuronGroup(
        max(1, len(blocks)),
        "state_peak : 1\ncostate_peak : 1\ndone : integer\n" + "".join(f"{c} : integer (constant)\n" for c in columns),
        clock=beat, name="tiers",
    )  # fmt: skip
    of_weight, of_bias = np.zeros(len(xbar), np.int32), np.zeros(len(learners), np.int32)
    for k, block in enumerate(blocks):
        of_weight[block.first : block.first + block.size] = of_bias[block.columns] = k
    if blocks:
        tiers.first, tiers.count = [b.first for b in blocks], [b.size for b in blocks]
        tiers.biased = [int(b.biased) for b in blocks]
    for owner, tier in ((xbar, of_weight), (learners, of_bias)):
        owner.tier = tier
        for name in _NAMES:
            refer(owner, name, tiers, name, index="tier")
    code = f"state = {received.state}\ncostate = {received.costate}\nstate_level = abs(state)\ncostate_level = abs(costate)"
    xbar.run_regularly(code, clock=beat, when="start", order=ORDER["levels"], name="levels")
    used = {"STATES": xbar.variables["state_level"], "COSTATES": xbar.variables["costate_level"]}
    used |= {name.upper(): tiers.variables[name] for name in _NAMES}
    found = native(
        tiers, "done = find_peaks(i, first, count, biased)", "find_peaks", _C, 4, used, _finding(blocks),
        clock=beat, when="start", order=ORDER["peaks"],
    )  # fmt: skip
    return [tiers, *([] if found is None else [found])]


def _finding(blocks: list[Block]) -> Callable[[Arrays], Callable[[], None]]:
    def work(arrays: Arrays) -> Callable[[], None]:
        states, costates, state_peak, costate_peak = (
            arrays[name] for name in ("STATES", "COSTATES", "STATE_PEAK", "COSTATE_PEAK")
        )

        def find() -> None:
            for k, block in enumerate(blocks):
                own = slice(block.first, block.first + block.size)
                state_peak[k] = states[own].max(initial=float(block.biased))
                costate_peak[k] = costates[own].max(initial=0.0)

        return find

    return work

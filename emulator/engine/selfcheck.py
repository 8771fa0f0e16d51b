"""A target that computes wrongly is not used: at its first use in a process it must get a small known network right.

Three samples go through two inputs, two neurons each of tanh and gelu, and two outputs with a softmax load, over lines of
one to three steps that differ by direction. The first sample is beyond all numbers and must leave nothing behind, logits
of the second are thousands apart. Nodes keep what they were, as those that reflect do, with numbers by which they come to
rest at once. Crossbars, lines, events, clocks and the readout are the same code as for any network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from emulator.compile import compile_network
from emulator.engine.compiler import environment
from emulator.engine.plan import Plan, Values
from emulator.errors import EngineError
from emulator.laws import Worldsheet, family_of
from emulator.network import Network, NetworkBuilder
from hwmodels import Steps, load

Run = Callable[[Plan, Values, np.ndarray], dict[str, np.ndarray]]

INPUTS = np.array([[1.7e308, -1.7e308], [1500.0, -1750.0], [0.25, 0.75]])
LABELS = np.array([0, 1, 1])
#: of the samples but the first, the states and costates of all neurons, as exact backpropagation gives them
STATES = np.array([
    [1500.0, -1750.0, 1.0, 1.0, 0.0, 3875.0, 968.25, -2906.5],
    [0.25, 0.75, -0.062418746747512514, 0.98661429815143031, -0.029692645685672047, 0.068717278103764115,
     -1.0229138362634995, 0.19663234364811868],
])  # fmt: skip
COSTATES = np.array([
    [2.0, -0.5, 1.0, -1.25, -0.25, 1.0, 1.0, -1.0],
    [0.38217267982480246, -0.1466721453911634, 0.22801632433957225, -0.28502040542446533, -0.05700408108489308,
     0.22801632433957225, 0.22801632433957225, -0.22801632433957225],
])  # fmt: skip
#: largest deviation that rounding explains
_ROUNDING = 1e-12
_right: set[tuple[str, str]] = set()


def ensure_right(target: str, run: Run) -> None:
    """Check a target, the first time.

    Parameters
    ----------
    target : {"numpy", "cython", "standalone"}
    run : callable
        Runs a plan on it: the recorded arrays by name.

    Raises
    ------
    EngineError
        If the target does not get the network right.
    """
    which = target, "" if target == "numpy" else environment()
    if which in _right:
        return
    _right.add(which)  # running the network is a use of the target as well
    try:
        plan, values, feed = known()
        outputs = run(plan, values, feed)
        count, ended = plan.layout.neurons, slice(1, plan.samples + 1)
        states, costates = outputs["end.u"][ended, :count], outputs["end.lam"][ended]
        found, right = np.hstack([states, costates])[1:], np.hstack([STATES, COSTATES])
        worst = float((np.abs(found - right) / np.maximum(np.abs(right), 1)).max())
        if not worst <= _ROUNDING:
            raise EngineError(
                f"target {target} computes a small known network wrongly here, by {worst:.2g}, and is not used; "
                "allowed: another target, or other versions of brian2, Cython or the compiler"
            )
    except BaseException:
        _right.discard(which)
        raise


def known_network() -> Network:
    """Every function of the engine's own is at work in it."""
    build = NetworkBuilder()
    x = build.input("x", 2)
    tanh = build.dense(x, np.array([[0.5, -0.25], [4.0, 2.0]]), name="s", activation="tanh")
    gelu = build.dense(x, np.array([[-1.0, 0.25], [2.0, -0.5]]), name="r", activation="gelu")
    last = np.array([[0.5, -1.0, 0.75, 0.25], [-0.5, 0.25, 1.0, -0.75]])
    return build.build(output=build.dense(build.concat(tanh, gelu), last, name="y"), loss="softmax_cross_entropy")


@cache
def known() -> tuple[Plan, Values, np.ndarray]:
    """The known network as a plan, its numbers and its data."""
    step = 1e-9
    hardware = load("ideal").replace(
        {
            "lines.delay_forward": Steps(step=step, fewest=1, most=3),
            "lines.delay_backward": Steps(step=step, fewest=1, most=3),
        }
    )
    graph = compile_network(known_network(), hardware=hardware, law=Worldsheet(beta=1.0, gamma=0.0), seed=1)
    family = family_of(graph.law)
    plan = replace(family.plan(graph, 16, len(INPUTS)), probe=False, power=False)
    values = family.values(graph, plan, loaded=True)
    return plan, values, np.hstack([INPUTS, np.eye(2)[LABELS]])

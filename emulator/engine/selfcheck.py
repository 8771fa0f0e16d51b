"""A target that computes wrongly is not used: at its first use in a process it must get a small known network right.

Two samples go through 2-3-2 neurons, tanh and a softmax load, over lines of one to three steps that differ by direction;
crossbars, lines, events, clocks and the readout are the same code as for any network.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from emulator.compile import compile_network
from emulator.engine.compiler import environment
from emulator.engine.effects import effects_of
from emulator.engine.layout import lay_out
from emulator.engine.plan import Plan, Values
from emulator.engine.values import values_of
from emulator.errors import EngineError
from emulator.network import Network
from hwmodels import Steps, load

Run = Callable[[Plan, Values, np.ndarray], dict[str, np.ndarray]]

WEIGHTS = (np.array([[0.5, -0.25], [0.75, 0.5], [-1.0, 0.25]]), np.array([[0.5, -1.0, 0.75], [-0.5, 0.25, 1.0]]))
INPUTS, LABELS = np.array([[0.5, -1.0], [0.25, 0.75]]), np.array([1, 0])
#: per sample, the states and costates of all neurons, as exact backpropagation gives them
STATES = np.array([
    [0.5, -1.0, 0.46211715726000974, -0.12435300177159621, -0.6351489523872873, -0.1209501338888644, -0.8972957814601912],
    [0.25, 0.75, -0.06241874674751251, 0.5098299737352565, -0.06241874674751251, -0.5878534071696472, 0.09624812006005786],
])  # fmt: skip
COSTATES = np.array([
    [-0.2606921422035737, -0.5816333895507864, 0.6848919834209661, -0.8561149792762077, -0.1712229958552416,
     0.6848919834209661, -0.6848919834209661],
    [-0.0353988568850157, 0.514327716313236, -0.6646535001414883, 0.8308168751768603, 0.166163375035372,
     -0.6646535001414883, 0.6646535001414883],
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
        worst = float(np.abs(np.hstack([states - STATES, costates - COSTATES])).max())
        if not worst <= _ROUNDING:
            raise EngineError(
                f"target {target} computes a small known network wrongly here, by {worst:.2g}, and is not used; "
                "allowed: another target, or other versions of brian2, Cython or the compiler"
            )
    except BaseException:
        _right.discard(which)
        raise


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
    graph = compile_network(Network.mlp(list(WEIGHTS), loss="softmax_cross_entropy"), hardware=hardware, seed=1)
    layout = lay_out(graph)
    plan = Plan(
        layout, graph.law, graph.loss, hold=16, samples=len(INPUTS), probe=False, power=False,
        effects=effects_of(graph, layout, 0),
    )  # fmt: skip
    values = values_of(graph, layout, plan.effects, loaded=True)
    return plan, values, np.hstack([INPUTS, np.eye(2)[LABELS]])

"""Running a plan in this process, with brian2's numpy or cython target."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import Network, second
from brian2.core.variables import DynamicArrayVariable

from emulator.engine.brian_state import known_brian
from emulator.engine.clocks import STEP
from emulator.engine.compiler import require_compiler
from emulator.engine.fabric import Fabric
from emulator.engine.plan import Plan, Values
from emulator.engine.selfcheck import ensure_right
from emulator.laws import family_of

Report = Callable[[float], None]
#: bytes of a record beyond which the objects that made it are cleared away at once
_LARGE = 1 << 23


def run(
    plan: Plan, values: Values, feed: np.ndarray, target: str, report: Report | None = None
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Simulate a plan.

    Parameters
    ----------
    plan : Plan
    values : mapping
        Numbers for the fabric's inputs, arrays or scalars.
    feed : (samples, inputs + outputs)
    target : {"numpy", "cython"}
    report : callable, optional
        Called about once a second with the fraction done.

    Returns
    -------
    outputs, times
        Recorded arrays by name; seconds spent building and running.

    Raises
    ------
    EngineError
        If the target finds no compiler, its code does not compile, or it computes a known network wrongly.
    """
    ensure_right(target, lambda small, numbers, data: run(small, numbers, data, target)[0])
    begun = time.perf_counter()
    with np.errstate(all="ignore"), known_brian(**_preferences(target)):
        fabric = family_of(plan.law).objects(plan, feed, rates_of(values))
        for name, variable in fabric.inputs.items():
            variable.get_value()[:] = values[name]
        fabric.set_delays()
        _reserve(fabric, plan.steps * STEP)
        kwargs = {}
        if report is not None:
            kwargs = {
                "report": lambda elapsed, done, start, duration: report(float(done)),
                "report_period": 1 * second,
            }
        ready = _note_when_ready(fabric.network)
        fabric.network.run(plan.steps * STEP * second, namespace={}, **kwargs)
        done = time.perf_counter()
        outputs = {
            name: np.asarray(variable.get_value()) for name, variable in fabric.outputs.items()
        }  # nobody else has them
        large = sum(held.nbytes for held in outputs.values()) > _LARGE or plan.layout.synapses > _LARGE // 100
        del fabric, variable
    if large:
        gc.collect()  # brian2's objects refer to each other: what they held would stay beside what is made of the record
    return outputs, {"build": ready[0] - begun, "run": done - ready[0]}


def _reserve(fabric: Fabric, duration: float) -> None:
    """Give every record of a row per tick the rows that it will have: one that grows has up to as many to spare."""
    for variable in fabric.outputs.values():
        if isinstance(variable, DynamicArrayVariable) and variable.ndim == 2:
            monitor, held = variable.owner, variable.device.arrays[variable]
            rows = int(np.ceil(duration / float(monitor.clock.dt_) - 1e-9))
            held.resize((rows, int(monitor.n_indices)))
            held.resize((0, int(monitor.n_indices)))


def _preferences(target: str) -> dict[str, Any]:
    if target == "numpy":
        return {"codegen__target": "numpy"}
    from emulator.engine.cython_target import StrictCython, modules

    require_compiler("cython")
    return {"codegen__target": StrictCython.class_name, "codegen__runtime__cython__cache_dir": str(modules())}


def _note_when_ready(network: Network) -> list[float]:
    """A list that gets the time at which the network's code has been made and its run begins."""
    ready: list[float] = []
    prepare = network.before_run

    def before_run(namespace: dict[str, object]) -> None:
        prepare(namespace)
        ready.append(time.perf_counter())

    network.before_run = before_run
    return ready


def rates_of(values: Values) -> np.ndarray | None:
    """The rates of a run that learns, among its numbers."""
    rates = values.get("rates")
    return None if rates is None else np.ascontiguousarray(rates, dtype=np.float64)

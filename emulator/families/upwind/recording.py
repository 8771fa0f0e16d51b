"""The recording of a network under the upwind law, in the form of any other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.engine.plan import Values
from emulator.engine.recording import Recording, movements
from emulator.families.upwind.stack import UpwindPlan


def collect(
    plan: UpwindPlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
) -> Recording:
    """What the outputs of a run by name (see `emulator.families.upwind.objects`) say."""
    layout, steps = plan.layout, plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("x", "lam", "s", "mu", "rx", "rl")}
    counts = np.hstack([outputs["end.n_up"], outputs["end.n_down"]])[: plan.samples + 1].astype(np.int64)
    waves = np.hstack([end["x"], end["mu"]])
    traced = plan.traces
    none = np.zeros(0, np.int64)
    return Recording(
        u=waves,
        v=np.hstack([end["lam"], end["s"] - values["bias"]]),
        lam=end["lam"],
        state_residual=end["rx"],
        costate_residual=end["rl"],
        sent=np.diff(counts, axis=0),
        tap=waves[:, layout.tap_port],
        products=None,
        **movements(plan.samples, plan.hold, outputs),
        power=outputs["power"][:steps, 0],
        trace_u=np.hstack([outputs["trace.x"], outputs["trace.mu"]])[:steps] if traced else None,
        trace_lam=outputs["trace.lam"][:steps] if traced else None,
        emitted={"port": none, "step": none, "amplitude": np.zeros(0)} if traced else None,
        target=target,
        times=times,
    )

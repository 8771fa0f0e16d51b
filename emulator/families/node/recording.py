"""What the arrays of a run under a node law say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emulator.engine.plan import Plan
from emulator.engine.recording import Recording, movements, until


def collect(plan: Plan, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str) -> Recording:
    """The recording of a run by its outputs; see `emulator.families.node.objects`."""
    steps = plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("u", "v", "lam", "rx", "rl")}
    emitted = None
    moved = movements(plan.samples, plan.hold, outputs) if plan.probe else {"moved": None}
    if plan.traces:
        emitted = until(steps, port=outputs["emitted.i"], t=outputs["emitted.t"], amplitude=outputs["emitted.sent"])
    return Recording(
        u=end["u"],
        v=end["v"],
        lam=end["lam"],
        state_residual=end["rx"],
        costate_residual=end["rl"],
        sent=np.diff(outputs["end.n_sent"][: plan.samples + 1], axis=0),
        tap=outputs["end.a"][1 : plan.samples + 1] if plan.layout.tile else None,
        products=None if plan.layout.tile else outputs["g"],
        **moved,
        power=outputs["power"][:steps, 0] if plan.power else None,
        trace_u=outputs["trace.u"][:steps] if plan.traces else None,
        trace_lam=outputs["trace.lam"][:steps] if plan.traces else None,
        emitted=emitted,
        target=target,
        times=times,
    )

"""The recording of a run under Wave-PMP, in the form of any other, and its waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emulator.engine.plan import Values
from emulator.engine.recording import Recording, WaveTraces, movements
from emulator.families.wave_pmp.monitors import HELD
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.sending import NUMBERS


@dataclass(frozen=True)
class TracedWaves(WaveTraces):
    """Waves with the residuals of the nodes, (T, N) each."""

    state_residual: np.ndarray
    costate_residual: np.ndarray


@dataclass
class WavePMPRecording(Recording):
    """A recording, with the waves.

    Parameters
    ----------
    left : (B, 2N)
        The waves that phase A left in the last step of each hold, upwards, then downwards, in units of the state.
    numbers : dict of (B, N)
        ``x``, ``mu``, ``a``, ``m`` and ``c``, that neurons were to send last.
    held : dict of (B, C)
        By ``state`` and ``wave``: what taps held.
    waves : WaveTraces or None
        With traces: what leaves are the waves after phase E, what arrives those that phase A leaves; ports are the
        waves upwards, then downwards, of all neurons.
    """

    left: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    held: dict[str, np.ndarray] = field(default_factory=dict)
    waves: WaveTraces | None = None

    @property
    def extras(self) -> dict[str, Any]:
        """The waves."""
        return {"waves": self.waves}


def collect(
    plan: WavePMPPlan, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
) -> WavePMPRecording:
    """What the outputs of a run by name (see `emulator.families.wave_pmp.objects`) say."""
    steps = plan.hold * plan.samples
    end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in (*HELD, "state.a", "wave.a")}
    ahead, back = np.split(plan.layout.lines_of_port > 0, 2)
    raw = np.isin(np.arange(len(back)), plan.layout.tap_port[plan.links.passing.taps] - len(back))
    forward = np.hstack([end[name][:, ahead] for name in ("x", "a")])
    backward = np.hstack([end["mu"][:, back], end["m"][:, back & ~raw], end["c"][:, back & raw]])
    if not np.asarray(values["load"]).any():  # without a load costates are no part of the answer
        end["lam"], end["mu"], end["rl"] = (np.zeros_like(end[name]) for name in ("lam", "mu", "rl"))
    counts = outputs["end.n_sent"][: plan.samples + 1].astype(np.int64)
    none = np.zeros(0, np.int64)
    waves = None
    if plan.traces:
        traced = {
            name: outputs[f"trace.{name}"][:steps]
            for name in ("x", "lam", "s", "mu", "a", "c", "up", "down", "rx", "rl")
        }
        leaving, arriving = np.hstack([traced["a"], traced["c"]]), np.hstack([traced["up"], traced["down"]])
        waves = TracedWaves(leaving, arriving, *(traced[name] for name in ("x", "lam", "s", "mu", "rx", "rl")))
    return WavePMPRecording(
        u=np.hstack([end["x"], end["mu"]]),
        v=np.hstack([end["lam"], end["s"] - values["bias"]]),
        lam=end["lam"],
        state_residual=end["rx"],
        costate_residual=end["rl"],
        sent=np.diff(counts, axis=0),
        tap=end["state.a"] if plan.layout.tile else None,
        products=None if plan.layout.tile else outputs["g"],
        **movements(plan.samples, plan.hold, outputs),
        power=outputs["power"][:steps, 0] if plan.power else None,
        trace_u=None if waves is None else np.hstack([waves.x, waves.mu]),
        trace_lam=None if waves is None else waves.lam,
        emitted={"port": none, "step": none, "amplitude": np.zeros(0)} if plan.traces else None,
        target=target,
        times=times,
        offered=(forward, backward),
        numbers={name: end[name] for name in NUMBERS},
        held={"state": end["state.a"], "wave": end["wave.a"]},
        left=np.hstack([end["up"], end["down"]]),
        waves=waves,
    )

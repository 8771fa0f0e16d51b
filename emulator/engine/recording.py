"""What a run leaves behind, whatever the law."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emulator.engine.clocks import STEP


@dataclass(frozen=True)
class WaveTraces:
    """Every wave at every step; T steps, P ports, N neurons.

    Parameters
    ----------
    leaving, arriving : (T, P)
        Wave that leaves each port at a step, and the wave at its tap that the junction answered with it.
    x, lam, s, mu : (T, N)
    """

    leaving: np.ndarray
    arriving: np.ndarray
    x: np.ndarray
    lam: np.ndarray
    s: np.ndarray
    mu: np.ndarray


@dataclass
class Recording:
    """What a simulated plan left behind; B samples, N neurons, T = hold * B steps.

    Parameters
    ----------
    u, v : (B, 2N)
        Outgoing wave and arrived sum of every port at the end of each hold.
    lam, state_residual, costate_residual : (B, N)
        Costate, and the node's residuals ``x - F`` and ``lam - B`` at its last update.
    sent : (B, 2N)
        Events emitted by every port during each hold.
    tap : (B, C) or None
        Tile wiring: amplitude last received at every tap.
    products : (S,) or None
        Synapse wiring: received state times received costate, summed over the ends of the holds.
    moved : dict or None
        ``neuron``, ``step``, ``x``, ``lam`` of every movement the probe saw.
    power : (T,) or None
        Reflected power, summed over the nodes.
    trace_u, trace_lam : (T, 2N), (T, N) or None
    emitted : dict or None
        ``port``, ``step``, ``amplitude`` of every event.
    target : str
        brian2 target that ran.
    times : dict
        Seconds for ``build`` and ``run``.
    rails : (B, 2L) or None
        Two-way lines: what the tail, then the head end of each line sent last, as it was sent.
    """

    u: np.ndarray
    v: np.ndarray
    lam: np.ndarray
    state_residual: np.ndarray
    costate_residual: np.ndarray
    sent: np.ndarray
    tap: np.ndarray | None
    products: np.ndarray | None
    moved: dict[str, np.ndarray] | None
    power: np.ndarray | None
    trace_u: np.ndarray | None
    trace_lam: np.ndarray | None
    emitted: dict[str, np.ndarray] | None
    target: str
    times: dict[str, float] = field(default_factory=dict)
    rails: np.ndarray | None = None

    @property
    def extras(self) -> dict[str, Any]:
        """What a `SettleResult` keeps of it besides what every run has."""
        return {}

    def exact(self, tolerance: float) -> np.ndarray:
        """Samples (B,) that the precision of numbers does not keep from being settled."""
        return np.ones(len(self.lam), bool)

    def inexact(self, sample: int, tolerance: float) -> str | None:
        """Why a sample is not exact, as a clause; None if it is."""
        return None


def until(steps: int, t: np.ndarray, **columns: np.ndarray) -> dict[str, np.ndarray]:
    """Event columns with their time in steps, without the one step after the last hold."""
    step = np.rint(t / STEP).astype(np.int64)
    inside = step < steps
    if inside.all():  # a copy takes as much memory again
        return {"step": step, **columns}
    return {"step": step[inside], **{name: column[inside] for name, column in columns.items()}}

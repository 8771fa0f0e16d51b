"""What a run leaves behind, whatever the law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from emulator.engine.clocks import STEP

#: resolutions of movements in the band within which a neuron is at rest, half of it
BAND = 16.0
#: resolutions of the largest state or costate of a row, beyond which a value is outside every band
FAR = 32.0
#: a row that rests at 0 is measured by the largest state or costate of its sample, this much more strictly
ZERO_ROW = 1e-3
#: what a program writes in the place of the step of a neuron whose movements have to be looked at
UNCLEAR = -1
#: numbers per field of a portion
_CACHED = 1 << 16


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
    lam : (B, N)
        Costate.
    state_residual, costate_residual : (B, N) or (B, R)
        The node's residuals ``x - F`` and ``lam - B`` at its last update, or the largest of every row of neurons.
    sent : (B, 2N)
        Events emitted by every port during each hold.
    tap : (B, C) or None
        Tile wiring: amplitude last received at every tap.
    products : (S,) or None
        Synapse wiring: received state times received costate, summed over the ends of the holds.
    moved : dict or None
        ``neuron``, ``step``, ``x``, ``lam`` of every movement the probe saw, or of those that are left to judge.
    entered : dict of (B, N), optional
        Where the program has judged itself: the step since the sample began at which each ``x`` and ``lam`` came to stay,
        or a negative number where its movements tell (see `emulator.engine.entries`). Where what is held is not where it
        rests, also ``width_x`` and ``width_lam``: shares of the band by which they may differ for the step to be right.
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
    offered : ((B, K), (B, L)) or None
        Where it is more than states and costates: what ports were to send forward, and backward, before precision acts.
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
    offered: tuple[np.ndarray, np.ndarray] | None = None
    entered: dict[str, np.ndarray] | None = None

    def part(self, samples: slice, hold: int) -> Recording:
        """What there is to judge of some samples, one after another, as if they were all of a run."""
        moved = self.moved
        if moved is not None:
            ends = samples.start * hold, samples.stop * hold
            inside = slice(*np.searchsorted(moved["step"], ends))  # in order of time
            moved = {name: column[inside] for name, column in moved.items()}
            moved["step"] = moved["step"] - ends[0]
        return Recording(
            self.u[samples], self.v[samples], self.lam[samples], self.state_residual[samples],
            self.costate_residual[samples], self.sent[samples], tap=None, products=None, moved=moved, power=None,
            trace_u=None, trace_lam=None, emitted=None, target=self.target,
            entered=None if self.entered is None else {name: rows[samples] for name, rows in self.entered.items()},
        )  # fmt: skip

    #: fields with a row for every sample
    by_sample: ClassVar[tuple[str, ...]] = (
        "u", "v", "lam", "state_residual", "costate_residual", "sent", "tap", "rails",
    )  # fmt: skip

    def only(self, samples: slice, hold: int) -> Self:
        """What there is to read of some samples that have been judged; without products, and what traces hold."""
        rows = {name: value[samples] for name in self.by_sample if (value := getattr(self, name)) is not None}
        begin, end, _ = samples.indices(len(self.lam))
        return replace(
            self, **rows, moved=None, entered=None,
            power=None if self.power is None else self.power[begin * hold : end * hold],
            offered=None if self.offered is None else (self.offered[0][samples], self.offered[1][samples]),
        )  # fmt: skip

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
    """Event columns, in order of time, with their time in steps, without the one step after the last hold."""
    inside = slice(np.searchsorted(t, (steps - 0.5) * STEP))
    return {
        "step": np.rint(t[inside] / STEP).astype(np.int64),
        **{name: column[inside] for name, column in columns.items()},
    }


def movements(samples: int, hold: int, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The fields `moved` and `entered` of a recording, from the outputs of `emulator.engine.entries.watched`."""
    columns = {name: outputs[f"moved.{name}"] for name in ("t", "x", "lam")}
    judged = {name.removeprefix("entered."): rows for name, rows in outputs.items() if name.startswith("entered.")}
    entered = {name: rows[1 : samples + 1] for name, rows in judged.items()} or None
    return {"moved": until(samples * hold, neuron=outputs["moved.i"], **columns), "entered": entered}


def portions(samples: int, width: int) -> Iterator[slice]:
    """All samples in runs whose rows of so many numbers stay in a processor's cache together with what is made of them."""
    rows = max(1, _CACHED // max(1, width))
    return (slice(start, min(start + rows, samples)) for start in range(0, samples, rows))

"""Did it settle, and when: decided from the substrate's own data alone.

A sample has settled at T if from T to the end of its hold every state and costate stays within `tolerance` times the
largest magnitude in its row of neurons of its end-of-hold value (with noise, within its predicted floor if that is
more); and at the end every node's residuals are below the same bound, and what each port sent since it came within its
band has landed (T plus its longest line delay is inside the hold).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from emulator.engine import Layout, Recording
from emulator.engine.effects import JITTER_CUT
from emulator.graph import ScatteringGraph
from emulator.measure.noise_floor import SIGMAS, noise_floor

#: the probe's resolution as a fraction of the tolerance: movements below it are not recorded
RESOLUTION = 1 / 16
_TINY = sys.float_info.min


@dataclass(frozen=True)
class Verdict:
    """Outcome per sample, B samples and N neurons.

    Parameters
    ----------
    settled : (B,) bool
    steps : (B,) int64
        Steps from the presentation of the sample to T; the hold where it did not settle.
    finite : (B,) bool
        Whether everything stayed finite.
    residual : (B,)
        Largest residual at the end of the hold, relative to the magnitude of its row.
    state_steps, costate_steps : (B, N) int64
        T of each neuron's state and costate.
    """

    settled: np.ndarray
    steps: np.ndarray
    finite: np.ndarray
    residual: np.ndarray
    state_steps: np.ndarray
    costate_steps: np.ndarray


def judge(
    graph: ScatteringGraph, layout: Layout, recording: Recording, hold: int, tolerance: float, q: float
) -> Verdict:
    """Judge every sample of a recording made with the probe on; noise widens the bound to its predicted floor."""
    count = layout.neurons
    x, lam = recording.u[:, :count], recording.lam
    starts = [site.start for site in graph.sites]
    sizes = [site.size for site in graph.sites]
    with np.errstate(invalid="ignore", over="ignore"):
        finite = (
            np.isfinite(recording.u).all(axis=1) & np.isfinite(recording.v).all(axis=1) & np.isfinite(lam).all(axis=1)
        )
        state_scale = np.repeat(np.maximum.reduceat(np.abs(x), starts, axis=1), sizes, axis=1)
        costate_scale = np.repeat(np.maximum.reduceat(np.abs(lam), starts, axis=1), sizes, axis=1)
        state_floor, costate_floor = noise_floor(graph, layout, recording)
        state_band = np.maximum(np.maximum(tolerance * state_scale, SIGMAS * np.sqrt(2) * state_floor), max(q, _TINY))
        costate_band = np.maximum(
            np.maximum(tolerance * costate_scale, SIGMAS * np.sqrt(2) * costate_floor), max(q, _TINY)
        )
        state_steps, state_rest = _last_entry(recording, "x", x, state_band, hold)
        costate_steps, costate_rest = _last_entry(recording, "lam", lam, costate_band, hold)
        quiet = (np.abs(recording.state_residual) <= state_band) & (np.abs(recording.costate_residual) <= costate_band)
        residual = np.maximum(
            np.abs(recording.state_residual) / np.maximum(state_scale, _TINY),
            np.abs(recording.costate_residual) / np.maximum(costate_scale, _TINY),
        )
    latest = np.maximum(state_steps, costate_steps)
    late = int(np.ceil(JITTER_CUT * graph.hardware.lines.jitter / graph.step))
    landed = np.maximum(state_steps + layout.longest[:count], latest + layout.longest[count:]) + late < hold
    settled = finite & state_rest.all(axis=1) & costate_rest.all(axis=1) & quiet.all(axis=1) & landed.all(axis=1)
    return Verdict(
        settled=settled,
        steps=np.where(settled, latest.max(axis=1), hold),
        finite=finite,
        residual=residual.max(axis=1),
        state_steps=state_steps,
        costate_steps=costate_steps,
    )


def _last_entry(
    recording: Recording, column: str, end: np.ndarray, band: np.ndarray, hold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Step (since the sample began) at which each neuron came within its band for good, and whether it did."""
    samples, count = end.shape
    moved = recording.moved
    if moved is None:
        raise ValueError("the recording was made without the probe")
    order = np.argsort(moved["neuron"], kind="stable")
    neuron, step, value = moved["neuron"][order], moved["step"][order], moved[column][order]
    sample = step // hold
    outside = ~(np.abs(value - end[sample, neuron]) <= band[sample, neuron])
    carried = np.vstack([np.zeros((1, count)), end[:-1]])
    began_outside = ~(np.abs(carried - end) <= band)
    first = np.ones(len(neuron), bool)
    first[1:] = (neuron[1:] != neuron[:-1]) | (sample[1:] != sample[:-1])
    before = np.empty(len(neuron), bool)
    before[1:] = outside[:-1]
    before[first] = began_outside[sample[first], neuron[first]]
    steps = np.zeros((samples, count), np.int64)
    entering = before & ~outside
    np.maximum.at(steps, (sample[entering], neuron[entering]), step[entering] - sample[entering] * hold)
    last = np.ones(len(neuron), bool)
    last[:-1] = first[1:]
    rest = ~began_outside
    rest[sample[last], neuron[last]] = ~outside[last]
    steps[~rest] = hold
    return steps, rest

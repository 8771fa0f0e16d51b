"""What a training took: energy of its waves, and writes of its devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine.learning import plastic_masks
from emulator.learning import Written
from emulator.training.bounds import at_bounds
from emulator.training.checkpoint import Progress
from emulator.training.substrate import Substrate


@dataclass(frozen=True)
class Spent:
    """What a training took so far.

    Parameters
    ----------
    joules : float or None
        Energy of events, weights that act on them, node updates, standing power, and pulses of devices, without that of
        programming devices or memories and of tests; None while a figure of the hardware is not known.
    unpriced : tuple of str
        These figures.
    writes : float
        Mean number of writes of a parameter that learns: of pulses, or programmings, where devices are written; else of
        updates, each of which moves every parameter a little (unlocked, it moves throughout a hold, which counts as one).
    worn : float or None
        Share of these parameters whose device has had as many pulses as it endures; None where that is not known.
    pulse_joules : float or None
        The part of `joules` that pulses take; None where that of one is not known, or nothing is pulsed.
    pulse_seconds : float or None
        Time of all pulses, which adds to that of the waves: of trains of their full length, or of writes row after row; None
        where that of one is not known, 0 where nothing is pulsed.
    at_bounds : float or None
        Share of the devices of these parameters that are at an end of their range in the end; None without devices.
    """

    joules: float | None
    unpriced: tuple[str, ...]
    writes: float
    worn: float | None
    pulse_joules: float | None = None
    pulse_seconds: float | None = 0.0
    at_bounds: float | None = None


def spent(substrate: Substrate, here: Progress, batch: int) -> Spent:
    """What has been spent up to here.

    Parameters
    ----------
    substrate : Substrate
    here : Progress
    batch : int
        Samples of an update.
    """
    graph, port = substrate.graph, substrate.learning.port
    steps = here.position * substrate.hold
    cost = graph.hardware.energy.estimate(
        events=float(here.events),
        synaptic_operations=float(here.operations),
        updates=float(substrate.layout.neurons * steps),
        nodes=substrate.layout.neurons,
        lines=sum(bundle.count for bundle in graph.bundles if bundle.is_line),
        duration=steps * graph.step,
    )
    missing = (*cost.missing, *(["wave_power"] if graph.hardware.energy.wave_power else []))
    if not isinstance(port, Written):
        return Spent(None if missing else float(cost.total), missing, float(-(-here.position // batch)), None)
    biases, weights = plastic_masks(substrate.layout)
    each = [
        np.concatenate([here.state[f"weight.{name}"][weights], here.state[f"bias.{name}"][biases]])
        for name in ("writes", "fast_writes")
        if name in port.variables
    ]
    writes = np.sum(each, axis=0)
    update, worn, joules = port.law.update, None, None
    if update is not None:
        worn = None if update.endurance is None else float((np.max(each, axis=0) >= update.endurance).mean())
    full = at_bounds(substrate, here.state)
    if update is None or not port.pulsed:
        total = None if missing else float(cost.total)
        return Spent(total, missing, float(writes.mean()), worn, None, 0.0, full)
    if update.pulse_energy is None:
        missing = (*missing, "weights.update.pulse_energy")
    else:
        joules = float(writes.sum()) * update.pulse_energy
    updates = steps if substrate.learning.schedule == "unlocked" else -(-here.position // batch)
    rows = max(
        (
            len(block.rows) + block.biased
            for block in substrate.layout.blocks
            if block.layer is not None and block.trainable
        ),
        default=0,
    )
    seconds = None if update.pulse_time is None else updates * port.slots_of_update(rows) * update.pulse_time
    total = None if missing or joules is None else float(cost.total) + joules
    return Spent(total, missing, float(writes.mean()), worn, joules, seconds, full)

"""What a training took: energy of its waves, and writes of its devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emulator.engine.learning import plastic_masks
from emulator.learning import Written
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
    """

    joules: float | None
    unpriced: tuple[str, ...]
    writes: float
    worn: float | None


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
    worn, pulses, update = None, 0.0, port.law.update
    if update is not None:
        worn = None if update.endurance is None else float((np.max(each, axis=0) >= update.endurance).mean())
        if update.pulse_energy is None:
            missing = (*missing, "weights.update.pulse_energy")
        else:
            pulses = float(writes.sum()) * update.pulse_energy
    return Spent(None if missing else float(cost.total) + pulses, missing, float(writes.mean()), worn)

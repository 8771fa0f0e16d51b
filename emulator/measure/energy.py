"""Energy of a run from its counts: what is not known of the hardware stays unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emulator.graph import ScatteringGraph

if TYPE_CHECKING:
    from emulator.engine import Layout, Recording
    from hwmodels import HardwareModel

Floats = NDArray[np.float64]
#: whole numbers up to which a float is exact
_WHOLE = 2.0**53


@dataclass(frozen=True)
class EnergyUse:
    """Energy that each sample took while it was presented.

    Parameters
    ----------
    parts : dict of (B,)
        Known contributions in joules, by the name of the hardware figure.
    missing : tuple of str
        Figures that are not known for this hardware.
    """

    parts: dict[str, Floats]
    missing: tuple[str, ...]

    @property
    def total(self) -> Floats | None:
        """Joules per sample (B,), or None while any contribution is unknown."""
        if self.missing:
            return None
        return np.asarray(np.sum(list(self.parts.values()), axis=0))


def unpriced(hardware: HardwareModel) -> tuple[str, ...]:
    """The figures for energy that a hardware model does not have: with any, what a sample costs is not known."""
    none = dict.fromkeys(("events", "synaptic_operations", "updates", "duration"), 0.0)
    missing = hardware.energy.estimate(**none, nodes=0, lines=0).missing
    if hardware.energy.wave_power and None in (hardware.lines.impedance, hardware.energy.unit_amplitude):
        return (*missing, "wave_power")
    return missing


def energy_use(
    graph: ScatteringGraph, layout: Layout, recording: Recording, hold: int, doubling: Floats | float = 0.0
) -> EnergyUse:
    """Count events, synaptic operations and updates of every sample, and price them.

    A synaptic operation is one weight acting on one event; every node updates once per step; standing power runs for
    the whole hold. A line that doubles a share of its events (`doubling`, per tap) pays for the expected number of
    arrivals. With `wave_power`, the power that nodes reflect is added, at the nominal line impedance.
    """
    energy, samples = graph.hardware.energy, len(recording.lam)
    again = np.broadcast_to(doubling, layout.tap_port.shape)
    per_event = layout.lines_of_port + np.bincount(layout.tap_port, weights=again, minlength=layout.ports)
    per_port = operations_of_port(layout, again)
    events, operations = _per_sample(recording.sent, per_event, per_port)
    lines = sum(bundle.count for bundle in graph.bundles if bundle.is_line)
    estimate = energy.estimate(
        events=events,
        synaptic_operations=operations,
        updates=float(layout.neurons * hold),
        nodes=layout.neurons,
        lines=lines,
        duration=hold * graph.step,
    )
    parts = {name: np.array(np.broadcast_to(part, samples)) for name, part in estimate.parts.items()}
    missing = list(estimate.missing)
    if energy.wave_power:
        impedance, amplitude = graph.hardware.lines.impedance, energy.unit_amplitude
        if impedance is None or amplitude is None or recording.power is None:
            missing.append("wave_power")
        else:
            reflected = recording.power.reshape(samples, hold).sum(axis=1) * graph.step
            parts["wave_power"] = reflected * amplitude**2 / impedance
    return EnergyUse(parts, tuple(missing))


def operations_of_port(layout: Layout, doubling: Floats | float = 0.0) -> NDArray[np.int64] | Floats:
    """How many weights an event of each port meets (P,); expected ones where a share of the events is doubled on its way."""
    weights = np.bincount(layout.row, minlength=len(layout.tap_port))
    weights = weights + np.bincount(layout.column, minlength=len(layout.tap_port))
    again = np.broadcast_to(doubling, layout.tap_port.shape)
    found = np.bincount(layout.tap_port, weights=(1 + again) * weights, minlength=layout.ports)
    return found if again.any() else found.astype(np.int64)


def weighed(sent: np.ndarray, each: np.ndarray) -> NDArray[np.int64]:
    """Whole numbers (B, P) times what each counts for (P,), or (P, K), added up."""
    from emulator.engine.recording import portions

    largest = int(sent.max(initial=0)) * float(np.abs(each).sum())
    if largest >= _WHOLE:
        return np.asarray(sent @ each.astype(np.int64), dtype=np.int64)
    parts = [sent[rows] @ each.astype(np.float64) for rows in portions(*sent.shape)]
    return np.concatenate([np.zeros((0, *each.shape[1:])), *parts]).astype(np.int64)


def _per_sample(sent: np.ndarray, *each: np.ndarray) -> list[Floats]:
    """Events of every port (B, P) times what each costs (P,), added up: exact where that is whole numbers."""
    if all((one == np.floor(one)).all() for one in each):
        return list(weighed(sent, np.stack(each, axis=1)).astype(np.float64).T)
    return [np.array([float(row @ one) for row in sent]) for one in each]

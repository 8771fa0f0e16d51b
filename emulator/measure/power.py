"""Power on a substrate of two-way lines: what comes in, is stored, is dissipated, and where the balance breaks.

With `w` the amplitudes in flight on a line direction and `y` what its low-pass of coefficient `c` holds, the energy
before the junctions answer at a step is ``E = sum over directions [sum w^2 + (1 + (1-c)/c) y^2]/Z`` in units of state
times costate times step, and a step changes it by

    E_new - E = P_source + P_bias - P_load - sum (1-c)(u - y)^2/Z

as long as every crossbar and neuron gives back what it takes. What a place takes beyond that is its excess: an
activation that is not homogeneous takes ``s mu - x lam``, of either sign; noise, rounding and a send-on-change
threshold show at the line that carries them. What each port and junction reflects: `emulator.measure.reflections`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.engine import JunctionLayout, biases, lay_out_junctions
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral
from emulator.measure.result import SettleResult

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerBalance:
    """Power at every step of a run, in units of state times costate; T steps, P ports, N neurons, K crossbars.

    Parameters
    ----------
    ports : (T, P)
        Net power into the junction of each port, ``(i^2 - r^2)/Z``.
    stored : (T,)
        Energy in flight and in low-passes and terminations, before the junctions answer.
    source, bias, load : (T,)
        Power that sources and biases deliver, and that the load takes.
    dissipated : (T,)
        Power lost in low-passes and terminations.
    neurons, crossbars, lines : (T, N), (T, K), (T, P)
        What each place takes beyond what the balance knows: 0 for lossless junctions, below 0 where it delivers.
    places : dict of tuple of str
        Their names, by the same three keys.
    """

    ports: Floats
    stored: Floats
    source: Floats
    bias: Floats
    load: Floats
    dissipated: Floats
    neurons: Floats
    crossbars: Floats
    lines: Floats
    places: dict[str, tuple[str, ...]]

    @property
    def imbalance(self) -> Floats:
        """By how much the stored energy changes beyond what the balance says, (T - 1,)."""
        known = self.source + self.bias - self.load - self.dissipated
        return np.asarray(np.diff(self.stored) - known[:-1])

    @property
    def worst(self) -> float:
        """Largest imbalance of any step over the largest stored energy."""
        most = float(self.stored.max())
        return float(np.abs(self.imbalance).max()) / most if most > 0 else 0.0

    def violators(self, tolerance: float = 1e-9) -> dict[str, float]:
        """Places whose excess at some step is above `tolerance` times the largest stored energy, largest first.

        Returns
        -------
        dict of str to float
            Largest excess of the place, in units of the largest stored energy, below 0 where it delivers.
        """
        most = max(float(self.stored.max()), 1e-300)
        found: dict[str, float] = {}
        for kind in ("neurons", "crossbars", "lines"):
            excess = getattr(self, kind)
            if not excess.size:
                continue
            step = np.abs(excess).argmax(axis=0)
            found |= dict(zip(self.places[kind], excess[step, np.arange(excess.shape[1])] / most, strict=True))
        above = {name: float(value) for name, value in found.items() if abs(value) > tolerance}
        return dict(sorted(above.items(), key=lambda item: -abs(item[1])))


def power_balance(result: SettleResult) -> PowerBalance:
    """Account for the power of a run of two-way lines.

    Parameters
    ----------
    result : SettleResult
        Of ``settle(graph, ..., traces=True)`` with a bilateral law.

    Raises
    ------
    EngineError
        If the run has no waves to account for.
    """
    graph, waves = result.graph, result.waves
    if waves is None or not isinstance(graph.law, Bilateral):
        raise EngineError(
            f"power balance of a run with law {graph.law.name}: it has no recorded waves; "
            "allowed: law bilateral, settled with traces=True"
        )
    layout = lay_out_junctions(graph, graph.law)
    leaving, arriving, z = waves.leaving, waves.arriving, layout.impedance
    into = (arriving**2 - leaving**2) / z
    source = np.array([name == "source" for name in layout.function])
    into_neurons = _sum(into, layout.node, layout.at_neuron, layout.neurons)
    sent = layout.at_neuron & layout.out & (layout.lines_of_port > 0)
    carried = _sum((leaving - arriving) / z, layout.node, sent, layout.neurons)
    given = np.where(source, waves.x * waves.lam, 0.0)
    taken = np.where(source, 0.0, waves.x * (waves.lam - carried))
    biased = biases(graph) * waves.mu
    stored, dissipated, lost = _lines(layout, leaving, arriving)
    return PowerBalance(
        ports=into,
        stored=stored,
        source=given.sum(axis=1),
        bias=biased.sum(axis=1),
        load=taken.sum(axis=1),
        dissipated=dissipated,
        neurons=into_neurons + given + biased - taken,
        crossbars=np.stack([into[:, ports].sum(axis=1) for ports in crossbar_ports(layout)], axis=1)
        if layout.blocks
        else np.zeros((len(into), 0)),
        lines=lost,
        places=_places(graph, layout),
    )


def _lines(layout: JunctionLayout, leaving: Floats, arriving: Floats) -> tuple[Floats, Floats, Floats]:
    """Energy on all line directions (T,), what they dissipate in the step after (T,), and their excess (T, P)."""
    steps, ports = leaving.shape
    stored, dissipated = np.zeros(steps), np.zeros(steps)
    excess = np.zeros((steps, ports))
    for tap in range(ports):
        sent, held = leaving[:, layout.partner[tap]], arriving[:, tap]
        delay, pole, z = int(layout.tap_delay[tap]), layout.pole[tap], layout.impedance[tap]
        keep = (1 - pole) / pole
        total = np.concatenate([[0.0], np.cumsum(sent**2)])
        step = np.arange(steps)
        stored += (total[step] - total[np.maximum(step - delay + 1, 0)] + (1 + keep) * held**2) / z
        came = np.concatenate([np.zeros(delay), sent])[:steps]
        before = np.concatenate([[0.0], held[:-1]])
        burnt = (1 - pole) * (came - before) ** 2 / z
        excess[:, tap] = (came**2 - held**2 - keep * (held**2 - before**2)) / z - burnt
        dissipated[:-1] += burnt[1:]
    return stored, dissipated, excess


def _sum(values: Floats, place: NDArray[np.int32], chosen: NDArray[np.bool_], count: int) -> Floats:
    """Columns of `values` summed by place, (T, count)."""
    found = np.zeros((count, len(values)))
    np.add.at(found, place[chosen], values[:, chosen].T)
    return found.T


def crossbar_ports(layout: JunctionLayout) -> list[NDArray[np.int32]]:
    """Ports of every crossbar."""
    starts = [block.first for block in layout.blocks] + [len(layout.to_state)]
    return [np.unique(layout.to_state[a:b]) for a, b in itertools.pairwise(starts)]


def _places(graph: ScatteringGraph, layout: JunctionLayout) -> dict[str, tuple[str, ...]]:
    neurons = tuple(f"{site.name}[{k}]" for site in graph.sites for k in range(site.size))
    crossbars = tuple(str(block.layer) for block in layout.blocks)
    names = np.empty(layout.ports, dtype=object)
    for ports, crossbar in zip(crossbar_ports(layout), crossbars, strict=True):
        for port in ports:
            names[port] = f"line into crossbar {crossbar}, port {port}"
    for port in np.flatnonzero(layout.at_neuron):
        names[port] = f"line into {neurons[layout.node[port]]}, port {port}"
    return {"neurons": neurons, "crossbars": crossbars, "lines": tuple(names)}

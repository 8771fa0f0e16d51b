"""The energy of the waves, step by step: Theorem 2.6 of the paper with its source term, in its discrete form.

``V = sum (|w+|^2 + |w-|^2)/2`` over all nodes is ``a M a + c M c`` in units of the state. What the phases of a step do to it
follows from the residuals, with `u` and `d` what transport brings from below and above, and norms in `M`:

    A  transport   - nu (2 <a, a - u> - nu |a - u|^2) - nu (2 <c, c - d> - nu |c - d|^2)
    C  sources     - alpha (x M r_x + lam Z r_lam) + alpha^2 (r_x M r_x + r_lam Z r_lam)/2
    E  ports       |a_0|^2 and |c_N|^2 after, less before
    lines          what losses, noise, rounding and faults of the lines make of what A brings, less what exact lines would

The first line is the theorem's flux where transport is matched; a clamp of data 0 and an effort end without load reflect all
that comes and add nothing, so that the theorem's conditions can be read off the three. The paper's source term is the
first of C; that of second order in `alpha` is what a finite step adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from emulator.engine.layout import biases
from emulator.errors import EngineError
from emulator.families.wave_pmp.equations import Equations
from emulator.families.wave_pmp.links import exact_maps
from emulator.families.wave_pmp.recording import TracedWaves
from emulator.families.wave_pmp.rest import law_of
from emulator.measure.power import PowerAccount
from emulator.measure.rest import first_slopes
from emulator.measure.result import Floats, SettleResult


@dataclass(frozen=True)
class EnergyBalance:
    """Where energy comes from and goes to; T steps, N neurons.

    Parameters
    ----------
    stored : (T,)
        Energy of all waves at the end of each step.
    transport, sources, ports, lines : (T, N)
        What each phase adds to the waves of every neuron's row at each step, and what real lines add to the first, shared
        out over its neurons.
    imbalance : (T,)
        What the energy changes by and the four do not explain: round-off.
    rows : tuple of (name, first, stop)
    clamp, load : (T,)
        What the two ends give at each step beyond what comes to them: ``|a|^2 - |c|^2`` at the input clamps, and
        ``|c|^2 - |a|^2`` at the effort end.
    """

    stored: Floats
    transport: Floats
    sources: Floats
    ports: Floats
    lines: Floats
    imbalance: Floats
    rows: tuple[tuple[str, int, int], ...]
    clamp: Floats
    load: Floats

    @property
    def passive(self) -> dict[str, bool]:
        """Whether each end gave back no more than came to it, at every step: the theorem's two conditions, measured."""
        rounding = 1e-12 * float(self.stored.max(initial=0.0))
        return {name: bool((end <= rounding).all()) for name, end in (("clamp", self.clamp), ("load", self.load))}

    def account(self) -> PowerAccount:
        """The whole run in a few numbers."""
        most = float(self.stored.max(initial=0.0))
        off = float(np.abs(self.imbalance).max(initial=0.0))
        return PowerAccount(most, off / most if most > 0 else 0.0, self.injectors())

    def injectors(self) -> dict[str, float]:
        """What added energy over the run, by phase and row, the largest first."""
        found: dict[str, float] = {}
        for phase in ("transport", "sources", "ports", "lines"):
            total = getattr(self, phase).sum(axis=0)
            found |= {f"{phase} at {name}": float(total[first:stop].sum()) for name, first, stop in self.rows}
        return dict(sorted(((k, v) for k, v in found.items() if v > 0), key=lambda item: -item[1]))


def energy_balance(result: SettleResult) -> EnergyBalance:
    """Account for the energy of the waves of a run.

    Parameters
    ----------
    result : SettleResult
        Of ``settle(graph, ..., traces=True)`` with the law wave-pmp and lines of one step, from a blank substrate.

    Raises
    ------
    EngineError
        If the run has no such waves, or numbers under way on longer lines, which this does not follow.
    """
    graph, waves = result.graph, result.waves
    law = law_of(graph)
    if not isinstance(waves, TracedWaves):
        raise EngineError("energy balance of a run without waves; allowed: one settled with traces=True")
    if graph.longest_delay > 1:
        raise EngineError(
            f"energy balance with lines of {graph.longest_delay} steps; allowed: one step, as in the paper"
        )
    equations = Equations(graph, law, biases(graph), True)
    links, mass = equations.links, equations.links.mass
    maps = exact_maps(links)

    def times(matrix: sparse.csr_array, values: Floats) -> Floats:
        return np.asarray((matrix @ values.T).T)

    def energy(wave: Floats) -> Floats:
        return wave * times(mass, wave)

    none = np.zeros((1, 2 * graph.neurons))
    before = np.vstack([none, waves.leaving[:-1]])
    a, c = np.split(before, 2, axis=1)
    slope = first_slopes(graph, np.vstack([biases(graph)[None], waves.s[:-1]]))
    up = slope * times(maps["moved_up"], a) + times(maps["passed_up"], a)
    down = times(links.impedance, times(maps["moved_down"], slope * times(mass, c))) + times(maps["passed_down"], c)
    rise, fall = a - up, c - down
    transport = -equations.nu_up * (2 * a * times(mass, rise) - equations.nu_up * energy(rise))
    transport -= equations.nu_down * (2 * c * times(mass, fall) - equations.nu_down * energy(fall))
    short, effort = waves.state_residual, waves.costate_residual
    driven = times(links.impedance, effort)
    sources = -law.alpha * (waves.x * times(mass, short) + times(links.impedance, waves.lam) * effort)
    sources += law.alpha**2 / 2 * (energy(short) + effort * driven)
    arrived_a, arrived_c = np.split(waves.arriving, 2, axis=1)
    left_a, left_c = np.split(waves.leaving, 2, axis=1)
    ideal_a, ideal_c = a - equations.nu_up * rise, c - equations.nu_down * fall
    lines = energy(arrived_a) - energy(ideal_a) + energy(arrived_c) - energy(ideal_c)
    open_a = arrived_a - law.alpha / 2 * (short + driven)
    open_c = arrived_c - law.alpha / 2 * (short - driven)
    ports = links.source * (energy(left_a) - energy(open_a)) + links.output * (energy(left_c) - energy(open_c))
    stored = (energy(left_a) + energy(left_c)).sum(axis=1)
    change = np.diff(np.concatenate([[0.0], stored]))
    explained = (transport + sources + ports + lines).sum(axis=1)
    rows = tuple((site.name, site.start, site.stop) for site in graph.sites)
    given = energy(left_a) - energy(left_c)
    clamp, load = (given * links.source).sum(axis=1), -(given * links.output).sum(axis=1)
    return EnergyBalance(stored, transport, sources, ports, lines, change - explained, rows, clamp, load)

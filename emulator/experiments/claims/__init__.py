"""The claims behind training by wave scattering, each checked in brian2 against its equation.

C. Pehle and J.-J. Slotine, *Unlocked Backpropagation using Wave Scattering*, arXiv:2602.10461; each claim says whether the
paper proves it, states it, or it is ours, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.errors import EngineError, suggest
from emulator.experiments.claims.algorithm import (
    carried_impedance_is_exact,
    energy_is_accounted_for,
    is_biased_by_transport,
    reaches_two_layers_a_step,
    rests_where_its_phases_balance,
)
from emulator.experiments.claims.base import Bench, Claim, Curve, Origin, Panel
from emulator.experiments.claims.circuits import clamp_reflects, energy_through_ports, matched_load_absorbs
from emulator.experiments.claims.optimum import descent_is_matched, heavy_ball_has_mass, relaxes_to_the_optimum
from emulator.experiments.claims.waves import counter_propagating, finite_speed

#: checks by the name a scenario uses
CLAIMS: dict[str, Callable[[Bench], Claim]] = {
    "finite-speed": finite_speed,
    "counter-propagation": counter_propagating,
    "optimum": relaxes_to_the_optimum,
    "energy": energy_through_ports,
    "matched-load": matched_load_absorbs,
    "clamp": clamp_reflects,
    "descent": descent_is_matched,
    "heavy-ball": heavy_ball_has_mass,
    "own-rest": rests_where_its_phases_balance,
    "bias": is_biased_by_transport,
    "carried-impedance": carried_impedance_is_exact,
    "discrete-energy": energy_is_accounted_for,
    "reach": reaches_two_layers_a_step,
}

__all__ = ["CLAIMS", "Bench", "Claim", "Curve", "Origin", "Panel", "check_claims"]


def check_claims(
    bench: Bench, names: Sequence[str] = (), progress: Callable[[str, float], None] | None = None
) -> list[Claim]:
    """Check claims one after another.

    Parameters
    ----------
    bench : Bench
    names : sequence of str
        Of `CLAIMS`; all by default.
    progress : callable, optional
        Called with the name of the claim and the fraction done.

    Raises
    ------
    EngineError
        For an unknown name.
    """
    for name in names:
        if name not in CLAIMS:
            raise EngineError(f"unknown claim {suggest(name, CLAIMS)}")
    found, asked = [], list(names) or list(CLAIMS)
    for number, name in enumerate(asked):
        if progress is not None:
            progress(name, number / len(asked))
        found.append(CLAIMS[name](bench))
    return found

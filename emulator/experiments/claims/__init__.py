"""The claims behind training by wave scattering, each checked in brian2 against its equation.

Source of the claims: C. Pehle and J.-J. Slotine, *Unlocked Backpropagation using Wave Scattering*, arXiv:2602.10461.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.errors import EngineError, suggest
from emulator.experiments.claims.base import Bench, Claim, Curve, Panel
from emulator.experiments.claims.circuits import clamp_reflects, energy_through_ports, matched_load_absorbs
from emulator.experiments.claims.optimum import descent_is_matched, relaxes_to_the_optimum
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
}

__all__ = ["CLAIMS", "Bench", "Claim", "Curve", "Panel", "check_claims"]


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

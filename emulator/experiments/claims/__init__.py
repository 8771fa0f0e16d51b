"""The claims behind training by wave scattering, each checked in brian2 against its equation.

C. Pehle and J.-J. Slotine, *Unlocked Backpropagation using Wave Scattering*, arXiv:2602.10461; each claim says whether the
paper proves it, states it, or it is ours, and where.
"""

from __future__ import annotations

import time
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
from emulator.processes import pool_of, shared_out

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
    bench: Bench,
    names: Sequence[str] = (),
    progress: Callable[[str, float], None] | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
) -> list[Claim]:
    """Check claims, one after another unless there are processes to do it.

    Parameters
    ----------
    bench : Bench
    names : sequence of str
        Of `CLAIMS`; all by default.
    progress : callable, optional
        Called with the name of the claim and the fraction done.
    workers : int, optional
        Processes on this machine; by default this one, since it takes seconds.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers do it instead.

    Raises
    ------
    EngineError
        For an unknown name.
    StudyError
        If the processes cannot be had.
    """
    for name in names:
        if name not in CLAIMS:
            raise EngineError(f"unknown claim {suggest(name, CLAIMS)}")
    asked, found = list(names) or list(CLAIMS), dict[int, Claim]()
    with pool_of(1 if workers is None and scheduler is None else workers, scheduler) as pool:
        if progress is not None:
            progress(asked[0], 0.0)
        for (number, name), (claim, _) in shared_out(
            pool, _checked, pool.share(bench), list(enumerate(asked)), lambda one: one[1], _lost
        ):
            found[number] = claim
            if progress is not None:
                progress(name, len(found) / len(asked))
    return [claim for _, claim in sorted(found.items())]


def _checked(bench: Bench, claims: Sequence[tuple[int, str]]) -> list[tuple[Claim, float]]:
    """Claims, and the seconds that each took, in whatever process."""
    found = []
    for _, name in claims:
        begun = time.perf_counter()
        found.append((CLAIMS[name](bench), time.perf_counter() - begun))
    return found


def _lost(claim: tuple[int, str]) -> tuple[Claim, float]:
    raise EngineError(
        f"claim {claim[1]}: a process that checked it died every time: perhaps it needs more memory than there is; "
        "allowed: fewer workers"
    )

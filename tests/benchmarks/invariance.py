"""The rest of two-way lines and of upwind stacks is backpropagation, whatever their physics.

    python -m tests.benchmarks.invariance                  200 random graphs (about twenty minutes)
    python -m tests.benchmarks.invariance --graphs 20      a sample

Three of four graphs are networks of two-way lines with random impedances, tapers, bandwidths, terminations and delays
of up to 5 steps; the others are residual stacks under the upwind law with random Courant numbers and impedances. Each
has a predicted spectral radius below 1 and is held for at least twice its predicted settling time. Every graph that is
not within 1e-9 of backpropagation is listed, with what becomes of it when its targets are approached in small steps:
a substrate with several rests may come to another one from a blank start, or to none. The verdict "settled" is relative to
each row of neurons: a row that rests at 0 never settles to 1e-9 of itself.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from tests.support.random_substrates import NEAR, Case, cases, from_nearby, outcomes

#: graphs in one brian2 network, and the longest predicted settling time, in steps
SIDE_BY_SIDE, LONGEST = 15, 3000


def batches(drawn: list[Case]) -> list[list[Case]]:
    """Those that can stand side by side in groups of similar settling time, each of the others alone."""
    together = sorted((case for case in drawn if case.together), key=lambda case: case.steps)
    groups = [together[k : k + SIDE_BY_SIDE] for k in range(0, len(together), SIDE_BY_SIDE)]
    return groups + [[case] for case in drawn if not case.together]


def main() -> None:
    """Draw, predict, run and compare."""
    parser = argparse.ArgumentParser(description="Equilibrium invariance on random graphs.")
    parser.add_argument("--graphs", type=int, default=200, help="number of graphs")
    count, console, begun = parser.parse_args().graphs, Console(width=120), time.perf_counter()
    drawn = [*cases("bilateral", count - count // 4, LONGEST), *cases("upwind", count // 4, LONGEST)]
    console.print(f"{len(drawn)} graphs drawn and predicted in {time.perf_counter() - begun:.0f} s")
    found = [outcome for batch in batches(drawn) for outcome in outcomes(batch)]
    table = Table(
        "law", "graphs", "settled", f"within {NEAR:g}", "largest deviation of those", "radius", "predicted steps"
    )
    for kind in ("bilateral", "upwind"):
        own = [o for o in found if o.case.name.startswith(kind)]
        if own:
            good = [o for o in own if o.good]
            radii, steps = [o.case.radius for o in own], [o.case.steps for o in own]
            table.add_row(
                kind, str(len(own)), str(sum(o.settled for o in own)), str(len(good)),
                f"{max((o.deviation for o in good), default=0):.0e}", f"{min(radii):.3f} to {max(radii):.4f}",
                f"{min(steps)} to {max(steps)}",
            )  # fmt: skip
    console.print(table)
    for o in (o for o in found if not o.good):
        near = from_nearby(o.case)
        words = f"{o.case.name}: radius {o.case.radius:.4f}, settled {o.settled}, off by {o.deviation:.1e}"
        console.print(f"{words}; approached in small steps: settled {near.settled}, off by {near.deviation:.1e}")
    console.print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()

"""What several substrates side by side in one program (lanes) could gain, by sharing each pass over the weights.

Run with ``python -m tests.benchmarks.lanes [SIZES ...]``: matched law, standalone, compile time apart, least of five. Every
size is compiled twice, once so that each pass over the weights is made twice over: the difference is what the passes take.
What a step takes whatever the size, clock and objects of brian2, is measured on a network of three neurons that is held for
many steps longer, in which nothing moves. Were both free, which is what lanes could save at the very most (each lane has its
own neurons, events and records), a sample would take the rest. In processor time of the compiled program, so that neighbours
on the machine disturb it little.
"""

from __future__ import annotations

import os
import resource
import sys
from itertools import pairwise

from emulator.engine import standalone, sums
from hwmodels import HardwareModel
from tests.benchmarks.engine import mlp, prepare

REPEATS = 5
#: steps in which a sample moves something, and steps more in which none does
HOLD, QUIET = 5, 40
#: the work again, on what the compiler cannot know to be the same
_TWICE = """
static int add_up({given})
{{
    add_up_once({names});
    __asm__ volatile("" ::: "memory");
    return add_up_once({names});
}}
"""


def spent(plan, values, feed) -> float:
    """Least processor seconds of the compiled program."""
    made, found = standalone.program(plan), []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        made.run(values, feed)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


def prepared(sizes: list[int], hold: int, samples: int):
    """Plan, numbers and data of a network without probe and power meter."""
    return prepare(mlp(sizes), HardwareModel(), hold, samples, probe=False, power=False)[:3]


def bare_step() -> float:
    """Microseconds of a step in which nothing moves, of the smallest network."""
    samples = 5_000
    short, long = (1e6 * spent(*prepared([1, 1, 1], hold, samples)) / samples for hold in (HOLD, HOLD + QUIET))
    return (long - short) / QUIET


def main(names: list[str]) -> None:
    """Print the times per sample, and what free passes and steps would gain."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    once, fields = sums._C, ("moved", *sums.FIELDS)
    given = ", ".join(f"int {name}" for name in fields)
    twice = once.replace("add_up(", "add_up_once(") + _TWICE.format(given=given, names=", ".join(fields))
    steps = HOLD * bare_step()
    for name in names or ["64-32-10", "784-128-10"]:
        sizes = [int(part) for part in name.split("-")]
        count = max(500, min(20_000, 400_000_000 // sum(a * b for a, b in pairwise(sizes)) // 10))
        found = []
        for text in (once, twice):
            sums._C = text
            # one sample more makes it a program of its own: its text is no part of the key
            samples = count + (text is twice)
            found.append(1e6 * spent(*prepared(sizes, HOLD, samples)) / samples)
        sums._C = once
        sample, passes = found[0], found[1] - found[0]
        print(
            f"{name:>12}: {sample:.1f} us a sample, of which passes over the weights {passes:.1f} ({passes / sample:.0%}), and steps "
            f"whatever moves {steps:.1f} ({steps / sample:.0%}): lanes gain at most {sample / (sample - passes - steps):.2f} times"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

"""What several substrates side by side in one program (lanes) could gain, by sharing each pass over the weights.

Run with ``python -m tests.benchmarks.lanes [SIZES ...]``: matched law, standalone, compile time apart, least of five. Every
size is compiled twice, once so that each pass over the weights is made twice over: the difference is what the passes take.
Were they free, which is what lanes could save at the very most, a sample would take the rest. In processor time of the
compiled program, so that neighbours on the machine disturb it little.
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


def main(names: list[str]) -> None:
    """Print both times per sample, and what free passes would gain."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    once, fields = sums._C, ("moved", *sums.FIELDS)
    given = ", ".join(f"int {name}" for name in fields)
    twice = once.replace("add_up(", "add_up_once(") + _TWICE.format(given=given, names=", ".join(fields))
    for name in names or ["64-32-10", "784-128-10"]:
        sizes = [int(part) for part in name.split("-")]
        count = max(500, min(20_000, 400_000_000 // sum(a * b for a, b in pairwise(sizes)) // 10))
        found = []
        for text in (once, twice):
            sums._C = text
            # one sample more makes it a program of its own: its text is no part of the key
            plan, values, feed, _ = prepare(mlp(sizes), HardwareModel(), 5, count + (text is twice), "tile", probe=False,
                                            power=False)  # fmt: skip
            found.append(1e6 * spent(plan, values, feed) / len(feed))
        sums._C = once
        passes = found[1] - found[0]
        print(
            f"{name:>12}: {found[0]:.1f} us a sample, of which passes over the weights {passes:.1f} ({passes / found[0]:.0%}): "
            f"lanes gain at most {found[0] / (found[0] - passes):.2f} times"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

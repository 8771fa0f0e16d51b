"""``python -m tests.fuzz --inputs N --seed S``: mutated inputs for every loader; the status is 1 if one broke it."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from emulator.files import memory_folder
from tests.fuzz.harness import Outcome, fuzz


def main() -> int:
    """Run, and print what was found."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument(
        "--inputs", type=int, default=1_000_000_000, help="at most so many (default: no limit but time)"
    )
    options.add_argument("--seconds", type=float, help="at most so long")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--loader", help="only this one")
    given = options.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="backwave-fuzz-", dir=memory_folder()) as folder:
        outcome = fuzz(Path(folder), given.inputs, given.seed, given.loader, given.seconds, _tell)
    spent = time.monotonic() - begun
    for name, count in sorted(outcome.counts.items()):
        print(f"{name:12} {count:9,} inputs, {outcome.refused[name]:9,} refused")
    for name, (count, story, example) in sorted(outcome.faults.items()):
        print(f"\n{count} x {name}\n{story}\ninput: {example!r:.600}")
    total = sum(outcome.counts.values())
    print(f"\nseed {given.seed}: {total:,} inputs in {spent:.0f} s ({total / spent:,.0f}/s), slowest {outcome.slowest[0]:.2f} s "
          f"({outcome.slowest[1]}): {len(outcome.faults)} kinds of fault")  # fmt: skip
    return 1 if outcome.faults else 0


def _tell(outcome: Outcome) -> None:
    print(f"{sum(outcome.counts.values()):,} inputs, {len(outcome.faults)} kinds of fault", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

"""Chips are sampled until they tell: which points of a study are still wanted, seen from those that are there.

At every place on the axes one looks after so many chips at a time (`repeats.look`) whether the chips so far show, with a
confidence that holds for all looks together, that enough of them (`repeats.share`) are good, or that they are not; then the
place is done, and the chips that are left are not run. What is decided depends on nothing but the points, so a study that is
killed and resumed stops where it would have stopped. Where only the first chips are trained these are run first, and the
others tell by the targets that are not of a training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from emulator.study.load import StudyFile
from emulator.study.metrics import meets, telling
from emulator.study.store import Store
from emulator.study.tolerance import Tried, answered
from emulator.study.writer import canonical


@dataclass(frozen=True)
class Due:
    """Points, by their place in the order of the study: those to run now, and those that may be needed after them."""

    now: frozenset[int]
    later: frozenset[int]


@dataclass(frozen=True)
class Stopping:
    """When a study has enough chips.

    Parameters
    ----------
    study : StudyFile
        With `repeats.sequential`.
    """

    study: StudyFile

    def __call__(self, store: Path) -> Due:
        """What is wanted beyond the points that are in a store."""
        return self.due(self._known(store))

    def due(self, known: Mapping[int, bool | None]) -> Due:
        """What is wanted beyond points of which it is known whether they meet the targets; None where they ended in an error."""
        now, later = set[int](), set[int]()
        for chips in self._places:
            for look in self._looks:
                missing = {ordinal for chip in chips[:look] for ordinal in chip} - known.keys()
                if missing:
                    now |= missing
                    later |= {ordinal for chip in chips[look:] for ordinal in chip}
                    break
                found = Tried.of([(_all([known[ordinal] for ordinal in chip]), None) for chip in chips[:look]])
                if answered(found, self.study.config.repeats.share, self.study.config.study.confidence):
                    break
        return Due(frozenset(now), frozenset(later))

    @cached_property
    def _places(self) -> list[list[list[int]]]:
        """At every place on the axes, for every chip the points that are its runs."""
        found: dict[str, list[list[int]]] = {}
        for place in self.study.places:
            chips = found.setdefault(canonical(place.axes), [[] for _ in range(self.study.config.repeats.chips)])
            chips[place.chip].append(place.ordinal)
        return list(found.values())

    @cached_property
    def _looks(self) -> tuple[int, ...]:
        """Numbers of chips after which one looks."""
        repeats = self.study.config.repeats
        first = max(repeats.look, min(repeats.trained or 0, repeats.chips))
        return (*range(first, repeats.chips, repeats.look), repeats.chips)

    def _known(self, store: Path) -> dict[int, bool | None]:
        """Of every point that is there whether it meets the targets; None where it ended in an error."""
        repeats = self.study.config.repeats
        names = telling([one.metric for one in self.study.targets], repeats.trained, repeats.chips)
        targets = [one for one in self.study.targets if one.metric in names]
        with Store(store) as reader:
            points, metrics = reader.points(), reader.metrics()
        met = meets(targets, metrics, len(points["ordinal"]))
        return {
            int(ordinal): None if status == "failed" else bool(one)
            for ordinal, status, one in zip(points["ordinal"], points["status"], met, strict=True)
        }


def _all(runs: list[bool | None]) -> bool | None:
    """Whether a chip is good: not if one of its runs is bad, and unknown if the others failed."""
    return False if False in runs else None if None in runs else True

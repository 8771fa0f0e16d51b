"""How far a study is: seconds spent, against those that what is left will take."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple


class Kind(NamedTuple):
    """What runs that take about the same time have in common.

    Parameters
    ----------
    settings : str
        What is set.
    trained : bool
        Whether they train, which takes longer by orders of magnitude.
    knob : str
        What is turned in a tolerance search: it may need a program of its own.
    """

    settings: str
    trained: bool
    knob: str = ""


class Pace:
    """Counts what is done and what is expected, kind by kind, since kinds take times that differ by orders of magnitude.

    What is left of a kind is expected to take as long as what is done of it, but for the first, which may have compiled; where
    that is all, or nothing, as what is done of kinds with the same settings, or of all that train or do not. A first one takes
    as long as other first ones.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[Kind, list[float]] = defaultdict(list)
        self._left: Counter[Kind] = Counter()

    def expect(self, kind: Kind, count: int) -> None:
        """So many more of a kind are to be done, or fewer."""
        self._left[kind] += count

    def expected(self, kind: Kind) -> int:
        """How many of a kind are left."""
        return max(self._left[kind], 0)

    def took(self, kind: Kind, seconds: float) -> None:
        """One of a kind is done."""
        self._seconds[kind].append(seconds)
        self._left[kind] -= 1

    @property
    def fraction(self) -> float | None:
        """The share that is done, of the time that all takes: from 0 to 1; None while nothing tells how long what is left takes."""
        left = 0.0
        for kind, count in self._left.items():
            if count > 0:
                seconds = self._expected(kind, count)
                if seconds is None:
                    return None
                left += seconds
        spent = sum(map(sum, self._seconds.values()))
        return spent / (spent + left) if spent else None

    def _expected(self, kind: Kind, count: int) -> float | None:
        """Seconds of so many more of a kind; None where nothing tells."""
        done = self._seconds.get(kind, [])
        alike = [(other, seconds) for other, seconds in self._seconds.items() if other.trained == kind.trained]
        firsts = [seconds[0] for _, seconds in alike]
        if not firsts:
            return None
        near = [one for other, seconds in alike if other.settings == kind.settings for one in seconds[1:]]
        rest = done[1:] or near or [one for _, seconds in alike for one in seconds[1:]] or firsts
        if done:
            return count * _mean(rest)
        return _mean(firsts) + (count - 1) * _mean(rest)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

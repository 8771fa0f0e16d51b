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
    """

    settings: str
    trained: bool


class Pace:
    """Counts what is done and what is expected, kind by kind, since kinds take times that differ by orders of magnitude.

    What is left of a kind is expected to take as long as what is done of it, but for the first, which may have compiled;
    where nothing is done of it, as the first ones of other kinds that train, or of those that do not.
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
                typical = self._typical(kind)
                if typical is None:
                    return None
                left += count * typical
        spent = sum(map(sum, self._seconds.values()))
        return spent / (spent + left) if spent else None

    def _typical(self, kind: Kind) -> float | None:
        """Seconds of one more of a kind; None where nothing tells."""
        done = self._seconds.get(kind)
        if not done:
            done = [0.0, *(one[0] for other, one in self._seconds.items() if other.trained == kind.trained)]
            if len(done) == 1:
                return None
        typical = done[1:] or done
        return sum(typical) / len(typical)

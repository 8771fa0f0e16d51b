"""How far a study is: seconds spent, against those that what is left will take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable


class Pace:
    """Counts what is done and what is expected, kind by kind, since kinds take times that differ by orders of magnitude.

    What is left of a kind is expected to take as long as what is done of it, but for the first, which may have compiled.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[Hashable, list[float]] = defaultdict(list)
        self._left: Counter[Hashable] = Counter()

    def expect(self, kind: Hashable, count: int) -> None:
        """So many more of a kind are to be done, or fewer."""
        self._left[kind] += count

    def expected(self, kind: Hashable) -> int:
        """How many of a kind are left."""
        return max(self._left[kind], 0)

    def took(self, kind: Hashable, seconds: float) -> None:
        """One of a kind is done."""
        self._seconds[kind].append(seconds)
        self._left[kind] -= 1

    @property
    def fraction(self) -> float | None:
        """The share that is done, of the time that all takes: from 0 to 1; None while a kind is left of which none is done."""
        left = 0.0
        for kind, count in self._left.items():
            if count > 0 and not self._seconds[kind]:
                return None
            if count > 0:
                typical = self._seconds[kind][1:] or self._seconds[kind]
                left += count * sum(typical) / len(typical)
        spent = sum(map(sum, self._seconds.values()))
        return spent / (spent + left) if spent else None

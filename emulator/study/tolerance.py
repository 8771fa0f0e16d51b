"""How far a knob may go before the targets are missed: bisection over Monte-Carlo.

At every value that is tried the same chips are sampled (common random numbers), so a chip that fails at a value also
fails beyond it wherever the knob makes things steadily worse, and the share of good chips falls along the knob. Three
questions are bisected, on the same trials:

- up to where is the share surely high enough (one-sided bound)? This is the tolerance, `value`;
- up to where is the lower end of the share's two-sided interval high enough? This is `low`;
- from where is the upper end too low? This is `high`. The true tolerance is between `low` and `high` with the stated
  confidence (at each of the two places, for the places at which it was looked).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emulator.errors import StudyError
from emulator.study.design import Axis, Scale
from emulator.study.statistics import lower_bound, share_interval
from emulator.study.store import Tolerance


@dataclass(frozen=True)
class Knob:
    """A key that is turned from where all is well to where it should not be.

    Parameters
    ----------
    name : str
        Under which its tolerance is stored.
    key : str
        What it changes.
    good, bad : float
        The two ends.
    scale : {"linear", "log"}
    whole : bool
    unit : str
    offered : float or None
        What the base hardware has.
    where : dict
        What else is set while it is turned.
    """

    name: str
    key: str
    good: float
    bad: float
    scale: Scale = "linear"
    whole: bool = False
    unit: str = ""
    offered: float | None = None
    where: dict[str, Any] = field(default_factory=dict)

    def at(self, position: float) -> float:
        """Value at a position from 0 (good) to 1 (bad)."""
        axis = Axis(self.key, low=self.good, high=self.bad, scale=self.scale, whole=self.whole)
        return axis.at(np.array([position]))[0]


#: asks for a value, is sent how many of how many chips met the targets there, and returns what it found
Search = Generator[float, tuple[int, int], Tolerance]


def least_chips(share: float, confidence: float) -> int:
    """The fewest chips that can show this share with this confidence, when every one of them is good."""
    tail = (1 - confidence) / 2
    return int(np.ceil(np.log(tail) / np.log(share) - 1e-9))


def search(knob: Knob, share: float, confidence: float, halvings: int) -> Search:
    """Look for the tolerance of one knob.

    Parameters
    ----------
    knob : Knob
    share : float
        Share of the chips that must meet the targets.
    confidence : float
    halvings : int
        The range is halved so often.
    """
    tried: dict[float, tuple[int, int]] = {}

    def ends(
        enough: Callable[[int, int], bool],
    ) -> Generator[float, tuple[int, int], tuple[float | None, float | None]]:
        """The last value that is good enough and the first that is not; None where there is none."""

        def holds(position: float) -> Generator[float, tuple[int, int], bool]:
            value = knob.at(position)
            if value not in tried:
                tried[value] = yield value
            return enough(*tried[value])

        if not (yield from holds(0.0)):
            return None, knob.at(0.0)
        if (yield from holds(1.0)):
            return knob.at(1.0), None
        low, high = 0.0, 1.0
        for _ in range(halvings):
            middle = 0.5 * (low + high)
            if knob.at(middle) in (knob.at(low), knob.at(high)):
                break
            if (yield from holds(middle)):
                low = middle
            else:
                high = middle
        return knob.at(low), knob.at(high)

    def sure(met: int, total: int) -> bool:
        return lower_bound(met, total, confidence) >= share

    def surest(met: int, total: int) -> bool:
        return share_interval(met, total, confidence)[0] >= share

    def possible(met: int, total: int) -> bool:
        return share_interval(met, total, confidence)[1] >= share

    value, beyond = yield from ends(sure)
    low, _ = yield from ends(surest)
    _, high = yield from ends(possible)
    detail = {
        "key": knob.key,
        "where": knob.where,
        "good": knob.good,
        "bad": knob.bad,
        "scale": knob.scale,
        "share": share,
        "confidence": confidence,
        "first_failed": beyond,
        "verdict": "never holds" if value is None else "holds throughout" if beyond is None else "found",
        "trials": [{"value": at, "met": met, "total": total} for at, (met, total) in sorted(tried.items())],
    }
    return Tolerance(knob.name, knob.unit, value, low, high, knob.offered, len(tried), detail)


def search_all(
    knobs: Sequence[Knob],
    share: float,
    confidence: float,
    halvings: int,
    ask: Callable[[list[tuple[Knob, float]]], list[tuple[int, int]]],
) -> list[Tolerance]:
    """Search all knobs side by side, so that there is work for many processes at a time.

    Parameters
    ----------
    knobs : sequence of Knob
    share, confidence, halvings
        As for `search`.
    ask : callable
        For knobs and values, how many of how many chips met the targets.
    """
    searches = [search(knob, share, confidence, halvings) for knob in knobs]
    found: dict[int, Tolerance] = {}
    wanted = {place: next(one) for place, one in enumerate(searches)}
    while wanted:
        answers = ask([(knobs[place], value) for place, value in wanted.items()])
        following = {}
        for place, answer in zip(wanted, answers, strict=True):
            try:
                following[place] = searches[place].send(answer)
            except StopIteration as end:
                found[place] = end.value
        wanted = following
    return [found[place] for place in range(len(knobs))]


def margin(tolerance: Tolerance) -> float | None:
    """By what factor the offered value may get worse before the targets are missed; below 1 they already are.

    None where it is not known what is offered or tolerated; infinite where nothing bad is offered.
    """
    value, offered = tolerance.value, tolerance.offered
    if value is None or offered is None:
        return None
    rising = tolerance.detail["bad"] > tolerance.detail["good"]
    worse, better = (value, offered) if rising else (offered, value)
    if better == 0:
        return float("inf")
    return worse / better


def first_to_break(tolerances: Sequence[Tolerance]) -> Tolerance | None:
    """The knob with the least margin: one that never held, else that of the smallest factor; None if none is known."""
    never = [one for one in tolerances if one.value is None and one.detail["verdict"] == "never holds"]
    if never:
        return never[0]
    known = [(factor, one) for one in tolerances if (factor := margin(one)) is not None and np.isfinite(factor)]
    return min(known, key=lambda pair: pair[0])[1] if known else None


def check(share: float, confidence: float, chips: int) -> None:
    """Refuse a search that can find nothing, whatever the chips do.

    Raises
    ------
    StudyError
        If so few chips cannot show the share.
    """
    if chips < (needed := least_chips(share, confidence)):
        raise StudyError(
            f"tolerance.chips is {chips}; allowed for a share of {share:g} with a confidence of {confidence:g}: "
            f"at least {needed}, since even if every chip is good fewer do not show it"
        )

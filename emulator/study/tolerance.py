"""How far a knob may go before the targets are missed: bisection over Monte-Carlo.

At every value that is tried the same chips are sampled (common random numbers), so a chip that fails at a value also
fails beyond it wherever the knob makes things steadily worse, and the share of good chips falls along the knob. Three
questions are bisected, on the same trials:

- up to where is the share surely high enough (one-sided bound)? This is the tolerance, `value`;
- up to where is the lower end of the share's two-sided interval high enough? This is `low`;
- from where is the upper end too low? This is `high`. The true tolerance is between `low` and `high` with the stated
  confidence (at each of the two places, for the places at which it was looked).

That a knob never holds is only said where the upper end is too low at the good end already; where the chips do not
suffice to tell, that is said, and how many would. Where what the hardware offers lies between the last value that holds and
the first that does not, or surely does not, it is tried itself. A run that ended in an error is a chip of which nothing is known: if it
matters whether such chips are good, the search cannot be made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from emulator.errors import StudyError
from emulator.study.design import Axis, Scale
from emulator.study.statistics import chips_needed, interval_of, lower_bound, share_interval, share_sequence
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


class Tried(NamedTuple):
    """What came of the chips at a value: how many met the targets of how many that were measured, and what failed."""

    met: int
    total: int
    failed: int = 0
    error: str | None = None

    @classmethod
    def of(cls, runs: Sequence[tuple[bool | None, str | None]]) -> Tried:
        """From whether each chip met the targets (None: it ended in an error), and the reason; the error is the most frequent."""
        errors = [reason or "no reason is stored" for met, reason in runs if met is None]
        most = max(errors, key=errors.count, default=None)
        return cls(sum(met is True for met, _ in runs), len(runs) - len(errors), len(errors), most)

    def shows(self, enough: Callable[[int, int], bool]) -> bool | None:
        """Whether the chips are good enough, whatever those are that failed; None where these decide."""
        total = self.total + self.failed
        least, most = enough(self.met, total), enough(self.met + self.failed, total)
        return least if least == most else None


#: asks for a value, is sent what was tried there, and returns what it found
Search = Generator[float, Tried, Tolerance]

#: verdicts of a search
NEVER, FOUND, THROUGHOUT = "never holds", "found", "holds throughout"
UNSURE, BROKEN = "cannot tell", "could not be made"


class _UndecidedError(StudyError):
    """Chips that failed decide."""


def least_chips(share: float, confidence: float, sequential: bool = False) -> int:
    """The fewest chips that can show this share with this confidence, when every one of them is good."""
    if sequential:
        return next(n for n in itertools.count(1) if share_sequence(n, n, confidence)[0] >= share)
    tail = (1 - confidence) / 2
    return int(np.ceil(np.log(tail) / np.log(share) - 1e-9))


def expected_values(halvings: int) -> int:
    """About how many values a search tries: both ends, the halvings, and what the other two questions add."""
    return 2 + halvings + halvings // 2


def answered(tried: Tried, share: float, confidence: float) -> bool:
    """Whether the chips so far tell, at every look, that the share is high enough, or that it is not."""
    low, high = share_sequence(tried.met, tried.total, confidence)
    return tried.failed == 0 and (low >= share or high < share)


def hopeless(tried: Tried, chips: int, share: float, confidence: float) -> bool:
    """Whether the share is surely too low, whatever those chips are that are left up to `chips`.

    All three questions of a search are then answered as they would be with all of them, so it changes nothing to leave them out.
    """
    return share_interval(chips - (tried.total - tried.met), chips, confidence)[1] < share


def first_look(chips: int, share: float, confidence: float) -> int:
    """After how few chips it may be known that a value is hopeless."""
    return next((bad for bad in range(1, chips) if hopeless(Tried(0, bad), chips, share, confidence)), chips)


def search(knob: Knob, share: float, confidence: float, halvings: int, sequential: bool = False) -> Search:
    """Look for the tolerance of one knob.

    Parameters
    ----------
    knob : Knob
    share : float
        Share of the chips that must meet the targets.
    confidence : float
    halvings : int
        The range is halved so often.
    sequential : bool
        Whether chips were looked at again and again until they told; all bounds are then those of `share_sequence`.
    """
    tried: dict[float, Tried] = {}
    offered = int(knob.offered) if knob.offered is not None and knob.whole else knob.offered

    def asked(value: float) -> Generator[float, Tried, Tried]:
        if value not in tried:
            tried[value] = Tried(*(yield value))
        return tried[value]

    def worse(one: float, other: float) -> bool:
        return one > other if knob.bad > knob.good else one < other

    def ends(
        enough: Callable[[int, int], bool],
    ) -> Generator[float, Tried, tuple[float | None, float | None]]:
        """The last value that is good enough and the first that is not; None where there is none."""

        def holds(value: float) -> Generator[float, Tried, bool]:
            shown = (yield from asked(value)).shows(enough)
            if shown is None:
                raise _UndecidedError
            return shown

        if not (yield from holds(knob.at(0.0))):
            return None, knob.at(0.0)
        if (yield from holds(knob.at(1.0))):
            return knob.at(1.0), None
        low, high = 0.0, 1.0
        for _ in range(halvings):
            middle = 0.5 * (low + high)
            if knob.at(middle) in (knob.at(low), knob.at(high)):
                break
            if (yield from holds(knob.at(middle))):
                low = middle
            else:
                high = middle
        last, first = knob.at(low), knob.at(high)
        if offered is None or not min(last, first) < offered < max(last, first):
            return last, first
        return (offered, first) if (yield from holds(offered)) else (last, offered)

    interval = interval_of(sequential)

    def surest(met: int, total: int) -> bool:
        return interval(met, total, confidence)[0] >= share

    def sure(met: int, total: int) -> bool:
        return surest(met, total) if sequential else lower_bound(met, total, confidence) >= share

    def possible(met: int, total: int) -> bool:
        return interval(met, total, confidence)[1] >= share

    def doubtful(offered: float) -> bool:
        """Whether what is offered is neither shown to hold nor to fail: how many are good there is of interest."""
        if value is None:
            return False
        return worse(offered, value) and not worse(offered, knob.bad) and (high is None or worse(high, offered))

    value = beyond = low = high = None
    try:
        value, beyond = yield from ends(sure)
        low, _ = yield from ends(surest)
        _, high = yield from ends(possible)
        if offered is not None and doubtful(offered):
            yield from asked(offered)
        if value is not None:
            verdict = THROUGHOUT if beyond is None else FOUND
        else:
            verdict = NEVER if tried[knob.at(0.0)].shows(possible) is False else UNSURE
    except _UndecidedError:
        value = beyond = low = high = None
        verdict = BROKEN
    detail = {
        "key": knob.key,
        "where": knob.where,
        "good": knob.good,
        "bad": knob.bad,
        "scale": knob.scale,
        "share": share,
        "confidence": confidence,
        "first_failed": beyond,
        "verdict": verdict,
        **({"sequential": True} if sequential else {}),
        "trials": [_trial(at, one) for at, one in sorted(tried.items())],
    }
    if verdict == UNSURE:
        at = tried[knob.at(0.0)]
        detail["needed"] = chips_needed(at.total - at.met, share, confidence, interval if sequential else None)
    return Tolerance(knob.name, knob.unit, value, low, high, knob.offered, len(tried), detail)


def _trial(value: float, tried: Tried) -> dict[str, Any]:
    failed = {"failed": tried.failed, "error": tried.error} if tried.failed else {}
    return {"value": value, "met": tried.met, "total": tried.total, **failed}


def search_all(
    knobs: Sequence[Knob],
    share: float,
    confidence: float,
    halvings: int,
    ask: Callable[[list[tuple[Knob, float]]], list[Tried]],
    sequential: bool = False,
) -> list[Tolerance]:
    """Search all knobs side by side, so that there is work for many processes at a time.

    Parameters
    ----------
    knobs : sequence of Knob
    share, confidence, halvings
        As for `search`.
    ask : callable
        For knobs and values, what came of the chips.
    sequential : bool
        As for `search`.
    """
    searches = [search(knob, share, confidence, halvings, sequential) for knob in knobs]
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


def check(share: float, confidence: float, chips: int, sequential: bool = False, key: str = "tolerance.chips") -> None:
    """Refuse a search, or a study, that can find nothing, whatever the chips do; `key` is where the chips are given.

    Raises
    ------
    StudyError
        If so few chips cannot show the share.
    """
    if chips < (needed := least_chips(share, confidence, sequential)):
        raise StudyError(
            f"{key} is {chips}; allowed for a share of {share:g} with a confidence of {confidence:g}: "
            f"at least {needed}, since even if every chip is good fewer do not show it"
            + " when they may be looked at again and again"
            * sequential
        )

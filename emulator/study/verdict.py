"""What a study says on the whole: which chips meet the targets, how fast, at what energy, and what breaks first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.study.evidence import Evidence
from emulator.study.metrics import Target, meets
from emulator.study.statistics import chips_that_meet, interval_by_chip
from emulator.study.summary import Coordinate, Spread, coordinates, spread

#: axes whose places are technologies
TECHNOLOGY = ("hardware", "hardware.model")


@dataclass(frozen=True)
class Share:
    """How many of a number of chips meet the targets, and the interval of their share; NaN where there are none."""

    met: int
    total: int
    fraction: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Case:
    """What came out for one technology, or for the study as a whole.

    Parameters
    ----------
    name : str
        The technology; empty for the whole.
    share : Share
        Chips at all places of the other axes.
    settled, points : int
    time, energy : Spread
        Settling time in seconds and energy in joules, of the points that settled.
    """

    name: str
    share: Share
    settled: int
    points: int
    time: Spread
    energy: Spread


def cases(evidence: Evidence) -> list[Case]:
    """One case per technology if the study has an axis of technologies, else one for the whole."""
    axis = technology_axis(evidence)
    if axis is None:
        return [_case(evidence, "", np.ones(evidence.done, dtype=bool))]
    return [_case(evidence, name, axis.place == place) for place, name in enumerate(axis.labels)]


def technology_axis(evidence: Evidence) -> Coordinate | None:
    """The axis of technologies, if the study has one with names on it."""
    return next((axis for axis in coordinates(evidence) if axis.key in TECHNOLOGY and axis.numbers is None), None)


def share(evidence: Evidence, chosen: NDArray[np.bool_]) -> Share:
    """Chips among the chosen points (n,) that meet every target in each of their runs, of those of which it is known."""
    return share_that(evidence, chosen, evidence.met, evidence.judged, evidence.looked(evidence.targets))


def share_that(
    evidence: Evidence, chosen: NDArray[np.bool_], met: NDArray[np.bool_], known: NDArray[np.bool_], looked: bool
) -> Share:
    """Chips among the chosen points (n,) all of whose runs `met` (n,), of those of which it is `known` (n,).

    `looked` says that looks decided how many chips there are. Where places have more of them the harder they were to tell,
    those of several places are no sample of anything: their share is the mean of the places' and has no interval. Else a
    chip that stands at several places is one chip to the interval: it has the same draws wherever it stands.
    """
    if looked and uneven(evidence, chosen):
        each = [
            share_that(evidence, chosen & (evidence.place == place), met, known, looked)
            for place in np.unique(evidence.place[chosen])
        ]
        good, total = sum(one.met for one in each), sum(one.total for one in each)
        fractions = [one.fraction for one in each if one.total]
        mean = float(np.mean(fractions)) if fractions else np.nan
        return Share(good, total, mean, np.nan, np.nan, evidence.confidence)
    _, first, sample = np.unique(evidence.sample[chosen], return_index=True, return_inverse=True)
    kept, sure = chips_that_meet(sample.astype(np.int64), met[chosen], ~known[chosen])
    chips = len(np.unique(evidence.chip[chosen][first][sure]))
    return share_of(int(kept.sum()), int(sure.sum()), evidence.confidence, looked, chips)


def uneven(evidence: Evidence, chosen: NDArray[np.bool_]) -> bool:
    """Whether the chosen points (n,) are of several places at which chips were sampled until they told."""
    return evidence.sequential and len(np.unique(evidence.place[chosen])) > 1


@dataclass(frozen=True)
class Told:
    """What chips that were sampled until they told did tell, place by place.

    Parameters
    ----------
    share : float
        Of the chips that was asked for.
    targets : dict
        Bounds by metric, of those targets by which chips tell.
    enough, short, unsure : int
        Places at which so many are good, at which they are not, and at which it is not known.
    chips, most : int
        That were sampled, and that might have been.
    """

    share: float
    targets: dict[str, dict[str, float]]
    enough: int
    short: int
    unsure: int
    chips: int
    most: int


def told(evidence: Evidence) -> Told | None:
    """What the chips of a study that stops when they tell did tell, by the rule that stops it; None of another study."""
    if not evidence.sequential:
        return None
    repeats = evidence.facts["study"]["repeats"]
    wanted, runs = float(repeats["share"]), int(repeats.get("noise", 1))
    met = meets([Target.of(*one) for one in evidence.telling.items()], evidence.metrics, evidence.done)
    each = [
        share_that(evidence, evidence.place == place, met, ~evidence.failed, True)
        for place in np.unique(evidence.place)
    ]
    enough, short = sum(one.low >= wanted for one in each), sum(one.high < wanted for one in each)
    chips = len(np.unique(evidence.sample))
    return Told(wanted, evidence.telling, enough, short, len(each) - enough - short, chips, evidence.planned // runs)


def share_of(met: int, total: int, confidence: float, looked: bool = False, chips: int | None = None) -> Share:
    """A share with its interval; `looked` says that looks at it ended the sampling, `chips` how many made all of it."""
    if not total:
        return Share(0, 0, np.nan, np.nan, np.nan, confidence)
    interval = interval_by_chip(met, total, chips or total, confidence, looked)
    return Share(met, total, met / total, *interval, confidence)


def _case(evidence: Evidence, name: str, chosen: NDArray[np.bool_]) -> Case:
    settled = chosen & (evidence.status == "settled")
    nothing = np.full(evidence.done, np.nan)
    time, energy = (spread(evidence.metrics.get(metric, nothing)[settled]) for metric in ("settling_time", "energy"))
    return Case(name, share(evidence, chosen), int(settled.sum()), int(chosen.sum()), time, energy)

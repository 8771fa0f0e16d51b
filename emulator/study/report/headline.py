"""The first screen of a report: the verdict, how fast, at what energy, what breaks first, and the yield."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emulator.measure.clipping import MANY
from emulator.study.evidence import Evidence
from emulator.study.learned import Learning, learnings
from emulator.study.report.learning import (
    POOR,
    learning_answer,
    learning_sentence,
    learning_table,
    learning_tiles,
    reduced,
)
from emulator.study.report.quantities import MISSING, Quantity, metric, span_text
from emulator.study.report.requirements import (
    FAILS,
    NOTHING,
    UNKNOWN,
    UNSEARCHED,
    breaking,
    breaking_text,
    unknown_text,
)
from emulator.study.report.tables import Cell, Table, Tile, number, table
from emulator.study.summary import BAND, Spread, spread
from emulator.study.verdict import TECHNOLOGY, Case, Share, Told, cases, technology_axis, told

SHARE = Quantity("yield", "yield", "%")
#: a yield that is surely below this is bad
MOST = 0.5


@dataclass(frozen=True)
class Headline:
    """What a reader sees first.

    Parameters
    ----------
    answer : str
        In a word or two.
    tone : {"good", "fair", "bad"}
    sentence : str
    tiles : tuple of Tile
    technologies : Table or None
        One row per technology, if there are several.
    """

    answer: str
    tone: str
    sentence: str
    tiles: tuple[Tile, ...]
    technologies: Table | None


def headline(evidence: Evidence) -> Headline:
    """The first screen of a study."""
    found = cases(evidence)
    learned = learnings(evidence)
    if learned and evidence.done:
        return _of_learning(evidence, learned)
    named = len(found) != 1 or bool(found[0].name)
    answer, tone = _answers(evidence, found) if named else _answer(evidence, found[0].share)
    if not named and (found_out := told(evidence)) is not None and len(np.unique(evidence.place)) > 1:
        answer, tone = _at_places(found_out)
    if not evidence.complete:
        answer = f"So far: {answer[:1].lower()}{answer[1:]}"
    tiles = _best(found) if named else _tiles(found[0])
    return Headline(
        answer,
        tone,
        _sentence(evidence, found),
        (*tiles, _breaking(evidence)),
        _technologies(evidence, found) if named else None,
    )


def _of_learning(evidence: Evidence, found: Sequence[Learning]) -> Headline:
    """The first screen of a study that trains: whether it is learned is the answer, and gradients explain it."""
    answer, tone = learning_answer(found)
    if not evidence.complete:
        answer = f"So far: {answer[:1].lower()}{answer[1:]}"
    sentence = f"{learning_sentence(evidence, found)}{_told(evidence)}{_errors(evidence)}{_clipped(evidence)} {reduced(evidence)}".strip()
    return Headline(
        answer,
        tone,
        sentence,
        (*learning_tiles(evidence, found), _breaks_of(evidence, found)),
        learning_table(evidence, found),
    )


def target_text(name: str, bounds: dict[str, float]) -> str:
    """A target in words, such as ``accuracy at least 95 %``."""
    quantity = metric(name)
    words = [f"at least {quantity.text(bounds['min'])}"] if "min" in bounds else []
    words += [f"at most {quantity.text(bounds['max'])}"] if "max" in bounds else []
    return f"{quantity.label} {' and '.join(words)}"


def range_text(found: Spread, quantity: Quantity) -> str:
    """The band of a sample, and how much of it is missing."""
    if not found.count:
        return "no point has it"
    lost = f"; missing for {found.missing:,}" if found.missing else ""
    return f"{SHARE.text(BAND)} of points from {span_text(quantity, found.low, found.high)}{lost}"


def interval_text(share: Share) -> str:
    """The interval of a share."""
    if math.isnan(share.fraction):
        return "no chip was measured"
    if math.isnan(share.low):
        return "of each place: see Yield"
    return span_text(SHARE, share.low, share.high)


def _answer(evidence: Evidence, share: Share) -> tuple[str, str]:
    if not evidence.targets:
        return "No targets were set", "fair"
    if not share.total:
        return ("Cannot tell" if evidence.failed.any() else "Nothing is measured yet"), "fair"
    if share.met == share.total:
        return "Yes", "good"
    if not share.met:
        return "No", "bad"
    return f"On {SHARE.text(share.fraction, 3)} of chips", "bad" if share.high < MOST else "fair"


def _answers(evidence: Evidence, found: Sequence[Case]) -> tuple[str, str]:
    if not evidence.targets:
        return "No targets were set", "fair"
    whole = sum(case.share.total > 0 and case.share.met == case.share.total for case in found)
    tone = "good" if whole == len(found) else "bad" if not any(case.share.met for case in found) else "fair"
    return f"{whole} of {len(found)} technologies can", tone


def _at_places(found: Told) -> tuple[str, str]:
    """Where enough chips are good, of places that have as many chips as it took to tell."""
    places = found.enough + found.short + found.unsure
    return (
        f"At {found.enough} of {places} places",
        "good" if found.enough == places else "fair" if found.enough else "bad",
    )


def _told(evidence: Evidence) -> str:
    """What chips that were sampled until they told did tell, and how many it took."""
    found = told(evidence)
    if found is None:
        return ""
    parts = [(found.enough, "they are"), (found.short, "they are not"), (found.unsure, "the chips do not tell")]
    wanted = "; ".join(target_text(*one) for one in found.targets.items())
    said = ", ".join(f"at {count:,} {'place' if count == 1 else 'places'} {words}" for count, words in parts if count)
    return (
        f" Chips were sampled until they told whether at least {SHARE.text(found.share)} of them are good ({wanted}), with "
        f"{SHARE.text(evidence.confidence)} confidence: {said}. {found.chips:,} were sampled of at most {found.most:,}."
    )


def _sentence(evidence: Evidence, found: Sequence[Case]) -> str:
    met, total = (sum(getattr(case.share, name) for case in found) for name in ("met", "total"))
    wanted = "; ".join(target_text(name, bounds) for name, bounds in evidence.targets.items())
    if not wanted:
        return f"{total:,} chips were sampled, and nothing was asked of them.{_errors(evidence)}{_clipped(evidence)}"
    ranges = [key for key in evidence.axes if key not in TECHNOLOGY]
    places = " over the whole range of the axes" if ranges else ""
    said = f"{met:,} of {total:,} sampled chips{places} meet every target: {wanted}."
    return f"{said}{_told(evidence)}{_errors(evidence)}{_clipped(evidence)}"


def _errors(evidence: Evidence) -> str:
    """What is not counted because it ended in an error."""
    lost = int(evidence.failed.sum())
    if not lost:
        return ""
    points = "1 point" if lost == 1 else f"{lost:,} points"
    return f" {points} ended in an error and {'is' if lost == 1 else 'are'} not counted (see Failures)."


def _clipped(evidence: Evidence) -> str:
    """What is cut off at full scale, where it is more than a little."""
    names = ("clipped_forward", "clipped_backward", "clipped_weights")
    shares = [(metric(name), spread(evidence.metrics[name]).median) for name in names if name in evidence.metrics]
    much = [f"{quantity.label} {quantity.text(share, 3)}" for quantity, share in shares if share > MANY]
    return f" Cut off at the hardware's full scale: {', '.join(much)} (median)." if much else ""


def _tiles(case: Case) -> tuple[Tile, ...]:
    time, energy = metric("settling_time"), metric("energy")
    return (
        Tile(
            "Yield",
            number(SHARE, case.share.fraction),
            f"{_confidence(case.share)} interval {interval_text(case.share)}",
        ),
        Tile("Speed", number(time, case.time.median), f"median settling time; {range_text(case.time, time)}"),
        Tile("Energy", number(energy, case.energy.median), f"median per sample; {range_text(case.energy, energy)}"),
    )


def _best(found: Sequence[Case]) -> tuple[Tile, ...]:
    time, energy = metric("settling_time"), metric("energy")
    fast = [case for case in found if case.time.count and case.share.met]
    frugal = [case for case in found if case.energy.count and case.share.met]
    fastest = min(fast, key=lambda case: case.time.median, default=None)
    least = min(frugal, key=lambda case: case.energy.median, default=None)
    good = max(found, key=lambda case: (not math.isnan(case.share.fraction), case.share.fraction))
    return (
        Tile(
            "Best yield",
            number(SHARE, good.share.fraction),
            f"{good.name}; {_confidence(good.share)} interval {interval_text(good.share)}",
        ),
        Tile("Fastest", number(time, fastest.time.median), f"{fastest.name}; median settling time")
        if fastest is not None
        else Tile("Fastest", Cell(MISSING, None, "quiet"), "no technology meets the targets on any chip"),
        Tile("Least energy", number(energy, least.energy.median), f"{least.name}; median per sample, where it is known")
        if least is not None
        else Tile("Least energy", Cell(MISSING, None, "quiet"), "no technology that meets the targets has all figures"),
    )


#: what there is to say where no knob breaks first
_WHY = {
    UNSEARCHED: "no tolerance search is in the store",
    FAILS: "the targets do not hold whatever is turned",
    NOTHING: "the hardware has none of what was turned worse; what it would bear is below",
}


def _breaks_of(evidence: Evidence, found: Sequence[Learning]) -> Tile:
    """What breaks first, where anything is learned."""
    if any(one.learned.met or not one.learned.total for one in found):
        if breaking(evidence).word == FAILS:
            why = (
                "the search asks for good gradients, which it has not before anything is turned; it learns all the same"
            )
            return Tile("Breaks first", Cell(POOR, None, "quiet"), why)
        return _breaking(evidence)
    return Tile("Breaks first", Cell(FAILS, None, "quiet"), "nothing is learned before anything is turned worse")


def _breaking(evidence: Evidence) -> Tile:
    word, found = breaking(evidence)
    if found is None:
        return Tile("Breaks first", Cell(word, None, "quiet"), _WHY[word])
    if word == UNKNOWN:
        return Tile("Breaks first", Cell(word, None, "fair"), unknown_text(evidence, found))
    return Tile("Breaks first", Cell(word), breaking_text(evidence, found))


def _confidence(share: Share) -> str:
    return SHARE.text(share.confidence)


def _technologies(evidence: Evidence, found: Sequence[Case]) -> Table:
    time, energy = metric("settling_time"), metric("energy")
    axis = technology_axis(evidence)
    rows = []
    for case in found:
        breaks, first = breaking(evidence, {axis.key: case.name} if axis is not None else None)
        share = case.share
        whole, none = share.total > 0 and share.met == share.total, not share.met
        word = "cannot tell" if not share.total else "yes" if whole else "no" if none else "on some chips"
        rows.append(
            (
                case.name,
                Cell(word, None, "good" if whole else "bad" if none and share.total else "fair"),
                number(SHARE, share.fraction, share=share.fraction),
                interval_text(share),
                number(time, case.time.median),
                number(energy, case.energy.median),
                Cell(breaks, None, "quiet" if first is None else ""),
                f"{case.settled:,} of {case.points:,}",
            )
        )
    heads = (
        "technology",
        "can it?",
        "yield",
        f"{_confidence(found[0].share)} interval",
        "settling time",
        "energy",
        "breaks first",
        "settled",
    )
    return table(heads, rows, "Times, and energies per sample, are medians over the points that settled.")

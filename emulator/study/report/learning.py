"""The first screen of a study that trains: who learns, how well beside exact descent, how long, at what energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from emulator.study.evidence import Evidence
from emulator.study.learned import Learning, Middle, points_of, score_of
from emulator.study.metrics import of_training
from emulator.study.report.obstacles import obstacles
from emulator.study.report.quantities import MISSING, Quantity, metric, span_text
from emulator.study.report.requirements import FAILS, breaking
from emulator.study.report.tables import Cell, Table, Tile, number, table
from emulator.study.verdict import Share, technology_axis, uneven

#: what is said of what breaks first where gradients fail before anything is turned, and it learns all the same
POOR = "gradients, as it is"
SHARE = Quantity("yield", "yield", "%")
#: what a share is whose places have as many chips as it took to tell
_MEAN = "mean of places"
#: a share of chips that is surely below this is bad
_MOST = 0.5
_HEADS = (
    "learns?", "chips that learn", "", "of exact descent", "samples to learn", "time to learn",
    "energy to learn", "writes per weight", "worn out", "at bounds", "good gradients", "what falls short", "breaks first",
)  # fmt: skip


def learning_answer(found: Sequence[Learning]) -> tuple[str, str]:
    """In a few words, and in which tone: whether the technologies, or the only one, learn."""
    words = [_word(one.learned) for one in found]
    if len(found) == 1:
        return words[0].text, words[0].tone
    whole, unknown = sum(w.text == "Yes" for w in words), sum(w.text == "Cannot tell" for w in words)
    if unknown == len(found):
        return "Cannot tell", "fair"
    tone = "good" if whole == len(found) else "fair" if any(one.learned.met for one in found) else "bad"
    return f"{whole} of {len(found)} technologies learn it", tone


def learning_sentence(evidence: Evidence, found: Sequence[Learning]) -> str:
    """Who learned what beside whom, and what of it was reduced."""
    met, total = (sum(getattr(one.learned, name) for one in found) for name in ("met", "total"))
    trained, said = len(np.unique(evidence.sample[evidence.trained & ~evidence.failed])), metric(score_of(evidence))
    training = ((evidence.facts["base"].get("scenario") or {}).get("training")) or {}
    samples, first = training.get("samples"), found[0]
    same = f" the same {samples:,} samples" if isinstance(samples, int) else " the same samples"
    if not trained:
        tried = bool((evidence.trained & evidence.failed).any())
        return f"{_reasons(evidence, found)}No chip could be trained." if tried else "No chip is trained yet."
    if not total:
        return (
            f"Exact descent itself learns nothing from{same} (tested {_score(said)} {_scored(said, first.descent)}, a constant answer "
            f"{_scored(said, first.chance)}), so nothing can be said of a substrate; more samples, or another rate, may do."
        )
    wanted = "; ".join(_target(name, bounds) for name, bounds in evidence.targets.items() if of_training(name))
    more = trained - total
    lost = (
        f" {more:,} more {'is' if more == 1 else 'are'} not counted: exact descent learns nothing there."
        if more
        else ""
    )
    return (
        f"{_reasons(evidence, found)}{met:,} of {total:,} chips that were trained from scratch, with the devices they have, come to "
        f"{wanted}, from{same}, start and order. Tested {_score(said)}: exact descent {_scored(said, first.descent)}, the digital network "
        f"{_scored(said, first.digital)}, a constant answer {_scored(said, first.chance)}.{lost}"
    )


def _reasons(evidence: Evidence, found: Sequence[Learning]) -> str:
    """Why the only technology does not learn, or not on every chip."""
    one = found[0]
    if len(found) > 1 or one.learned.met == one.learned.total > 0:
        return ""
    ways = obstacles(evidence, one, points_of(evidence, one.name))
    return f"Because {'; '.join(ways)}. " if ways else ""


def reduced(evidence: Evidence) -> str:
    """What was made smaller than a full answer would be, to take minutes."""
    training: dict[str, Any] = ((evidence.facts["base"].get("scenario") or {}).get("training")) or {}
    study = evidence.facts["study"]
    repeats, tolerance = study.get("repeats") or {}, study.get("tolerance") or {}
    chips, all_chips = repeats.get("trained"), repeats.get("chips")
    said = []
    if isinstance(chips, int) and isinstance(all_chips, int) and chips < all_chips:
        said.append(f"{chips} of {all_chips} chips were trained (repeats.trained)")
    if isinstance(training.get("samples"), int):
        every = training.get("evaluate_every")
        tests = f", tested every {every:,}" if isinstance(every, int) else ""
        said.append(f"each on {training['samples']:,} samples{tests} (training.samples)")
    if isinstance(repeats.get("images"), int):
        said.append(f"gradients are those of {repeats['images']:,} samples (repeats.images)")
    if tolerance and tolerance.get("trains") is False:
        said.append("the search for what breaks first asks for good gradients and answers, and trains nothing")
    if isinstance(tolerance.get("halvings"), int):
        said.append(f"limits are sought to 1/{2 ** tolerance['halvings']} of a range (tolerance.halvings)")
    return (
        f"Reduced, to take minutes: {'; '.join(said)}. What stands in parentheses is raised by --set." if said else ""
    )


def learning_tiles(evidence: Evidence, found: Sequence[Learning]) -> tuple[Tile, ...]:
    """Who learns best, soonest, and at the least energy; of one technology, its own figures."""
    if len(found) == 1:
        one = found[0]
        return (
            Tile("Learned", number(metric("training_share"), one.figures["training_share"].median),
                 f"of what exact descent learns, median; {_interval(metric('training_share'), one.figures['training_share'], evidence)}"),
            *(_tile(evidence, label, one, name) for label, name in _TILES),
        )  # fmt: skip
    able = [one for one in found if one.learned.met]
    best = max(able, key=lambda one: one.figures["training_share"].median, default=None)
    none = Cell(MISSING, None, "quiet")
    tiles = [
        Tile("Learns best", number(metric("training_share"), best.figures["training_share"].median),
             f"{best.name}; of what exact descent learns, median of {_chips(best.figures['training_share'].count)}")
        if best is not None
        else Tile("Learns best", none, "no technology learns it on any chip")
    ]  # fmt: skip
    for label, name in (("Soonest", "time_to_target"), ("Least energy to learn", "energy_to_target")):
        known = [one for one in able if one.figures[name].count]
        first = min(known, key=lambda one: one.figures[name].median, default=None)
        if first is None:
            tiles.append(Tile(label, none, "no technology that learns has all figures"))
        else:
            tiles.append(_tile(evidence, label, first, name, f"{first.name}; "))
    return tuple(tiles)


_TILES = (("Time to learn", "time_to_target"), ("Energy to learn", "energy_to_target"))


def learning_table(evidence: Evidence, found: Sequence[Learning]) -> Table:
    """A row per technology."""
    axis, said = technology_axis(evidence), metric(score_of(evidence))
    rows: list[tuple[Cell | str, ...]] = []
    for one in found:
        word, first = breaking(evidence, {axis.key: one.name} if axis is not None else None)
        if one.learned.total and not one.learned.met:
            word, first = FAILS, None
        elif word == FAILS:
            word = POOR
        figures = [
            _figure(said, one.figures["score"]),
            *(_figure(metric(n), one.figures[n]) for n in ("training_share", "steps_to_target", "time_to_target",
                                                          "energy_to_target", "writes_per_weight", "worn_out", "at_bounds")),
        ]  # fmt: skip
        rows.append(
            (
                *([one.name] if one.name else []),
                _word(one.learned),
                _shared(one.learned),
                *figures,
                _shared(one.gradients),
                _ways(obstacles(evidence, one, points_of(evidence, one.name))),
                Cell(word, None, "quiet" if first is None else ""),
            )
        )
    named = (*(["technology"] if found[0].name else []), *(head or f"tested {_score(said)}" for head in _HEADS))
    percent = SHARE.text(evidence.confidence)
    return table(
        named,
        rows,
        f"Medians over the trained chips, in brackets with their {percent} intervals, where there are enough chips for one. "
        f"Samples to learn: until a test first finds 90 % of what exact descent learns in the end; tests are "
        f"{_tests(evidence)}. Energy is that of waves and pulses, without programming. Writes are those of the whole training. "
        "Good gradients: chips that carry the trained network within the other targets, which explains what is learned.",
    )


def _ways(found: list[str]) -> Cell:
    return Cell("; ".join(found)) if found else Cell("nothing", None, "quiet")


def _tests(evidence: Evidence) -> str:
    """Between which tests a target may have been reached."""
    training: dict[str, Any] = ((evidence.facts["base"].get("scenario") or {}).get("training")) or {}
    every = training.get("evaluate_every")
    if not isinstance(every, int):
        return "at the end"
    return f"every {every:,} samples, so up to {every:,} fewer, and as much less time and energy, may do"


def _target(name: str, bounds: dict[str, float]) -> str:
    quantity = metric(name)
    ends = [f"at least {quantity.text(bounds['min'])}"] if "min" in bounds else []
    ends += [f"at most {quantity.text(bounds['max'])}"] if "max" in bounds else []
    if name == "training_share":
        return f"{' and '.join(ends)} of what exact descent learns"
    return f"{quantity.label} {' and '.join(ends)}"


def _score(said: Quantity) -> str:
    """What a training is judged by."""
    return "R\N{SUPERSCRIPT TWO}" if said.name == "training_r2" else "accuracy"


def _scored(said: Quantity, value: float) -> str:
    return said.text(value, 3)


def _word(share: Share) -> Cell:
    if not share.total:
        return Cell("Cannot tell", None, "fair")
    if share.met == share.total:
        return Cell("Yes", None, "good")
    if not share.met:
        return Cell("No", None, "bad")
    if math.isnan(share.low):
        return Cell(f"On {SHARE.text(share.fraction, 3)} of chips, {_MEAN}", None, "fair")
    return Cell(f"On {share.met} of {share.total} chips", None, "bad" if share.high < _MOST else "fair")


def _shared(share: Share) -> Cell:
    """A share of chips with its interval."""
    if not share.total:
        return Cell(MISSING, None, "quiet")
    uneven = math.isnan(share.low)
    said = f"{SHARE.text(share.fraction, 3)}, {_MEAN}" if uneven else span_text(SHARE, share.low, share.high)
    return Cell(f"{share.met:,} of {share.total:,} ({said})", None)


def _figure(quantity: Quantity, found: Middle) -> Cell:
    """A median with its interval."""
    if not found.count:
        return Cell(MISSING, None, "quiet")
    text = quantity.text(found.median)
    if not math.isnan(found.low):
        text += f" ({span_text(quantity, found.low, found.high)})"
    lacking = found.total - found.count
    return Cell(f"{text}; {lacking} of {found.total} chips do not" if lacking else text, found.median)


def _chips(count: int) -> str:
    return f"{count} {'chip' if count == 1 else 'chips'}"


def _interval(quantity: Quantity, found: Middle, evidence: Evidence) -> str:
    if math.isnan(found.low):
        return f"{_chips(found.count)}, {_no_interval(evidence)}"
    return f"{SHARE.text(evidence.confidence)} interval {span_text(quantity, found.low, found.high)}"


def _no_interval(evidence: Evidence) -> str:
    """Why a median has none: too few chips, or places that have as many as it took to tell."""
    apart = evidence.looked(evidence.targets) and uneven(evidence, evidence.trained)
    return "of places with unequal numbers of them, so without an interval" if apart else "too few for an interval"


def _tile(evidence: Evidence, label: str, one: Learning, name: str, before: str = "") -> Tile:
    quantity, found = metric(name), one.figures[name]
    if not found.count:
        reached = one.figures["steps_to_target"].count
        why = "a figure of the hardware that it needs is not known" if reached else "no chip gets so far"
        return Tile(label, Cell(MISSING, None, "quiet"), f"{before}{why}")
    return Tile(label, number(quantity, found.median), f"{before}median; {_interval(quantity, found, evidence)}")

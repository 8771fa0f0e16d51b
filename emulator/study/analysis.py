"""What follows from all points of a study: yields and sensitivities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emulator.study.design import Place
from emulator.study.load import StudyFile
from emulator.study.metrics import meets, of_training, telling
from emulator.study.statistics import chips_that_meet, interval_by_chip, sensitivities
from emulator.study.store import Sensitivity, Store, Yield
from emulator.study.writer import canonical


def yields_of(study: StudyFile, store: Store) -> list[Yield]:
    """At every place on the grid axes, the share of chips that meet all targets in every run; none without targets.

    Samples on the other axes are counted together. They have the same chips, and a chip the same draws at all of them, so
    that the interval is no surer than the number of chips allows; it allows for looks where these decided that number.
    Where a target is of a training, chips that were not trained do not count. Where that or errors leave no chip of which
    it is known whether it is good, there is no yield.
    """
    if not study.targets:
        return []
    values, points, confidence = store.metrics(), store.points(), study.config.study.confidence
    repeats, asked = study.config.repeats, any(of_training(one.metric) for one in study.targets)
    names = [one.metric for one in study.targets]
    looked = repeats.sequential and names == telling(names, repeats.trained, repeats.chips)
    grid = [one.axis.key for one in study.axes if not one.axis.sampled]
    rows: dict[str, list[int]] = {}
    where: dict[str, Place] = {}
    for row, ordinal in enumerate(points["ordinal"]):
        at = canonical({key: study.places[ordinal].axes[key] for key in grid})
        where.setdefault(at, study.places[ordinal])
        rows.setdefault(at, []).append(row)
    found = []
    for at, here in rows.items():
        places = [study.places[points["ordinal"][row]] for row in here]
        sample = [canonical([place.axes, place.chip]) for place in places]
        _, first, chip = np.unique(sample, return_index=True, return_inverse=True)
        met = meets(study.targets, {name: column[here] for name, column in values.items()}, len(here))
        unknown = points["status"][here] == "failed"
        if asked and repeats.trained is not None:
            unknown |= points["chip"][here] >= repeats.trained
        good, known = chips_that_meet(chip.astype(np.int64), met, unknown)
        count, total = int(good.sum()), int(known.sum())
        if total:
            axes = {key: where[at].axes[key] for key in grid}
            chips = len(np.unique(points["chip"][here][first][known]))
            interval = interval_by_chip(count, total, chips, confidence, looked)
            found.append(Yield(axes, count, total, count / total, *interval, confidence))
    return found


def sensitivities_of(study: StudyFile, store: Store) -> Sequence[Sensitivity]:
    """Slopes of every metric along all axes."""
    return sensitivities([one.axis for one in study.axes], store.points(), store.metrics())

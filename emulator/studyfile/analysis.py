"""What follows from all points of a study: yields and sensitivities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emulator.study.design import Place
from emulator.study.metrics import meets
from emulator.study.statistics import sensitivities, share_interval
from emulator.study.store import Sensitivity, Store, Yield
from emulator.study.writer import canonical
from emulator.studyfile.load import StudyFile


def yields_of(study: StudyFile, store: Store) -> list[Yield]:
    """At every place on the grid axes, the share of chips that meet all targets in every run; none without targets.

    Samples on the other axes are counted together: each has chips of its own.
    """
    if not study.targets:
        return []
    values = store.metrics()
    grid = [one.axis.key for one in study.axes if not one.axis.sampled]
    good: dict[str, dict[str, bool]] = {}
    where: dict[str, Place] = {}
    for row, ordinal in enumerate(store.points()["ordinal"]):
        place = study.places[ordinal]
        measured = {name: _known(column[row]) for name, column in values.items()}
        at = canonical({key: place.axes[key] for key in grid})
        chip = canonical([place.axes, place.chip])
        where.setdefault(at, place)
        chips = good.setdefault(at, {})
        chips[chip] = chips.get(chip, True) and meets(study.targets, measured)
    found = []
    for at, chips in good.items():
        met, total, confidence = sum(chips.values()), len(chips), study.config.study.confidence
        axes = {key: where[at].axes[key] for key in grid}
        found.append(Yield(axes, met, total, met / total, *share_interval(met, total, confidence), confidence))
    return found


def sensitivities_of(study: StudyFile, store: Store) -> Sequence[Sensitivity]:
    """Slopes of every metric along all axes."""
    return sensitivities([one.axis for one in study.axes], store.points(), store.metrics())


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

"""What the chips of a study learned: whether enough, how long it took, and what it cost, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.study.evidence import Evidence, Floats
from emulator.study.metrics import Target, meets, of_training
from emulator.study.significance import median_interval
from emulator.study.verdict import Share, share_of, share_that, technology_axis, uneven

#: figures of a training that are told with an interval
FIGURES = (
    "training_share", "steps_to_target", "time_to_target", "energy_to_target", "writes_per_weight", "worn_out", "at_bounds",
)  # fmt: skip


@dataclass(frozen=True)
class Middle:
    """A median over chips with its interval; NaN where too few chips have the figure."""

    median: float
    low: float
    high: float
    count: int
    total: int


@dataclass(frozen=True)
class Learning:
    """What the trained chips of one technology came to, or those of the whole study.

    Parameters
    ----------
    name : str
        The technology; empty for the whole.
    learned : Share
        Trained chips that meet every target of a training. A chip of which exact descent learns nothing is no evidence.
    gradients : Share
        Chips, trained or not, that meet every other target.
    figures : dict of Middle
        Of the trained chips, by metric; `score` is the accuracy or R2 after training.
    descent, digital, chance : float
        Median test scores of exact descent from the same starts, of the digital network, and of a constant answer.
    """

    name: str
    learned: Share
    gradients: Share
    figures: dict[str, Middle]
    descent: float
    digital: float
    chance: float


def trains(evidence: Evidence) -> bool:
    """Whether a study has targets of a training."""
    return any(of_training(name) for name in evidence.targets)


def score_of(evidence: Evidence) -> str:
    """The metric that a training is judged by: accuracy, or R2 of a regression."""
    return "training_r2" if "training_r2" in evidence.metrics else "training_accuracy"


def learnings(evidence: Evidence) -> list[Learning]:
    """One per technology if the study has an axis of technologies, else one for the whole; none without trainings."""
    return list(_learnings(evidence)) if trains(evidence) else []


def _learnings(evidence: Evidence) -> Iterator[Learning]:
    axis = technology_axis(evidence)
    for name in ("",) if axis is None else axis.labels:
        yield _learning(evidence, name, points_of(evidence, name))


def points_of(evidence: Evidence, name: str) -> NDArray[np.bool_]:
    """The points (n,) of a technology by its name; of the whole, which has none, all."""
    axis = technology_axis(evidence)
    if axis is None:
        return np.ones(evidence.done, dtype=bool)
    return np.asarray(axis.place == axis.labels.index(name))


def _learning(evidence: Evidence, name: str, chosen: NDArray[np.bool_]) -> Learning:
    here = chosen & evidence.trained
    nothing = np.full(evidence.done, np.nan)
    unjudged = np.isnan(evidence.metrics.get("training_share", np.zeros(evidence.done)))
    return Learning(
        name,
        _share(evidence, here, True, evidence.failed | unjudged),
        _share(evidence, chosen, False, evidence.failed),
        {
            figure: _middle(evidence, evidence.metrics.get(metric, nothing), here & ~evidence.failed)
            for figure, metric in {"score": score_of(evidence), **dict(zip(FIGURES, FIGURES, strict=True))}.items()
        },
        *(
            _median(evidence.metrics.get(one, nothing)[here])
            for one in ("descent_score", "digital_score", "chance_score")
        ),
    )


def _share(evidence: Evidence, chosen: NDArray[np.bool_], trained: bool, unknown: NDArray[np.bool_]) -> Share:
    """Chips that meet the targets of a training, or the other ones."""
    asked = {name: bounds for name, bounds in evidence.targets.items() if of_training(name) == trained}
    if not asked:
        return share_of(0, 0, evidence.confidence)
    met = meets([Target.of(*one) for one in asked.items()], evidence.metrics, evidence.done)
    return share_that(evidence, chosen, met, ~unknown, evidence.looked(asked))


def _middle(evidence: Evidence, values: Floats, chosen: NDArray[np.bool_]) -> Middle:
    """Of values (n,) at the chosen points (n,); without an interval where the numbers of chips of several places were looked for."""
    known = chosen & np.isfinite(values)
    looked = evidence.looked([name for name in evidence.targets if of_training(name)])
    ends = (np.nan, np.nan)
    if not (looked and uneven(evidence, chosen)):
        chips = len(np.unique(evidence.chip[known]))
        ends = median_interval(values[known], evidence.confidence, looked, chips)
    return Middle(_median(values[known]), *ends, int(known.sum()), int(chosen.sum()))


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan

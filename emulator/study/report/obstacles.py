"""Why a technology does not learn, or carries no good gradients: what is in the way, each with its figure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emulator.measure.clipping import MANY
from emulator.study.evidence import Evidence
from emulator.study.learned import Learning
from emulator.study.metrics import Target, meets, of_training
from emulator.study.report.quantities import Quantity, metric

#: shares of devices from which on they are in the way
_DEVICES = (("worn_out", 0.01, "are worn out"), ("at_bounds", 0.05, "are at an end of their range"))
#: weights that are written less often than this, in the whole of a training, hardly learn
_WRITTEN = 1.0
_LONGEST = 160


def obstacles(evidence: Evidence, one: Learning, chosen: NDArray[np.bool_]) -> list[str]:
    """What is in the way at the chosen points (n,) of a technology; empty where it learns and every target is met."""
    if one.learned.met == one.learned.total > 0 and one.gradients.met == one.gradients.total:
        return []
    found = list(dict.fromkeys(_found(evidence, one, chosen)))
    if one.learned.met != one.learned.total and one.gradients.met == one.gradients.total > 0:
        trained = chosen & evidence.trained & ~evidence.failed
        counted = any(_median(evidence, name, trained) is not None for name, *_ in _DEVICES)
        blamed = counted and set(found) <= set(_of_devices(evidence, trained))
        left = "it is what its devices make of them" if blamed else "rate, samples or hold are what is left"
        found.append(f"the gradients are good: {left}")
    return found


def _found(evidence: Evidence, one: Learning, chosen: NDArray[np.bool_]) -> Iterator[str]:
    known = chosen & ~evidence.failed
    for status, words in (("failed", "an error: "), ("unsettled", "")):
        yield from _of_reasons(evidence, chosen, evidence.status == status, words)
    if one.learned.met != one.learned.total:
        yield from _of_devices(evidence, known & evidence.trained)
        yield from _of_steps(evidence, known & evidence.trained)
    for name, bounds in evidence.targets.items():
        values = evidence.metrics.get(name)
        if of_training(name) or values is None or not known.any():
            continue
        missed = known & ~meets([Target.of(name, bounds)], evidence.metrics, evidence.done)
        if missed.any():
            counted = f"{_chips(evidence, missed):,} of {_chips(evidence, known):,}"
            yield f"{_figure(metric(name), values[missed])}{_asked(metric(name), bounds)} on {counted}"
    for name in ("clipped_forward", "clipped_backward", "clipped_weights"):
        if (share := _median(evidence, name, known)) is not None and share > MANY:
            yield f"{metric(name).label} {metric(name).text(share, 3)}"


def _of_reasons(evidence: Evidence, chosen: NDArray[np.bool_], ended: NDArray[np.bool_], words: str) -> Iterator[str]:
    """The reason that most chips of those chosen have that `ended` so (n,), and how many have others."""
    why = {
        str(reason): ended & chosen & (evidence.reason == reason)
        for reason in evidence.reason[ended & chosen]
        if reason
    }
    if why:
        reason = max(why, key=lambda one: _chips(evidence, why[one]))
        here, all_of_them = _chips(evidence, why[reason]), _chips(evidence, np.any(list(why.values()), axis=0))
        others = f"; {all_of_them - here:,} others for other reasons" if all_of_them > here else ""
        yield f"on {here:,} of {_chips(evidence, chosen):,} chips {words}{_short(reason)}{others}"


def _chips(evidence: Evidence, chosen: NDArray[np.bool_]) -> int:
    """How many chips the chosen points (n,) are of: runs of one are one."""
    return len(np.unique(evidence.sample[chosen]))


def _of_devices(evidence: Evidence, trained: NDArray[np.bool_]) -> Iterator[str]:
    """What the devices of trained chips say."""
    for name, most, words in _DEVICES:
        if (share := _median(evidence, name, trained)) is not None and share > most:
            yield f"{metric(name).text(share, 3)} of the devices {words}"


def _of_steps(evidence: Evidence, trained: NDArray[np.bool_]) -> Iterator[str]:
    """Whether so little was asked of the weights of trained chips that they stayed."""
    writes = _median(evidence, "writes_per_weight", trained)
    if writes is not None and writes < _WRITTEN:
        yield f"a weight is written {writes:.2g} times: less than one step was asked for"


def _median(evidence: Evidence, name: str, chosen: NDArray[np.bool_]) -> float | None:
    values = evidence.metrics.get(name, np.full(evidence.done, np.nan))[chosen]
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _figure(quantity: Quantity, values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    return f"{quantity.label} {quantity.text(float(np.median(known)), 3) if len(known) else 'not known'}"


def _asked(quantity: Quantity, bounds: dict[str, float]) -> str:
    ends = [
        f"{words} {quantity.text(bounds[end])}"
        for end, words in (("min", "at least"), ("max", "at most"))
        if end in bounds
    ]
    return f" ({' and '.join(ends)} asked)"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

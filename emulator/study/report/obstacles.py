"""Why a technology does not learn, or carries no good gradients: what is in the way, each with its figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emulator.measure.clipping import MANY
from emulator.study.evidence import Evidence
from emulator.study.learned import Learning
from emulator.study.metrics import Target, meets, of_training
from emulator.study.report.quantities import Quantity, metric

#: shares of devices from which on they are in the way
_WORN, _BOUND = 0.01, 0.05
#: weights that are written less often than this, in the whole of a training, hardly learn
_WRITTEN = 1.0
_LONGEST = 160


def obstacles(evidence: Evidence, one: Learning, chosen: NDArray[np.bool_]) -> list[str]:
    """What is in the way at the chosen points (n,) of a technology; empty where it learns and every target is met."""
    if one.learned.met == one.learned.total > 0 and one.gradients.met == one.gradients.total:
        return []
    return list(dict.fromkeys(_found(evidence, one, chosen)))


def _found(evidence: Evidence, one: Learning, chosen: NDArray[np.bool_]) -> Iterator[str]:
    known = chosen & ~evidence.failed
    for status, words in (("failed", "an error: "), ("unsettled", "")):
        reasons = Counter(str(reason) for reason in evidence.reason[chosen & (evidence.status == status)] if reason)
        if reasons:
            reason, _ = reasons.most_common(1)[0]
            yield f"on {sum(reasons.values()):,} of {int(chosen.sum()):,} chips {words}{_short(reason)}"
    learns = one.learned.met == one.learned.total
    trained = known & evidence.trained
    if not learns:
        yield from _of_devices(evidence, trained)
    for name, bounds in evidence.targets.items():
        values = evidence.metrics.get(name)
        if of_training(name) or values is None or not known.any():
            continue
        missed = known & ~meets([Target.of(name, bounds)], evidence.metrics, evidence.done)
        if missed.any():
            yield f"{_figure(metric(name), values[missed])}{_asked(metric(name), bounds)} on {int(missed.sum()):,} of {int(known.sum()):,}"
    for name in ("clipped_forward", "clipped_backward", "clipped_weights"):
        if (share := _median(evidence, name, known)) is not None and share > MANY:
            yield f"{metric(name).label} {metric(name).text(share, 3)}"
    if not learns and one.gradients.total and one.gradients.met == one.gradients.total:
        yield "the gradients are good: it is what its devices make of them"


def _of_devices(evidence: Evidence, trained: NDArray[np.bool_]) -> Iterator[str]:
    """What the devices of trained chips say."""
    for name, most, words in (
        ("worn_out", _WORN, "are worn out"),
        ("at_bounds", _BOUND, "are at an end of their range"),
    ):
        if (share := _median(evidence, name, trained)) is not None and share > most:
            yield f"{metric(name).text(share, 3)} of the devices {words}"
    writes = _median(evidence, "writes_per_weight", trained)
    if writes is not None and writes < _WRITTEN:
        yield f"a weight is written {writes:.2g} times: steps are too coarse for what a training asks for"


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

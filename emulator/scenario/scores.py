"""What a network on a substrate got right, and whether it agrees with its digital twin."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.data.batch import Batch
from emulator.measure import Reference, SettleResult
from emulator.measure.fit import fit
from emulator.network import check_batch
from emulator.scenario.networks import Built

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Predictions of B samples compared; a sample that did not settle has no prediction and counts as different.

    Parameters
    ----------
    samples : int
    substrate, digital, teacher : float or None
        Share of true classes predicted by the substrate, by the exact network, and by the model it came from.
    same_as_digital, same_as_teacher : int or None
        Samples on which the substrate predicts the same class.
    teacher_name : str or None
    """

    samples: int
    substrate: float | None
    digital: float | None
    teacher: float | None
    same_as_digital: int
    same_as_teacher: int | None
    teacher_name: str | None

    def to_dict(self) -> dict[str, Any]:
        """The same as a plain table."""
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """How well outputs fit the targets, of the substrate and of the exact network; None where that is not known.

    Parameters
    ----------
    loss : float
        Mean over the samples; of the substrate, with the outputs that it held in the end, settled or not.
    rmse, r2 : float
        Of a regression; see `emulator.measure.fit`.
    """

    loss: float | None
    rmse: float | None
    r2: float | None


def fits(result: SettleResult, exact: Reference, built: Built, batch: Batch) -> dict[str, Fit] | None:
    """The fit of the ``substrate``, of the ``digital`` network and of a regression's ``teacher``; None without targets."""
    network = result.graph.network
    _, rows = check_batch(network, batch.inputs, batch.targets)
    if rows is None:
        return None
    outputs = {"substrate": result.held_states[network.output], "digital": exact.states[network.output]}
    if network.loss == "mse" and built.predict is not None and not isinstance(batch.inputs, dict):
        outputs["teacher"] = np.reshape(built.predict(batch.inputs), rows.shape)
    return {name: Fit(**fit(network.loss, values, rows)) for name, values in outputs.items()}


def scores(result: SettleResult, exact: Reference, built: Built, batch: Batch) -> Scores | None:
    """Compare predictions; None unless the network classifies."""
    network = built.network
    if network.loss != "softmax_cross_entropy":
        return None
    ours = np.where(result.settled, result.held_states[network.output].argmax(axis=1), -1)
    digital = exact.states[network.output].argmax(axis=1)
    teacher = None
    if built.predict is not None and not isinstance(batch.inputs, dict):
        teacher = built.predict(batch.inputs)
    return Scores(
        samples=len(ours),
        substrate=_share(ours, batch.labels),
        digital=_share(digital, batch.labels),
        teacher=None if teacher is None else _share(teacher, batch.labels),
        same_as_digital=int((ours == digital).sum()),
        same_as_teacher=None if teacher is None else int((ours == teacher).sum()),
        teacher_name=built.teacher,
    )


def _share(predicted: Classes, labels: Classes | None) -> float | None:
    return None if labels is None else float((predicted == labels).mean())

"""What happened during a training: one row per stretch of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass
class History:
    """One entry per stretch, in the order of the training; NaN where a figure was not taken.

    Parameters
    ----------
    samples : list of float
        Samples presented until the end of the stretch.
    loss, accuracy : list of float
        Means over the stretch's own samples, as they were met (before learning from them); accuracy for classifiers.
    test_loss, test_accuracy : list of float
        Of the substrate with its parameters held, on the test set.
    absorbed, available, reflected : list of float
        Power at the parameter ports, averaged over the holds of the stretch, in units of loss per hold.
    """

    samples: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    absorbed: list[float] = field(default_factory=list)
    available: list[float] = field(default_factory=list)
    reflected: list[float] = field(default_factory=list)

    def add(self, **row: float) -> None:
        """Append a row; figures left out are NaN."""
        for name in COLUMNS:
            getattr(self, name).append(float(row.get(name, np.nan)))

    def columns(self) -> dict[str, Floats]:
        """Every column as an array."""
        return {name: np.array(getattr(self, name), dtype=np.float64) for name in COLUMNS}

    @classmethod
    def of_columns(cls, columns: Mapping[str, Floats]) -> History:
        """The inverse of `columns`."""
        return cls(**{name: [float(v) for v in columns[name]] for name in COLUMNS})

    def evaluations(self) -> tuple[Floats, Floats, Floats]:
        """Samples, test loss and test accuracy where they were taken."""
        columns = self.columns()
        taken = ~np.isnan(columns["test_loss"])
        return columns["samples"][taken], columns["test_loss"][taken], columns["test_accuracy"][taken]

    def __len__(self) -> int:
        return len(self.samples)


COLUMNS = tuple(f.name for f in fields(History))

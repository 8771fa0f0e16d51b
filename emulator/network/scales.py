"""What the inputs of a network were standardised by when it learned: raw samples are brought to it in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import NetworkError, suggest
from emulator.network.arrays import FloatArray, frozen_parameter, real_array
from hwmodels.doors import brief


class Scale(NamedTuple):
    """Mean and standard deviation of every component of an input, (n,) each; a component that never changed has 1."""

    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def of(cls, rows: FloatArray) -> Scale:
        """That of samples (B, n); a deviation may be infinite or NaN where numbers are too large."""
        with np.errstate(over="ignore", invalid="ignore"):
            deviation = rows.std(axis=0)
            return cls(rows.mean(axis=0), np.where(deviation == 0, 1.0, deviation))

    def applied(self, rows: ArrayLike) -> FloatArray:
        """Samples (B, n) with the mean taken away, over the deviation.

        Raises
        ------
        NetworkError
            If they are no such samples.
        """
        found = real_array("what is standardised", rows)
        if found.ndim != 2 or found.shape[1] != len(self.mean):
            raise NetworkError(f"what is standardised has shape {found.shape}; allowed: (samples, {len(self.mean)})")
        return (found - self.mean) / self.deviation


def checked_scales(scales: Mapping[str, Any] | None, inputs: Mapping[str, int]) -> dict[str, Scale]:
    """Scales of inputs, as they are kept.

    Parameters
    ----------
    scales : mapping of str to (mean (n,), deviation (n,)), optional
    inputs : mapping of str to int
        Sizes of the inputs that there are.

    Raises
    ------
    NetworkError
        If there is no such input, or its scale is not as long, not finite, or a deviation is not above 0.
    """
    if scales is None:
        return {}
    if not isinstance(scales, Mapping):
        raise NetworkError(f"scales are {brief(scales)}; allowed: a mapping of inputs to their mean and deviation")
    found = {}
    for name, given in scales.items():
        if name not in inputs:
            raise NetworkError(f"scales: no input {suggest(name, inputs)}")
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise NetworkError(f"scales of input {name!r} are {brief(given)}; allowed: a mean and a deviation")
        mean, deviation = (
            frozen_parameter(f"scales of input {name!r}: {what}", part, ndim=1)
            for what, part in zip(Scale._fields, given, strict=True)
        )
        if not len(mean) == len(deviation) == inputs[name]:
            raise NetworkError(
                f"scales of input {name!r} are of {len(mean)} and {len(deviation)} numbers; allowed: {inputs[name]} each"
            )
        if not (deviation > 0).all():
            raise NetworkError(f"scales of input {name!r}: deviation is {float(deviation.min()):g}; allowed: above 0")
        found[name] = Scale(mean, deviation)
    return dict(sorted(found.items()))

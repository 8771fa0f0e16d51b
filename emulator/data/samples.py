"""Samples as they were found, before any network: split into parts, scaled, and then brought into a network's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.data.batch import Batch, Floats
from emulator.errors import FileFormatError
from emulator.network import Network
from emulator.network.scales import Scale
from hwmodels.doors import brief


@dataclass(frozen=True)
class Samples:
    """What a source holds.

    Parameters
    ----------
    place : str
        Where it is from, as named in errors.
    inputs : (B, n) array, or dict of input name to (B, n)
    targets : (B,) or (B, n) array of numbers or texts, or None
    columns : tuple of str or None
        Names of the components of the inputs.
    classes : tuple of str or None
        Names of the classes in the order of a network's outputs, where the targets are classes; they are texts then.
    notes : tuple of str
        What a user should know about how they were read.
    scales : Scale, or dict of input name to Scale; optional
        What they were standardised by.
    """

    place: str
    inputs: Floats | dict[str, Floats]
    targets: NDArray[Any] | None = None
    columns: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    scales: Mapping[str, Scale] | Scale | None = None

    def __len__(self) -> int:
        inputs = self.inputs
        return len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)

    def taken(self, places: NDArray[np.int64]) -> Samples:
        """The samples at these places, in this order."""
        inputs = self.inputs
        some = {name: rows[places] for name, rows in inputs.items()} if isinstance(inputs, Mapping) else inputs[places]
        return replace(self, inputs=some, targets=None if self.targets is None else self.targets[places])


def texts(targets: NDArray[Any]) -> NDArray[np.str_]:
    """Classes as texts: a whole number is written as one."""
    if targets.dtype.kind == "f":
        return np.array([str(int(one)) if float(one).is_integer() else str(one) for one in targets.tolist()])
    return targets.astype(str)


def parts(samples: Samples, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the samples to train on and of those held out, every class in the same share of both.

    Parameters
    ----------
    samples : Samples
    share : float
        Of the samples that are held out.
    seed : int

    Raises
    ------
    FileFormatError
        If there are too few samples.
    """
    from sklearn.model_selection import train_test_split

    targets, count = samples.targets, len(samples)
    held = round(share * count)
    if not 0 < held < count:
        raise FileFormatError(
            f"{samples.place} has {count} samples, of which {held} would be held out; allowed: some, and not all"
        )
    alike = None
    if targets is not None and targets.ndim == 1 and (samples.classes is not None or targets.dtype.kind in "iubU"):
        names, counts = np.unique(targets, return_counts=True)
        if counts.min() > 1 and len(names) <= min(held, count - held):
            alike = targets
    train, test = train_test_split(np.arange(count), test_size=held, random_state=seed, stratify=alike)
    return np.asarray(train, np.int64), np.asarray(test, np.int64)


def standard(samples: Samples, by: Samples) -> Samples:
    """The samples with mean 0 and standard deviation 1 of every input, as those of `by` have then."""
    if isinstance(samples.inputs, dict) and isinstance(by.inputs, dict):
        found = {name: _scale(by.place, rows, by.inputs[name]) for name, rows in samples.inputs.items()}
        return replace(
            samples, inputs={name: scale.applied(samples.inputs[name]) for name, scale in found.items()}, scales=found
        )
    rows = np.asarray(samples.inputs)
    scale = _scale(by.place, rows, np.asarray(by.inputs))
    return replace(samples, inputs=scale.applied(rows), scales=scale)


def as_learned(samples: Samples, network: Network) -> Samples:
    """The samples standardised as those that the network learned from."""
    count = len(network.inputs)
    told = (f"inputs of {samples.place} are standardised by the mean and deviation that the network learned from",)
    return replace(
        samples,
        inputs=network.standardised(samples.inputs),
        scales=dict(network.scales) if count > 1 else network.scales[network.inputs[0]],
        notes=samples.notes + told,
    )


def _scale(place: str, rows: Floats, by: Floats) -> Scale:
    """Mean and deviation of `by`; what never changes is divided by 1."""
    scale = Scale.of(by)
    broken = np.flatnonzero(~np.isfinite(scale.deviation))
    if broken.size:
        raise FileFormatError(
            f"{place}: column {int(broken[0])} has no standard deviation; allowed with scale: finite numbers"
        )
    if rows.shape[1] != by.shape[1]:
        raise FileFormatError(
            f"{place} has {by.shape[1]} inputs; allowed: {rows.shape[1]}, as what is scaled by it has"
        )
    return scale


def fitted(samples: Samples, network: Network) -> Batch:
    """The samples as a network takes them: classes at its outputs by name, and labels where it classifies.

    Raises
    ------
    FileFormatError
        If the classes are not those of the network.
    """
    targets, classes, labels = samples.targets, None, None
    if targets is not None and _are_classes(samples, targets, network):
        classes, labels = _labelled(samples, targets if targets.ndim == 1 else targets[:, 0], network)
        squared = network.loss != "softmax_cross_entropy"
        targets = np.eye(network.size(network.output))[labels] if squared else labels
    elif targets is not None and targets.dtype.kind == "U":
        such = brief(str(targets.flat[0]), 40)
        raise FileFormatError(
            f"{samples.place} has texts such as {such} for targets; allowed: numbers, as the loss of the network is {network.loss}"
        )
    elif targets is not None and targets.ndim == 2 and network.loss == "softmax_cross_entropy":
        labels = targets.argmax(axis=1)
    return Batch(samples.inputs, targets, labels, classes, samples.columns, samples.notes, samples.scales)


def _are_classes(samples: Samples, targets: NDArray[Any], network: Network) -> bool:
    """Whether each target is one class."""
    width = network.size(network.output)
    if targets.ndim == 2 and (targets.shape[1] != 1 or width == 1):
        return False
    if network.loss != "softmax_cross_entropy":
        return samples.classes is not None and width == len(samples.classes)
    return targets.dtype.kind != "f" or bool((targets == np.round(targets)).all())


def _labelled(
    samples: Samples, targets: NDArray[Any], network: Network
) -> tuple[tuple[str, ...] | None, NDArray[np.int64]]:
    """Names of the classes, if they have any but their positions, and the position of each sample's."""
    width, own = network.size(network.output), network.names.get(network.output)
    written = texts(targets)
    found = tuple(sorted(set(written.tolist()), key=_ordered))
    positions = tuple(map(str, range(width)))
    if own is not None and set(found) <= set(own):
        return own, _at(written, own)
    if targets.dtype.kind in "iuf" and samples.classes is None and set(found) <= set(positions):
        return own, targets.astype(np.int64)  # positions, whatever their names
    if own is not None:
        strange = [name for name in found if name not in own]
        raise _unknown(samples, strange, f"those of the network: {', '.join(own[:20])}")
    names = samples.classes or (positions if set(found) <= set(positions) else found)
    if not set(found) <= set(names):
        raise _unknown(
            samples, [name for name in found if name not in names], f"those of data.classes: {', '.join(names[:20])}"
        )
    if len(names) != width:
        raise FileFormatError(
            f"{samples.place} has {len(names)} classes ({', '.join(brief(name, 40) for name in names[:10])}); allowed: {width}, as the "
            "network has outputs, or data.classes with their names in the order of the outputs"
        )
    return (None if names == positions else names), _at(written, names)


def _unknown(samples: Samples, names: list[str], allowed: str) -> FileFormatError:
    told = ", ".join(brief(name, 40) for name in names[:10])
    return FileFormatError(f"{samples.place} has the class{'es' if len(names) > 1 else ''} {told}; allowed: {allowed}")


def _at(written: NDArray[np.str_], names: tuple[str, ...]) -> NDArray[np.int64]:
    known = {name: place for place, name in enumerate(names)}
    return np.array([known[one] for one in written.tolist()], np.int64)


def _ordered(name: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name

"""Where samples come from: arrays, an ``.npz`` file, or an iterator; in epochs, or drawn with replacement."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.archives import open_archive
from emulator.errors import EngineError, FileFormatError, NetworkError
from emulator.network import Network, check_batch
from hwmodels import rng
from hwmodels.doors import RefusedError

Floats = NDArray[np.float64]
_BLOCK = 4096


class Stream(ABC):
    """Samples in an order that does not depend on how they are read."""

    #: samples per epoch; None where there are no epochs
    epoch: int | None = None
    #: samples there are in all; None if there is no end
    length: int | None = None

    @property
    @abstractmethod
    def digest(self) -> str:
        """What tells these data and this order from others."""

    @abstractmethod
    def rows(self, start: int, count: int) -> Floats:
        """Feed (n, inputs + outputs) of the samples from `start` on; n is less than `count` only at the end."""


class ArrayStream(Stream):
    """Samples held in memory, in epochs (each in an order of its own) or drawn with replacement."""

    def __init__(self, feed: Floats, order: str, seed: int) -> None:
        self._feed, self._order, self._seed = feed, order, seed
        self.epoch = len(feed)
        self._known: tuple[int, NDArray[np.int64]] | None = None

    @property
    def digest(self) -> str:
        """Hash of the data, with their number and order."""
        content = hashlib.sha256(np.ascontiguousarray(self._feed).data).hexdigest()
        return f"{len(self._feed)} samples, {self._order}, {content[:16]}"

    def rows(self, start: int, count: int) -> Floats:
        """Feed of the samples from `start` on."""
        length = len(self._feed) if self._order == "epochs" else _BLOCK
        picked, at = [], start
        while at < start + count:
            block, inside = divmod(at, length)
            part = self._block(block)[inside : inside + start + count - at]
            picked.append(part)
            at += len(part)
        return self._feed[np.concatenate(picked)]

    def _block(self, number: int) -> NDArray[np.int64]:
        """Order of one epoch, or of one block of draws; each has a stream of its own."""
        if self._known is None or self._known[0] != number:
            if self._order == "epochs":
                order = rng(self._seed, "sample order", f"epoch {number}").permutation(len(self._feed))
            else:
                order = rng(self._seed, "sample draws", f"block {number}").integers(len(self._feed), size=_BLOCK)
            self._known = (number, order)
        return self._known[1]


class IteratorStream(Stream):
    """Samples from an iterable of ``(input, target)``, read once, as they are needed."""

    def __init__(self, network: Network, samples: Iterable[Any]) -> None:
        self._network, self._samples = network, iter(samples)
        self._at = 0

    @property
    def digest(self) -> str:
        """An iterator cannot be told from another; resuming needs the same one from its start."""
        return "iterator"

    def rows(self, start: int, count: int) -> Floats:
        """Feed of the samples from `start` on; samples before it are skipped."""
        for _ in islice(self._samples, start - self._at):
            self._at += 1
        taken = list(islice(self._samples, count))
        pairs = [_pair(sample, self._at + k) for k, sample in enumerate(taken)]
        self._at += len(taken)
        if not pairs:
            return np.zeros((0, 0))
        inputs: Any
        if isinstance(pairs[0][0], Mapping):
            inputs = {name: [x[name] for x, _ in pairs] for name in pairs[0][0]}
        else:
            inputs = [x for x, _ in pairs]
        return feed_rows(self._network, inputs, [y for _, y in pairs])


def open_stream(
    network: Network, inputs: Any, targets: ArrayLike | None = None, *, order: str = "epochs", seed: int = 0
) -> Stream:
    """Make a stream of whatever the user brings.

    Parameters
    ----------
    network : Network
    inputs : array (S, n), mapping of input name to (S, n), path of an ``.npz``, or iterable of (input, target)
    targets : (S, n_out), or labels (S,)
        Only with arrays.
    order : {"epochs", "replacement"}
    seed : int
        Root of the order's random draws.

    Raises
    ------
    EngineError
        For an unknown order, or targets that are missing or given twice.
    FileFormatError
        If a file is not an ``.npz`` with arrays `inputs` and `targets`.
    NetworkError
        If the data do not fit the network.
    """
    if isinstance(inputs, str | Path):
        inputs, targets = read_samples(Path(inputs))
    elif _is_iterator(inputs):
        if targets is not None:
            raise EngineError("targets are given beside an iterator; allowed: an iterator of (input, target)")
        return IteratorStream(network, inputs)
    if targets is None:
        raise EngineError("data have no targets; allowed: targets, an .npz that has them, or an iterator of pairs")
    return ArrayStream(feed_rows(network, inputs, targets), order, seed)


def feed_rows(network: Network, inputs: Any, targets: ArrayLike) -> Floats:
    """Check samples and put their inputs and targets side by side, (S, inputs + outputs)."""
    data, wanted = check_batch(network, inputs, targets)
    if wanted is None:
        raise EngineError("data have no targets; allowed: one per sample")
    return np.hstack([*(data[name] for name in network.inputs), wanted])


def read_samples(path: Path) -> tuple[Floats, NDArray[Any]]:
    """Arrays `inputs` and `targets` of an ``.npz`` file; nothing in it is executed.

    Raises
    ------
    FileFormatError
        If the file is missing, of another kind, or lacks an array.
    """
    try:
        with open_archive(path) as file:
            for name in ("inputs", "targets"):
                if name not in file.names:
                    raise FileFormatError(
                        f"file '{path}' has no array {name!r}; arrays: {', '.join(file.names) or 'none'}"
                    )
            return file.read("inputs"), file.read("targets")
    except FileNotFoundError as error:
        raise FileFormatError(f"file '{path}' does not exist; allowed: an .npz with inputs and targets") from error
    except (RefusedError, OSError) as error:
        raise FileFormatError(f"file '{path}' is not an .npz of plain arrays: {error}") from error


def _is_iterator(data: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(data, Iterator)


def _pair(sample: Any, number: int) -> tuple[Any, Any]:
    if not isinstance(sample, tuple) or len(sample) != 2:
        raise NetworkError(f"sample {number} of the iterator is a {type(sample).__name__}; allowed: (input, target)")
    return sample

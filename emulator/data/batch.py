"""Samples as a network takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.network import Network
from emulator.network.scales import Scale

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
    columns : tuple of str or None
        Names of the components of the inputs, where the data have some.
    notes : tuple of str
        What a user should know about how they were read.
    scales : Scale, or dict of input name to Scale; optional
        What the inputs were standardised by.
    """

    inputs: Floats | dict[str, Floats]
    targets: NDArray[Any] | None = None
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    scales: Mapping[str, Scale] | Scale | None = None

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(next(iter(self.inputs.values())) if isinstance(self.inputs, Mapping) else self.inputs)

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
        return replace(
            self,
            inputs=inputs,
            targets=None if self.targets is None else self.targets[:count],
            labels=None if self.labels is None else self.labels[:count],
        )

    def named(self, network: Network) -> Network:
        """The network with what these samples say of its inputs and classes, where it does not say so itself.

        That is names, and what the inputs are standardised by.
        """
        names = {network.output: self.classes}
        if self.columns is not None and len(network.inputs) == 1:
            names[network.inputs[0]] = self.columns
        if self.scales is not None and not network.scales:
            given = {network.inputs[0]: self.scales} if isinstance(self.scales, Scale) else self.scales
            network = network.altered(scales=given)
        return network.named(
            {name: given for name, given in names.items() if given is not None and name not in network.names}
        )

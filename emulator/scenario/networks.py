"""Where a scenario's network comes from: one class per source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from emulator.network import Network
from emulator.scenario.control import ControlNetwork
from emulator.scenario.files import find_file
from emulator.scenario.network_base import Built, NetworkSource
from emulator.scenario.networks_random import RandomCnn, RandomMlp, RandomResidual, RandomStack
from emulator.scenario.networks_trained import DigitsMlp, DigitsResidual, TrainedMlp

__all__ = [
    "AnyNetwork",
    "Built",
    "ControlNetwork",
    "DigitsMlp",
    "DigitsResidual",
    "FileNetwork",
    "RandomCnn",
    "RandomMlp",
    "RandomResidual",
    "RandomStack",
    "TrainedMlp",
]


class FileNetwork(NetworkSource):
    """A network from a file: ``.npz`` as `emulator.Network.save` writes it, or an ``.onnx`` model.

    Parameters
    ----------
    path : str
        The file; looked for beside the scenario first, then in the current directory.
    loss : str, optional
        In place of the file's own: a classifier that ends in its logits needs ``softmax_cross_entropy``.
    sharing : str, optional
        ``tied``: the places of every convolution learn as one kernel; ``free``: each for itself. By default as in the file.
    """

    source: Literal["file"]
    path: Annotated[str, Field(min_length=1)]
    loss: Literal["mse", "softmax_cross_entropy"] | None = None
    sharing: Literal["free", "tied"] | None = None

    def make(self, folder: Path) -> Built:
        """Read the file."""
        network = Network.load(find_file(self.path, folder, "network.path"), loss=self.loss)
        return Built(network if self.sharing is None else network.with_sharing(self.sharing))


AnyNetwork = Annotated[
    DigitsMlp
    | DigitsResidual
    | TrainedMlp
    | RandomMlp
    | RandomResidual
    | RandomCnn
    | RandomStack
    | FileNetwork
    | ControlNetwork,
    Field(discriminator="source"),
]

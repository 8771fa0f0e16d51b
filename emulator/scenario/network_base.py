"""What a source of networks is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emulator.network import ACTIVATIONS, Network
from emulator.scenario.section import Section
from hwmodels.validation import one_of

Floats = NDArray[np.float64]
Width = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=0)]
LossName = Literal["mse", "softmax_cross_entropy"]
#: an activation that is built in, registered, or a plug-in's
ActivationName = Annotated[str, one_of(ACTIVATIONS)]


@dataclass(frozen=True)
class Built:
    """A network, and the model outside of this project that it was converted from, if any.

    Parameters
    ----------
    network : Network
    teacher : str or None
        Name of the other model.
    predict : callable or None
        That model's own predictions: inputs (B, n) -> positions of the predicted classes (B,), or outputs (B, n_out).
    """

    network: Network
    teacher: str | None = None
    predict: Callable[[Floats], NDArray[Any]] | None = None


class NetworkSource(Section):
    """Base of all sources: to add one, subclass it and add it to `AnyNetwork`.

    Parameters
    ----------
    penalties : dict of dict, optional
        Fields of `emulator.Penalty` by layer, such as ``{ x1 = { state = 0.1 } }``, or with a number for each component,
        ``{ x1 = { state = [0.1, 0.0] } }``; by default those that the network has.
    """

    penalties: dict[str, dict[str, float | list[float]]] | None = None

    @abstractmethod
    def make(self, folder: Path) -> Built:
        """Make the network without penalties of the scenario; relative paths start at `folder`."""

    def build(self, folder: Path) -> Built:
        """The network that the scenario describes; relative paths start at `folder`.

        Raises
        ------
        NetworkError
            If it has no place for a penalty.
        """
        built = self.make(folder)
        if self.penalties is None:
            return built
        return replace(built, network=built.network.with_penalties(self.penalties))

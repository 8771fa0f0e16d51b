"""Where a scenario's network comes from: one class per source."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from emulator.data.digits import split_digits
from emulator.network import ACTIVATIONS, Network, NetworkBuilder
from emulator.network.from_sklearn import FUNCTIONS
from emulator.scenario.files import find_file
from emulator.scenario.section import Section
from hwmodels import rng
from hwmodels.validation import one_of

Floats = NDArray[np.float64]
Width = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=0)]
#: an activation that is built in, registered, or a plug-in's
ActivationName = Annotated[str, one_of(ACTIVATIONS)]
#: activations that scikit-learn can train, and their names there
_TRAINED = {ours: theirs for theirs, ours in FUNCTIONS.items()}


@dataclass(frozen=True)
class Built:
    """A network, and the model outside of this project that it was converted from, if any.

    Parameters
    ----------
    network : Network
    teacher : str or None
        Name of the other model.
    predict : callable or None
        That model's own predictions: inputs (B, n) -> positions of the predicted classes (B,).
    """

    network: Network
    teacher: str | None = None
    predict: Callable[[Floats], NDArray[np.int64]] | None = None


class NetworkSource(Section):
    """Base of all sources: to add one, subclass it and add it to `AnyNetwork`.

    Parameters
    ----------
    penalties : dict of dict, optional
        Fields of `emulator.Penalty` by layer, such as ``{ x1 = { state = 0.1 } }``; by default those that the network has.
    """

    penalties: dict[str, dict[str, float]] | None = None

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


class DigitsMlp(NetworkSource):
    """A perceptron that scikit-learn trains on its 8x8 digits (pixels scaled to 0..1, 1437 training images).

    Parameters
    ----------
    hidden : list of int
        Widths of the hidden layers.
    activation : str
        Activation of the hidden layers.
    l2 : float
        Weight penalty of the training.
    iterations : int
        Most passes over the training images.
    seed : int
        Seeds initial weights and the order of images.
    """

    source: Literal["digits-mlp"]
    hidden: list[Width] = Field(default_factory=lambda: [32], min_length=1)
    activation: Annotated[str, one_of(_TRAINED)] = "tanh"
    l2: Annotated[float, Field(ge=0)] = 1e-4
    iterations: Width = 200
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Train and convert."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(
            hidden_layer_sizes=tuple(self.hidden),
            activation=_TRAINED[self.activation],
            alpha=self.l2,
            max_iter=self.iterations,
            random_state=self.seed,
        )
        digits = split_digits()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(digits.train_inputs, digits.train_labels)
        return Built(
            Network.from_sklearn(model),
            "scikit-learn MLPClassifier",
            lambda inputs: np.searchsorted(model.classes_, model.predict(inputs)),
        )


class DigitsResidual(NetworkSource):
    """Random residual blocks ``x + scale W2 phi(W1 x)`` on the digits, read out by a trained logistic regression.

    Parameters
    ----------
    blocks, width : int
        Number of blocks, and neurons in each.
    activation : str
        Activation inside the blocks.
    scale : float
        Size of each branch; the entries of all random weights are N(0, 1/fan-in) before.
    l2 : float
        Weight penalty of the readout.
    seed : int
        Seeds the random weights, each layer under its own name.
    """

    source: Literal["digits-residual"]
    blocks: Width = 6
    width: Width = 32
    activation: ActivationName = "tanh"
    scale: Annotated[float, Field(gt=0)] = 0.5
    l2: Annotated[float, Field(gt=0)] = 1.0
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Draw the blocks, train the readout on what they compute, and join the two."""
        from sklearn.linear_model import LogisticRegression

        from emulator.measure.reference import reference

        digits = split_digits()
        builder = NetworkBuilder()
        top = builder.input("image", digits.train_inputs.shape[1])
        stem = self._weight("stem", self.width, digits.train_inputs.shape[1])
        top = builder.dense(top, stem, name="stem", activation=self.activation)
        for k in range(1, self.blocks + 1):
            first = self._weight(f"block{k}.first", self.width, self.width)
            second = self.scale * self._weight(f"block{k}.second", self.width, self.width)
            top = builder.residual(top, first, None, second, None, activation=self.activation, name=f"block{k}")
        features = builder.build(output=top)
        model = LogisticRegression(C=1 / self.l2, max_iter=5000)
        model.fit(reference(features, digits.train_inputs).states[top], digits.train_labels)
        logits = builder.dense(top, model.coef_, model.intercept_, name="logits")
        return Built(
            builder.build(output=logits, loss="softmax_cross_entropy"),
            "scikit-learn LogisticRegression",
            lambda inputs: np.searchsorted(model.classes_, model.predict(reference(features, inputs).states[top])),
        )

    def _weight(self, name: str, rows: int, columns: int) -> Floats:
        return rng(self.seed, "digits-residual", name).normal(0.0, columns**-0.5, (rows, columns))


class RandomMlp(NetworkSource):
    """A perceptron with random weights N(0, scale^2 / fan-in) and biases N(0, 0.01 scale^2).

    Parameters
    ----------
    sizes : list of int
        Widths from input to output.
    activation : str
        Activation of the hidden layers; the output is linear.
    loss : str
        Loss at the output.
    scale : float
        Size of the weights.
    seed : int
        Seeds the draws, each layer under its own name.
    """

    source: Literal["random-mlp"]
    sizes: Annotated[list[Width], Field(min_length=2)]
    activation: ActivationName = "tanh"
    loss: Literal["mse", "softmax_cross_entropy"] = "mse"
    scale: Annotated[float, Field(gt=0)] = 1.0
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Draw the weights."""
        weights, biases = [], []
        for k, (columns, rows) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True), start=1):
            draws = rng(self.seed, "random-mlp", f"layer{k}")
            weights.append(draws.normal(0.0, self.scale * columns**-0.5, (rows, columns)))
            biases.append(draws.normal(0.0, 0.1 * self.scale, rows))
        return Built(Network.mlp(weights, biases, self.activation, loss=self.loss))


class RandomResidual(NetworkSource):
    """Random residual blocks ``x + scale W2 phi(W1 x)`` between a stem and a linear readout, to be trained.

    The entries of all weights are N(0, 1/fan-in), those of W2 times `scale`; biases are 0.

    Parameters
    ----------
    inputs, outputs : int
    blocks, width : int
        Number of blocks, and neurons in each.
    activation : str
        Activation of the stem and inside the blocks.
    loss : str
        Loss at the output.
    scale : float
        Size of each branch.
    seed : int
        Seeds the draws, each layer under its own name.
    """

    source: Literal["random-residual"]
    inputs: Width
    outputs: Width
    blocks: Width = 6
    width: Width = 32
    activation: ActivationName = "tanh"
    loss: Literal["mse", "softmax_cross_entropy"] = "softmax_cross_entropy"
    scale: Annotated[float, Field(gt=0)] = 0.3
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Draw the weights."""
        builder, width = NetworkBuilder(), self.width
        top = builder.input("x", self.inputs)
        top = builder.dense(top, self._weight("stem", width, self.inputs), name="stem", activation=self.activation)
        for k in range(1, self.blocks + 1):
            first = self._weight(f"block{k}.first", width, width)
            second = self.scale * self._weight(f"block{k}.second", width, width)
            top = builder.residual(top, first, None, second, None, activation=self.activation, name=f"block{k}")
        top = builder.dense(top, self._weight("readout", self.outputs, width), name="readout")
        return Built(builder.build(output=top, loss=self.loss))

    def _weight(self, name: str, rows: int, columns: int) -> Floats:
        return rng(self.seed, "random-residual", name).normal(0.0, columns**-0.5, (rows, columns))


class RandomStack(NetworkSource):
    """Nothing but random residual blocks ``x + (2/blocks) V phi(W x + b)``, for the upwind law.

    The entries of W are N(0, scale^2/width), those of V N(0, 1/width), biases N(0, 0.04); the loss is mse.

    Parameters
    ----------
    blocks, width : int
        Number of blocks, and neurons in each.
    activation : str
        Activation inside the blocks.
    scale : float
        Size of the weights W.
    seed : int
        Seeds the draws, each layer under its own name.
    """

    source: Literal["random-stack"]
    blocks: Width = 6
    width: Width = 16
    activation: ActivationName = "tanh"
    scale: Annotated[float, Field(gt=0)] = 0.5
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Draw the weights."""
        builder, width = NetworkBuilder(), self.width
        top = builder.input("x0", width)
        for k in range(1, self.blocks + 1):
            draws = rng(self.seed, "random-stack", f"block{k}")
            first = draws.normal(0.0, self.scale * width**-0.5, (width, width))
            bias = draws.normal(0.0, 0.2, width)
            second = draws.normal(0.0, 2 / self.blocks * width**-0.5, (width, width))
            top = builder.residual(top, first, bias, second, None, activation=self.activation, name=f"block{k}")
        return Built(builder.build(output=top))


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
    DigitsMlp | DigitsResidual | RandomMlp | RandomResidual | RandomStack | FileNetwork, Field(discriminator="source")
]

"""Networks that scikit-learn trains while a scenario is read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from emulator.data.digits import split_digits
from emulator.data.samples import texts
from emulator.errors import ScenarioError
from emulator.network import Network, NetworkBuilder
from emulator.network.from_sklearn import FUNCTIONS
from emulator.scenario.datasets import TrainingData
from emulator.scenario.network_base import ActivationName, Built, Floats, NetworkSource, Seed, Width
from emulator.scenario.sources import FoundData
from hwmodels import rng
from hwmodels.validation import one_of

#: activations that scikit-learn can train, and their names there
_TRAINED = {ours: theirs for theirs, ours in FUNCTIONS.items()}


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


class TrainedMlp(NetworkSource):
    """A perceptron that scikit-learn trains on samples of one's own: a classifier if their targets are classes, or else a regression.

    Parameters
    ----------
    data : source of samples
        What it is trained on; the scenario's own `data` are what it answers.
    hidden : list of int
        Widths of the hidden layers.
    activation : str
        Activation of the hidden layers.
    l2 : float
        Weight penalty of the training.
    iterations : int
        Most passes over the samples.
    seed : int
        Seeds initial weights and the order of samples.
    """

    source: Literal["trained"]
    data: TrainingData
    hidden: list[Width] = Field(default_factory=lambda: [32], min_length=1)
    activation: Annotated[str, one_of(_TRAINED)] = "tanh"
    l2: Annotated[float, Field(ge=0)] = 1e-4
    iterations: Width = 200
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Train and convert."""
        if not isinstance(self.data, FoundData):
            raise ScenarioError(
                f"network.data.source is {self.data.source!r}; allowed: samples that are there before the network"
            )
        found = self.data.samples(folder)
        if isinstance(found.inputs, dict) or found.targets is None:
            raise ScenarioError(
                f"network.data: {found.place} has no targets; allowed: samples with targets (data.target names them)"
            )
        inputs = found.inputs[: self.data.limit]
        targets = found.targets[: self.data.limit]
        column = targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets
        classes = column.ndim == 1 and (found.classes is not None or column.dtype.kind in "iubU")
        model = self._model(classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(inputs, self._labels(column, found.classes) if classes else column)
        network = Network.from_sklearn(model)
        names = {network.inputs[0]: found.columns, network.output: found.classes if classes else None}
        network = network.named({name: given for name, given in names.items() if given is not None})
        if found.scales is not None:
            network = network.altered(scales={network.inputs[0]: found.scales})
        return Built(network, f"scikit-learn {'MLPClassifier' if classes else 'MLPRegressor'}", model.predict)

    def _labels(self, column: Any, classes: tuple[str, ...] | None) -> Any:
        """Positions of the classes."""
        names = classes or tuple(map(str, np.unique(column).tolist()))
        known = {name: place for place, name in enumerate(names)}
        return np.array([known[one] for one in texts(column).tolist()])

    def _model(self, classes: bool) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.preprocessing import StandardScaler

        given = {
            "hidden_layer_sizes": tuple(self.hidden),
            "activation": _TRAINED[self.activation],
            "alpha": self.l2,
            "max_iter": self.iterations,
            "random_state": self.seed,
        }
        if classes:
            return MLPClassifier(**given)
        return TransformedTargetRegressor(MLPRegressor(**given), transformer=StandardScaler())


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

"""Networks with random weights, to be trained on the substrate or to show how waves settle."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from emulator.errors import ScenarioError
from emulator.network import Network, NetworkBuilder
from emulator.scenario.network_base import ActivationName, Built, Floats, LossName, NetworkSource, Seed, Width
from hwmodels import rng


class RandomMlp(NetworkSource):
    """A perceptron with random weights N(0, scale^2 / fan-in) and biases N(0, 0.01 scale^2).

    Parameters
    ----------
    sizes : list of int
        Widths from input to output.
    width, depth : int
        In place of `sizes`, so many layers of weights between rows of one width.
    activation : str
        Activation of the hidden layers; the output is linear.
    loss : str
        Loss at the output.
    scale : float
        Size of the weights.
    weights : {"normal", "orthogonal"}
        Drawn one by one, or as matrices with orthogonal rows or columns, `scale` times a rotation where both are as many.
    seed : int
        Seeds the draws, each layer under its own name.
    """

    source: Literal["random-mlp"]
    sizes: Annotated[list[Width], Field(min_length=2)] | None = None
    width: Width | None = None
    depth: Annotated[int, Field(ge=1, le=10_000)] | None = None
    activation: ActivationName = "tanh"
    loss: LossName = "mse"
    scale: Annotated[float, Field(gt=0)] = 1.0
    weights: Literal["normal", "orthogonal"] = "normal"
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_shape(self) -> RandomMlp:
        given = [name for name in ("sizes", "width", "depth") if getattr(self, name) is not None]
        if given not in (["sizes"], ["width", "depth"]):
            raise ScenarioError(
                f"network has {' and '.join(given) or 'no sizes'}; allowed with random-mlp: sizes, or width and depth"
            )
        return self

    @property
    def widths(self) -> list[int]:
        """Of all rows, from input to output."""
        return self.sizes or [self.width or 0] * ((self.depth or 0) + 1)

    def make(self, folder: Path) -> Built:
        """Draw the weights."""
        weights, biases = [], []
        for k, (columns, rows) in enumerate(pairwise(self.widths), start=1):
            draws = rng(self.seed, "random-mlp", f"layer{k}")
            drawn = draws.normal(0.0, self.scale * columns**-0.5, (rows, columns))
            weights.append(drawn if self.weights == "normal" else self.scale * _orthogonal(drawn))
            biases.append(draws.normal(0.0, 0.1 * self.scale, rows))
        return Built(Network.mlp(weights, biases, self.activation, loss=self.loss))


def _orthogonal(drawn: Floats) -> Floats:
    """The matrix of the same directions whose singular values are all 1."""
    left, _, right = np.linalg.svd(drawn, full_matrices=False)
    return np.asarray(left @ right)


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
    loss: LossName = "softmax_cross_entropy"
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


class RandomCnn(NetworkSource):
    """Random convolutions, each followed by an average pool, and a dense readout, to be trained.

    The entries of all kernels and of the readout are N(0, scale^2 / fan-in); biases are 0.

    Parameters
    ----------
    shape : list of int
        Channels, height and width of an image, whose numbers come channel by channel, row by row.
    channels : list of int
        Channels of each convolution.
    kernel, stride, padding : int
        Of each convolution; `padding` is zeros around the image.
    pool : int
        Side of the squares that are averaged after each convolution; 1 leaves them.
    outputs : int
    sharing : {"tied", "free"}
        Whether a bus sums the updates of a kernel over all places, or every place learns a kernel of its own.
    activation : str
        Activation of the convolutions.
    loss : str
        Loss at the output.
    scale : float
        Size of the weights.
    seed : int
        Seeds the draws, each layer under its own name.
    """

    source: Literal["random-cnn"]
    shape: Annotated[list[Width], Field(min_length=3, max_length=3)]
    outputs: Width
    channels: Annotated[list[Width], Field(min_length=1)] = Field(default_factory=lambda: [8])
    kernel: Width = 3
    stride: Width = 1
    padding: Annotated[int, Field(ge=0, le=10_000)] = 1
    pool: Width = 2
    sharing: Literal["tied", "free"] = "tied"
    activation: ActivationName = "relu"
    loss: LossName = "softmax_cross_entropy"
    scale: Annotated[float, Field(gt=0)] = 1.4
    seed: Seed = 0

    def make(self, folder: Path) -> Built:
        """Draw the weights."""
        build, shape = NetworkBuilder(), tuple(self.shape)
        top = build.input("image", shape[0] * shape[1] * shape[2])
        for k, channels in enumerate(self.channels, start=1):
            fan = shape[0] * self.kernel**2
            kernel = self._draw(f"conv{k}", fan, (channels, shape[0], self.kernel, self.kernel))
            top = build.conv(
                top, shape, kernel, stride=self.stride, padding=self.padding, sharing=self.sharing, name=f"conv{k}",
                activation=self.activation,
            )  # fmt: skip
            shape = build.shape(top)
            if self.pool > 1:
                top = build.average_pool(top, shape, self.pool, name=f"pool{k}")
                shape = build.shape(top)
        width = shape[0] * shape[1] * shape[2]
        top = build.dense(top, self._draw("readout", width, (self.outputs, width)), name="readout")
        return Built(build.build(output=top, loss=self.loss))

    def _draw(self, name: str, fan: int, shape: tuple[int, ...]) -> Floats:
        return rng(self.seed, "random-cnn", name).normal(0.0, self.scale * fan**-0.5, shape)

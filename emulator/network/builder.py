"""Step-by-step construction of networks; every method returns the name of the layer to go on from."""

from __future__ import annotations

import itertools
import math
import numbers
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix

from emulator.errors import NetworkError, suggest
from emulator.network.activations import DEFAULT_SLOPE
from emulator.network.arrays import frozen_parameter
from emulator.network.layers import Activation, Add, Concat, Input, Layer, Slice, affine, layer_sources
from emulator.network.network import Network
from emulator.network.windows import average, contenders, convolution, covered_by, crossbar, kernel_of, tournament


class NetworkBuilder:
    """Collects layers and builds a `Network` from them.

    A layer without a name is called by its kind and a counter: ``dense1``, ``add1``, ... Unknown sources
    and repeated names are refused at once with a `NetworkError`; shapes are checked by `build`.

    Examples
    --------
    >>> b = NetworkBuilder()
    >>> x = b.input("x", 2)
    >>> h = b.dense(x, [[1.0, 0.5], [0.0, -1.0]], name="h", activation="tanh")
    >>> net = b.build(output=b.add(x, h))
    """

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._counters: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def input(self, name: str, size: int) -> str:
        """Add an input with `size` components."""
        return self._append(Input(name, size))

    def dense(
        self,
        source: str,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        name: str | None = None,
        activation: str | None = None,
        slope: float = DEFAULT_SLOPE,
        devices: ArrayLike | None = None,
        trainable: bool = True,
    ) -> str:
        """Add ``weight (n_out, n_in) @ source + bias (n_out,)``; without `bias` it is zero.

        `devices` (n_out, n_in) says where the crossbar has devices, by default everywhere; elsewhere weights are 0. A layer
        that is not `trainable` stays as it is while others learn.

        With `activation` the affine map is named ``<name>_s`` and the activation, which is returned,
        ``<name>``.
        """
        name = self._name("dense", name)
        if activation is None:
            return self._append(affine(name, source, weight, bias, devices, trainable))
        return self._append(
            affine(f"{name}_s", source, weight, bias, devices, trainable),
            Activation(name, f"{name}_s", activation, slope),
        )

    def conv(
        self,
        source: str,
        shape: Sequence[int],
        kernel: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        sharing: str = "free",
        trainable: bool = True,
        name: str | None = None,
        activation: str | None = None,
        slope: float = DEFAULT_SLOPE,
    ) -> str:
        """Add a convolution as a sparse crossbar: a device for each weight at each place.

        Parameters
        ----------
        source : str
            Its components are a state of `shape`, the last axis running fastest.
        shape : sequence of int
            (channels, size) or (channels, height, width) of the source. The shape of what comes out: `shape`.
        kernel : (out_channels, channels / groups, ...)
            What the devices hold at first, the same at every place.
        bias : (out_channels,), optional
        stride, padding, dilation : int or one per axis
            `padding` is zeros before and behind.
        groups : int
            The channels of each read by a share of the outputs of their own.
        sharing : {"free", "tied"}
            Whether every place learns for itself and has a kernel of its own afterwards, or a bus sums the updates of all places,
            so that they stay one kernel.

        Raises
        ------
        NetworkError
            If an argument is not allowed, or the numbers do not fit.
        """
        name = self._name("conv", name)
        place = f"layer {name!r}"
        given = frozen_parameter(f"{place}: kernel", kernel, ndim=len(shape) + 1)
        covered = covered_by(place, shape, given.shape[2:], stride, padding, dilation)
        outputs, channels = given.shape[:2]
        whole = isinstance(groups, numbers.Integral) and not isinstance(groups, bool) and groups > 0
        if not whole or channels * groups != shape[0] or outputs % groups:
            raise NetworkError(
                f"{place}: kernel has shape {given.shape} for {shape[0]} channels in {groups!r} groups; allowed: "
                "(multiple of the groups, channels / groups, ...)"
            )
        if bias is None:
            bias = np.zeros(outputs)
        offsets = frozen_parameter(f"{place}: bias", bias, ndim=1)
        if len(offsets) != outputs:
            raise NetworkError(f"{place}: bias has shape {offsets.shape}; allowed: ({outputs},), one entry per channel")
        spots = covered.shape[2:]
        flat = given.reshape(outputs, channels, -1)
        matrix = convolution(covered, flat, groups, math.prod(shape))
        held = kernel_of(covered, flat.shape, groups, math.prod(shape))
        offsets = np.repeat(offsets, math.prod(spots))
        inner = name if activation is None else f"{name}_s"
        layers: list[Layer] = [crossbar(inner, source, matrix, offsets, trainable, held, sharing)]
        if activation is not None:
            layers.append(Activation(name, inner, activation, slope))
        return self._shaped((outputs, *spots), *layers)

    def average_pool(
        self,
        source: str,
        shape: Sequence[int],
        kernel: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        name: str | None = None,
    ) -> str:
        """Add the means of windows as a fixed sparse crossbar; arguments as for `conv`, the stride that of the kernel.

        What is padded counts as zeros.
        """
        name = self._name("average_pool", name)
        covered = covered_by(f"layer {name!r}", shape, kernel, kernel if stride is None else stride, padding)
        matrix = average(covered, math.prod(shape), count_outside=True)
        layer = crossbar(name, source, matrix, np.zeros(matrix.shape[0]), trainable=False)
        return self._shaped((shape[0], *covered.shape[2:]), layer)

    def max_pool(
        self,
        source: str,
        shape: Sequence[int],
        kernel: int | Sequence[int],
        *,
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        name: str | None = None,
    ) -> str:
        """Add the largest of windows; arguments as for `average_pool`, but what is padded never wins.

        It is a tournament of fixed comparators ``a + relu(b - a)`` between neighbours of a window, which routes the state
        forward and the costate back to the winner; the first takes a tie.
        """
        name = self._name("max_pool", name)
        covered = covered_by(f"layer {name!r}", shape, kernel, kernel if stride is None else stride, padding)
        windows, width = contenders(covered), math.prod(shape)
        if windows.min() < 0:
            raise NetworkError(
                f"layer {name!r}: padding {padding!r} makes windows without any state; allowed: less than kernel"
            )
        layers: list[Layer] = []
        for number, (lead, best) in enumerate(tournament(windows, width), 1):
            at = f"{name}_{number}"
            layers.append(crossbar(f"{at}_lead", source, lead, np.zeros(lead.shape[0]), trainable=False))
            layers.append(Activation(f"{at}_ahead", f"{at}_lead", "relu"))
            layers.append(Concat(f"{at}_both", (source, f"{at}_ahead")))
            source = name if best.shape[0] == windows.shape[1] else f"{at}_best"
            layers.append(crossbar(source, f"{at}_both", best, np.zeros(best.shape[0]), trainable=False))
        if not layers:
            chosen = csr_matrix((np.ones(windows.size), (np.arange(windows.size), windows[0])), (windows.size, width))
            layers.append(crossbar(name, source, chosen, np.zeros(windows.size), trainable=False))
        return self._shaped((shape[0], *covered.shape[2:]), *layers)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape (channels, ...) of what `conv`, `average_pool` or `max_pool` added under that name."""
        if name not in self._shapes:
            raise NetworkError(f"no convolution or pool {suggest(name, self._shapes)}")
        return self._shapes[name]

    def activation(self, source: str, function: str, *, name: str | None = None, slope: float = DEFAULT_SLOPE) -> str:
        """Add an elementwise function of `source`; `slope` is that of ``leaky_relu``."""
        return self._append(Activation(self._name("activation", name), source, function, slope))

    def add(self, *sources: str, name: str | None = None) -> str:
        """Add the sum of equally large sources."""
        return self._append(Add(self._name("add", name), sources))

    def concat(self, *sources: str, name: str | None = None) -> str:
        """Add the concatenation of sources, in the order given."""
        return self._append(Concat(self._name("concat", name), sources))

    def slice(self, source: str, start: int, stop: int, *, name: str | None = None) -> str:
        """Add components `start` to `stop` - 1 of a source, as wiring."""
        return self._append(Slice(self._name("slice", name), source, start, stop))

    def residual(
        self,
        source: str,
        weight1: ArrayLike,
        bias1: ArrayLike | None,
        weight2: ArrayLike,
        bias2: ArrayLike | None,
        *,
        activation: str = "tanh",
        slope: float = DEFAULT_SLOPE,
        name: str | None = None,
    ) -> str:
        """Add the block ``source + weight2 @ phi(weight1 @ source + bias1) + bias2``.

        Its layers are ``<name>_h_s`` and ``<name>_h`` (hidden), ``<name>_f`` (branch) and ``<name>`` (sum).
        """
        name = self._name("residual", name)
        return self._append(
            affine(f"{name}_h_s", source, weight1, bias1),
            Activation(f"{name}_h", f"{name}_h_s", activation, slope),
            affine(f"{name}_f", f"{name}_h", weight2, bias2),
            Add(name, (source, f"{name}_f")),
        )

    def build(
        self, *, output: str | None = None, loss: str = "mse", penalties: Mapping[str, Any] | None = None
    ) -> Network:
        """Return the network; arguments and errors as for `Network`."""
        return Network(self._layers.values(), output=output, loss=loss, penalties=penalties)

    def _name(self, kind: str, name: str | None) -> str:
        if name is not None:
            return name
        candidates = (f"{kind}{number}" for number in self._counters[kind])
        return next(candidate for candidate in candidates if candidate not in self._layers)

    def _shaped(self, shape: tuple[int, ...], *layers: Layer) -> str:
        name = self._append(*layers)
        self._shapes[name] = shape
        return name

    def _append(self, *layers: Layer) -> str:
        added = {layer.name: layer for layer in layers}
        for layer in layers:
            if layer.name in self._layers:
                raise NetworkError(f"{layer.place} is given twice; allowed: unique names")
            for source in layer_sources(layer):
                if source not in self._layers and source not in added:
                    raise NetworkError(f"{layer.place}: no source {suggest(source, self._layers)}")
        self._layers |= added
        return layers[-1].name

"""Step-by-step construction of networks; every method returns the name of the layer to go on from."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from numpy.typing import ArrayLike

from emulator.errors import NetworkError, suggest
from emulator.network.activations import DEFAULT_SLOPE
from emulator.network.layers import Activation, Add, Concat, Input, Layer, affine, layer_sources
from emulator.network.network import Network


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
    ) -> str:
        """Add ``weight (n_out, n_in) @ source + bias (n_out,)``; without `bias` it is zero.

        With `activation` the affine map is named ``<name>_s`` and the activation, which is returned,
        ``<name>``.
        """
        name = self._name("dense", name)
        if activation is None:
            return self._append(affine(name, source, weight, bias))
        return self._append(
            affine(f"{name}_s", source, weight, bias),
            Activation(name, f"{name}_s", activation, slope),
        )

    def activation(self, source: str, function: str, *, name: str | None = None, slope: float = DEFAULT_SLOPE) -> str:
        """Add an elementwise function of `source`; `slope` is that of ``leaky_relu``."""
        return self._append(Activation(self._name("activation", name), source, function, slope))

    def add(self, *sources: str, name: str | None = None) -> str:
        """Add the sum of equally large sources."""
        return self._append(Add(self._name("add", name), sources))

    def concat(self, *sources: str, name: str | None = None) -> str:
        """Add the concatenation of sources, in the order given."""
        return self._append(Concat(self._name("concat", name), sources))

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

    def build(self, *, output: str | None = None, loss: str = "mse") -> Network:
        """Return the network; arguments and errors as for `Network`."""
        return Network(self._layers.values(), output=output, loss=loss)

    def _name(self, kind: str, name: str | None) -> str:
        if name is not None:
            return name
        candidates = (f"{kind}{number}" for number in self._counters[kind])
        return next(candidate for candidate in candidates if candidate not in self._layers)

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

"""The kinds of layer a network is made of: a frozen description, without physics."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import NetworkError, within
from emulator.network.activations import DEFAULT_SLOPE, activation_function
from emulator.network.arrays import BoolArray, FloatArray, IntArray, frozen_mask, frozen_numbers, frozen_parameter
from emulator.network.gradients import Gradient


@dataclass(frozen=True, eq=False)
class Layer:
    """Base of all layers: compared by content, and valid and read-only also after copying or pickling.

    Attributes
    ----------
    name : str
        Unique within a network, not empty.

    Raises
    ------
    NetworkError
        If the name is not a non-empty string, or a field of the kind at hand is invalid.
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise NetworkError(f"{type(self).__name__} layer has name {self.name!r}; allowed: a non-empty string")

    @property
    def place(self) -> str:
        """How errors name this layer."""
        return f"layer {self.name!r}"

    def values(self) -> dict[str, Any]:
        """Return every field and its value, in the order of the constructor."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layer) or type(self) is not type(other):
            return NotImplemented
        pairs = zip(self.values().values(), other.values().values(), strict=True)
        return all(
            np.array_equal(a, b) if isinstance(a, np.ndarray) else a is b or bool(np.all(a == b)) for a, b in pairs
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __reduce__(self) -> tuple[type[Layer], tuple[Any, ...]]:
        return type(self), tuple(self.values().values())


@dataclass(frozen=True, eq=False)
class Input(Layer):
    """A port through which data enter: ``x = data``.

    Attributes
    ----------
    size : int
        Number of components, at least 1.
    """

    size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.size, numbers.Integral) or isinstance(self.size, bool) or self.size < 1:
            raise NetworkError(f"{self.place}: size is {self.size!r}; allowed: whole numbers from 1")
        object.__setattr__(self, "size", int(self.size))


@dataclass(frozen=True, eq=False)
class Dense(Layer):
    """An affine map: ``s = weight @ x + bias``, as a crossbar with a device for each weight, or for some.

    Attributes
    ----------
    source : str
        Layer that provides ``x (n_in,)``.
    weight : ndarray (n_out, n_in)
        Finite numbers, kept as a read-only float64 copy.
    bias : ndarray (n_out,)
        Likewise.
    devices : bool ndarray (n_out, n_in), optional
        Where there is a device; elsewhere the weight is 0 and stays so. None, the default, and a mask without a gap, which
        becomes None, stand for a full crossbar.
    trainable : bool
        Whether learning may move weights and biases; what routes or averages is fixed.
    kernel : int array (count + n_out,), optional
        Of a convolution: which number of its kernel each device holds, devices in the order of `weight`'s entries, and then
        which each bias holds; -1 for one that is on its own.
    sharing : {"free", "tied"}
        Whether every place of a kernel learns for itself, or the updates of all places are summed.
    biased : bool
        Whether its columns have biases; without, they are 0 and stay so.
    """

    source: str
    weight: FloatArray
    bias: FloatArray
    devices: BoolArray | None = None
    trainable: bool = True
    kernel: IntArray | None = None
    sharing: str = "free"
    biased: bool = True

    @property
    def count(self) -> int:
        """Number of devices."""
        return self.weight.size if self.devices is None else int(np.count_nonzero(self.devices))

    def existing(self, matrix: FloatArray) -> FloatArray:
        """Numbers (n_out, n_in) of the devices, such as a gradient: 0 where there is none."""
        return matrix if self.devices is None else np.where(self.devices, matrix, 0.0)

    @property
    def tied(self) -> bool:
        """Whether places of a kernel learn together."""
        return self.sharing == "tied"

    def summed(self, weight: FloatArray, bias: FloatArray) -> Gradient:
        """Derivatives in every device and bias as learning meets them: of tied places, at each the sum over all.

        Parameters
        ----------
        weight : (n_out, n_in)
        bias : (n_out,)
        """
        weight = self.existing(weight)
        if not self.tied or self.kernel is None:
            return Gradient(weight, bias)
        there = np.ones(weight.shape, bool) if self.devices is None else self.devices
        flat = np.concatenate([weight[there], bias])
        shared = self.kernel >= 0
        totals = np.bincount(self.kernel[shared], weights=flat[shared], minlength=len(flat))
        flat[shared] = totals[self.kernel[shared]]
        full = np.zeros_like(weight)
        full[there] = flat[: self.count]
        return Gradient(full, flat[self.count :])

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_source(self.place, self.source)
        weight = frozen_parameter(f"{self.place}: weight", self.weight, ndim=2)
        bias = frozen_parameter(f"{self.place}: bias", self.bias, ndim=1)
        if bias.shape != weight.shape[:1]:
            raise NetworkError(
                f"{self.place}: bias has shape {bias.shape}; allowed: {weight.shape[:1]}, one entry per row"
            )
        if not isinstance(self.trainable, bool | np.bool_):
            raise NetworkError(f"{self.place}: trainable is {self.trainable!r}; allowed: true, false")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "devices", self._checked_devices(weight))
        object.__setattr__(self, "trainable", bool(self.trainable))
        if self.kernel is not None:
            numbers = frozen_numbers(f"{self.place}: kernel", self.kernel, self.count + len(bias))
            held = numbers[: self.count], numbers[self.count :]
            if np.intersect1d(held[0][held[0] >= 0], held[1]).size:
                raise NetworkError(f"{self.place}: kernel has one number for a weight and a bias; allowed: either")
            object.__setattr__(self, "kernel", numbers)
        if not isinstance(self.biased, bool | np.bool_) or (not self.biased and bias.any()):
            raise NetworkError(
                f"{self.place}: biased is {self.biased!r} and the bias is not 0; allowed: true, or false and zeros"
            )
        object.__setattr__(self, "biased", bool(self.biased))
        if self.sharing not in ("free", "tied"):
            raise NetworkError(f"{self.place}: sharing is {self.sharing!r}; allowed: 'free', 'tied'")
        if self.tied and self.kernel is None:
            raise NetworkError(
                f"{self.place}: sharing is 'tied', and no device has a place in a kernel; allowed: 'free'"
            )

    def _checked_devices(self, weight: FloatArray) -> BoolArray | None:
        if self.devices is None:
            return None
        devices = frozen_mask(f"{self.place}: devices", self.devices, weight.shape)
        if devices.all():
            return None
        lost = np.argwhere(~devices & (weight != 0))
        if len(lost):
            row, column = map(int, lost[0])
            raise NetworkError(
                f"{self.place}: weight[{row}, {column}] is {weight[row, column]} where there is no device; allowed: 0"
            )
        return devices


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """An elementwise function: ``x = phi(s)``.

    Attributes
    ----------
    source : str
        Layer that provides ``s``.
    function : str
        A name in `emulator.network.activations.ACTIVATIONS`, or an expression of the pre-activation `s`, such as
        ``sin(s)``: brian2's language with the functions in `emulator.network.expressions.FUNCTIONS`.
    slope : float
        Slope of ``leaky_relu`` for negative arguments; the other functions ignore it.
    """

    source: str
    function: str
    slope: float = DEFAULT_SLOPE

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_source(self.place, self.source)
        if not isinstance(self.slope, numbers.Real) or not math.isfinite(self.slope):
            raise NetworkError(f"{self.place}: slope is {self.slope!r}; allowed: finite numbers")
        object.__setattr__(self, "slope", float(self.slope) + 0.0)
        with within(self.place):
            activation_function(self.function, self.slope)


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """A sum of equally large states: ``x = sum of sources``; a source may occur more than once.

    Attributes
    ----------
    sources : tuple of str
        At least two layers.
    """

    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sources", _source_tuple(self.place, self.sources))


@dataclass(frozen=True, eq=False)
class Concat(Layer):
    """States side by side: ``x = [source 0, source 1, ...]``; a source may occur more than once.

    Attributes
    ----------
    sources : tuple of str
        At least two layers.
    """

    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sources", _source_tuple(self.place, self.sources))


@dataclass(frozen=True, eq=False)
class Slice(Layer):
    """Some of a state: ``x = source[start:stop]``; wiring, as a concatenation is.

    Attributes
    ----------
    source : str
        Layer that provides the state.
    start, stop : int
        ``0 <= start < stop``.
    """

    source: str
    start: int
    stop: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_source(self.place, self.source)
        for name in ("start", "stop"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 0:
                raise NetworkError(f"{self.place}: {name} is {value!r}; allowed: whole numbers from 0")
            object.__setattr__(self, name, int(value))
        if not self.start < self.stop:
            raise NetworkError(
                f"{self.place}: it goes from {self.start} to {self.stop}; allowed: at least one component"
            )


LAYER_KINDS: Mapping[str, type[Layer]] = MappingProxyType(
    {kind.__name__: kind for kind in (Input, Dense, Activation, Add, Concat, Slice)}
)


def affine(
    name: str,
    source: str,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    devices: ArrayLike | None = None,
    trainable: bool = True,
) -> Dense:
    """Return a `Dense` layer from anything that converts to arrays; without `bias` it is zero."""
    place = f"layer {name!r}"
    rows = frozen_parameter(f"{place}: weight", weight, ndim=2)
    offsets = np.zeros(len(rows)) if bias is None else frozen_parameter(f"{place}: bias", bias, ndim=1)
    return Dense(name, source, rows, offsets, devices, trainable)  # type: ignore[arg-type]


def layer_sources(layer: Layer) -> tuple[str, ...]:
    """Return the names of the layers that feed `layer`, one per port, in the order of its ports."""
    match layer:
        case Dense() | Activation() | Slice():
            return (layer.source,)
        case Add() | Concat():
            return layer.sources
        case _:
            return ()


def _require_source(place: str, source: object) -> None:
    if not isinstance(source, str):
        raise NetworkError(f"{place}: source is {source!r}; allowed: the name of a layer")


def _source_tuple(place: str, sources: object) -> tuple[str, ...]:
    if not isinstance(sources, (tuple, list)) or len(sources) < 2:
        raise NetworkError(f"{place}: sources are {sources!r}; allowed: a sequence of at least two layer names")
    for source in sources:
        _require_source(place, source)
    return tuple(sources)

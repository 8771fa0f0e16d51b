"""Parameters of crossbars, and derivatives of the loss in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from emulator.network.arrays import FloatArray, IntArray


class Parameters(NamedTuple):
    """Weight ``(n_out, n_in)`` and bias ``(n_out,)`` of a dense layer."""

    weight: FloatArray
    bias: FloatArray


class Gradient(NamedTuple):
    """Derivative of the loss in the weight ``(n_out, n_in)`` and the bias ``(n_out,)`` of a dense layer."""

    weight: FloatArray
    bias: FloatArray

    @property
    def held(self) -> tuple[FloatArray, ...]:
        """The numbers that there are, in whatever shape."""
        return tuple(self)


class DeviceGradient(Gradient):
    """The same of a crossbar with gaps, kept per device: `weight` is made when it is asked for, with 0 where there is none.

    Attributes
    ----------
    values : ndarray (count,)
        Derivative in each device, in the order of ``weight[devices]``.
    at : (ndarray (count,), ndarray (count,))
        Output and input of each device.
    shape : (int, int)
        Of the weight.
    """

    values: FloatArray
    at: tuple[IntArray, IntArray]
    shape: tuple[int, int]

    @classmethod
    def of(cls, values: FloatArray, at: tuple[Any, Any], shape: tuple[int, int], bias: FloatArray) -> DeviceGradient:
        """A gradient by its devices."""
        made = tuple.__new__(cls, (values, bias))
        made.values, made.at, made.shape = values, at, shape
        return made

    @property
    def weight(self) -> FloatArray:
        """All of it as a matrix, made anew."""
        full = np.zeros(self.shape)
        full[self.at] = self.values
        return full

    @property
    def held(self) -> tuple[FloatArray, ...]:
        """The numbers that there are: per device, and the bias."""
        return self.values, self.bias

    def __iter__(self) -> Iterator[FloatArray]:
        return iter((self.weight, self.bias))

    def __getitem__(self, k: Any) -> Any:
        return (self.weight, self.bias)[k]

    def __reduce__(self) -> tuple[Any, ...]:
        return DeviceGradient.of, (self.values, self.at, self.shape, self.bias)

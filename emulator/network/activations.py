"""Activation functions with their derivatives and global bounds on them.

Every function acts elementwise on an array of pre-activations and is free of overflow for any finite
argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import special

from emulator.errors import NetworkError, suggest
from emulator.network.arrays import FloatArray

DEFAULT_SLOPE = 0.01
#: pre-activations beyond which exponentials of them are 0
_FAR = 1e4
Elementwise = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class ActivationFunction:
    """An elementwise function ``phi`` with two derivatives.

    Attributes
    ----------
    name : str
        Key in `ACTIVATIONS`.
    phi, dphi, d2phi : callable
        The function, its first and its second derivative; each maps an array to a new array of the same
        shape.
    L1, L2 : float
        ``sup |phi'|`` and ``sup |phi''|``. Where `smooth` is False, `L2` holds away from the kink at 0.
    smooth : bool
        Whether ``phi'`` is continuous.
    """

    name: str
    phi: Elementwise
    dphi: Elementwise
    d2phi: Elementwise
    L1: float
    L2: float
    smooth: bool = True


def _tanh_slope(s: FloatArray) -> FloatArray:
    """``1 - tanh(s)^2``, also where ``tanh(s)`` is 1 to round-off."""
    return 4.0 * _sigmoid_slope(2.0 * np.clip(s, -_FAR, _FAR))


def _sigmoid_slope(s: FloatArray) -> FloatArray:
    slope: FloatArray = special.expit(s) * special.expit(-s)
    return slope


def _normal_density(s: FloatArray) -> FloatArray:
    return np.exp(-0.5 * np.square(np.clip(s, -_FAR, _FAR))) / math.sqrt(2.0 * math.pi)


def leaky_relu(slope: float = DEFAULT_SLOPE) -> ActivationFunction:
    """Return ``s if s > 0 else slope * s``; its derivative at the kink is `slope`."""
    return ActivationFunction(
        name="leaky_relu",
        phi=lambda s: np.where(s > 0, s, slope * s),
        dphi=lambda s: np.where(s > 0, 1.0, slope),
        d2phi=lambda s: np.zeros_like(s),
        L1=max(1.0, abs(slope)),
        L2=0.0,
        smooth=slope == 1.0,
    )


_FUNCTIONS = (
    ActivationFunction(
        name="identity",
        phi=lambda s: np.array(s),
        dphi=lambda s: np.ones_like(s),
        d2phi=lambda s: np.zeros_like(s),
        L1=1.0,
        L2=0.0,
    ),
    ActivationFunction(
        name="tanh",
        phi=lambda s: np.tanh(s),
        dphi=_tanh_slope,
        d2phi=lambda s: -2.0 * np.tanh(s) * _tanh_slope(s),
        L1=1.0,
        L2=4.0 / (3.0 * math.sqrt(3.0)),  # at tanh(s) = 1/sqrt(3)
    ),
    ActivationFunction(
        name="relu",
        phi=lambda s: np.maximum(s, 0.0),
        dphi=lambda s: np.where(s > 0, 1.0, 0.0),  # 0 at the kink, by convention
        d2phi=lambda s: np.zeros_like(s),
        L1=1.0,
        L2=0.0,
        smooth=False,
    ),
    leaky_relu(),
    ActivationFunction(
        name="sigmoid",
        phi=lambda s: special.expit(s),
        dphi=_sigmoid_slope,
        d2phi=lambda s: -_sigmoid_slope(s) * np.tanh(0.5 * s),
        L1=0.25,
        L2=1.0 / (6.0 * math.sqrt(3.0)),  # at tanh(s/2) = 1/sqrt(3)
    ),
    ActivationFunction(
        name="softplus",
        phi=lambda s: np.logaddexp(0.0, s),
        dphi=lambda s: special.expit(s),
        d2phi=_sigmoid_slope,
        L1=1.0,
        L2=0.25,
    ),
    ActivationFunction(
        name="gelu",
        phi=lambda s: s * special.ndtr(s),
        dphi=lambda s: special.ndtr(s) + s * _normal_density(s),
        d2phi=lambda s: (2.0 - np.square(np.clip(s, -_FAR, _FAR))) * _normal_density(s),
        L1=1.1289041451851548,  # at s = sqrt(2)
        L2=2.0 / math.sqrt(2.0 * math.pi),  # at s = 0
    ),
    ActivationFunction(
        name="silu",
        phi=lambda s: s * special.expit(s),
        dphi=lambda s: special.expit(s) * (1.0 + s * special.expit(-s)),
        d2phi=lambda s: _sigmoid_slope(s) * (2.0 - s * np.tanh(0.5 * s)),
        L1=1.0998393201288670,  # where s tanh(s/2) = 2, s = 2.3993572805
        L2=0.5,  # at s = 0
    ),
)

ACTIVATIONS: Mapping[str, ActivationFunction] = MappingProxyType({f.name: f for f in _FUNCTIONS})


def activation_function(name: str, slope: float = DEFAULT_SLOPE) -> ActivationFunction:
    """Look up an activation function; `slope` matters to ``leaky_relu`` only.

    Raises
    ------
    NetworkError
        If `name` is not one of `ACTIVATIONS`.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise NetworkError(f"no activation function {suggest(name, ACTIVATIONS)}")
    return leaky_relu(slope) if name == "leaky_relu" else ACTIVATIONS[name]

"""The activation functions that come with this project, each in all its forms.

Every NumPy form is free of overflow for any finite argument; every text for brian2 is right to round-off of its own
size, also where it is far below 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy import special

from emulator.network.arrays import FloatArray
from emulator.network.elementwise import ActivationFunction

DEFAULT_SLOPE = 0.01
#: pre-activations beyond which exponentials of them are 0
_FAR = 1e4

_SIGMOID = "1/(1 + exp(-s))"
_LOGISTIC_SLOPE = "(exp(-abs(s))/(1 + exp(-abs(s)))**2)"
_NORMAL = f"0.5*erfc(-s*{math.sqrt(0.5)!r})"
_DENSITY = 1 / math.sqrt(2 * math.pi)

#: the normal distribution function for u >= 0 is 1 - exp(-u^2/2) P(u)/Q(u), to 1e-15
#: (J. F. Hart et al., Computer Approximations, 1968, no. 5666)
_HART_P = (
    220.206867912376, 221.213596169931, 112.079291497871, 33.912866078383,
    6.37396220353165, 0.700383064443688, 3.52624965998911e-2,
)  # fmt: skip
_HART_Q = (
    440.413735824752, 793.826512519948, 637.333633378831, 296.564248779674, 86.7807322029461,
    16.064177579207, 1.75566716318264, 8.83883476483184e-2,
)  # fmt: skip


def _horner(coefficients: Iterable[float], variable: str) -> str:
    *rest, text = [repr(c) for c in coefficients]
    for c in reversed(rest):
        text = f"({c}+{variable}*{text})"
    return text


#: beyond 40 the tail is 0 in double precision; a simulator's first guesses may be far beyond
_NEAR = "min(abs(u),40)"
_TAIL = f"exp(-0.5*{_NEAR}*{_NEAR})*{_horner(_HART_P, _NEAR)}/{_horner(_HART_Q, _NEAR)}"
_NORMAL_U = f"((u>0 ? 1 : 0)+(u>0 ? -1 : 1)*{_TAIL})"
#: in a circuit, the slope at a kink is that below it, also where rounding leaves a trace of a pre-activation that is 0
KINK = "1e-9"
_LOGISTIC = "(0.5+0.5*tanh(0.5*u))"


def _tanh_slope(s: FloatArray) -> FloatArray:
    """``1 - tanh(s)^2``, also where ``tanh(s)`` is 1 to round-off."""
    return 4.0 * _sigmoid_slope(2.0 * np.clip(s, -_FAR, _FAR))


def _sigmoid_slope(s: FloatArray) -> FloatArray:
    """``expit(s) expit(-s)``, by one exponential."""
    tail: FloatArray = np.exp(-np.abs(s))
    return tail / np.square(1.0 + tail)


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
        kinks=() if slope == 1.0 else (0.0,),
        brian2=("s*(int(s > 0) + slope*int(s <= 0))", "(int(s > 0) + slope*int(s <= 0))"),
        bend="0",
        spice=("(u>0 ? u : a*u)", f"(u>{KINK} ? 1 : a)"),
        hinge=True,
        of_slope=leaky_relu,
    )


_FUNCTIONS = (
    ActivationFunction(
        name="identity",
        phi=lambda s: np.array(s),
        dphi=lambda s: np.ones_like(s),
        d2phi=lambda s: np.zeros_like(s),
        L1=1.0,
        L2=0.0,
        brian2=("s", "1"),
        bend="0",
        spice=("u", "1"),
    ),
    ActivationFunction(
        name="tanh",
        phi=lambda s: np.tanh(s),
        dphi=_tanh_slope,
        d2phi=lambda s: -2.0 * np.tanh(s) * _tanh_slope(s),
        L1=1.0,
        L2=4.0 / (3.0 * math.sqrt(3.0)),  # at tanh(s) = 1/sqrt(3)
        brian2=("tanh(s)", "tanh_slope(s, F)"),
        bend="-2*tanh(s)*D",
        spice=("tanh(u)", "(1-tanh(u))*(1+tanh(u))"),
    ),
    ActivationFunction(
        name="relu",
        phi=lambda s: np.maximum(s, 0.0),
        dphi=lambda s: np.where(s > 0, 1.0, 0.0),  # 0 at the kink, by convention
        d2phi=lambda s: np.zeros_like(s),
        L1=1.0,
        L2=0.0,
        kinks=(0.0,),
        brian2=("s*int(s > 0)", "int(s > 0)"),
        bend="0",
        spice=("(u>0 ? u : 0)", f"(u>{KINK} ? 1 : 0)"),
        hinge=True,
    ),
    leaky_relu(),
    ActivationFunction(
        name="sigmoid",
        phi=lambda s: special.expit(s),
        dphi=_sigmoid_slope,
        d2phi=lambda s: -_sigmoid_slope(s) * np.tanh(0.5 * s),
        L1=0.25,
        L2=1.0 / (6.0 * math.sqrt(3.0)),  # at tanh(s/2) = 1/sqrt(3)
        brian2=(_SIGMOID, _LOGISTIC_SLOPE),
        bend="-D*tanh(0.5*s)",
        spice=(_LOGISTIC, "0.25*(1-tanh(0.5*u))*(1+tanh(0.5*u))"),
    ),
    ActivationFunction(
        name="softplus",
        phi=lambda s: np.logaddexp(0.0, s),
        dphi=lambda s: special.expit(s),
        d2phi=_sigmoid_slope,
        L1=1.0,
        L2=0.25,
        brian2=("(s*int(s > 0) + log1p(exp(-abs(s))))", _SIGMOID),
        bend=_LOGISTIC_SLOPE,
        spice=("((u>0 ? u : 0)+ln(1+exp(-abs(u))))", _LOGISTIC),
    ),
    ActivationFunction(
        name="gelu",
        phi=lambda s: s * special.ndtr(s),
        dphi=lambda s: special.ndtr(s) + s * _normal_density(s),
        d2phi=lambda s: (2.0 - np.square(np.clip(s, -_FAR, _FAR))) * _normal_density(s),
        L1=1.1289041451851548,  # at s = sqrt(2)
        L2=2.0 / math.sqrt(2.0 * math.pi),  # at s = 0
        brian2=(
            f"s*{_NORMAL}",
            f"({_NORMAL} + s*exp(-0.5*s*s)*{_DENSITY!r})",
        ),
        bend=f"((2 - clip(s, -40, 40)**2)*exp(-0.5*clip(s, -40, 40)**2)*{_DENSITY!r})",
        spice=(f"u*{_NORMAL_U}", f"({_NORMAL_U}+u*0.3989422804014327*exp(-0.5*{_NEAR}*{_NEAR}))"),
    ),
    ActivationFunction(
        name="silu",
        phi=lambda s: s * special.expit(s),
        dphi=lambda s: special.expit(s) * (1.0 + s * special.expit(-s)),
        d2phi=lambda s: _sigmoid_slope(s) * (2.0 - s * np.tanh(0.5 * s)),
        L1=1.0998393201288670,  # where s tanh(s/2) = 2, s = 2.3993572805
        L2=0.5,  # at s = 0
        brian2=(
            f"s*({_SIGMOID})",
            f"({_SIGMOID})*(1 + s/(1 + exp(s)))",
        ),
        bend=f"({_LOGISTIC_SLOPE}*(2 - s*tanh(0.5*s)))",
        spice=(f"u*{_LOGISTIC}", f"{_LOGISTIC}*(1+u*(0.5-0.5*tanh(0.5*u)))"),
    ),
    ActivationFunction(
        name="elu",
        phi=lambda s: np.where(s > 0, s, np.expm1(np.minimum(s, 0.0))),
        dphi=lambda s: np.where(s > 0, 1.0, np.exp(np.minimum(s, 0.0))),
        d2phi=lambda s: np.where(s > 0, 0.0, np.exp(np.minimum(s, 0.0))),
        L1=1.0,
        L2=1.0,  # just below 0
        brian2=("(s*int(s > 0) + expm1(-abs(s))*int(s <= 0))", "(int(s > 0) + exp(-abs(s))*int(s <= 0))"),
        bend="exp(-abs(s))*int(s <= 0)",
        spice=("(u>0 ? u : -tanh(0.5*abs(u))*(1+exp(-abs(u))))", "(u>0 ? 1 : exp(-abs(u)))"),
    ),
)

FUNCTIONS = {function.name: function for function in _FUNCTIONS}

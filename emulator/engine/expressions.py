"""Activations in brian2's expression language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from brian2 import Function
from scipy.special import erfc

from emulator.engine.layout import Floats
from emulator.engine.native import choice, elementwise
from emulator.network import ACTIVATIONS

#: value and derivative of a source, which holds its datum
_SOURCE = ("ext", "0")


def activation_text(name: str, which: int) -> str:
    """Value (0) or derivative (1) of an activation or of a ``source``, of the pre-activation `s`."""
    return _SOURCE[which] if name == "source" else ACTIVATIONS[name].brian2[which]


def node_functions() -> dict[str, Function]:
    """What activations and updates use besides brian2's own functions, for all of its targets."""
    return {
        "erfc": elementwise("erfc", 1, erfc, None),
        "tanh_slope": elementwise("tanh_slope", 2, _tanh_slope, _TANH_SLOPE),
        "recovered": elementwise("recovered", 2, _recovered, "isfinite(a) ? a : b"),
        "either": choice(),
    }


#: ``1 - tanh(s)^2`` from `s` (a) and ``tanh(s)`` (b), which has lost it where it is nearly 1
_TANH_SLOPE = "fabs(b) < 0.99 ? 1.0 - b*b : 4.0/((1.0 + exp(-2.0*fabs(a)))*(1.0 + exp(-2.0*fabs(a))))*exp(-2.0*fabs(a))"


def _tanh_slope(s: Floats, value: Floats) -> Floats:
    fading = np.exp(-2 * np.abs(s))
    return np.where(np.abs(value) < 0.99, 1 - value * value, 4 / ((1 + fading) * (1 + fading)) * fading)


def _recovered(number: Floats, otherwise: Floats) -> Floats:
    """A number unless it is beyond all numbers."""
    return np.where(np.isfinite(number), number, otherwise)


def activation_codes(functions: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The activations in use, and per neuron the position of its own among them."""
    there = set(functions)
    named = [name for name in ("source", *ACTIVATIONS) if name in there]
    used = (*named, *sorted(there.difference(named)))
    position = {name: k for k, name in enumerate(used)}
    return used, np.array([position[name] for name in functions], dtype=np.int32)


def selected(used: Sequence[str], which: int) -> str:
    """Value (0) or derivative (1) of whichever of the activations in use a neuron has."""
    *others, text = [activation_text(name, which) for name in used]
    for k in reversed(range(len(others))):  # a sum would have every neuron work out all of them
        text = f"either(int(act == {k}), {others[k]}, {text})"
    return text

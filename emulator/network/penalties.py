"""Penalties: what layers add to the loss by themselves, half the squares of their states and weights.

The objective of a network is ``J = l(x_N, y) + sum_k R_k(x_k, W_k)``, per sample, with
``R_k = (state |x_k|^2 + weight |W_k|^2)/2``. Source: C. Pehle and J.-J. Slotine (arXiv:2602.10461), equation (48).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emulator.errors import NetworkError, suggest, within
from emulator.network.arrays import FloatArray
from emulator.network.layers import Concat, Dense, Layer, Slice, layer_sources


@dataclass(frozen=True)
class Penalty:
    """``R = (state |x|^2 + weight |W|^2)/2`` of one layer and one sample; biases are free.

    Parameters
    ----------
    state : float or tuple of float
        Coefficient of the layer's squared state, at least 0: a conductance to ground at each of its neurons. A tuple has one
        for each of them: ``sum_i state_i x_i^2 / 2``.
    weight : float
        Coefficient of a dense layer's squared weights, at least 0.

    Raises
    ------
    NetworkError
        For a value outside its range.
    """

    state: float | tuple[float, ...] = 0.0
    weight: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _coefficient("weight", self.weight))
        state: Any = self.state
        if isinstance(state, np.ndarray):
            state = state.tolist()
        if isinstance(state, list | tuple):
            if not state:
                raise NetworkError("penalty: state is empty; allowed: a number, or one for each component")
            kept: Any = tuple(_coefficient(f"state[{k}]", one) for k, one in enumerate(state))
            object.__setattr__(self, "state", kept if any(kept) else 0.0)
        else:
            object.__setattr__(self, "state", _coefficient("state", state))

    @property
    def conductance(self) -> FloatArray | float:
        """`state` as an array (n,) where it has a number for each component."""
        return np.array(self.state) if isinstance(self.state, tuple) else self.state

    def part(self, start: int, stop: int) -> Penalty:
        """That of some of the components; no weights."""
        return Penalty(self.state[start:stop] if isinstance(self.state, tuple) else self.state)

    @property
    def told(self) -> str:
        """`state` as messages have it."""
        return (
            f"({', '.join(f'{one:g}' for one in self.state)})" if isinstance(self.state, tuple) else f"{self.state:g}"
        )


def _coefficient(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise NetworkError(f"penalty: {name} is {value!r}; allowed: a finite number, at least 0")
    return float(value)


def checked_penalties(
    given: Mapping[str, Any] | None, layers: Mapping[str, Layer], sizes: Mapping[str, int]
) -> dict[str, Penalty]:
    """The penalties that are not 0, in the order of the layers.

    Parameters
    ----------
    given : mapping of str to Penalty, or to a mapping of its fields; optional
    layers : mapping of str to Layer
    sizes : mapping of str to int
        Components of each layer.

    Raises
    ------
    NetworkError
        For an unknown layer or field, a value outside its range, or what the layer does not have.
    """
    if given is not None and not isinstance(given, Mapping):
        raise NetworkError(f"penalties are {given!r}; allowed: a mapping of layers to penalties")
    found: dict[str, Penalty] = {}
    for name, entry in (given or {}).items():
        if not isinstance(name, str) or name not in layers:
            raise NetworkError(f"penalties: no layer {suggest(name, layers)}")
        with within(f"layer {name!r}"):
            penalty = entry if isinstance(entry, Penalty) else _made(entry)
        layer = layers[name]
        if penalty.weight and not isinstance(layer, Dense):
            raise NetworkError(f"{layer.place}: penalty has weight {penalty.weight:g}, but the layer has no weights")
        if isinstance(penalty.state, tuple) and len(penalty.state) != sizes[name]:
            raise NetworkError(
                f"{layer.place}: penalty has {len(penalty.state)} numbers for states; allowed: one, or {sizes[name]}, "
                "one for each component"
            )
        if penalty.state and isinstance(layer, Concat | Slice):
            kind = "concatenation" if isinstance(layer, Concat) else "slice"
            raise NetworkError(
                f"{layer.place}: penalty has state {penalty.told}, but a {kind} has no state of its own; "
                f"allowed: at its sources {', '.join(layer_sources(layer))}"
            )
        if penalty != Penalty():
            found[name] = penalty
    return {name: found[name] for name in layers if name in found}


def _made(entry: Any) -> Penalty:
    """A penalty from its fields."""
    known = [field.name for field in dataclasses.fields(Penalty)]
    if not isinstance(entry, Mapping):
        raise NetworkError(f"penalty is {entry!r}; allowed: a Penalty, or a mapping of {' and '.join(known)}")
    for key in entry:
        if key not in known:
            raise NetworkError(f"penalty has no field {suggest(key, known)}")
    return Penalty(**entry)

"""Devices at an end of their range, where a weight can go no further."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from emulator.engine.learning import plastic_masks
from emulator.learning import TikiTaka, Written
from emulator.training.substrate import State, Substrate

Floats = NDArray[np.float64]
#: how near an end counts, as a share of the range: a mean pulse, but for very coarse devices and very fine ones
_NEAR = (0.01, 0.05)
#: a share of devices at an end that is warned of
_MANY = 0.05


def at_bounds(substrate: Substrate, state: State) -> float | None:
    """Share of the devices of parameters that learn which are within a pulse of an end of their range; None without devices.

    Of two devices per weight (`emulator.learning.TikiTaka`), the larger share. Devices that cannot be written do not count.
    A pair is at its end where the device that holds the weight is at its upper one.
    """
    port = substrate.learning.port
    if not isinstance(port, Written):
        return None
    held, scores = _own(substrate, {"weight": state["w"], "bias": state["bias"], **state}), substrate.devices
    known = _own(substrate, scores)
    shares = [_share(port, held["value"] / port.w_max, known, held.get("common"))]
    if isinstance(port, TikiTaka):
        fast = {name.removeprefix("fast_"): value for name, value in known.items() if name.startswith("fast_")}
        shares.append(_share(port, held["fast"], fast, None))
    return max(shares)


def saturation(share: float | None) -> tuple[str, ...]:
    """A sentence on devices at their ends, if there are many."""
    if share is None or share < _MANY:
        return ()
    return (
        f"after training, {share:.0%} of the devices that learn are at an end of their range, and cannot follow the gradient any "
        "further; a larger port.w_max, a lower rate, or a port that asymmetry drags less (symmetric-pair, tiki-taka, "
        "mixed-precision) may help",
    )


def _share(port: Written, weight: Floats, known: Mapping[str, Floats], common: Floats | None) -> float:
    """Share of devices that hold weights, from -1 to 1, near an end."""
    law = port.law
    update = law.update
    near = float(np.clip(0.0 if update is None else 1.0 / update.pulses, *_NEAR))
    zero = np.zeros_like(weight)
    up, down = (known.get(f"bound_{side}", zero) for side in ("up", "down"))
    if law.differential:
        up, down = np.where(weight < 0, down, up), zero
    bottom, top = (zero, zero + 1) if update is None else update.ends((up, down))
    if law.differential:
        x = np.abs(weight) + (0.0 if common is None else common)
        full = x >= top - near
        free = np.where(weight < 0, known.get("free_down", zero + 1), known.get("free_up", zero + 1)) > 0
    else:
        x = known.get("zero_up", zero + 0.5) + weight / 2
        full = (x >= top - near) | (x <= bottom + near)
        free = known.get("free_up", zero + 1) > 0
    return float(full[free].mean()) if free.any() else 0.0


def _own(substrate: Substrate, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """Numbers of the parameters that learn, weights and then biases, by name; `value` are the parameters themselves."""
    biases, weights = plastic_masks(substrate.layout)
    found = {}
    for key, of_weights in arrays.items():
        kind, _, name = key.partition(".")
        if kind == "weight":
            other = arrays["bias" + key[len("weight") :]]
            found[name or "value"] = np.concatenate([of_weights[weights], other[biases]])
    return found

"""Weights that are read with noise: drawn anew for every device and sample, and held while the sample is."""

from __future__ import annotations

import numpy as np
from brian2 import Clock, Synapses
from brian2.core.variables import Variable

from emulator.engine.effects import Effects
from emulator.engine.layout import Floats, Ints
from emulator.engine.plan import Values
from emulator.engine.random import gauss, many

#: what follows: after the updates of the weights, before anything passes them
_READ, _ACT = -3, -2


def read_equations(effects: Effects) -> str:
    """What a synapse needs for it; nothing without noise."""
    if not effects.read_noise:
        return ""
    return f"w_read : 1\nacting : 1\n{effects.read_variable} : 1 (constant)\nread_key : 1 (shared, constant)\n"


def read_names(effects: Effects) -> tuple[str, ...]:
    """The numbers among those that are set from outside."""
    return (effects.read_variable, "read_key") if effects.read_noise else ()


def read_anew(xbar: Synapses, columns: int, effects: Effects, beat: Clock, hold: Clock) -> Variable:
    """Let every synapse be read when a sample begins; the weight that acts, moved on with every `beat`.

    Parameters
    ----------
    xbar : Synapses
        With a weight `w` and `read_equations`, and functions of random numbers.
    columns : int
        More than the largest number of a synapse's target.
    effects : Effects
    beat, hold : Clock
        Of the updates of the weights, and of the samples.
    """
    if not effects.read_noise:
        return xbar.variables["w"]
    luck = many("luck", "read_key", f"({columns}.0*i + j)", "t_in_timesteps")
    code = f"{luck}w_read = luck*{effects.read_sigma}"
    xbar.run_regularly(code, clock=hold, when="start", order=_READ, name="read_again")
    xbar.run_regularly("acting = w + w_read", clock=beat, when="start", order=_ACT, name="act")
    return xbar.variables["acting"]


def as_read(values: Values, row: Ints, column: Ints, columns: int, step: int) -> Floats:
    """The very weights (S,) that acted on the sample that began at a step, of weights that stay as they are."""
    place = columns * row.astype(np.float64) + column
    noise = gauss(float(np.asarray(values["read_key"])), place, np.full(len(place), step))
    return np.asarray(values["w"], dtype=np.float64) + np.asarray(values["w_sigma"], dtype=np.float64) * noise

"""All errors of a part of a hardware model made larger or smaller together, by one factor.

A table names a part: `noise`, `weights`, `weights.update`, `faults`. Its errors are what is 0 in an ideal part (noises, spreads,
shares of faulty devices, asymmetry and nonlinearity of steps), and all of them are multiplied; so are the deviations of tables of
steps from 1, and the rate 1/lifetime. Places that have a fault for certain have it until the factor is 0. What says how large, how
fine or how fast a part is (conductances, levels, numbers of pulses, delays, losses, bandwidths, endurance) stays. A law that is named
itself, such as `lines.delay_forward` or `energy`, is as large as all its amounts, and a single number is just that. Units stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hwmodels.distributions import Constant, LogNormal, Normal, PerLength, Steps, Uniform
from hwmodels.energy import Energy
from hwmodels.errors import HardwareError
from hwmodels.faults import Fault, Faults, StuckPort
from hwmodels.fields import Section
from hwmodels.lines import Lines
from hwmodels.model import SECTIONS, HardwareModel
from hwmodels.noise import BandNoise, FlickerNoise, Noise
from hwmodels.pulses import PulsedUpdate
from hwmodels.weights import Drift, LogLaw, PolynomialSpread, PowerSpread, SaturatingSpread, Weights

#: of every kind of table, the fields that are scaled with it; one that is a table is scaled by its own
SIZES: Mapping[type[Section], tuple[str, ...]] = {
    Noise: tuple(Noise.model_fields),
    BandNoise: ("rms",),
    FlickerNoise: ("rms",),
    Faults: tuple(Faults.model_fields),
    Fault: ("rate", "places"),
    StuckPort: ("rate", "places"),
    Lines: ("jitter", "impedance_tolerance", "crosstalk", "temperature"),
    Weights: ("programming", "read_noise", "drift", "stuck_low", "stuck_high", "update"),
    PolynomialSpread: ("coefficients",),
    SaturatingSpread: ("plateau",),
    PowerSpread: ("coefficient", "ceiling"),
    Drift: ("exponent_mean", "exponent_std"),
    LogLaw: ("slope", "intercept", "floor", "ceiling"),
    PulsedUpdate: (
        "asymmetry", "nonlinearity", "nonlinearity_down", "write_noise", "constant_noise", "scatter", "step_spread", "asymmetry_spread",
        "nonlinearity_spread", "bound_spread", "bound_spread_low", "lifetime", "lifetime_spread", "diffusion",
        "up_steps", "down_steps",
    ),
    Energy: ("per_event", "per_synaptic_operation", "per_node_update", "static_per_node", "static_per_line"),
    Constant: ("value",),
    Normal: ("mean", "std"),
    LogNormal: ("mean", "std"),
    Uniform: ("low", "high"),
    Steps: ("step",),
    PerLength: ("per_length",),
}  # fmt: skip
#: what an ideal part has where that is not 0
IDEAL: Mapping[tuple[type[Section], str], float] = {
    (PulsedUpdate, "lifetime"): math.inf,
    (PulsedUpdate, "up_steps"): 1.0,
    (PulsedUpdate, "down_steps"): 1.0,
}


class Size(NamedTuple):
    """A number, tuple of numbers or of places, or None, that is scaled with a part, and where an ideal one has it."""

    path: str
    value: Any
    ideal: float = 0.0

    @property
    def present(self) -> bool:
        """Whether there is anything to scale."""
        parts = self.value if isinstance(self.value, tuple) else (self.value,)
        return self.value is not None and any(part != self.ideal for part in parts)

    def times(self, factor: float) -> Any:
        """The value with its distance from the ideal multiplied."""
        if factor == 1 or not self.present:
            return self.value
        if not isinstance(self.value, tuple):
            return self._moved(self.value, factor)
        if isinstance(self.value[0], str):
            return self.value if factor else ()
        return tuple(self._moved(part, factor) for part in self.value)

    def _moved(self, value: float, factor: float) -> float | None:
        if math.isinf(self.ideal):
            return value / factor if factor else None
        return self.ideal + factor * (value - self.ideal)


def scaled(model: HardwareModel, factors: Mapping[str, Any]) -> HardwareModel:
    """The model with parts of it scaled.

    Parameters
    ----------
    model : HardwareModel
    factors : mapping
        By how much, in tables of the same names as the model's: ``{"noise": 2.0, "weights": {"update": 0.5}}``.

    Raises
    ------
    HardwareError
        If there is no such part, a factor is no number of at least 0, there is nothing to scale, or the result is out of range.
    """
    for path, factor in _leaves(factors, ""):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 <= factor < math.inf:
            raise HardwareError(path, f"{factor!r} is no factor, allowed: a number of at least 0")
        if not can_scale(model, path):
            raise HardwareError(path, "has nothing to scale, all of it is 0 or not given; allowed: a part with errors")
        changes = {size.path: new for size in sizes_of(model, path) if (new := size.times(factor)) != size.value}
        try:
            model = model.replace(changes)
        except HardwareError as error:
            raise HardwareError(path, f"{factor:g} is too much: {error}") from None
    return model


def sizes_of(model: HardwareModel, path: str) -> Iterator[Size]:
    """What is scaled with a part.

    Raises
    ------
    HardwareError
        If there is no such part, or it is nothing that can be scaled.
    """
    if path.partition(".")[0] not in SECTIONS:
        raise HardwareError(path, "unknown field", SECTIONS)
    found = model.value(path)
    if isinstance(found, Section):
        if type(found) not in SIZES:
            raise HardwareError(path, "has nothing that a factor could scale", _scalable())
        for name in SIZES[type(found)]:
            inner = getattr(found, name)
            if isinstance(inner, Section):
                yield from sizes_of(model, f"{path}.{name}")
            else:
                yield Size(f"{path}.{name}", inner, IDEAL.get((type(found), name), 0.0))
        return
    parts = found if isinstance(found, tuple) and found else (found,)
    if found is not None and not all(isinstance(part, float) for part in parts):
        raise HardwareError(path, f"{found!r} is no quantity that a factor could scale", _scalable())
    yield Size(path, found)


def reach(model: HardwareModel, path: str, factor: float) -> float:
    """The largest factor up to this one that keeps every number of a part in its range."""

    def fits(one: float) -> bool:
        try:
            scaled(model, _nested(path, one))
        except HardwareError:
            return False
        return True

    if fits(factor) or not fits(1.0):
        return factor
    low, high = 1.0, factor
    while high - low > 1e-3 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def can_scale(model: HardwareModel, path: str) -> bool:
    """Whether there is anything to scale."""
    return any(size.present for size in sizes_of(model, path))


def _nested(path: str, factor: float) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: _nested(rest, factor) if rest else factor}


def _leaves(factors: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in factors.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _scalable() -> tuple[str, ...]:
    """Parts that can be scaled, and laws of them."""
    parts = [name for name, field in HardwareModel.model_fields.items() if type(field.get_default()) in SIZES]
    return (*parts, "weights.update", "weights.programming", "weights.read_noise", "weights.drift")

"""A parameter port that is terminated by the curvature itself: all parameters of a layer answer together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.learning.ports import Curvatures, ParameterPort, require_number
from emulator.learning.record import Floats, PortRecord

#: parameters of a layer whose termination has a resistance between any two of them
LARGEST = 256


@dataclass(frozen=True)
class Newton(ParameterPort):
    """The paper's termination by the Hessian, ``Z = time_constant (|H| + damping)``, for all parameters of a layer at once.

    `H` is the full second derivative of the loss in a layer's weights and biases, averaged over the last `memory` holds, all
    that lies behind the layer included: how activations bend, how rows act on each other, how branches meet again. It is
    found by local products: a probe at every neuron moves its pre-activation by a unit, and what follows from that travels
    over the same weights as states and costates do, forward and back; where it returns to the layer, it is the curvature
    between two neurons, and times the two states the one between two weights. The termination is a network of
    resistances between the layer's parameters, fast against a step, which takes up ``dw/dt = Z^-1 e`` and reflects nothing.
    A resistance cannot be negative: where the loss curves downwards, its principal directions are met by ``|H|``.

    It has a resistance for any two parameters, so no layer that learns may have more than 256 of them; `GaussNewton` is an
    approximation without that bound. The paper's step has ``time_constant = 1``, which suits mini-batches of all samples: a
    single sample curves more along its own inputs than the mean does.

    Parameters
    ----------
    damping : float
        Curvature that is added in every direction, above 0.
    time_constant : float
        Holds in which a layer would close in on its own optimum, at least 1.
    memory : float
        Holds over which the curvature is averaged, at least 1.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    damping: float
    time_constant: float = 10.0
    memory: float = 100.0
    name: str = "newton"
    rule = "resistances between all parameters of a layer that follow its full Hessian (damped Newton)"
    joint = True
    neuron_variables = ("seen",)
    neuron_update = "seen = keep*seen + (1 - keep)"

    def __post_init__(self) -> None:
        require_number(self, "damping", above=0.0)
        require_number(self, "time_constant", low=1.0)
        require_number(self, "memory", low=1.0)

    @property
    def conductance(self) -> str:
        """One over the time constant."""
        return "1/time_constant"

    @property
    def update(self) -> str:
        """The matched step of all parameters."""
        return "dw = h*conductance*solved"

    @property
    def constants(self) -> Mapping[str, float]:
        """`damping` and `time_constant`."""
        return {"damping": self.damping, "time_constant": self.time_constant}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """Fraction of the averaged curvature that one update keeps."""
        return {"keep": 1.0 - h / self.memory}

    def drop(self, seen: PortRecord) -> Floats:
        """``Z f``."""
        assert seen.hessian is not None
        values, vectors = np.linalg.eigh(seen.hessian / seen.after["seen"][0])
        flow = vectors @ ((np.abs(values) + self.damping) * (vectors.T @ seen.flow))
        return np.asarray(self.time_constant * flow / seen.factor)

    def forewarning(self, met: Curvatures, h: float) -> str | None:
        """A step overshoots if a mini-batch curves more than twice ``time_constant (mean + damping)``."""
        least = h * met.step / (2.0 * self.time_constant) - met.mean
        if self.damping >= least:
            return None
        return (
            f"port newton: damping {self.damping:g} with time_constant {self.time_constant:g} cannot be stable on these "
            f"data, whose mini-batches curve more than their mean; it needs to be above {least:.3g}"
        )

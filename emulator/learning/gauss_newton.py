"""A parameter port whose resistance follows an approximation of the curvature: what a synapse and its neurons can know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emulator.learning.ports import Curvatures, ParameterPort, require_number
from emulator.learning.record import Floats, PortRecord


@dataclass(frozen=True)
class GaussNewton(ParameterPort):
    """An approximation of Newton's termination: ``R = time_constant C`` for all parameters of a neuron.

    Newton's has the Hessian (`Newton`). This one leaves out of it whatever a neuron cannot know by itself: the bend of the
    activations, and all between different neurons, and it takes one number for all parameters of a neuron.
    ``C`` is the mean of ``(|x|^2 + 1) (phi'^2 g + damping)`` over the last `memory` holds: `x` what the neuron
    receives, `phi'` its slope, and `g` the diagonal of the Gauss-Newton curvature in its state. `g` is known at the
    outputs (1 for mse, ``p (1 - p)`` for cross-entropy); every synapse passes ``w^2 phi'^2 g`` back to the neuron that drives it, one
    layer per hold. The squared norm stands for the single ``x_j^2``, since all parameters of a neuron step together:
    a step moves the neuron's own sum by its costate over ``time_constant (phi'^2 g + damping)``, whatever the number and
    scale of what it receives. Cross-entropy curves by up to 1/2 where two classes tie and by nothing where one is sure,
    so the mean may miss all of it: the outputs overshoot unless ``time_constant damping`` is at least 1/4.

    Parameters
    ----------
    damping : float
        Curvature that is added to that of every neuron's sum, above 0.
    time_constant : float
        Holds in which a neuron would close in on its own optimum, at least 1.
    memory : float
        Holds over which the curvature is averaged, at least 1.
    leak : float
        Weight decay: fraction of a weight that leaks away per hold, at the schedule's factor 1; biases do not leak.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    damping: float
    time_constant: float = 10.0
    memory: float = 100.0
    leak: float = 0.0
    name: str = "gauss-newton"
    rule = "resistance that follows a diagonal approximation of the curvature (Gauss-Newton)"
    neuron_variables = ("pull", "curvature", "size", "seen")
    sums = ("norm", "returned")
    gather = "norm_column += state*state\nreturned_row += w*w*pull"
    neuron_update = """pull = slope*slope*(bend + returned)
curvature = keep*curvature + (1 - keep)*(norm + 1)*pull
size = keep*size + (1 - keep)*(norm + 1)
seen = keep*seen + (1 - keep)"""

    def __post_init__(self) -> None:
        require_number(self, "damping", above=0.0)
        require_number(self, "time_constant", low=1.0)
        require_number(self, "memory", low=1.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """One over the time constant times the damped curvature; 0 before any was seen."""
        return "seen/(time_constant*(curvature + damping*size + int(seen == 0)))"

    @property
    def update(self) -> str:
        """The matched step with a leak."""
        return "dw = h*(conductance*effort - is_weight*factor*leak*w)"

    @property
    def constants(self) -> Mapping[str, float]:
        """`damping`, `time_constant` and `leak`."""
        return {"damping": self.damping, "time_constant": self.time_constant, "leak": self.leak}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """Fraction of the averaged curvature that one update keeps."""
        return {"keep": 1.0 - h / self.memory}

    def drop(self, seen: PortRecord) -> Floats:
        """``R f``."""
        curvature = (seen.after["curvature"] + self.damping * seen.after["size"]) / seen.after["seen"]
        return np.asarray(self.time_constant * curvature * seen.flow / seen.factor)

    def forewarning(self, met: Curvatures, h: float) -> str | None:
        """A step overshoots if the outputs curve more than twice ``time_constant (average + damping)``."""
        least = h * met.bend / (2.0 * self.time_constant) - met.floor
        if self.damping >= least:
            return None
        return (
            f"port gauss-newton: damping {self.damping:g} with time_constant {self.time_constant:g} cannot be stable "
            f"where classes tie after others were sure; it needs to be above {least:.3g}"
        )

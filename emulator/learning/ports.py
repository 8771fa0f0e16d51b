"""Parameter ports: how a weight or bias moves under the effort that the waves exert on it.

A parameter `w` is a one-port. Its effort is ``e = -dLoss/dw``: minus the state received on one side of the synapse
times the costate received on the other (for a bias: minus the costate of its neuron). Its flow is ``dw/dt``, with
time counted in holds. In waves ``(e + R dw/dt)/2`` runs in and ``(e - R dw/dt)/2`` is reflected, so a port that
answers with ``dw/dt = e/R`` reflects nothing: gradient descent with rate 1/R is the matched resistive termination. A
mass `L` in series gives heavy-ball momentum, and a resistance that follows the curvature a diagonal Gauss-Newton step
(C. Pehle and J.-J. Slotine, arXiv:2602.10461, on wave scattering; S. Becker and Y. LeCun 1988, on propagating the
diagonal of the curvature).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from emulator.errors import EngineError


class ParameterPort(ABC):
    """How one parameter answers its effort; the same code serves every weight and every bias.

    The code is in brian2's expression language and is local: it may use

    ================ =======================================================================================
    `effort`         ``-dLoss/dw``, from what has arrived (averaged over the mini-batch)
    `w`              the weight or bias
    `conductance`    1/R of the port: the expression `conductance` below times the schedule's factor
    `factor`         the schedule's factor on the rate, 1 unless it warms up or decays
    `h`              the time since the last update, in holds: 1 if settled, 1/hold if unlocked
    `is_weight`      1 for a weight, 0 for a bias
    ================ =======================================================================================

    and the names in `constants`, `variables`, `neuron_variables` and `sums`. It assigns `dw`, the change of the
    parameter; the engine applies it, so that the waves already held at the crossbar see the new weight. To add a
    port, subclass this and pass an instance to `emulator.train`.
    """

    #: name used in scenarios, tables and results
    name: str = "port"
    #: state of every parameter, 0 at the start
    variables: tuple[str, ...] = ()
    #: state of every neuron, 0 at the start, read by its bias and by the weights that feed it
    neuron_variables: tuple[str, ...] = ()
    #: what every neuron collects from its synapses at an update, 0 before each
    sums: tuple[str, ...] = ()
    #: code run at every synapse and wire before the update; besides `w` it sees `state` and `costate`, as received,
    #: and the variables of the neuron it feeds; it adds to the sums of that neuron (``<name>_column += ...``) and of
    #: the neuron that drives it (``<name>_row += ...``)
    gather: str = ""
    #: code run at every neuron after `gather`; it sees `slope`, the derivative of the activation, and `bend`, the
    #: diagonal of the loss's second derivative (0 except at outputs)
    neuron_update: str = ""
    #: whether the code writes devices; it then sees `free_up` and `free_down`, 1 where the device that holds a weight
    #: above 0, or below, can be written, and 0 where it is stuck
    devices: bool = False
    #: whether the code draws ``gauss(key, number, counter)`` or ``uniform(...)``; `number` is the parameter's own
    random: bool = False

    @property
    @abstractmethod
    def conductance(self) -> str:
        """Expression for 1/R, before the schedule's factor."""

    @property
    def update(self) -> str:
        """Code that assigns `dw`; by default the matched resistive termination."""
        return "dw = h*conductance*effort"

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers that the code names; changeable between runs without compiling again."""
        return {}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """Numbers that depend on the time step `h` of an update, in holds."""
        return {}

    def check(self, h: float) -> None:  # noqa: B027 - most ports work with any
        """Raise `EngineError` if the port cannot work with updates every `h` holds."""

    def warning(self, curvature: float, h: float) -> str | None:
        """A sentence, with the bound, if the port cannot be stable where the loss has this curvature."""
        return None


@dataclass(frozen=True)
class Resistive(ParameterPort):
    """A matched resistor ``R = 1/rate``: gradient descent.

    Parameters
    ----------
    rate : float
        Change of a parameter per effort and hold, above 0.
    leak : float
        Weight decay: fraction of a weight that leaks away per hold, at the schedule's factor 1; biases do not leak.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    rate: float
    leak: float = 0.0
    name: str = "resistive"

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def update(self) -> str:
        """Gradient descent with a leak."""
        return "dw = h*(conductance*effort - is_weight*factor*leak*w)"

    @property
    def constants(self) -> Mapping[str, float]:
        """`rate` and `leak`."""
        return {"rate": self.rate, "leak": self.leak}

    def warning(self, curvature: float, h: float) -> str | None:
        """A settled step overshoots if ``rate > 2/curvature``."""
        bound = 2.0 / (h * curvature)
        if self.rate <= bound:
            return None
        return f"port resistive: rate {self.rate:g} cannot be stable on these data; it needs to be below {bound:.3g}"


@dataclass(frozen=True)
class Inductive(ParameterPort):
    """A resistor and an inductance ``L = mass`` in series: momentum.

    ``v <- (1 - h R/L) v + (h/L) e``, ``w <- w + h v`` with ``R = 1/rate``: a heavy ball with momentum
    ``1 - h/(rate mass)`` and, in the long run, the rate `rate`. Settled updates with momentum 0.9 need
    ``mass = 10/rate``.

    Parameters
    ----------
    rate : float
        Change of a parameter per lasting effort and hold, above 0.
    mass : float
        Effort that changes the flow by 1 per hold and hold; at least ``h/rate``.
    leak : float
        Weight decay, as a flow of its own: fraction of a weight per hold; biases do not leak.

    Raises
    ------
    EngineError
        For a value outside its range.
    """

    rate: float
    mass: float
    leak: float = 0.0
    name: str = "inductive"
    variables = ("flow",)

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "mass", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def update(self) -> str:
        """Heavy ball; the schedule's factor scales the effort, not the resistance, so that the momentum stays."""
        return "flow = momentum*flow + h*factor*effort/mass\ndw = h*(flow - is_weight*factor*leak*w)"

    @property
    def constants(self) -> Mapping[str, float]:
        """`rate`, `mass` and `leak`."""
        return {"rate": self.rate, "mass": self.mass, "leak": self.leak}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """The momentum of one update."""
        return {"momentum": self.momentum(h)}

    def momentum(self, h: float = 1.0) -> float:
        """Fraction of the flow that one update keeps."""
        return max(0.0, 1.0 - h / (self.rate * self.mass))

    def warning(self, curvature: float, h: float) -> str | None:
        """A heavy ball overshoots if ``h^2/mass > 2 (1 + momentum)/curvature``."""
        bound = h * h * curvature / (2.0 * (1.0 + self.momentum(h)))
        if self.mass >= bound:
            return None
        return f"port inductive: mass {self.mass:g} cannot be stable on these data; it needs to be above {bound:.3g}"

    def check(self, h: float) -> None:
        """Raise `EngineError` if the mass is too small for the time step."""
        if self.mass * self.rate < h * (1 - 1e-12):
            raise EngineError(
                f"port inductive: mass is {self.mass:g}; allowed: at least {h / self.rate:g} (no negative momentum)"
            )


@dataclass(frozen=True)
class GaussNewton(ParameterPort):
    """A resistance that follows the curvature: ``R = time_constant (C + damping)`` for all parameters of a neuron.

    ``C`` is the mean of ``(|x|^2 + 1) phi'^2 g`` over the last `memory` holds: `x` what the neuron receives, `phi'` its
    slope, and `g` the diagonal of the Gauss-Newton curvature in its state. `g` is known at the outputs (1 for mse,
    ``p (1 - p)`` for cross-entropy); every synapse passes ``w^2 phi'^2 g`` back to the neuron that drives it, one layer
    per hold. The squared norm stands for the single ``x_j^2``, since all parameters of a neuron step together.

    Parameters
    ----------
    damping : float
        Curvature that is added to every neuron's, above 0.
    time_constant : float
        Holds in which a parameter would close in on its own optimum, at least 1.
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
    neuron_variables = ("pull", "curvature", "seen")
    sums = ("norm", "returned")
    gather = "norm_column += state*state\nreturned_row += w*w*pull"
    neuron_update = """pull = slope*slope*(bend + returned)
curvature = keep*curvature + (1 - keep)*(norm + 1)*pull
seen = keep*seen + (1 - keep)"""

    def __post_init__(self) -> None:
        require_number(self, "damping", above=0.0)
        require_number(self, "time_constant", low=1.0)
        require_number(self, "memory", low=1.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """One over the time constant times the damped curvature."""
        return "1/(time_constant*(curvature/(seen + int(seen == 0)) + damping))"

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


def require_number(
    port: ParameterPort, field: str, *, low: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> None:
    """Raise `EngineError` unless a field of a port is a finite number, ``>= low``, ``> above`` and ``< below``."""
    value = getattr(port, field)
    number = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if number and value >= low and above < value < below:
        object.__setattr__(port, field, float(value))
        return
    limits = [f"at least {low:g}"] if low > -math.inf else []
    limits += [f"above {above:g}"] if above > -math.inf else []
    limits += [f"below {below:g}"] if below < math.inf else []
    allowed = " and ".join(["a finite number", *limits])
    raise EngineError(f"port {port.name}: {field} is {value!r}; allowed: {allowed}")

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
from emulator.learning.record import Floats, PortRecord


@dataclass(frozen=True)
class Curvatures:
    """Second derivatives of the loss in the parameters of the output layer, which every port meets.

    Parameters
    ----------
    step : float
        Largest that the samples of one update are apt to have: that of the mean loss or, of few samples whose own
        inputs point one way, more.
    bend, floor : float
        Largest and least of one sample's loss in the outputs alone: both kappa for mse, 1/2 and 0 for cross-entropy.
    mean : float
        Largest of the mean loss.
    """

    step: float
    bend: float
    floor: float
    mean: float


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
    `solved`         of a `joint` port: the flow with which the layer's damped Hessian takes up all its efforts
    ================ =======================================================================================

    and the names in `constants`, `variables`, `neuron_variables` and `sums`. It assigns `dw`, the change of the
    parameter; the engine applies it, so that the waves already held at the crossbar see the new weight. To add a
    port, subclass this and pass an instance to `emulator.train`.
    """

    #: name used in scenarios, tables and results
    name: str = "port"
    #: what it is and does, as a phrase for tables
    rule: str = ""
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
    #: whether all parameters of a layer answer together, through the mean Hessian of the layer; the port then has the
    #: constants `keep`, the fraction of that mean which an update keeps, and `damping`, and the neuron variable `seen`
    joint: bool = False
    #: whether the code writes devices; it then sees `free_up` and `free_down`, 1 where the device that holds a weight
    #: above 0, or below, can be written, and 0 where it is stuck
    devices: bool = False
    #: what of its devices varies from one to the next; the code then sees ``<name>_up`` and ``<name>_down``, the frozen
    #: standard scores of the device that holds a weight above 0, and of that below; a ``drift`` is 0 for biases
    scores: tuple[str, ...] = ()
    #: whether its devices drift; the code then sees `hold_seconds`, the time of a hold, and it is only right with `age`
    #: among its variables and `drift` among its scores
    drifts: bool = False
    #: whether it is told by the two lines that cross at a parameter, and not by an effort that could be a sum: the code
    #: then sees `state` and `costate` as received (the state of a bias is 1), `row` and `column`, the numbers of the
    #: drivers of the two lines, and the whole numbers `row_train` and `column_train`
    crossing: bool = False
    #: whether the code, that of its neurons included, sees `state_peak` and `costate_peak`: the largest |state| and |costate|
    #: that its layer has received (the state of a bias is 1)
    peaks: bool = False
    #: whether its conductance weights every moment of a hold, so that it may open by and by
    opens: bool = True
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
    def row_code(self) -> str:
        """Code run once for every row, of a `crossing` port; it assigns `row_train`.

        It sees what the parameters of its layer have in common, and `state` and `row`.
        """
        return ""

    @property
    def column_code(self) -> str:
        """The same for every column, which has `costate` and `column`; it assigns `column_train`."""
        return ""

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers that the code names; changeable between runs without compiling again."""
        return {}

    def step_constants(self, h: float) -> Mapping[str, float]:
        """Numbers that depend on the time step `h` of an update, in holds."""
        return {}

    def drop(self, seen: PortRecord) -> Floats:
        """The effort that the termination takes up at the flow that was seen, ``Z f``, parameter by parameter (P,).

        Raises
        ------
        EngineError
            If the port has no impedance that is known.
        """
        raise EngineError(
            f"port {self.name}: its impedance is not known; allowed: resistive, inductive, newton, gauss-newton, adaptive, or "
            "a port with a method drop"
        )

    def check(self, h: float) -> None:  # noqa: B027 - most ports work with any
        """Raise `EngineError` if the port cannot work with updates every `h` holds."""

    def warning(self, curvature: float, h: float) -> str | None:
        """A sentence, with the bound, if the port cannot be stable where the loss has this curvature.

        `h` is the time, in holds, for which an effort goes on as it was.
        """
        return None

    def forewarning(self, met: Curvatures, h: float) -> str | None:
        """A sentence, with the bound, if the port cannot be stable on the samples that it meets first."""
        return self.warning(met.step, h)


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
    rule = "matched resistor (gradient descent)"

    def __post_init__(self) -> None:
        require_number(self, "rate", above=0.0)
        require_number(self, "leak", low=0.0, below=1.0)

    @property
    def conductance(self) -> str:
        """The rate."""
        return "rate"

    @property
    def update(self) -> str:
        """Gradient descent with a leak, if there is one: it takes its time at every weight."""
        return f"dw = h*(conductance*effort{' - is_weight*factor*leak*w' * (self.leak > 0)})"

    @property
    def constants(self) -> Mapping[str, float]:
        """`rate` and `leak`."""
        return {"rate": self.rate, "leak": self.leak}

    def drop(self, seen: PortRecord) -> Floats:
        """``R f``."""
        return seen.flow / (self.rate * seen.factor)

    def warning(self, curvature: float, h: float) -> str | None:
        """A settled step overshoots if ``rate > 2/curvature``."""
        return overshoots(self.name, self.rate, curvature, h)


@dataclass(frozen=True)
class Inductive(ParameterPort):
    """A resistor and an inductance ``L = mass`` in series, ``Z(s) = R + s L``: the paper's heavy ball (72).

    ``e = R v + L dv/dt`` with ``v = dw/dt`` and ``R = 1/rate``, by steps of `h`: ``v <- (1 - h R/L) v + (h/L) e``,
    ``w <- w + h v``. It has the momentum ``1 - h/(rate mass)`` and, in the long run, the rate `rate`. Settled updates
    with momentum 0.9 need ``mass = 10/rate``.

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
    rule = "resistor and inductance in series (heavy-ball momentum)"
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

    def drop(self, seen: PortRecord) -> Floats:
        """``R f + L df/dt``, the paper's (72): R acts on the flow before the update, which changes it."""
        start = seen.before["flow"]
        return (start / self.rate + self.mass * (seen.after["flow"] - start) / seen.h) / seen.factor

    def warning(self, curvature: float, h: float) -> str | None:
        """A heavy ball overshoots if ``h^2/mass > 2 (1 + momentum)/curvature``."""
        momentum = self.momentum(h)
        bound = h * h * curvature / (2.0 * (1.0 + momentum))
        if self.mass >= bound or momentum == 0.0:
            return overshoots(self.name, self.rate, curvature, h) if momentum == 0.0 else None
        return f"port inductive: mass {self.mass:g} cannot be stable on these data; it needs to be above {bound:.3g}"

    def forewarning(self, met: Curvatures, h: float) -> str | None:
        """Momentum averages over samples, but what single samples do to each other grows with the rate all the same."""
        return self.warning(met.step, h) or overshoots(self.name, self.rate, met.step, h)

    def check(self, h: float) -> None:
        """Raise `EngineError` if the mass is too small for the time step."""
        if self.mass * self.rate < h * (1 - 1e-12):
            raise EngineError(
                f"port inductive: mass is {self.mass:g}; allowed: at least {h / self.rate:g} (no negative momentum)"
            )


def overshoots(name: str, rate: float, curvature: float, h: float) -> str | None:
    """What a port says whose parameters move by ``rate h`` times the effort, if that is more than ``2/curvature``."""
    bound = 2.0 / (h * curvature)
    if rate <= bound:
        return None
    return f"port {name}: rate {rate:g} cannot be stable on these data; it needs to be below {bound:.3g}"


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

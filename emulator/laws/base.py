"""What a law is, and a node law: how one neuron answers the waves that reach it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from emulator.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


#: the factor by which the impedance rises at a crossbar, from its weights
Rise = Callable[["NDArray[np.float64]"], float]


@dataclasses.dataclass(frozen=True)
class Outline:
    """What a law may know of a network to choose its settings for it.

    Parameters
    ----------
    depth : int
        Crossbars on the longest way from an input to the output.
    kinked : bool
        Whether the slope of any activation jumps.
    loss : str
        Its name.
    resonance : callable
        By what gives, from the weights of a crossbar (rows, columns), the factor by which the impedance rises there: the
        largest gain from a disturbance of all rows of neurons to all rows, ``1/sigma_min(I - S)``, with `S` the Jacobians
        of the layers over the roots of these factors.
    bend : callable
        By the same: the most that costates of a load of conductance 1 bend a junction, ``|lam| max |phi''|``, with the
        impedance of its line over that at the output; the median over data and targets of order 1.
    cells : int
        Cells that the network is divided into, for laws that evaluate it `by_cells`.
    """

    depth: int
    kinked: bool
    loss: str
    resonance: Callable[[Rise], float]
    bend: Callable[[Rise], float]
    cells: int = 1


class Law(ABC):
    """How a substrate answers waves: what the compiler, the engine and the measurements ask of any law."""

    #: name used in scenarios, tables and results
    name: str = "law"
    #: whether every line carries a wave both ways, between junctions that reflect
    two_way: bool = False
    #: whether it evaluates what lies between two rows that everything passes within a step
    by_cells: ClassVar[bool] = False
    #: why its nodes cannot have a conductance to ground, which is what a penalty of states is; empty where they can
    unshunted: str = ""
    #: whether its lines carry more than states and costates; see `emulator.families.base.Family.sent`
    carries_waves: ClassVar[bool] = False
    #: series resistance of the sources, which moves the rest: ``x_0 = data - R lam_0``
    source_resistance: float = 0.0
    #: what `emulator.tune` may choose, by field (``part.field`` for one of `parts`), and within which bounds above 0
    tunable: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType({})
    #: fields that are dataclasses of their own, or None, and their classes
    parts: ClassVar[Mapping[str, type]] = MappingProxyType({})
    #: what the engine and the measurements ask of laws of this kind: a family, or where it is, as ``module:attribute``
    family: ClassVar[Any] = ""

    def bounds(self, depth: int) -> Mapping[str, tuple[float, float]]:
        """`tunable`, for a network of so many layers of weights."""
        return self.tunable

    @property
    @abstractmethod
    def impedance(self) -> float:
        """Characteristic impedance `Z`, state over costate of a matched wave, above 0."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """Numbers by which a law is described; those of a node law can change between runs without compiling again."""
        return {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The fields of a law that is a dataclass, at full precision, as a JSON file or the ``[law]`` of a scenario takes them.

        A law made of them is the same. Fields that are None are there, too.
        """
        if not dataclasses.is_dataclass(self):
            return {}
        names = [field.name for field in dataclasses.fields(self) if field.init and field.name != "name"]
        return {name: plain(getattr(self, name)) for name in names}

    @property
    def load_conductance(self) -> float:
        """Conductance of the squared-loss load: costates and gradients are those of so many times the loss."""
        return 1.0

    @property
    def settles_on_arrival(self) -> bool:
        """Whether a substrate is at rest as soon as the last wave has landed (nothing is reflected)."""
        return False

    def impedance_rise(self, weight: NDArray[np.float64]) -> float:
        """By which factor the impedance of lines rises from the rows to the columns of a crossbar, given `weight`."""
        return 1.0

    @property
    def at_batch(self) -> bool:
        """Whether it takes something from a batch of inputs; see `emulator.families.base.Family.calibrated`."""
        return False

    @property
    def chooses(self) -> bool:
        """Whether it leaves settings to be `chosen` for a network."""
        return False

    def chosen(self, outline: Outline) -> Law:
        """The law with everything settled that it leaves to be chosen for a network."""
        return self

    def warnings(self) -> tuple[str, ...]:
        """Sentences about settings that cannot settle, known before any simulation."""
        return ()

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """Values to try where the law does not settle: by field of this dataclass, mildest first."""
        return {}


def plain(value: Any) -> Any:
    """A setting of a law in tables, lists, texts and numbers; anything else by its `repr`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if hasattr(value, "tolist"):  # numbers and arrays of NumPy
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, str):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else repr(value)


def halved(value: float, times: int) -> list[float]:
    """`value` halved again and again, to three digits."""
    return [float(f"{value / 2**k:.3g}") for k in range(1, times + 1)]


class NodeLaw(Law):
    r"""How a node updates its state and costate from what has arrived.

    A law is two lines of update code in brian2's expression language, evaluated for every neuron once a step, first
    the state, then the costate (which sees the new state). They may use

    ======== =====================================================================================
    `x`      state; assigned by `state_update`
    `lam`    costate; assigned by `costate_update`
    `F`      forward proposal ``phi(W x_prev + b)`` from the states that have arrived
    `B`      backward proposal ``sum W^T mu_next`` from the costates that have arrived; at the
             output, ``dLoss/dx`` is part of it (of the old `x` in `state_update`, of the new one in
             `costate_update`)
    `Z`      characteristic impedance of the node
    ======== =====================================================================================

    the names in `parameters`, and those in `memory`, which either update may assign; temporaries of their own are
    allowed. A law must rest at ``x = F``, ``lam = B``: then its rest is backpropagation, whatever else it does.
    Sources are clamped whatever the law. To add one, subclass this and pass an instance to
    `emulator.compile_network`; entered in `emulator.laws.LAWS` (a dataclass then), scenarios know it by name.

    Examples
    --------
    A neuron of two coupled LC resonators, whose inductors carry `v` and `w`. It rings where `damping` is small:

    >>> @dataclass(frozen=True)
    ... class Resonator(NodeLaw):
    ...     stiffness: float = 0.3  # dt^2/(L C)
    ...     damping: float = 0.6  # R dt/L
    ...     coupling: float = 0.05  # of the two resonators, by their mutual inductance
    ...     impedance: float = 1.0
    ...     name = "resonator"
    ...     memory = {"v": "0", "w": "0"}
    ...     state_update = "v += stiffness*(F - x) + coupling*Z*(lam - B) - damping*v\nx += v"
    ...     costate_update = "w += stiffness*(B - lam) - coupling/Z*(x - F) - damping*w\nlam += w"
    ...
    ...     @property
    ...     def parameters(self):
    ...         return {"stiffness": self.stiffness, "damping": self.damping, "coupling": self.coupling}
    """

    family = "emulator.families.node:NODE"

    @property
    @abstractmethod
    def state_update(self) -> str:
        """Code that assigns `x`."""

    @property
    @abstractmethod
    def costate_update(self) -> str:
        """Code that assigns `lam`."""

    @property
    def memory(self) -> Mapping[str, str]:
        """Variables of its own that every neuron keeps from step to step, 0 at first, and what each is at rest.

        That is an expression of `x`, `lam`, `Z` and the parameters; the prediction needs it.
        """
        return {}


def node_law(law: Law) -> NodeLaw:
    """`law`, if it is a node law.

    Raises
    ------
    EngineError
        If its nodes have no update.
    """
    if not isinstance(law, NodeLaw):
        raise EngineError(f"law {law.name} has no node update; allowed: a node law, such as matched or worldsheet")
    return law


def checked_law_class(name: str, law: type[Law]) -> type[Law]:
    """The class, if scenarios can make laws of it.

    Raises
    ------
    EngineError
        If it is no law, or no dataclass.
    """
    if not (isinstance(law, type) and issubclass(law, Law) and dataclasses.is_dataclass(law)):
        raise EngineError(f"law {name!r} is {law!r}; allowed: a dataclass that is a Law")
    return law

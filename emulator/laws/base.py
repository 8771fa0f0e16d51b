"""What a node law is: how one neuron answers the waves that reach it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping


class NodeLaw(ABC):
    """How a node updates its state and costate from what has arrived.

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

    and the names in `parameters`; temporaries of their own are allowed. Sources are clamped whatever the law. To add one,
    subclass this and pass an instance to `emulator.compile_network`.
    """

    #: name used in scenarios, tables and results
    name: str = "law"

    @property
    @abstractmethod
    def state_update(self) -> str:
        """Code that assigns `x`."""

    @property
    @abstractmethod
    def costate_update(self) -> str:
        """Code that assigns `lam`."""

    @property
    @abstractmethod
    def impedance(self) -> float:
        """Characteristic impedance `Z` of the nodes, state over costate, above 0."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """Numbers that the update code names; changeable between runs without compiling again."""
        return {}

    @property
    def settles_on_arrival(self) -> bool:
        """Whether a node is at rest as soon as the last wave has landed (nothing is reflected)."""
        return False

    def warnings(self) -> tuple[str, ...]:
        """Sentences about settings that cannot settle, known before any simulation."""
        return ()

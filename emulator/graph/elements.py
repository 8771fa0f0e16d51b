"""The parts a scattering graph is made of: elements with ports, and bundles of lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ElementKind = Literal["source", "crossbar", "activation", "adder", "fanout", "load"]

Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Port:
    """One side of an element where a bundle ends: `width` scalar pairs of state and costate.

    `inward` ports receive the state (and send the costate); outward ports send the state (and receive the
    costate).
    """

    name: str
    width: int
    inward: bool


@dataclass(frozen=True)
class Element:
    """A physical element of the substrate.

    Parameters
    ----------
    name : str
        Unique in the graph; the name of the network layer, with a suffix where one layer needs several.
    kind : str
        `source` (clamps the state), `crossbar` (a tile of weights: ``s = W x``, ``B = W^T mu``),
        `activation` (``x = phi(s)``, ``mu = phi'(s) lam``; identity is a buffer), `adder` (sums states,
        shares the costate), `fanout` (shares the state, sums costates), `load` (turns the output into the
        costate ``dLoss/dx``).
    layer : str
        The network layer it belongs to.
    ports : tuple of Port
    function, slope : activation function, and the slope of a leaky one.
    """

    name: str
    kind: ElementKind
    layer: str
    ports: tuple[Port, ...]
    function: str = "identity"
    slope: float = 0.0

    def port(self, name: str) -> Port:
        """The port of that name."""
        return next(p for p in self.ports if p.name == name)


@dataclass(frozen=True)
class Bundle:
    """Parallel lines (or plain joints) between an outward and an inward port.

    Parameters
    ----------
    name : str
        Unique in the graph; names the random draws of its delays.
    tail, head : (element, port) names; the state travels from tail to head, the costate back.
    count : int
        Number of lines (or joints).
    into : slice
        Where the tail's scalars enter the head port (a concatenation places several bundles side by side).
    delay_forward, delay_backward : (count,) int64 steps, or None
        None where the two ends are joined without a line in that direction.
    rows, columns : (count,) int64 or None
        In synapse wiring, the crossbar row and column of each line.
    impedance : float
        Characteristic impedance, state over costate of a matched wave.
    part : slice or None
        Which of the neurons behind the tail the lines start at; None for all.
    """

    name: str
    tail: tuple[str, str]
    head: tuple[str, str]
    count: int
    into: slice
    delay_forward: Steps | None = None
    delay_backward: Steps | None = None
    rows: Steps | None = None
    columns: Steps | None = None
    impedance: float = 1.0
    part: slice | None = None

    @property
    def is_line(self) -> bool:
        """Whether a wave needs time on it in at least one direction."""
        return self.delay_forward is not None or self.delay_backward is not None

    def delays(self) -> Steps:
        """All line delays of both directions, in steps, concatenated."""
        parts = [d for d in (self.delay_forward, self.delay_backward) if d is not None]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)


@dataclass(frozen=True)
class Site:
    """A row of neurons that the node law updates as one kind: the cluster of elements joined without a line.

    Neuron `start + k` of the substrate holds the state `x` and costate `lam` of scalar `k` of the site's
    output, and the pre-activation `s` and its costate `mu` of scalar `k` of its input.
    """

    name: str
    start: int
    size: int
    role: Literal["source", "inner", "output"]
    function: str = "identity"
    slope: float = 0.0
    members: tuple[str, ...] = ()

    @property
    def stop(self) -> int:
        """One past the last neuron."""
        return self.start + self.size

"""The contract of cells: what a cell of one's own must have for pins, carry on them, and keep at rest.

This table is the only place in which pins are named: the library takes its own from here, cells that replace it are held
to it, and the table in the guide is written by `table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from emulator.export.design import SUPPLY

#: what a cell of one's own may be off, of full scale: `vfs` at a neuron, the sum of the weights times `vfs` where they add up
TOLERANCE = 0.05
#: the name in the table for all activations, whose cells are called after their functions
ACTIVATION = "(activation)"
_DIRECTED, _TWO_WAY = "directional", "bilateral"
_GYRATOR, _TRANSFORMER = "gyrator", "transformer"
_BOTH = (_GYRATOR, _TRANSFORMER)
_WAYS = {">": "in", "<": "out", "=": "in and out"}


class Pin(NamedTuple):
    """A pin, its direction as seen from the cell, and what it carries."""

    name: str
    direction: str
    scale: str


@dataclass(frozen=True)
class Contract:
    """What a cell is held to.

    Parameters
    ----------
    cell : str
        Without prefix.
    circuit : str
    synapses : tuple of str
        Kinds of synapse with which it has these pins.
    pins : tuple of Pin
        In their order, supplies included.
    holds : str
        At rest.
    loss : str
        Of networks that have it; empty for all.
    """

    cell: str
    circuit: str
    synapses: tuple[str, ...]
    pins: tuple[Pin, ...]
    holds: str
    loss: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its pins."""
        return tuple(pin.name for pin in self.pins)


def _row(
    cell: str, circuit: str, synapses: tuple[str, ...], pins: str, holds: str, loss: str = "", supplied: bool = True
) -> Contract:
    """A row; pins are written ``>name scale`` (in), ``<name scale`` (out) or ``=name scale`` (both), with ``;`` between."""
    found = []
    for text in pins.split(";"):
        name, _, scale = text.strip().partition(" ")
        found.append(Pin(name[1:], _WAYS[name[0]], scale))
    if supplied:
        found += [Pin(name, "supply", "V") for name in SUPPLY]
    return Contract(cell, circuit, synapses, tuple(found), holds, loss)


CONTRACTS = (
    _row(
        "synapse", _DIRECTED, (_GYRATOR,), ">x vfs, V; <s vfs/rref, A into it; >mu vfs, V; <lam vfs/rref, A into it",
        "I(s) = w V(x)/rref, I(lam) = w V(mu)/rref; no current at x and mu",
    ),
    _row(
        "synapse", _DIRECTED, (_TRANSFORMER,), ">x vfs, V; =s0 vfs, V; =s vfs, V; >mu vfs, V; =lam0 vfs, V; =lam vfs, V",
        "V(s,s0) = w V(x), V(lam,lam0) = w V(mu); no current at x and mu",
    ),
    _row(
        "synapse", _TWO_WAY, (_GYRATOR,), "=x vfs, V and vfs/rref, A; =column vfs, V and vfs/rref, A",
        "I(column) = w V(x)/rref into it, I(x) = w V(column)/rref out of it",
    ),
    _row(
        "synapse", _TWO_WAY, (_TRANSFORMER,), "=x vfs, V and vfs/rref, A; =s0 vfs, V; =s vfs, V and vfs/rref, A",
        "V(s,s0) = w V(x), I(x) = w I(s,s0)",
    ),
    _row(
        ACTIVATION, _DIRECTED, _BOTH, ">s vfs, V; <x vfs, V into rref per line; >lam vfs, V; <mu vfs, V into rref per line",
        "u = V(s)/vfs; V(x) = vfs phi(u), V(mu) = phi'(u) V(lam); no current at s and lam",
    ),
    _row(
        ACTIVATION, _TWO_WAY, _BOTH, "=s vfs, V and vfs/rref, A; =x vfs, V and vfs/rref, A; <lam vfs, V; <mu vfs, V",
        "u = V(s)/vfs; V(x) = vfs phi(u), V(lam) = rref I(x) out of it, V(mu) = phi'(u) V(lam), I(s) = V(mu)/rref into it",
    ),
    _row(
        "load", _DIRECTED, (_GYRATOR,), ">x vfs, V; >y vfs, V; <lam vfs/rref, A into it",
        "I(lam) = (V(x)-V(y))/rref", "mse",
    ),
    _row(
        "load", _DIRECTED, (_TRANSFORMER,), ">x vfs, V; >y vfs, V; =lam0 vfs, V; =lam vfs, V",
        "V(lam,lam0) = V(x)-V(y)", "mse",
    ),
    _row("load", _TWO_WAY, _BOTH, "=x vfs, V and vfs/rref, A; >y vfs, V", "I(x) = kappa (V(x)-V(y))/rref into it", "mse"),
    _row(
        "load", _DIRECTED, (_GYRATOR,), ">x vfs, V; >lse vfs, V; >y vfs, V; <lam vfs/rref, A into it",
        "I(lam) = (vfs exp((V(x)-V(lse))/vfs)-V(y))/rref", "softmax_cross_entropy",
    ),
    _row(
        "load", _DIRECTED, (_TRANSFORMER,), ">x vfs, V; >lse vfs, V; >y vfs, V; =lam0 vfs, V; =lam vfs, V",
        "V(lam,lam0) = vfs exp((V(x)-V(lse))/vfs)-V(y)", "softmax_cross_entropy",
    ),
    _row(
        "load", _TWO_WAY, _BOTH, "=x vfs, V and vfs/rref, A; >lse vfs, V; >y vfs, V",
        "I(x) = (vfs exp((V(x)-V(lse))/vfs)-V(y))/rref into it", "softmax_cross_entropy",
    ),
    _row("sum", _DIRECTED, (_GYRATOR,), "=node vfs, V", "I(node) = V(node)/rref into it", supplied=False),
    _row("bias", _DIRECTED, (_GYRATOR,), "=s vfs, V", "I(s) = (V(s)-bias vfs)/rref into it", supplied=False),
    _row("bias", _DIRECTED, (_TRANSFORMER,), "=s vfs, V; =low vfs, V", "V(s,low) = bias vfs", supplied=False),
    _row("bias", _TWO_WAY, _BOTH, "=s vfs, V; =low vfs, V", "V(s,low) = bias vfs", supplied=False),
    _row("line", _DIRECTED, _BOTH, "=near vfs, V; =far vfs, V", "V(far) = V(near), later by td; it ends in rt", supplied=False),
    _row("gyrator", _TWO_WAY, (_GYRATOR,), "=a vfs, V and vfs/rref, A; =b vfs, V and vfs/rref, A",
         "I(a) = V(b)/rref into it, I(b) = V(a)/rref out of it"),
    _row("source", _TWO_WAY, _BOTH, ">pad vfs, V; =x vfs, V and vfs/rref, A; <lam vfs, V", "V(x) = V(pad), V(lam) = rref I(x)",
         supplied=False),
)  # fmt: skip


def contract(cell: str, circuit: str, synapse: str, loss: str = "") -> Contract | None:
    """The contract of a cell of the library, or None; activations share one."""
    for one in CONTRACTS:
        if (one.cell, one.circuit) == (cell, circuit) and synapse in one.synapses and one.loss in ("", loss):
            return one
    return None


def pins(cell: str, circuit: str, synapse: str, loss: str = "") -> tuple[str, ...]:
    """Names of a cell's pins.

    Raises
    ------
    KeyError
        If it has no contract.
    """
    found = contract(cell, circuit, synapse, loss)
    if found is None:
        raise KeyError(cell)
    return found.names


def table() -> Iterator[str]:
    """The contract in Markdown."""
    yield "| cell | circuit | pins, in order | at rest |"
    yield "|---|---|---|---|"
    for one in CONTRACTS:
        circuit = one.circuit + ("" if one.synapses == _BOTH else f", {one.synapses[0]}")
        circuit += f", {one.loss}" if one.loss else ""
        listed = [f"`{pin.name}` {pin.direction} ({pin.scale})" for pin in one.pins if pin.direction != "supply"]
        listed += [f"`{' '.join(SUPPLY)}`"] if len(listed) < len(one.pins) else []
        yield f"| `{one.cell}` | {circuit} | {'; '.join(listed)} | {one.holds} |"

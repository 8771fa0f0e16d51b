"""The worldsheet law: each node relaxes towards, and rotates by, the residual between its waves and what arrives.

At each update a node with forward proposal `F` and backward proposal `B` does

    x   <- x   - beta (x - F)   + gamma Z (lam - B)
    lam <- lam - beta (lam - B) - (gamma / Z) (x - F)        with the new x

In the complex wave ``zeta = x / sqrt(Z) + i sqrt(Z) lam`` (without re-using the new `x`) that is one multiplication of
the residual by ``beta + i gamma``: `beta` dissipates, `gamma` scatters. With ``beta = 1, gamma = 0`` nothing is
reflected: the matched law, pipelined backpropagation. The law is the node-wise form of the wave equations of Pehle and
Slotine (arXiv:2602.10461); `THEORY.md` beside this file derives it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from emulator.errors import CompileError
from emulator.laws.base import NodeLaw, halved


@dataclass(frozen=True)
class Worldsheet(NodeLaw):
    """Relaxation `beta` and scattering `gamma` at nodes of characteristic impedance `impedance`.

    Parameters
    ----------
    beta : float
        Dissipation per update, 0 to 2; 1 removes the whole residual, 0 is lossless (and rings).
    gamma : float
        Coupling of the two residuals per update, at least 0.
    impedance : float
        State over costate of a matched wave, above 0.

    Raises
    ------
    CompileError
        For a value outside its range.
    """

    beta: float = 1.0
    gamma: float = 0.0
    impedance: float = 1.0
    name: str = "worldsheet"
    tunable = MappingProxyType({"beta": (0.02, 1.5), "gamma": (1e-4, 2.0), "impedance": (0.01, 10.0)})

    def __post_init__(self) -> None:
        for field, low, high in (("beta", 0.0, 2.0), ("gamma", 0.0, math.inf), ("impedance", 0.0, math.inf)):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise CompileError(f"law {self.name}: {field} is {value!r}; allowed: a finite number")
            if not low <= value <= high or (field == "impedance" and value == 0):
                allowed = (
                    "above 0" if field == "impedance" else f"{low:g} to {high:g}" if high < math.inf else "at least 0"
                )
                raise CompileError(f"law {self.name}: {field} is {value!r}; allowed: {allowed}")
            object.__setattr__(self, field, float(value))

    @property
    def state_update(self) -> str:
        """Code that assigns `x`; with ``beta = 1`` it is `F` to the last bit."""
        return "x = (1 - beta)*x + beta*F + gamma*Z*(lam - B)"

    @property
    def costate_update(self) -> str:
        """Code that assigns `lam`."""
        return "lam = (1 - beta)*lam + beta*B - gamma/Z*(x - F)"

    @property
    def parameters(self) -> Mapping[str, float]:
        """`beta` and `gamma`."""
        return {"beta": self.beta, "gamma": self.gamma}

    @property
    def settles_on_arrival(self) -> bool:
        """True for the matched law."""
        return self.beta == 1.0 and self.gamma == 0.0

    def warnings(self) -> tuple[str, ...]:
        """Limits of a lone node: stable only if ``gamma < 2 - beta``; with line delays ``beta`` must be above 0."""
        if self.beta == 0:
            return ("beta = 0 dissipates nothing: with line delays the waves ring for ever, or grow; raise beta",)
        if self.gamma >= 2 - self.beta:
            return (
                f"gamma = {self.gamma:g} is not below 2 - beta = {2 - self.beta:g}: "
                "a lone node is already unstable; lower gamma",
            )
        return ()

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """Less coupling, more dissipation, less impedance."""
        return {
            "gamma": halved(self.gamma, 6) if self.gamma > 0 else (),
            "beta": [beta for beta in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0) if beta > self.beta],
            "impedance": halved(self.impedance, 6),
        }


@dataclass(frozen=True)
class Matched(Worldsheet):
    """The matched law: ``beta = 1, gamma = 0``; a node reflects nothing and rests when the last wave has landed."""

    beta: float = 1.0
    gamma: float = 0.0
    name: str = "matched"
    tunable = MappingProxyType({})

    @property
    def state_update(self) -> str:
        """What has arrived, whatever was before."""
        return "x = F"

    @property
    def costate_update(self) -> str:
        """What has arrived, whatever was before."""
        return "lam = B"

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """None: it settles."""
        return {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.settles_on_arrival:
            raise CompileError(
                f"law matched: beta is {self.beta!r} and gamma {self.gamma!r}; allowed: beta = 1, gamma = 0 "
                "(use Worldsheet for others)"
            )

"""A law: two lines of update code."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.laws import NodeLaw


@dataclass(frozen=True)
class Lagging(NodeLaw):
    """Every node follows what arrives with a lag."""

    share: float = 0.9
    impedance: float = 1.0
    name = "lagging"
    state_update = "x = x + share*(F - x)"
    costate_update = "lam = lam + share*(B - lam)"

    @property
    def parameters(self):
        return {"share": self.share}

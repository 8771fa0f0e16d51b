"""A law of one's own, with memory: every neuron is two coupled LC resonators."""

from __future__ import annotations

from dataclasses import dataclass

from emulator import NodeLaw


@dataclass(frozen=True)
class Resonator(NodeLaw):
    """The example in the docstring of `NodeLaw`."""

    stiffness: float = 0.3  # dt^2/(L C)
    damping: float = 0.6  # R dt/L
    coupling: float = 0.05  # of the two resonators, by their mutual inductance
    impedance: float = 1.0
    name = "resonator"
    memory = {"v": "0", "w": "0"}
    state_update = "v += stiffness*(F - x) + coupling*Z*(lam - B) - damping*v\nx += v"
    costate_update = "w += stiffness*(B - lam) - coupling/Z*(x - F) - damping*w\nlam += w"

    @property
    def parameters(self):
        return {"stiffness": self.stiffness, "damping": self.damping, "coupling": self.coupling}

"""What is to be simulated on a substrate of two-way lines, and the numbers of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emulator.engine.effects import Effects
from emulator.engine.layout import Ints, biases
from emulator.engine.plan import SMALLEST, Plan
from emulator.engine.programming import programmed
from emulator.families.bilateral.branches import COUPLED, KINDS
from emulator.families.bilateral.layout import BilateralLayout
from emulator.families.bilateral.lines import law_of
from emulator.families.bilateral.solver import junction_code
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral


@dataclass(frozen=True)
class BilateralPlan(Plan):
    """A plan whose lines carry waves both ways between junctions."""

    layout: BilateralLayout
    law: Bilateral

    @property
    def written(self) -> bool:
        """Whether its weights are written into devices as it learns."""
        return self.learning is not None and self.learning.port.devices

    @property
    def direct(self) -> bool:
        """Never: what arrives is held at the tap, which its junction reads."""
        return False

    @property
    def filtered(self) -> bool:
        """Whether any tap has a low-pass."""
        return bool((self.layout.pole < 1).any())

    @cached_property
    def update(self) -> list[str]:
        """The neurons' code."""
        return junction_code(self.loss)

    @property
    def kinds(self) -> Ints:
        """Number of every neuron's activation; see `emulator.families.bilateral.branches.KINDS`."""
        return np.array([KINDS[name] for name in self.layout.function], dtype=np.int32)

    @property
    def alone(self) -> Ints:
        """The same for neurons whose junction is solved by itself."""
        kinds = self.kinds
        if self.loss != "mse":
            kinds[self.layout.outputs] = COUPLED
        return kinds

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in."""
        layout = self.layout
        digest = hashlib.sha256(f"{super().key} {self.filtered}".encode())
        moving = () if layout.crossbars is None else layout.crossbars.structure
        for array in (layout.node, layout.at_neuron, layout.mate, *moving):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def bilateral_values(
    graph: ScatteringGraph,
    layout: BilateralLayout,
    effects: Effects,
    *,
    loaded: bool,
    threshold: float = 0.0,
    resolution: float = 0.0,
    w_max: float | None = None,
) -> dict[str, np.ndarray | float]:
    """Everything but the data; see `emulator.families.base.Family.values`.

    Only crossbars whose weights move are programmed into devices.
    """
    law, load = law_of(graph), np.zeros(layout.neurons)
    load[layout.outputs] = loaded
    kinked = np.array([name == "leaky_relu" for name in layout.function])
    return {
        "bias": biases(graph),
        "load": load,
        "decay": layout.decay,
        "low": np.where(kinked, layout.slope, 0.0),
        "series": layout.series,
        "G": layout.conductance + loaded * layout.shunt,
        "shunt": loaded * layout.shunt,
        "kappa": law.kappa,
        "resistance": law.source_resistance,
        "resolution": resolution,
        "q": max(threshold, SMALLEST),
        "grain": threshold,
        "pole": layout.pole,
        "line_delay": layout.tap_delay - 1.0,
        "on_x": layout.on_x,
        "on_mu": layout.on_mu,
        "own": layout.own,
        "other": layout.other,
        "power_scale": 1 / (2 * layout.impedance),
        "w": layout.scattering if layout.crossbars is None else programmed(graph, layout, w_max=w_max).weight,
        "to_in": layout.to_in[layout.at_neuron],
        "to_out": layout.to_out[layout.at_neuron],
        **({} if layout.crossbars is None else layout.crossbars.values),
        **effects.values,
    }

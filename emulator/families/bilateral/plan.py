"""What is to be simulated on a substrate of two-way lines, and the numbers of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emulator.engine.effects import Effects
from emulator.engine.layout import Ints, biases
from emulator.engine.plan import SMALLEST, Plan
from emulator.engine.programming import programmed, top_weight
from emulator.families.bilateral.branches import COUPLED, KINDS
from emulator.families.bilateral.carriage import Carriage
from emulator.families.bilateral.layout import BilateralLayout
from emulator.families.bilateral.lines import law_of
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral


@dataclass(frozen=True)
class BilateralPlan(Plan):
    """A plan whose lines carry waves both ways between junctions."""

    layout: BilateralLayout
    law: Bilateral
    carriage: Carriage | None = None

    @property
    def carries(self) -> Carriage:
        """What its lines do."""
        assert self.carriage is not None
        return self.carriage

    @property
    def rounds(self) -> bool:
        """Whether waves are rounded as they leave."""
        return "lsb" in self.effects.port_variables

    @property
    def direct(self) -> bool:
        """Never: what arrives is held at the tap, which its junction reads."""
        return False

    @property
    def filtered(self) -> bool:
        """Whether any tap has a low-pass."""
        return bool((self.layout.pole < 1).any())

    @property
    def update(self) -> list[str]:
        """What tells programs of one layout apart."""
        return [self.loss]

    @property
    def ring_depth(self) -> int:
        """Steps for which every wave that left is kept: a power of two, so that chips may share a program."""
        return 1 << (int(self.layout.tap_delay.max(initial=1)) - 1).bit_length()

    @cached_property
    def alike(self) -> bool:
        """Whether all lines of each of the layout's `sides` are as long."""
        delay = self.layout.tap_delay
        return all(bool((delay[a : a + n] == delay[a]).all()) for a, n, *_ in self.layout.sides)

    @property
    def there(self) -> Ints:
        """Where each tap finds in the ring what arrives at the first step (P,)."""
        layout = self.layout
        return np.asarray((1 - layout.tap_delay) % self.ring_depth * layout.ports + layout.partner, dtype=np.int32)

    @property
    def places(self) -> dict[str, Ints]:
        """The same by name, and with crosstalk where it finds what comes to the taps beside it."""
        found = {"there": self.there}
        if self.effects.crosstalk:
            found |= {"there_left": self.there[self.carries.left], "there_right": self.there[self.carries.right]}
        return found

    @property
    def runs(self) -> tuple[Ints, Ints, Ints]:
        """Neurons of one activation that follow each other: first and number (R, 2), `kinds` and `alone` of each."""
        both = np.stack([self.kinds, self.alone])
        first = np.flatnonzero(np.append(True, (both[:, 1:] != both[:, :-1]).any(axis=0)))
        size = np.diff(np.append(first, self.layout.neurons))
        return np.stack([first, size], axis=1).astype(np.int32), self.kinds[first], self.alone[first]

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
        digest = hashlib.sha256(f"{super().key} {self.filtered} {self.alike}".encode())
        beside = (self.carries.left, self.carries.right) if self.effects.crosstalk else ()
        for array in (layout.node, layout.at_neuron, layout.mate, *layout.crossbars.structure, *beside):
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def bilateral_values(
    graph: ScatteringGraph,
    plan: BilateralPlan,
    effects: Effects,
    *,
    loaded: bool,
    threshold: float = 0.0,
    resolution: float = 0.0,
    age: float | None = None,
) -> dict[str, np.ndarray | float]:
    """Everything but the data; see `emulator.families.base.Family.values`."""
    law, layout = law_of(graph), plan.layout
    load, held = np.zeros(layout.neurons), programmed(graph, layout, age, top_weight(plan.learning))
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
        **plan.places,
        "drive": layout.on_x + layout.on_mu + layout.crossbars.as_row + layout.crossbars.as_column,
        "own": layout.own + layout.crossbars.keep,
        "other": layout.other,
        "power_scale": np.where(plan.carries.stuck, 0.0, 1 / (2 * layout.impedance)),
        "w": held.weight,
        "w_sigma": held.sigma,
        "w_top": held.top,
        "to_sum": layout.to_in + layout.to_out,
        **layout.crossbars.values,
        **effects.values,
    }

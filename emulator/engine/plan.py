"""What is to be simulated: a layout, a law, and how long each sample is held."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import brian2
import numpy as np
from numpy.typing import NDArray

from emulator.engine.effects import IDEAL, Effects
from emulator.engine.expressions import activation_codes, node_update
from emulator.engine.law_code import checked_law
from emulator.engine.layout import Layout
from emulator.laws import Law, NodeLaw, node_law
from emulator.learning import Learning

#: one engine step in brian2's time: a power of two, so that every clock and delay is exact in floating point
STEP = 2.0**-10

Values = Mapping[str, NDArray[np.generic] | float]


@dataclass(frozen=True)
class Plan:
    """A run whose structure is fixed, so that it can be compiled once; numbers are passed when it is run.

    Parameters
    ----------
    layout : Layout
    law : Law
    loss : str
    hold : int
        Steps for which each sample is presented.
    samples : int
    probe : bool
        Record when states and costates move (needed for settling times).
    power : bool
        Record the reflected power, summed over the nodes, at every step.
    traces : bool
        Record every state, costate and emitted event at every step.
    effects : Effects
        What the hardware does to waves; nothing by default.
    learning : Learning or None
        How the parameters move; then only outputs and port powers are recorded.
    """

    layout: Layout
    law: Law
    loss: str
    hold: int
    samples: int
    probe: bool = True
    power: bool = True
    traces: bool = False
    effects: Effects = IDEAL
    learning: Learning | None = None

    @property
    def ring_depth(self) -> int:
        """Cells per port in the ring of amplitudes: one a step for as long as an event can wait, or somewhat longer.

        It is a power of two and not small, so that chips whose longest lines differ share a program.
        """
        return max(16, 1 << (self.layout.ring_depth + 2 * self.effects.jitter - 1).bit_length())

    @property
    def direct(self) -> bool:
        """Whether lines hold the amplitudes themselves: each feeds one synapse, and its tap does nothing else."""
        effects = self.effects
        return not (self.layout.tile or effects.jitter or effects.bandwidth or effects.crosstalk)

    @property
    def shunted(self) -> bool:
        """Whether any neuron has a conductance to ground."""
        return bool(self.layout.shunt.any())

    @property
    def decaying(self) -> bool:
        """Whether any weight that learns has a penalty of its own."""
        return self.learning is not None and bool(self.layout.decay.any())

    @property
    def moving(self) -> bool:
        """Whether weights move at every step."""
        return self.learning is not None and self.learning.schedule != "settled"

    @property
    def steps(self) -> int:
        """Steps to run: one more than the holds take, in which the last sample is read."""
        return self.hold * self.samples + 1

    @cached_property
    def used(self) -> tuple[str, ...]:
        """Activations in use; `activation[i]` is a position among them."""
        return activation_codes(self.layout.function)[0]

    @cached_property
    def activation(self) -> NDArray[np.int32]:
        """Per neuron, the position of its activation in `used`."""
        return activation_codes(self.layout.function)[1]

    @cached_property
    def update(self) -> list[str]:
        """The node's update code."""
        law = checked_law(node_law(self.law))
        return node_update(law, self.used, self.loss, self.power, self.effects.noise_poles, self.shunted)

    @property
    def memory(self) -> tuple[str, ...]:
        """Variables that a node law keeps besides state and costate."""
        return tuple(self.law.memory) if isinstance(self.law, NodeLaw) else ()

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in: the same key can be served by the same program."""
        digest = hashlib.sha256()
        layout = self.layout
        names = [*sorted(self.law.parameters), "memory", *sorted(self.memory)]
        text = [brian2.__version__, FORMAT, *self.update, *self.used, *names, self.effects.code]
        text += (
            [] if self.learning is None else [self.learning.code, *(str(block.trainable) for block in layout.blocks)]
        )
        sizes = [
            self.shunted,
            self.decaying,
            layout.neurons,
            self.ring_depth,
            layout.tile,
            self.hold,
            self.samples,
            self.probe,
            self.traces,
        ]
        digest.update("\0".join([*text, *map(str, sizes)]).encode())
        kernels = [block.kernel for block in layout.blocks if block.kernel is not None and self.learning is not None]
        for array in (
            *kernels, self.activation, layout.inputs, layout.outputs, layout.tap_port,
            layout.row, layout.column, layout.to_state, layout.to_costate,
        ):  # fmt: skip
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


def _sources() -> str:
    """A hash of this package's own code: a program compiled by other code is not used."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


FORMAT = _sources()

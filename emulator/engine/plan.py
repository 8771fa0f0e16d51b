"""What is to be simulated: a layout, a law, and how long each sample is held."""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import brian2
import numpy as np
from numpy.typing import NDArray

from emulator.engine.effects import IDEAL, Effects
from emulator.engine.expressions import activation_codes
from emulator.engine.layout import Layout
from emulator.laws import Law
from emulator.learning import Learning
from emulator.network import ACTIVATIONS

Values = Mapping[str, NDArray[np.generic] | float]
#: the least change of a wave that is sent: below it fast floating-point modes flush numbers to zero
SMALLEST = sys.float_info.min


@dataclass(frozen=True)
class Plan(ABC):
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
    seed : int
        Of the random draws of `effects`.
    ramp : int
        Steps in which data and targets move from one sample to the next; with 1 they jump.
    judged : tuple of int
        Sizes of the rows of neurons of which a compiled program finds out itself, as far as it can, when they came to stay
        (see `emulator.engine.entries`); without any all movements are recorded.
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
    seed: int = 0
    ramp: int = 1
    judged: tuple[int, ...] = ()

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

    @property
    def memory(self) -> tuple[str, ...]:
        """Variables that neurons keep besides state and costate."""
        return ()

    @property
    @abstractmethod
    def update(self) -> list[str]:
        """The neurons' code, or whatever else tells one program from another."""

    @cached_property
    def key(self) -> str:
        """A hash of everything that is compiled in: the same key can be served by the same program."""
        digest = hashlib.sha256()
        layout = self.layout
        names = [*sorted(self.law.parameters), "memory", *sorted(self.memory)]
        text = [brian2.__version__, sources(type(self)), *self.update, *self.used, *names, self.effects.code]
        text += (
            []
            if self.learning is None
            else [self.learning.code, *(f"{block.trainable} {block.biased}" for block in layout.blocks)]
        )
        if self.learning is not None and self.learning.port.joint:
            text += [str(ACTIVATIONS[name].bend) for name in self.used if name in ACTIVATIONS]
        sizes = [
            self.shunted,
            self.decaying,
            layout.neurons,
            self.ring_depth,
            layout.tile,
            self.hold,
            self.samples,
            self.ramp,
            self.probe,
            self.traces,
            self.judged,
        ]
        digest.update("\0".join([*text, *map(str, sizes)]).encode())
        kernels = [block.kernel for block in layout.blocks if block.kernel is not None and self.learning is not None]
        for array in (
            *kernels, self.activation, layout.inputs, layout.outputs, layout.tap_port,
            layout.row, layout.column, layout.to_state, layout.to_costate,
            *(self.effects.pairs if self.effects.crosstalk else ()),
        ):  # fmt: skip
            digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:32]


@cache
def sources(kind: type[Plan]) -> str:
    """A hash of the code that makes objects of such a plan, the engine's and its family's: no other program is used."""
    digest = hashlib.sha256()
    for one in kind.__mro__:
        module = sys.modules[one.__module__]
        if issubclass(one, Plan) and (place := getattr(module, "__file__", None)):
            file = Path(place)
            for path in sorted(file.parent.glob("*.py")) if module.__package__ else [file]:
                digest.update(path.read_bytes())
    return digest.hexdigest()

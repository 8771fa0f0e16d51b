"""What runs cost: their steps, and the waves that arrive at synapses. Every choice between targets asks this one model."""

from __future__ import annotations

from typing import NamedTuple

from emulator.engine.compiler import have_compiler

#: seconds of the numpy target for a step, whatever the size, and for a wave that arrives at a synapse; of compiling a program
_STEP, _DELIVERY, _COMPILE = 4e-4, 4e-8, 12.0
#: waves that arrive at a synapse in a step, from both sides, as a mean over holds
_ACTIVE = 0.6


class Cost(NamedTuple):
    """Work of runs, whatever the target.

    Parameters
    ----------
    steps : int
        Node updates of every neuron.
    deliveries : float
        Waves that arrive at synapses (and at the ends of wires), from both sides.
    """

    steps: int
    deliveries: float

    @property
    def interpreted(self) -> float:
        """Seconds that the numpy target takes, about."""
        return self.steps * _STEP + self.deliveries * _DELIVERY


def expected_cost(samples: int, hold: int, synapses: int) -> Cost:
    """The cost of presenting samples for `hold` steps each to a substrate with so many synapses and wires."""
    return Cost(samples * hold, _ACTIVE * samples * hold * synapses)


def suitable_target(cost: Cost) -> str:
    """`numpy` while interpreting is faster than compiling a program, `standalone` beyond; numpy without compiler or make."""
    return "standalone" if cost.interpreted >= _COMPILE and have_compiler() else "numpy"

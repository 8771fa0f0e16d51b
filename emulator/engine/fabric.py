"""What a plan is in brian2: a network of objects, and the variables through which numbers go in and come out."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import Network, Synapses
from brian2.core.variables import Variable

from emulator.engine.clocks import STEP

#: order of what happens in one step
SCHEDULE = ["start", "groups", "thresholds", "latch", "lines", "taps", "synapses", "resets", "end"]


@dataclass
class Fabric:
    """The brian2 objects of a plan, and the variables through which numbers go in and come out."""

    network: Network
    inputs: dict[str, Variable]
    outputs: dict[str, Variable]
    lines: Synapses

    def set_delays(self) -> None:
        """Pass the delays, which are ordinary variables, on to the pathways (standalone: after the run arguments)."""
        for pathway in self.lines._pathways:
            pathway.delay = f"line_delay*{STEP!r}*second"

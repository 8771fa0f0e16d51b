"""What is to be simulated under a node law."""

from __future__ import annotations

from functools import cached_property

from emulator.engine.layout import Layout, flatten
from emulator.engine.plan import Plan
from emulator.families.node.law_code import checked_law
from emulator.families.node.update import node_update
from emulator.graph import ScatteringGraph
from emulator.laws import node_law


class NodePlan(Plan):
    """A plan whose neurons are updated one by one, from what has arrived on lines of one direction each."""

    @cached_property
    def update(self) -> list[str]:
        """The neurons' code."""
        law = checked_law(node_law(self.law))
        return node_update(law, self.used, self.loss, self.power, self.effects.noise_poles, self.shunted)

    @property
    def memory(self) -> tuple[str, ...]:
        """What a node law keeps."""
        return tuple(node_law(self.law).memory)


def lay_out(graph: ScatteringGraph) -> Layout:
    """Flatten a graph whose neurons have a node law; see `emulator.laws.node_law`."""
    node_law(graph.law)
    return flatten(graph)

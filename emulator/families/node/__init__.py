"""Node laws: every neuron updates its state and its costate from what has arrived."""

from emulator.families.node.family import NODE, NodeFamily
from emulator.families.node.plan import NodePlan, lay_out
from emulator.families.node.values import values_of

__all__ = ["NODE", "NodeFamily", "NodePlan", "lay_out", "values_of"]

"""The upwind law: waves that step from cell to cell of any network."""

from emulator.families.upwind.family import UPWIND, UpwindFamily
from emulator.families.upwind.stack import lay_out_stack

__all__ = ["UPWIND", "UpwindFamily", "lay_out_stack"]

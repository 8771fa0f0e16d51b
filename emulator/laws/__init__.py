"""Node laws: one file per law; each docstring gives the equations and their source."""

from emulator.laws.base import NodeLaw
from emulator.laws.worldsheet import Matched, Worldsheet

#: laws by the name a scenario uses
LAWS: dict[str, type[NodeLaw]] = {"matched": Matched, "worldsheet": Worldsheet}

__all__ = ["LAWS", "Matched", "NodeLaw", "Worldsheet"]

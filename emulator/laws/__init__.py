"""Laws: one file per law; each docstring gives the equations and their source."""

from emulator.laws.base import Law, NodeLaw, node_law
from emulator.laws.bilateral import Bilateral, ParallelRL, SeriesRC
from emulator.laws.upwind import Upwind
from emulator.laws.worldsheet import Matched, Worldsheet

#: laws by the name a scenario uses
LAWS: dict[str, type[Law]] = {
    "matched": Matched,
    "worldsheet": Worldsheet,
    "bilateral": Bilateral,
    "upwind": Upwind,
}

__all__ = [
    "LAWS",
    "Bilateral",
    "Law",
    "Matched",
    "NodeLaw",
    "ParallelRL",
    "SeriesRC",
    "Upwind",
    "Worldsheet",
    "node_law",
]

"""Laws: one file per law; each docstring gives the equations and their source."""

from emulator.laws.base import Law, NodeLaw, Outline, checked_law_class, node_law
from emulator.laws.bilateral import Bilateral, ParallelRL, SeriesRC
from emulator.laws.family import family_of
from emulator.laws.upwind import Upwind
from emulator.laws.wave_pmp import WavePMP
from emulator.laws.worldsheet import Matched, Worldsheet
from hwmodels.registry import Registry

#: laws by the name a scenario uses; those of users are registered with ``LAWS[name] = MyLaw``, a dataclass
LAWS: Registry[type[Law]] = Registry(
    "law",
    "backwave.laws",
    {"matched": Matched, "worldsheet": Worldsheet, "bilateral": Bilateral, "upwind": Upwind, "wave-pmp": WavePMP},
    checked_law_class,
)

__all__ = [
    "LAWS",
    "Bilateral",
    "Law",
    "Matched",
    "NodeLaw",
    "Outline",
    "ParallelRL",
    "SeriesRC",
    "Upwind",
    "WavePMP",
    "Worldsheet",
    "family_of",
    "node_law",
]

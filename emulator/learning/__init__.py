"""Learning on the substrate: parameter ports, when they move, and how fast."""

from emulator.learning.adaptive import Adaptive
from emulator.learning.coincidence import Coincidence
from emulator.learning.device import Device, MixedPrecision, agree, device_weights, own_port
from emulator.learning.gauss_newton import GaussNewton
from emulator.learning.newton import LARGEST, Newton
from emulator.learning.ports import Curvatures, Inductive, ParameterPort, Resistive
from emulator.learning.rates import RateSchedule
from emulator.learning.record import PortRecord
from emulator.learning.rule import SCHEDULES, Learning
from emulator.learning.symmetric import SymmetricPair
from emulator.learning.tiki_taka import TikiTaka
from emulator.learning.written import Written

__all__ = [
    "LARGEST",
    "SCHEDULES",
    "Adaptive",
    "Coincidence",
    "Curvatures",
    "Device",
    "GaussNewton",
    "Inductive",
    "Learning",
    "MixedPrecision",
    "Newton",
    "ParameterPort",
    "PortRecord",
    "RateSchedule",
    "Resistive",
    "SymmetricPair",
    "TikiTaka",
    "Written",
    "agree",
    "device_weights",
    "own_port",
]

"""Learning on the substrate: parameter ports, when they move, and how fast."""

from emulator.learning.device import Device, device_weights
from emulator.learning.ports import GaussNewton, Inductive, ParameterPort, Resistive
from emulator.learning.rates import RateSchedule
from emulator.learning.rule import SCHEDULES, Learning

__all__ = [
    "SCHEDULES",
    "Device",
    "GaussNewton",
    "Inductive",
    "Learning",
    "ParameterPort",
    "RateSchedule",
    "Resistive",
    "device_weights",
]

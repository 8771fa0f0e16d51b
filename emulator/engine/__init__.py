"""Scattering graphs in brian2, whatever the law: layouts, plans, targets, recordings; families of laws build on it."""

import emulator.engine._brian2  # noqa: F401
from emulator.engine.effects import Effects, effects_of
from emulator.engine.fabric import Fabric
from emulator.engine.layout import Layout, biases, flatten, weights
from emulator.engine.plan import Plan
from emulator.engine.recording import Recording, WaveTraces
from emulator.engine.simulate import TARGETS, simulate

__all__ = [
    "TARGETS",
    "Effects",
    "Fabric",
    "Layout",
    "Plan",
    "Recording",
    "WaveTraces",
    "biases",
    "effects_of",
    "flatten",
    "simulate",
    "weights",
]

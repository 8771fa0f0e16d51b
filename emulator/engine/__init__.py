"""Scattering graphs in brian2: layout, objects, targets, recordings."""

from emulator.engine.layout import Layout, biases, lay_out, weights
from emulator.engine.plan import Plan
from emulator.engine.simulate import TARGETS, Recording, simulate

__all__ = ["TARGETS", "Layout", "Plan", "Recording", "biases", "lay_out", "simulate", "weights"]

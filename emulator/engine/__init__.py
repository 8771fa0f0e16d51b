"""Scattering graphs in brian2: layout, objects, targets, recordings."""

import emulator.engine._brian2  # noqa: F401
from emulator.engine.effects import Effects, effects_of
from emulator.engine.junction_layout import JunctionLayout, lay_out_junctions
from emulator.engine.junction_run import JunctionRecording, WaveTraces, run_junctions
from emulator.engine.layout import Layout, biases, lay_out, weights
from emulator.engine.plan import Plan
from emulator.engine.simulate import TARGETS, Recording, simulate
from emulator.engine.stack import lay_out_stack
from emulator.engine.upwind_run import run_upwind
from emulator.engine.values import values_of

__all__ = [
    "TARGETS",
    "Effects",
    "JunctionLayout",
    "JunctionRecording",
    "Layout",
    "Plan",
    "Recording",
    "WaveTraces",
    "biases",
    "effects_of",
    "lay_out",
    "lay_out_junctions",
    "lay_out_stack",
    "run_junctions",
    "run_upwind",
    "simulate",
    "values_of",
    "weights",
]

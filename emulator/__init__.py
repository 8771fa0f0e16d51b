"""Backwave: can a physical substrate train neural networks by scattering waves?

The main path, top to bottom: describe a `Network`, compile it for a substrate with `compile_network` (the compiler is
the list `emulator.compile.PASSES`), let it `settle` in brian2, and compare with the exact `reference`; or let it learn
there with `train`.
"""

from emulator import export
from emulator.compile import compile_network
from emulator.errors import (
    BackwaveError,
    CompileError,
    EngineError,
    ExportError,
    FileFormatError,
    NetworkError,
    ScenarioError,
    StudyError,
)
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, Law, Matched, NodeLaw, ParallelRL, SeriesRC, Upwind, Worldsheet
from emulator.learning import Device, GaussNewton, Inductive, ParameterPort, RateSchedule, Resistive
from emulator.measure import Reference, SettleResult, reference
from emulator.network import Activation, Add, Concat, Dense, Gradient, Input, Network, NetworkBuilder
from emulator.settle import settle
from emulator.train import train
from emulator.training import TrainResult
from emulator.tune import Trial, Tuning, tune

__all__ = [
    "Activation",
    "Add",
    "BackwaveError",
    "Bilateral",
    "CompileError",
    "Concat",
    "Dense",
    "Device",
    "EngineError",
    "ExportError",
    "FileFormatError",
    "GaussNewton",
    "Gradient",
    "Inductive",
    "Input",
    "Law",
    "Matched",
    "Network",
    "NetworkBuilder",
    "NetworkError",
    "NodeLaw",
    "ParallelRL",
    "ParameterPort",
    "RateSchedule",
    "Reference",
    "Resistive",
    "ScatteringGraph",
    "ScenarioError",
    "SeriesRC",
    "SettleResult",
    "StudyError",
    "TrainResult",
    "Trial",
    "Tuning",
    "Upwind",
    "Worldsheet",
    "compile_network",
    "export",
    "reference",
    "settle",
    "train",
    "tune",
]

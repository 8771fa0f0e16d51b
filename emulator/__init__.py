"""Backwave: can a physical substrate train neural networks by scattering waves?

The main path, top to bottom: describe a `Network`, compile it for a substrate with `compile_network` (the compiler is the
list `emulator.compile.PASSES`), let it `settle` in brian2, and compare with the exact `reference`.
"""

from emulator.compile import compile_network
from emulator.errors import (
    BackwaveError,
    CompileError,
    EngineError,
    ExportError,
    FileFormatError,
    NetworkError,
    ScenarioError,
)
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral, Law, Matched, NodeLaw, ParallelRL, SeriesRC, Upwind, Worldsheet
from emulator.measure import Reference, SettleResult, reference
from emulator.network import Activation, Add, Concat, Dense, Gradient, Input, Network, NetworkBuilder
from emulator.settle import settle

__all__ = [
    "Activation",
    "Add",
    "BackwaveError",
    "Bilateral",
    "CompileError",
    "Concat",
    "Dense",
    "EngineError",
    "ExportError",
    "FileFormatError",
    "Gradient",
    "Input",
    "Law",
    "Matched",
    "Network",
    "NetworkBuilder",
    "NetworkError",
    "NodeLaw",
    "ParallelRL",
    "Reference",
    "ScatteringGraph",
    "ScenarioError",
    "SeriesRC",
    "SettleResult",
    "Upwind",
    "Worldsheet",
    "compile_network",
    "reference",
    "settle",
]

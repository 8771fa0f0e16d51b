from . import export as export
from .compile import compile_network
from .control.problem import ControlProblem
from .control.solve import Solution, heavy_ball, solve
from .errors import (
    BackwaveError,
    CompileError,
    ControlError,
    EngineError,
    ExportError,
    FileFormatError,
    NetworkError,
    OptionError,
    ScenarioError,
    StudyError,
)
from .graph import ScatteringGraph
from .laws import Bilateral, Law, Matched, NodeLaw, ParallelRL, SeriesRC, Upwind, WavePMP, Worldsheet
from .learning import (
    Adaptive,
    Coincidence,
    Device,
    GaussNewton,
    Inductive,
    Newton,
    ParameterPort,
    RateSchedule,
    Resistive,
)
from .measure import Reference, SettleResult, reference
from .network import (
    Activation,
    ActivationFunction,
    Add,
    Concat,
    Dense,
    Gradient,
    Input,
    Network,
    NetworkBuilder,
    Penalty,
    register_activation,
)
from .options import CheckpointOptions, HoldOptions, Ramp, RunOptions, SubstrateOptions, TrainingOptions
from .runs.settle import settle
from .runs.terminations import Termination, Terminations, terminations
from .runs.train import train
from .runs.tune import Trial, Tuning, tune
from .training import TrainResult
from .versions import __version__ as __version__

__all__ = [
    "Activation",
    "ActivationFunction",
    "Adaptive",
    "Add",
    "BackwaveError",
    "Bilateral",
    "CheckpointOptions",
    "Coincidence",
    "CompileError",
    "Concat",
    "ControlError",
    "ControlProblem",
    "Dense",
    "Device",
    "EngineError",
    "ExportError",
    "FileFormatError",
    "GaussNewton",
    "Gradient",
    "HoldOptions",
    "Inductive",
    "Input",
    "Law",
    "Matched",
    "Network",
    "NetworkBuilder",
    "NetworkError",
    "Newton",
    "NodeLaw",
    "OptionError",
    "ParallelRL",
    "ParameterPort",
    "Penalty",
    "Ramp",
    "RateSchedule",
    "Reference",
    "Resistive",
    "RunOptions",
    "ScatteringGraph",
    "ScenarioError",
    "SeriesRC",
    "SettleResult",
    "Solution",
    "StudyError",
    "SubstrateOptions",
    "Termination",
    "Terminations",
    "TrainResult",
    "TrainingOptions",
    "Trial",
    "Tuning",
    "Upwind",
    "WavePMP",
    "Worldsheet",
    "compile_network",
    "export",
    "heavy_ball",
    "reference",
    "register_activation",
    "settle",
    "solve",
    "terminations",
    "train",
    "tune",
]

from .clock import Clock
from .devices import DeviceArray, program, pulse
from .distributions import Constant, Distribution, LogNormal, Normal, PerLength, Steps, Uniform
from .energy import Energy, EnergyEstimate
from .errors import HardwareError
from .faults import Fault, Faults, StuckPort
from .library import device_presets, load, presets
from .lines import Lines, LineSample
from .model import REQUIRED, SECTIONS, Entry, HardwareModel
from .noise import BandNoise, FlickerNoise, Noise
from .precision import Precision, Quantizer
from .rounding import ROUNDINGS, Rounding, quantize
from .scaled import can_scale, reach, scaled
from .seeds import rng
from .sources import Source
from .weights import (
    Drift,
    LogLaw,
    PolynomialSpread,
    PowerSpread,
    PulsedUpdate,
    SaturatingSpread,
    Weights,
)

__all__ = [
    "REQUIRED",
    "ROUNDINGS",
    "SECTIONS",
    "BandNoise",
    "Clock",
    "Constant",
    "DeviceArray",
    "Distribution",
    "Drift",
    "Energy",
    "EnergyEstimate",
    "Entry",
    "Fault",
    "Faults",
    "FlickerNoise",
    "HardwareError",
    "HardwareModel",
    "LineSample",
    "Lines",
    "LogLaw",
    "LogNormal",
    "Noise",
    "Normal",
    "PerLength",
    "PolynomialSpread",
    "PowerSpread",
    "Precision",
    "PulsedUpdate",
    "Quantizer",
    "Rounding",
    "SaturatingSpread",
    "Source",
    "Steps",
    "StuckPort",
    "Uniform",
    "Weights",
    "can_scale",
    "device_presets",
    "load",
    "presets",
    "program",
    "pulse",
    "quantize",
    "reach",
    "rng",
    "scaled",
]

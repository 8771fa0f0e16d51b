"""Hardware models with sourced presets: delay, noise, precision, mismatch, devices, faults and energy.

The package knows numbers, their units, ranges and sources, and how to sample them; it knows nothing of
networks or simulators.
"""

from hwmodels.clock import Clock
from hwmodels.devices import DeviceArray, program, pulse
from hwmodels.distributions import Constant, Distribution, LogNormal, Normal, PerLength, Steps, Uniform
from hwmodels.energy import Energy, EnergyEstimate
from hwmodels.errors import HardwareError
from hwmodels.faults import Fault, Faults, StuckPort
from hwmodels.library import load, presets
from hwmodels.lines import Lines, LineSample
from hwmodels.model import REQUIRED, Entry, HardwareModel
from hwmodels.noise import BandNoise, FlickerNoise, Noise
from hwmodels.precision import Precision, Quantizer
from hwmodels.quantize import ROUNDINGS, Rounding, quantize
from hwmodels.seeds import rng
from hwmodels.sources import Source
from hwmodels.weights import (
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
    "load",
    "presets",
    "program",
    "pulse",
    "quantize",
    "rng",
]

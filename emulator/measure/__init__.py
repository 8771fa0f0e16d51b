"""What is measured on a run, and the exact reference to measure it against."""

from emulator.measure.reference import Reference, reference
from emulator.measure.result import SettleResult, Traces

__all__ = ["Reference", "SettleResult", "Traces", "reference"]

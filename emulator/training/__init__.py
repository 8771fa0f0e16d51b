"""Training a substrate: streams of samples, stretches between checkpoints, and what comes out."""

from emulator.training.history import History
from emulator.training.result import TrainResult

__all__ = ["History", "TrainResult"]

"""Training a substrate: streams of samples, stretches between checkpoints, and what comes out."""

from emulator.training.history import History
from emulator.training.result import TrainResult
from emulator.training.streams import ORDERS

__all__ = ["ORDERS", "History", "TrainResult"]

"""Networks as users bring them: named layers on a directed acyclic graph, without physics."""

from emulator.network.activations import ACTIVATIONS, ActivationFunction, activation_function, register_activation
from emulator.network.batch import check_batch
from emulator.network.builder import NetworkBuilder
from emulator.network.gradients import DeviceGradient, Gradient, Parameters
from emulator.network.layers import (
    Activation,
    Add,
    Concat,
    Dense,
    Input,
    Layer,
    Slice,
    layer_sources,
)
from emulator.network.losses import LOSSES, Loss, loss_function, softmax
from emulator.network.network import Network
from emulator.network.penalties import Penalty
from emulator.network.tiling import Tiling, tiled

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "Activation",
    "ActivationFunction",
    "Add",
    "Concat",
    "Dense",
    "DeviceGradient",
    "Gradient",
    "Input",
    "Layer",
    "Loss",
    "Network",
    "NetworkBuilder",
    "Parameters",
    "Penalty",
    "Slice",
    "Tiling",
    "activation_function",
    "check_batch",
    "layer_sources",
    "loss_function",
    "register_activation",
    "softmax",
    "tiled",
]

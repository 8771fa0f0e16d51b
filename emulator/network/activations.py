"""Activation functions by name: those that come with this project, and those of users and plug-ins."""

from __future__ import annotations

from emulator.errors import NetworkError, suggest
from emulator.network.activation_check import checked_activation
from emulator.network.elementwise import ActivationFunction, Elementwise
from emulator.network.functions import DEFAULT_SLOPE, FUNCTIONS, leaky_relu
from hwmodels.registry import Registry

__all__ = [
    "ACTIVATIONS",
    "DEFAULT_SLOPE",
    "ActivationFunction",
    "Elementwise",
    "activation_function",
    "known_activation",
    "leaky_relu",
    "register_activation",
]

ACTIVATIONS: Registry[ActivationFunction] = Registry(
    "activation", "backwave.activations", FUNCTIONS, checked_activation
)


def register_activation(function: ActivationFunction) -> ActivationFunction:
    """Let networks use a function by its name; its forms are compared with each other once, here.

    Raises
    ------
    NetworkError
        If its forms disagree.
    PluginError
        If the name is built in.
    """
    if not isinstance(function, ActivationFunction):
        raise NetworkError(f"activation is {function!r}; allowed: an ActivationFunction")
    return ACTIVATIONS.register(function.name, function)


def activation_function(name: str, slope: float = DEFAULT_SLOPE) -> ActivationFunction:
    """Look up an activation function; `slope` matters to those with a parameter only, such as ``leaky_relu``.

    Raises
    ------
    NetworkError
        If `name` is not one of `ACTIVATIONS`.
    """
    found = ACTIVATIONS[known_activation(name)]
    return found if found.of_slope is None else found.of_slope(slope)


def known_activation(name: str) -> str:
    """`name`, if it is one of `ACTIVATIONS`.

    Raises
    ------
    NetworkError
        If not.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise NetworkError(f"no activation function {suggest(name, ACTIVATIONS)}")
    return name

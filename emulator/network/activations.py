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


class Activations(Registry[ActivationFunction]):
    """Activations by name, and besides any expression of `s`, such as ``sin(s)``, which is its own name."""

    def __getitem__(self, name: str) -> ActivationFunction:
        return expression(name) if is_expression(name) else super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        if not is_expression(name):
            return super().__contains__(name)
        try:
            return bool(expression(str(name)))
        except NetworkError:
            return False


def is_expression(name: object) -> bool:
    """Whether this cannot be a name, and so must be an expression of `s`."""
    return isinstance(name, str) and any(sign in name for sign in "()*/+")


def expression(text: str) -> ActivationFunction:
    """The activation that an expression of `s` is; see `emulator.network.expressions`."""
    from emulator.network.expressions import expression_activation

    return expression_activation(text)


ACTIVATIONS: Activations = Activations("activation", "backwave.activations", FUNCTIONS, checked_activation)


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
    """Look up an activation function, or make one of an expression of `s` such as ``sin(s)``.

    `slope` matters to those with a parameter only, such as ``leaky_relu``.

    Raises
    ------
    NetworkError
        If `name` is not one of `ACTIVATIONS`, and no expression.
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
    if is_expression(name):
        return expression(name).name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise NetworkError(f"no activation function {suggest(name, ACTIVATIONS)}")
    return name

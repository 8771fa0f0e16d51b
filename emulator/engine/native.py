"""Work on whole arrays of brian2 variables: in NumPy while interpreting, in C++ in a compiled program.

For what one element's code cannot say, such as the largest of many numbers, or sums over contiguous runs of weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from brian2 import Clock, Function, NetworkOperation, NeuronGroup, Unit, get_device
from brian2.core.variables import Variable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

#: what interpreted work is given: the arrays by the names that the C++ text uses for them
Arrays = dict[str, Any]
#: the work of what is only there in compiled programs
NEVER: Any = None


def native(
    group: NeuronGroup,
    code: str,
    name: str,
    text: str,
    arity: int,
    used: Mapping[str, Variable],
    work: Callable[[Arrays], Callable[[], None]],
    *,
    clock: Clock,
    when: str,
    order: int,
) -> Any:
    """The object that does the work once a step of `clock`; already part of `group` in a compiled program.

    Parameters
    ----------
    group : NeuronGroup
        Whose elements call the compiled function.
    code : str
        How they do.
    name : str
        The function's.
    text : str
        Its definition in C++; ``@NAME`` stands for the array `used` under that name.
    arity : int
        Its number of arguments, all of them whole numbers.
    used : mapping of Variable
        Arrays that are read and written.
    work : callable
        The same in NumPy: what to call once a step, made from the arrays.
    """
    device = get_device()
    label = f"{name}_{when}"
    if not isinstance(device, CPPStandaloneDevice):
        made = work({key: variable.get_value() for key, variable in used.items()})
        return NetworkOperation(made, clock=clock, when=when, order=order, name=label)
    places = {key: f"brian::{device.get_array_name(variable, access_data=False)}" for key, variable in used.items()}
    text = re.sub(r"@(\w+)", lambda found: places[found[1]], text)
    function = Function(
        None, arg_units=[1] * arity, return_unit=Unit(1), arg_types=["integer"] * arity, return_type="integer",
        stateless=False,
    )  # fmt: skip
    function.implementations.add_implementation("cpp", text, name=name)
    group.namespace[name] = function
    group.run_regularly(code, clock=clock, when=when, order=order, name=label)
    return None


@cache
def elementwise(name: str, arity: int, python: Callable[..., np.ndarray], c: str | None) -> Function:
    """A function of floats for all of brian2's targets, in NumPy and as an expression of C in ``a, b, ...``.

    Without an expression it is C's own function of that name. The same one at every call: brian2 keeps what it has translated with
    a function.
    """
    letters = "abcdefg"[:arity]
    made = Function(
        python, arg_units=[1] * arity, return_unit=Unit(1), arg_types=["any"] * arity, return_type="float",
        stateless=True,
    )  # fmt: skip
    made.implementations.add_implementation("numpy", python)
    kinds = ", ".join(["double"] * arity)
    if c is None:
        made.implementations.add_implementation("cpp", "", name=name)
        declared = f'cdef extern from "math.h":\n    double {name}({kinds}) nogil\n'
        made.implementations.add_implementation("cython", declared, name=name)
        return made
    body = f"static inline double {name}({', '.join(f'double {x}' for x in letters)})\n{{\n    return {c};\n}}\n"
    guarded = f"#ifndef BACKWAVE_{name.upper()}\n#define BACKWAVE_{name.upper()}\n#include <math.h>\n{body}#endif\n"
    made.implementations.add_implementation("cpp", guarded, name=name)
    declared = f'cdef extern from *:\n    """{guarded}"""\n    double {name}({kinds}) nogil\n'
    made.implementations.add_implementation("cython", declared, name=name)
    return made


def either(condition: np.ndarray, number: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """One of two numbers, whatever the other is."""
    return np.where(condition, number, otherwise)


def choice() -> Function:
    """`either` for all of brian2's targets; a compiled program works out only the number that it takes, where it can."""
    return elementwise("either", 3, either, "a != 0.0 ? b : c")

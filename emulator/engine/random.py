"""Random numbers that depend only on what they are for: a named key, an element, and a counter.

A stream shared by several effects would give every effect other samples whenever one of them is switched on. Here each
sample is a hash of (key, element, counter), the same on every brian2 target and in every process.
"""

from __future__ import annotations

import numpy as np
from brian2 import Function, Unit

from hwmodels import rng

_C = """
static inline unsigned long long _backwave_mix(unsigned long long z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}
static inline double _backwave_unit(double key, double element, double counter, unsigned long long lane)
{
    unsigned long long z = _backwave_mix((unsigned long long)(long long)key + lane * 0x9E3779B97F4A7C15ULL);
    z = _backwave_mix(z + (unsigned long long)(long long)element * 0xD1B54A32D192ED03ULL);
    z = _backwave_mix(z + (unsigned long long)(long long)counter * 0x8CB92BA72F3D8DD7ULL);
    return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}
"""
_UNIFORM = """
static inline double uniform(double key, double element, double counter)
{
    return _backwave_unit(key, element, counter, 1);
}
"""
_GAUSS = """
static inline double gauss(double key, double element, double counter)
{
    return sqrt(-2.0 * log(_backwave_unit(key, element, counter, 2)))
        * cos(6.283185307179586477 * _backwave_unit(key, element, counter, 3));
}
"""


def key(root_seed: int, *names: str) -> float:
    """The key of a named stream: a whole number that a double holds exactly."""
    return float(rng(root_seed, *names).integers(2**52))


def uniform(key: float, element: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Samples in (0, 1), one per element and counter."""
    return _unit(key, element, counter, 1)


def gauss(key: float, element: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Standard normal samples, one per element and counter."""
    radius = np.sqrt(-2.0 * np.log(_unit(key, element, counter, 2)))
    return np.asarray(radius * np.cos(2 * np.pi * _unit(key, element, counter, 3)))


def _unit(key: float, element: np.ndarray, counter: np.ndarray, lane: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = _mix(_word(key) + np.uint64(lane) * np.uint64(0x9E3779B97F4A7C15))
        z = _mix(z + _word(element) * np.uint64(0xD1B54A32D192ED03))
        z = _mix(z + _word(counter) * np.uint64(0x8CB92BA72F3D8DD7))
    return (np.right_shift(z, np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _word(value: float | np.ndarray) -> np.ndarray:
    return np.asarray(value).astype(np.int64).astype(np.uint64)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def functions() -> dict[str, Function]:
    """`uniform` and `gauss` for brian2 namespaces, on all targets."""
    return {"uniform": _function("uniform", uniform, _UNIFORM), "gauss": _function("gauss", gauss, _GAUSS)}


def _function(name: str, python: object, body: str) -> Function:
    made = Function(
        python,
        arg_units=[1, 1, 1],
        return_unit=Unit(1),
        arg_types=["any", "any", "any"],
        return_type="float",
        stateless=True,
    )
    made.implementations.add_implementation("numpy", python)
    # the helpers are defined once per translation unit, whichever of the two functions comes first
    guarded = "#ifndef BACKWAVE_MIX\n#define BACKWAVE_MIX\n" + _C + "#endif\n" + body
    made.implementations.add_implementation("cpp", guarded, name=name)
    made.implementations.add_implementation("cython", _cython(name), name=name)
    return made


def _cython(name: str) -> str:
    arms = {
        "uniform": "    return _unit_uniform(key, element, counter, 1)\n",
        "gauss": (
            "    return _c_sqrt(-2.0*_c_log(_unit_gauss(key, element, counter, 2)))"
            "*_c_cos(6.283185307179586477*_unit_gauss(key, element, counter, 3))\n"
        ),
    }
    return f"""
from libc.math cimport sqrt as _c_sqrt, log as _c_log, cos as _c_cos
ctypedef unsigned long long _word_{name}
cdef inline _word_{name} _mix_{name}(_word_{name} z) noexcept nogil:
    z = (z ^ (z >> 30)) * <_word_{name}>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <_word_{name}>0x94D049BB133111EB
    return z ^ (z >> 31)
cdef inline double _unit_{name}(double key, double element, double counter, _word_{name} lane) noexcept nogil:
    cdef _word_{name} z
    z = _mix_{name}(<_word_{name}><long long>key + lane * <_word_{name}>0x9E3779B97F4A7C15)
    z = _mix_{name}(z + <_word_{name}><long long>element * <_word_{name}>0xD1B54A32D192ED03)
    z = _mix_{name}(z + <_word_{name}><long long>counter * <_word_{name}>0x8CB92BA72F3D8DD7)
    return (<double>(z >> 11) + 0.5) / 9007199254740992.0
cdef double {name}(double key, double element, double counter) noexcept nogil:
{arms[name]}"""

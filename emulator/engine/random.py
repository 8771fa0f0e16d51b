"""Random numbers that depend only on what they are for: a named key, an element, and a counter.

A stream shared by several effects would give every effect other samples whenever one of them is switched on. Here each
sample is a hash of (key, element, counter), the same on every brian2 target and in every process.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from brian2 import Function, Unit
from numpy.typing import NDArray

from emulator.engine.native import choice
from hwmodels import rng

#: inverse of the normal distribution function as ratios of polynomials, to 1e-8: the middle, and the tails from `_EDGE`
#: (P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution function", 2003)
_MIDDLE = (
    (-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.383577518672690e2, -3.066479806614716e1,
     2.506628277459239e0),
    (-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1.0),
)  # fmt: skip
_TAIL = (
    (-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838e0, -2.549732539343734e0, 4.374664141464968e0,
     2.938163982698783e0),
    (7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996e0, 3.754408661907416e0, 1.0),
)  # fmt: skip
_EDGE = 0.02425


def _horner(coefficients: tuple[float, ...], x: str) -> str:
    """A polynomial, highest power first, as an expression in C."""
    text = repr(coefficients[0])
    for coefficient in coefficients[1:]:
        text = f"({text}*{x} + {coefficient!r})"
    return text


_C = f"""
static inline double _backwave_unit(double key, double element, double counter, unsigned long long lane)
{{
    unsigned long long z = (unsigned long long)(long long)key * 0x9E3779B97F4A7C15ULL
        + (unsigned long long)(long long)element * 0xD1B54A32D192ED03ULL
        + (unsigned long long)(long long)counter * 0x8CB92BA72F3D8DD7ULL + lane;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z = z ^ (z >> 31);
    return ((double)(z >> 12) + 0.5) / 4503599627370496.0;
}}
static inline double _backwave_middle(double q)
{{
    double r = q * q;
    return q * {_horner(_MIDDLE[0], "r")}/{_horner(_MIDDLE[1], "r")};
}}
static inline double _backwave_normal(double p)
{{
    double q = p - 0.5;
    double least = 0.5 - fabs(q);
    if (least < {_EDGE!r})
    {{
        double t = sqrt(-2.0 * log(least));
        t = {_horner(_TAIL[0], "t")}/{_horner(_TAIL[1], "t")};
        return q < 0 ? t : -t;
    }}
    return _backwave_middle(q);
}}
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
    return _backwave_normal(_backwave_unit(key, element, counter, 2));
}
"""
_UNIFORM_IF = """
static inline double uniform_if(double wanted, double key, double element, double counter)
{
    return wanted == 0.0 ? 0.5 : _backwave_unit(key, element, counter, 1);
}
"""
_GAUSS_IF = """
static inline double gauss_if(double wanted, double key, double element, double counter)
{
    return wanted == 0.0 ? 0.0 : _backwave_normal(_backwave_unit(key, element, counter, 2));
}
"""
_CHANCE = """
static inline double chance(double key, double element, double counter)
{
    return _backwave_unit(key, element, counter, 2);
}
"""
_NORMAL = """
static inline double normal(double tail, double p)
{
    return tail == 0.0 ? _backwave_middle(p - 0.5) : _backwave_normal(p);
}
"""
_EXP_IF = """
static inline double exp_if(double wanted, double x)
{
    return wanted == 0.0 ? 1.0 : exp(x);
}
"""


_PULSE_TRAIN = """
static inline int pulse_train(double key, double element, double counter, double p, double slots, double lane)
{
    unsigned int pulses = 0;
    if (p <= 0.0) return 0;
    for (int k = 0; k < (int)slots; k++)
        pulses |= (unsigned int)(_backwave_unit(key, element, 64.0*counter + k, (unsigned long long)lane) < p) << k;
    return (int)pulses;
}
"""
_COINCIDENT = """
static inline int coincident(int row, int column)
{
    return __builtin_popcount((unsigned int)(row & column));
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
    return _normal(_unit(key, element, counter, 2))


def chance(key: float, element: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """Where `gauss` lies in its distribution, in (0, 1)."""
    return _unit(key, element, counter, 2)


def normal(tail: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The sample at a place in the normal distribution; `tail`: whether that is in a tail, which takes its time."""
    return _normal(p)


def _normal(p: np.ndarray) -> np.ndarray:
    q = p - 0.5
    least = 0.5 - np.abs(q)
    r, t = q * q, np.sqrt(-2.0 * np.log(least))
    middle = q * np.polyval(_MIDDLE[0], r) / np.polyval(_MIDDLE[1], r)
    tail = np.polyval(_TAIL[0], t) / np.polyval(_TAIL[1], t)
    return np.asarray(np.where(least < _EDGE, np.where(q < 0, tail, -tail), middle))


def uniform_if(wanted: np.ndarray, key: float, element: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """`uniform` where it is wanted (not 0), else 0.5: of many elements few may need a number, and it takes its time."""
    return np.where(np.asarray(wanted) == 0, 0.5, uniform(key, element, counter))


def gauss_if(wanted: np.ndarray, key: float, element: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """`gauss` where it is wanted (not 0), else 0."""
    return np.where(np.asarray(wanted) == 0, 0.0, gauss(key, element, counter))


def exp_if(wanted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`exp` where it is wanted (not 0), else 1."""
    return np.where(np.asarray(wanted) == 0, 1.0, np.exp(x))


def pulse_train(
    key: float, element: np.ndarray, counter: np.ndarray, p: np.ndarray, slots: np.ndarray | float, lane: float
) -> NDArray[np.int32]:
    """The train of pulses of a line: bit `k` of the number stands for slot `k` of at most 31, and is set with the chance `p`.

    `lane`: another one for rows than for columns, so that a row and a column of one number have trains of their own.
    """
    train = np.zeros(np.broadcast_shapes(*(np.shape(x) for x in (element, counter, p, slots))), np.int32)
    for k in range(int(np.max(slots, initial=0))):
        slot = 64.0 * np.asarray(counter, dtype=np.float64) + k
        pulse = (_unit(key, element, slot, int(lane)) < p) & (k < np.floor(slots))
        train |= pulse.astype(np.int32) << np.int32(k)
    return train


def coincident(row: NDArray[np.int32], column: NDArray[np.int32]) -> NDArray[np.int32]:
    """In how many slots two trains both have a pulse: of pairs of bits, then of four, eight and sixteen."""
    bits = np.asarray(row) & np.asarray(column)
    for half, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        bits = (bits & mask) + ((bits >> half) & mask)
    return bits


def _unit(key: float, element: np.ndarray, counter: np.ndarray, lane: int) -> np.ndarray:
    """Numbers in (0, 1): the mixing of SplitMix64 (Steele, Lea and Flood 2014) on a lattice with three odd steps."""
    with np.errstate(over="ignore"):
        z = _word(key) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(lane)
        z = z + _word(element) * np.uint64(0xD1B54A32D192ED03) + _word(counter) * np.uint64(0x8CB92BA72F3D8DD7)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = np.asarray(z ^ (z >> np.uint64(31)))
    return (np.right_shift(z, np.uint64(12)).astype(np.float64) + 0.5) / 2.0**52


def _word(value: float | np.ndarray) -> NDArray[np.uint64]:
    return np.asarray(value).astype(np.int64).astype(np.uint64)


def many(name: str, key: str, element: str, counter: str) -> str:
    """Code that assigns samples of `gauss` to `name` for many elements: those in the tails apart from all others."""
    return f"lies = chance({key}, {element}, {counter})\nrare = int(0.5 - abs(lies - 0.5) < {_EDGE!r})\n{name} = normal(rare, lies)\n"


def functions() -> dict[str, Function]:
    """`uniform`, `gauss`, trains of pulses, and what is worked out only where it is wanted, for brian2 namespaces, on all targets."""
    made = (
        (uniform, _UNIFORM, 3), (gauss, _GAUSS, 3),
        (uniform_if, _UNIFORM_IF, 4), (gauss_if, _GAUSS_IF, 4), (exp_if, _EXP_IF, 2),
        (chance, _CHANCE, 3), (normal, _NORMAL, 2),
    )  # fmt: skip
    named = {python.__name__: _function(python.__name__, python, body, arity) for python, body, arity in made}
    named["pulse_train"] = _function("pulse_train", pulse_train, _PULSE_TRAIN, 6, "integer")
    named["coincident"] = _function("coincident", coincident, _COINCIDENT, 2, "integer", "integer")
    return named | {"either": choice()}


@cache  # brian2 keeps what it has translated with a function
def _function(name: str, python: object, body: str, arity: int, gives: str = "float", takes: str = "any") -> Function:
    made = Function(
        python,
        arg_units=[1] * arity,
        return_unit=Unit(1),
        arg_types=[takes] * arity,
        return_type=gives,
        stateless=True,
    )
    made.implementations.add_implementation("numpy", python)
    # the helpers are defined once per translation unit, whichever of the functions comes first
    guarded = "#ifndef BACKWAVE_UNIT\n#define BACKWAVE_UNIT\n#include <math.h>\n" + _C + "#endif\n" + body
    made.implementations.add_implementation("cpp", guarded, name=name)
    c = {"float": "double", "any": "double", "integer": "int"}
    kinds = ", ".join([c[takes]] * arity)
    declared = f'cdef extern from *:\n    """{guarded}"""\n    {c[gives]} {name}({kinds}) nogil\n'
    made.implementations.add_implementation("cython", declared, name=name)
    return made

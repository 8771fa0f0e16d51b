"""Random numbers that depend only on what they are for: a named key, an element, and a counter.

A stream shared by several effects would give every effect other samples whenever one of them is switched on. Here each
sample is a hash of (key, element, counter), the same on every brian2 target and in every process.
"""

from __future__ import annotations

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


#: a train is the same at all crossings of its row, or of its column: it is kept until its place in the table is needed
_TRAINS = 1 << 12
_COINCIDENCES = f"""
static inline unsigned long long _backwave_train(double key, double element, double counter, double p, int slots,
                                                 unsigned long long lane)
{{
    struct Train {{ double key, element, counter, p; unsigned long long pulses; int slots; }};
    static Train kept[2][{_TRAINS}];
    Train& train = kept[lane - 3][(unsigned long long)(long long)element % {_TRAINS}ULL];
    if (train.key != key || train.element != element || train.counter != counter || train.p != p || train.slots != slots)
    {{
        unsigned long long pulses = 0;
        for (int k = 0; k < slots; k++)
            pulses |= (unsigned long long)(_backwave_unit(key, element, 64.0*counter + k, lane) < p) << k;
        Train made = {{key, element, counter, p, pulses, slots}};
        train = made;
    }}
    return train.pulses;
}}
static inline double coincidences(double key, double row, double column, double counter, double p, double q, double slots)
{{
    if (p <= 0.0 || q <= 0.0) return 0.0;
    const unsigned long long both = _backwave_train(key, row, counter, p, (int)slots, 3)
        & _backwave_train(key, column, counter, q, (int)slots, 4);
    return (double)__builtin_popcountll(both);
}}
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


def coincidences(
    key: float,
    row: np.ndarray,
    column: np.ndarray,
    counter: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    slots: np.ndarray | float,
) -> np.ndarray:
    """In how many of the slots the pulse trains of a row and of a column both have a pulse.

    A row has one in a slot with the chance `p`, a column with `q`; all crossings of a row see the same train.
    """
    count = np.zeros(np.broadcast_shapes(*(np.shape(x) for x in (row, column, counter, p, q, slots))))
    for k in range(int(np.max(slots, initial=0))):
        slot = 64.0 * np.asarray(counter, dtype=np.float64) + k
        count += (_unit(key, row, slot, 3) < p) & (_unit(key, column, slot, 4) < q) & (k < np.floor(slots))
    return count


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
    """`uniform`, `gauss`, `coincidences`, and what is worked out only where it is wanted, for brian2 namespaces, on all targets."""
    made = (
        (uniform, _UNIFORM, 3), (gauss, _GAUSS, 3),
        (uniform_if, _UNIFORM_IF, 4), (gauss_if, _GAUSS_IF, 4), (exp_if, _EXP_IF, 2),
        (coincidences, _COINCIDENCES, 7), (chance, _CHANCE, 3), (normal, _NORMAL, 2),
    )  # fmt: skip
    named = {python.__name__: _function(python.__name__, python, body, arity) for python, body, arity in made}
    return named | {"either": choice()}


def _function(name: str, python: object, body: str, arity: int) -> Function:
    made = Function(
        python,
        arg_units=[1] * arity,
        return_unit=Unit(1),
        arg_types=["any"] * arity,
        return_type="float",
        stateless=True,
    )
    made.implementations.add_implementation("numpy", python)
    # the helpers are defined once per translation unit, whichever of the functions comes first
    guarded = "#ifndef BACKWAVE_UNIT\n#define BACKWAVE_UNIT\n#include <math.h>\n" + _C + "#endif\n" + body
    made.implementations.add_implementation("cpp", guarded, name=name)
    kinds = ", ".join(["double"] * arity)
    declared = f'cdef extern from *:\n    """{guarded}"""\n    double {name}({kinds}) nogil\n'
    made.implementations.add_implementation("cython", declared, name=name)
    return made

"""The update code of node laws, read and checked before brian2 gets it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.parsing.statements import parse_statement
from brian2.utils.stringtools import get_identifiers

from emulator.errors import EngineError, suggest
from emulator.laws import NodeLaw
from hwmodels.doors import brief, quietly

#: what updates may read
SEEN = ("x", "lam", "F", "B", "Z")
#: the number of the step, for laws that change with time
_STEP = "t_in_timesteps"
#: names of the engine's own, which a law may not use for anything else
_TAKEN = frozenset(
    (
        *("u", "s", "D", "p", "P", "mu", "rx", "rl", "s_in", "B_in", "ext", "bias", "load", "slope", "act"),
        *("out_port", "in_port", "resolution", "seen_x", "seen_lam", "uniform", "gauss", "erfc"),
        *("other", "top", "rest", "shunt", "tanh_slope", "recovered", "either"),
        *("i", "j", "N", "t", "dt", _STEP),
    )
)


def statements(place: str, code: str) -> list[tuple[str, str, str]]:
    """Assigned name, operator and expression of every line.

    Raises
    ------
    EngineError
        For a line that is no assignment.
    """
    found = []
    for line in code.splitlines():
        if not line.partition("#")[0].strip():
            continue
        try:
            with quietly():
                name, operation, text, _ = parse_statement(line.strip())
                compile(text, place, "eval")
        except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
            raise EngineError(
                f"{place} has the line {brief(line.strip())}; allowed: assignments such as 'x = F'"
            ) from error
        found.append((name, operation, text))
    return found


def checked_law(law: NodeLaw) -> NodeLaw:
    """The law, if its updates can be run.

    Raises
    ------
    EngineError
        If a name is the engine's, unknown, or assigned in the wrong update, a parameter is no finite number, or an
        update does not assign its variable.
    """
    place = f"law {law.name}"
    _check_names(place, {"parameter": law.parameters, "memory": law.memory})
    for name, value in law.parameters.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise EngineError(f"{place}: parameter {name} is {value!r}; allowed: a finite number")
    for update, target, other in (("state_update", "x", "lam"), ("costate_update", "lam", "x")):
        _check_update(law, f"{place}: {update}", getattr(law, update), target, other)
    return law


def _check_names(place: str, names: Mapping[str, Mapping[str, object]]) -> None:
    known: list[str] = []
    for kind, group in names.items():
        for name in group:
            if not name.isidentifier() or name in _TAKEN | set(SEEN) | set(DEFAULT_FUNCTIONS) | set(known):
                raise EngineError(f"{place}: {kind} is named {name!r}; allowed: a name that nothing else has")
            known.append(name)


def _check_update(law: NodeLaw, place: str, code: str, target: str, other: str) -> None:
    known = [*SEEN, *law.parameters, *law.memory]
    fixed = _TAKEN | {"F", "B", "Z", other} | set(law.parameters)
    assigned = set()
    for name, operation, text in statements(place, code):
        if name in fixed:
            raise EngineError(f"{place} assigns {name}; allowed: {target}, what is in memory, and temporaries")
        read = get_identifiers(text) | ({name} if operation != "=" else set())
        for unknown in sorted(read - {_STEP} - set(known) - set(DEFAULT_FUNCTIONS) - set(DEFAULT_CONSTANTS)):
            raise EngineError(f"{place} names {suggest(unknown, known)}")
        known.append(name)
        assigned.add(name)
    if target not in assigned:
        raise EngineError(f"{place} does not assign {target}; allowed: code that does")

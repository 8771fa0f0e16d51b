"""The words of a control problem, checked: names, numbers, and expressions as formulas."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import sympy  # type: ignore[import-untyped]
from numpy.typing import NDArray

from emulator.errors import ControlError
from emulator.network.expressions import FUNCTIONS, read
from hwmodels.doors import RefusedError, brief

Floats = NDArray[np.float64]
#: most steps, states and controls
MOST_STEPS, MOST_NAMES = 5000, 32
SCHEMES = ("rk4", "euler")
_TIME, _CIRCLE = "t", "pi"


@dataclass(frozen=True, eq=False)
class Description:
    """What `emulator.ControlProblem` is given; see there."""

    dynamics: Any
    running_cost: Any = 0.0
    terminal_cost: Any = 0.0
    x0: Any = ()
    horizon: float = 1.0
    steps: int = 10
    controls: Any = 1
    scheme: Literal["rk4", "euler"] = "rk4"
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 1 <= self.steps <= MOST_STEPS:
            raise ControlError(f"steps is {brief(self.steps)}; allowed: whole numbers from 1 to {MOST_STEPS}")
        object.__setattr__(self, "horizon", _number("horizon", self.horizon))
        if not self.horizon > 0:
            raise ControlError(f"horizon is {self.horizon:g}; allowed: above 0")
        if self.scheme not in SCHEMES:
            raise ControlError(f"scheme is {brief(self.scheme)}; allowed: {', '.join(SCHEMES)}")
        object.__setattr__(self, "dynamics", _named("dynamics", self.dynamics, "x"))
        if not isinstance(self.constants, Mapping):
            raise ControlError(f"constants is {brief(self.constants)}; allowed: a table of numbers")
        object.__setattr__(
            self, "constants", {name: _number(f"constants.{name}", one) for name, one in self.constants.items()}
        )
        object.__setattr__(self, "controls", self._controls())
        self._check_names()
        object.__setattr__(self, "x0", self._start())
        moving = set().union(*(formula.free_symbols for formula in self.formulas[:-1]))
        for name in self.controls:
            if self.symbols[name] not in moving:
                raise ControlError(f"control {name!r} is in no dynamics; allowed: controls that move a state")
        _ = self.terminal  # is read now, too

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(self.dynamics)

    @property
    def dt(self) -> float:
        """The step in time."""
        return self.horizon / self.steps

    @property
    def times(self) -> Floats:
        """``t_0, ..., t_N``."""
        return np.asarray(self.dt * np.arange(self.steps + 1), dtype=np.float64)

    @property
    def initial(self) -> Floats:
        """The controls at first, (N, m)."""
        return np.column_stack(list(self.controls.values()))

    @cached_property
    def symbols(self) -> dict[str, sympy.Symbol]:
        """States, controls and time as they stand in formulas."""
        return {name: sympy.Dummy(name, real=True) for name in (*self.states, *self.controls, _TIME)}

    @cached_property
    def formulas(self) -> tuple[sympy.Expr, ...]:
        """``f``, then `L`: of states, controls and time."""
        told = [(f"dynamics.{name}", text) for name, text in self.dynamics.items()]
        told.append(("running_cost", self.running_cost))
        return tuple(self._read(place, text, self.symbols) for place, text in told)

    @cached_property
    def terminal(self) -> sympy.Expr:
        """`Phi`: of the states; time is the horizon."""
        names = {name: self.symbols[name] for name in self.states}
        return self._read("terminal_cost", self.terminal_cost, names | {_TIME: self.horizon})

    @property
    def inputs(self) -> dict[str, Floats]:
        """What the network is presented with, one sample: the row that crossbars of controls and first states are held at."""
        return {"one": np.ones((1, 1))}

    def fitting(self, controls: Any) -> Floats:
        """Controls as an array (N, m) of finite numbers.

        Raises
        ------
        ControlError
            If they are none.
        """
        shape = (self.steps, len(self.controls))
        try:
            given = np.array(controls, dtype=np.float64)
        except (TypeError, ValueError):
            raise ControlError(f"controls are {brief(controls)}; allowed: numbers of shape {shape}") from None
        given = given.reshape(shape) if given.size == math.prod(shape) else given
        if given.shape != shape or not np.isfinite(given).all():
            raise ControlError(f"controls have shape {given.shape}; allowed: finite numbers of shape {shape}")
        return given

    def _read(self, place: str, text: object, names: Mapping[str, Any]) -> sympy.Expr:
        try:
            return read(text, {**names, **self.constants, _CIRCLE: math.pi})
        except RefusedError as error:
            raise ControlError(f"{place} {error}") from error

    def _controls(self) -> dict[str, Floats]:
        given = self.controls
        if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MOST_NAMES:
            given = [f"u{k + 1}" for k in range(given)]
        if isinstance(given, str):
            given = [given]
        if isinstance(given, Sequence) and given and all(isinstance(name, str) for name in given):
            given = dict.fromkeys(given, 0.0) if len(set(given)) == len(given) else _twice("controls", given)
        if not isinstance(given, Mapping) or not 1 <= len(given) <= MOST_NAMES:
            raise ControlError(
                f"controls is {brief(self.controls)}; allowed: 1 to {MOST_NAMES} names, a table of first values, or a number"
            )
        return {name: self._first(name, value) for name, value in given.items()}

    def _first(self, name: str, value: Any) -> Floats:
        if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
            return np.full(self.steps, _number(f"controls.{name}", value))
        if np.ndim(value) != 1 or len(value) != self.steps:
            raise ControlError(f"controls.{name} has {len(value)} values; allowed: one, or {self.steps}, one per step")
        return np.array([_number(f"controls.{name}[{k}]", one) for k, one in enumerate(value)])

    def _start(self) -> Floats:
        given, names = self.x0, self.states
        if isinstance(given, Mapping):
            if set(given) != set(names):
                odd = sorted(set(given) ^ set(names), key=str)[0]
                raise ControlError(
                    f"x0 {'lacks' if odd in names else 'names'} {brief(odd)}; allowed: a number for each of {', '.join(names)}"
                )
            given = [given[name] for name in names]
        if isinstance(given, int | float):
            given = [given]
        if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) != len(names):
            count = f"{len(given)} numbers" if isinstance(given, Sequence | np.ndarray) else brief(given)
            raise ControlError(f"x0 has {count}; allowed: {len(names)}, for {', '.join(names)}")
        return np.array([_number(f"x0[{k}]", one) for k, one in enumerate(given)])

    def _check_names(self) -> None:
        known: list[str] = []
        for kind, group in (("dynamics", self.dynamics), ("controls", self.controls), ("constants", self.constants)):
            for name in group:
                if (
                    not isinstance(name, str)
                    or not (name.isidentifier() and name.isascii())
                    or keyword.iskeyword(name)
                    or name in (*FUNCTIONS, _TIME, _CIRCLE)
                ):
                    raise ControlError(
                        f"{kind} has the name {brief(name)}; allowed: letters, digits and _, and no function, t or pi"
                    )
                if name in known:
                    _twice(kind, [*known, name])
                known.append(name)


def _named(place: str, given: Any, letter: str) -> dict[str, Any]:
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Sequence):
        given = {f"{letter}{k + 1}": text for k, text in enumerate(given)}
    if not isinstance(given, Mapping) or not 1 <= len(given) <= MOST_NAMES:
        raise ControlError(f"{place} is {brief(given)}; allowed: a table of 1 to {MOST_NAMES} expressions, by state")
    return dict(given)


def _twice(kind: str, names: Sequence[str]) -> Any:
    name = next(one for one in names if list(names).count(one) > 1)
    raise ControlError(f"{kind} has the name {brief(name)}, which is given twice; allowed: a name for each thing")


def _number(place: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ControlError(f"{place} is {brief(value)}; allowed: a finite number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ControlError(f"{place} is {brief(value)}; allowed: a finite number")
    return number

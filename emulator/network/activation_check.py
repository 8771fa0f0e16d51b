"""Whether the forms of an activation function agree: its derivatives with it, and its texts with both, on a grid."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from emulator.errors import NetworkError
from emulator.network.arrays import FloatArray
from emulator.network.elementwise import ActivationFunction
from emulator.network.formulas import brian2_value, spice_value
from emulator.network.functions import DEFAULT_SLOPE

#: step of the differences; how near a kink nothing is compared
_STEP, _CLEAR = 1e-5, 1e-3
#: relative deviations that are allowed: of differences, of code for brian2, and of formulas for a simulator
_DIFFERENCE, _CODE, _CIRCUIT = 1e-6, 1e-8, 1e-6
_WIDE = np.concatenate(
    [-np.geomspace(1e4, 15.0, 20), np.linspace(-12.0, 12.0, 801) + 3e-4, np.geomspace(15.0, 1e4, 20)]
)
#: what counts as near; how much larger a derivative may be far out and still be bounded, and the margin then
_NEAR, _GROWTH, _MARGIN = 30.0, 1.5, 1.001
_ORDER = ("the value", "the derivative", "the second derivative")


def checked_activation(name: str, function: ActivationFunction) -> ActivationFunction:
    """The record under this name, if its forms agree.

    Raises
    ------
    NetworkError
        Saying which form is wrong, where, and what it should be.
    """
    if not isinstance(function, ActivationFunction):
        raise NetworkError(f"activation {name!r} is {function!r}; allowed: an ActivationFunction")
    if len(function.brian2) != 2 or not all(isinstance(text, str) for text in function.brian2):
        raise NetworkError(f"activation {name!r}: brian2 is {function.brian2!r}; allowed: two texts")
    if function.bend is not None and (not isinstance(function.bend, str) or function.d2phi is None):
        raise NetworkError(f"activation {name!r}: bend is {function.bend!r}; allowed: a text, beside d2phi, or None")
    for language in ("spice", "verilog_a"):
        forms = getattr(function, language)
        if forms is not None and (len(forms) != 2 or not all(isinstance(text, str) for text in forms)):
            raise NetworkError(f"activation {name!r}: {language} is {forms!r}; allowed: two texts, or None")
    forms = _Forms(dataclasses.replace(function, name=name))
    forms.check()
    return forms.bounded()


def bounded(function: ActivationFunction) -> ActivationFunction:
    """A function whose forms agree by construction, with bounds from the grid unless it claims them."""
    return _Forms(function).bounded()


class _Forms:
    """A function's forms at the places where they are compared."""

    def __init__(self, function: ActivationFunction) -> None:
        self.function, self.place = function, f"activation {function.name!r}"
        kinks = np.asarray(function.kinks, dtype=np.float64).reshape(-1, 1)
        self.s = _WIDE[(np.abs(_WIDE - kinks) > _CLEAR).all(axis=0)]
        self.inner = self.s[np.abs(self.s) < _NEAR]
        self.names = ("phi", "dphi") if function.d2phi is None else ("phi", "dphi", "d2phi")

    def check(self) -> None:
        for name in self.names:
            self._values(name, np.zeros((2, 3)))
            self._values(name, self.s)
        for lower, upper in zip(self.names, self.names[1:], strict=False):
            differences = (self._values(lower, self.inner + _STEP) - self._values(lower, self.inner - _STEP)) / (
                2 * _STEP
            )
            self._same(
                upper, self._values(upper, self.inner), differences, self.inner, _DIFFERENCE, f"{lower} has slope"
            )
        self._hinged()
        self._texts()

    def bounded(self) -> ActivationFunction:
        """The function with its texts as one term each, and both bounds: those that it claims, or what the grid shows."""
        slope, near = self._values("dphi", self.s), self._values("dphi", self.inner)
        if "d2phi" in self.names:
            bend = self._values("d2phi", self.s)
        else:
            bend = (self._values("dphi", self.s + _STEP) - self._values("dphi", self.s - _STEP)) / (2 * _STEP)
        bends = bend[np.abs(self.s) < _NEAR]
        changes: dict[str, Any] = {"L1": self._bound("L1", slope, near), "L2": self._bound("L2", bend, bends)}
        for language in ("brian2", "spice", "verilog_a"):
            changes[language] = _terms(getattr(self.function, language))
        return dataclasses.replace(self.function, **changes)

    def _bound(self, name: str, values: FloatArray, near: FloatArray) -> float:
        claimed, largest = float(getattr(self.function, name)), float(np.abs(values).max())
        if math.isnan(claimed):
            return _MARGIN * largest if largest <= _GROWTH * np.abs(near).max() + _DIFFERENCE else math.inf
        if not claimed * (1 + _DIFFERENCE) + _DIFFERENCE >= largest:
            raise NetworkError(
                f"{self.place}: {name} is {claimed!r}; allowed: at least {largest:.6g}, which the derivative reaches at "
                f"s = {self.s[np.abs(values).argmax()]:.6g}"
            )
        return claimed

    def _texts(self) -> None:
        values = {"s": self.s, "slope": np.full_like(self.s, DEFAULT_SLOPE)}
        known = {"s": self.s, **({"slope": values["slope"]} if self.function.of_slope else {})}
        for k, text in enumerate(self.function.brian2):
            found = self._read("brian2", k, brian2_value, text, known)
            exact = self._values(self.names[k], self.s)
            self._same(f"brian2 text of {_ORDER[k]}", found, exact, self.s, _CODE, f"{self.names[k]} is")
            known = {**known, "F": found}
        if self.function.bend is not None and self.function.d2phi is not None:
            given = {"s": self.s, "D": self._values("dphi", self.s)}
            given |= {"slope": np.full_like(self.s, DEFAULT_SLOPE)} if self.function.of_slope else {}
            found = self._read("bend", 2, brian2_value, self.function.bend, given)
            exact = self._values("d2phi", self.s)
            self._same("bend", found, exact, self.s, _CODE, "d2phi is")
        near = {"u": self.inner}
        if self.function.of_slope:
            near["a"] = np.full_like(self.inner, DEFAULT_SLOPE)
        for language in ("spice", "verilog_a"):
            for k, text in enumerate(getattr(self.function, language) or ()):
                found = self._read(language, k, spice_value, text, near)
                exact = self._values(self.names[k], self.inner)
                self._same(f"{language} text of {_ORDER[k]}", found, exact, self.inner, _CIRCUIT, f"{self.names[k]} is")

    def _read(
        self, language: str, k: int, read: Callable[..., FloatArray], text: str, names: dict[str, FloatArray]
    ) -> FloatArray:
        try:
            with np.errstate(all="ignore"):
                return read(text, names)
        except ValueError as error:
            raise NetworkError(f"{self.place}: {language} text of {_ORDER[k]} {error}") from error

    def _values(self, name: str, s: FloatArray) -> FloatArray:
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(getattr(self.function, name)(s), dtype=np.float64)
        except Exception as error:  # whatever a stranger's function raises
            raise NetworkError(f"{self.place}: {name} raises {type(error).__name__}: {error}") from error
        if found.shape != s.shape or np.shares_memory(found, s):
            raise NetworkError(
                f"{self.place}: {name} of shape {s.shape} gives {found.shape}; allowed: a new array of that shape"
            )
        if not np.isfinite(found).all():
            raise NetworkError(f"{self.place}: {name} is {found[~np.isfinite(found)][0]} at s = {s[~np.isfinite(found)][0]:.6g}; "
                               "allowed: finite values")  # fmt: skip
        return found

    def _same(
        self, what: str, found: FloatArray, exact: FloatArray, s: FloatArray, tolerance: float, told: str
    ) -> None:
        wrong = ~(np.abs(found - exact) <= tolerance * (1 + np.abs(exact)))
        if wrong.any():
            k = int(wrong.argmax())
            raise NetworkError(
                f"{self.place}: {what} is {found[k]:.6g} at s = {s[k]:.6g}; allowed: {exact[k]:.6g}, as {told}"
            )

    def _hinged(self) -> None:
        if not self.function.hinge:
            return
        low = -float(self.function.phi(np.array([-1.0]))[0])
        line = np.where(self.s > 0, self.s, low * self.s)
        if not all(math.isfinite(k) and k == 0.0 for k in self.function.kinks):
            raise NetworkError(f"{self.place}: kinks are {self.function.kinks}; allowed with hinge: one at 0")
        self._same(
            "phi", self.function.phi(self.s), line, self.s, _CODE, "a hinge is s above 0 and a line through 0 below"
        )


def _terms(texts: tuple[str, ...] | None) -> Any:
    """The texts as terms that may stand in any formula."""
    return texts and tuple(f"({text})" for text in texts)

"""What an activation function is: one record of everything that any part of this project knows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emulator.errors import EngineError, ExportError
from emulator.network.arrays import FloatArray

Elementwise = Callable[[FloatArray], FloatArray]

#: relative step of differences
_STEP = 1e-6


@dataclass(frozen=True)
class ActivationFunction:
    """An elementwise function ``phi`` and all its forms.

    Attributes
    ----------
    name : str
        Key in `emulator.network.ACTIVATIONS`.
    phi, dphi : callable
        The function and its derivative; each maps an array to a new array of the same shape.
    d2phi : callable, optional
        The second derivative. Without it, predictions near a rest are refused.
    L1, L2 : float
        ``sup |phi'|`` and ``sup |phi''|``, away from the kinks. Registered without, they are looked for on a grid, and
        infinite where the derivative grows; then thresholds of events above 0 are refused.
    kinks : tuple of float
        Where ``phi'`` jumps.
    brian2 : tuple of str
        Value and derivative in brian2's language, of the pre-activation `s`; the derivative may use the value `F`. Both
        should be right to round-off of their own size for any finite `s`. Allowed are the functions in
        `emulator.network.formulas.BRIAN2_FUNCTIONS`. Two-way lines know the built-in functions only.
    bend : str, optional
        The second derivative in brian2's language, of `s`; it may use the derivative `D`. Without it, ports that need the
        Hessian are refused.
    spice : tuple of str, optional
        Value and derivative as formulas of `u` for SPICE (``u>0 ? u : 0``), with the functions in
        `emulator.network.formulas.SPICE_FUNCTIONS`. Without it, circuits cannot be exported.
    verilog_a : tuple of str, optional
        The same for Verilog-A; by default those for SPICE.
    hinge : bool
        Whether it is `s` above 0 and a straight line through 0 below: the only kink that bilateral circuits know.
    of_slope : callable, optional
        The function with another slope of its parameter, which texts call `slope` (brian2) and `a` (SPICE).
    """

    name: str
    phi: Elementwise
    dphi: Elementwise
    d2phi: Elementwise | None = None
    L1: float = math.nan
    L2: float = math.nan
    kinks: tuple[float, ...] = ()
    brian2: tuple[str, str] = ("", "")
    bend: str | None = None
    spice: tuple[str, str] | None = None
    verilog_a: tuple[str, str] | None = None
    hinge: bool = False
    of_slope: Callable[[float], ActivationFunction] | None = None

    @property
    def smooth(self) -> bool:
        """Whether ``phi'`` is continuous."""
        return not self.kinks

    @property
    def jump(self) -> float:
        """The largest jump of ``phi'`` at a kink; 0 without one."""
        if not self.kinks:
            return 0.0
        at = np.array(self.kinks)
        return float(np.max(np.abs(self.dphi(np.nextafter(at, np.inf)) - self.dphi(np.nextafter(at, -np.inf)))))

    def curvature(self, s: FloatArray, exact: bool = True) -> FloatArray:
        """``phi''(s)``, or differences of ``phi'`` where it is not known and need not be `exact`.

        Raises
        ------
        EngineError
            If it is not known.
        """
        if self.d2phi is None and not exact:
            step = _STEP * (1 + np.abs(s))
            return (self.dphi(s + step) - self.dphi(s - step)) / (2 * step)
        if self.d2phi is None:
            raise EngineError(
                f"activation {self.name!r} has no second derivative; allowed here: one that was registered with d2phi"
            )
        return self.d2phi(s)

    def circuit(self, language: str = "spice") -> tuple[str, str]:
        """Value and derivative as formulas of `u` for SPICE, or for Verilog-A.

        Raises
        ------
        ExportError
            If there are none.
        """
        forms = self.verilog_a or self.spice if language == "verilog_a" else self.spice
        if forms is None:
            raise ExportError(
                f"activation {self.name!r} has no {language} form; allowed: one that was registered with it"
            )
        return forms

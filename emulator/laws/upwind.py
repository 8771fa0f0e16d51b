"""The upwind law: the two transport equations of the waves, discretised cell by cell, for residual stacks.

A stack ``x_{k+1} = x_k + f_k(x_k)`` is the maximum principle's boundary-value problem in steps of depth. In the waves
``a = (x + Z lam)/2`` and ``b = (x - Z lam)/2`` each cell takes the wave that comes to it and adds its source,

    a_{k+1} <- (1 - nu) a_{k+1} + nu [a_k     + (f_k(x_k) - Z J_k^T lam_{k+1})/2]
    b_k     <- (1 - nu) b_k     + nu [b_{k+1} - (f_k(x_k) + Z J_k^T lam_{k+1})/2]        J_k = df_k/dx

with a clamped source ``a_0 = x_in - b_0`` and a resistive load ``b_N = [(1 - Z kappa) a_N + Z kappa y]/(1 + Z kappa)``.
`nu` is the Courant number, cells travelled per step: a front is exact at 1, and smeared below, but nothing is ahead of one
cell per step. Since a cell uses `x` of its near and `lam` of its far side, the rest is exactly backpropagation. Source:
the wave equations of C. Pehle and J.-J. Slotine (arXiv:2602.10461), upwind-differenced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from emulator.laws.base import Law, halved
from emulator.laws.bilateral import check_setting


@dataclass(frozen=True)
class Upwind(Law):
    """Counter-propagating waves, for stacks of residual cells of one width that end in a sum, with squared error.

    Parameters
    ----------
    nu : float
        Courant number, above 0 and at most 1.
    impedance : float
        State over costate of a wave, above 0.
    kappa : float
        Conductance of the squared-loss load: costates and gradients are those of `kappa` times the loss. The load
        is matched where ``impedance * kappa = 1``.

    Raises
    ------
    CompileError
        For a value outside its range.
    """

    nu: float = 1.0
    impedance: float = 1.0
    kappa: float = 1.0
    name = "upwind"
    unshunted = (
        "a cell passes on what its two waves and its branch add to them, and has no node to put a conductance at"
    )
    tunable = MappingProxyType({"nu": (0.05, 1.0), "impedance": (0.02, 20.0)})
    family = "emulator.families.upwind:UPWIND"

    def __post_init__(self) -> None:
        check_setting(self, "law upwind", "nu", high=1.0)
        check_setting(self, "law upwind", "impedance")
        check_setting(self, "law upwind", "kappa")

    @property
    def load_conductance(self) -> float:
        """`kappa`."""
        return self.kappa

    @property
    def parameters(self) -> Mapping[str, float]:
        """`nu` and `kappa`."""
        return {"nu": self.nu, "kappa": self.kappa}

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """A smaller Courant number, another impedance."""
        return {
            "nu": [nu for nu in (0.9, 0.8, 0.7, 0.6, 0.5, 0.3) if nu < self.nu],
            "impedance": [*halved(self.impedance, 3), *(float(f"{self.impedance * 2**k:.3g}") for k in (1, 2, 3))],
        }

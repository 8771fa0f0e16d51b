"""The upwind law: the two transport equations of the waves, discretised cell by cell, for chains of cells of any kind.

*Stations* are the rows of neurons that everything passes on its way from the inputs to the output; they hold the waves
``a = (x + Z lam)/2`` and ``b = (x - Z lam)/2``. A *cell* is whatever lies between two of them, evaluated within a step: a layer,
a residual block, a graph of layers. From the state of its near and the costate of its far side it makes ``F = f_k(x_k)`` and
``B = J_k^T lam_{k+1}``, ``J_k = df_k/dx``, and

    a_{k+1} <- (1 - nu) a_{k+1} + nu [F   + Z_{k+1} lam_{k+1} + t (lam_k - B) Z_k]/2
    b_k     <- (1 - nu) b_k     + nu [x_k - Z_k B             + t (x_{k+1} - F) Z_k/Z_{k+1}]/2

with a clamped source ``a_0 = x_in - b_0`` and, at the output, a load whose state agrees with its own answer,
``x + Z dLoss/dx = 2 a`` and ``b = x - a``: of squared errors ``b_N = [(1 - Z kappa) a_N + Z kappa y]/(1 + Z kappa)``.

Where a station adds the one before as it is, by a wire, ``t = 1``: waves travel along it, and a cell adds what is beside it, `f`
with the Jacobian `J`. With ``Z_k = Z_{k+1}``

    a_{k+1} <- (1 - nu) a_{k+1} + nu [a_k     + (f(x_k) - Z J^T lam_{k+1})/2]
    b_k     <- (1 - nu) b_k     + nu [b_{k+1} - (f(x_k) + Z J^T lam_{k+1})/2]

Elsewhere nothing of a wave has a way through, and ``t = 0``. `nu` is the Courant number, cells travelled per step: a front on
wires is exact at 1, and smeared below, but nothing is ahead of one cell per step. Since a cell uses `x` of its near and `lam` of
its far side, the rest is exactly backpropagation: there ``r = x_{k+1} - F`` and ``q = Z_k (lam_k - B)`` obey ``r = t q`` and
``q = -t r Z_k/Z_{k+1}``, so that both are 0.

Source: the wave equations of C. Pehle and J.-J. Slotine (arXiv:2602.10461), upwind-differenced; cells without wires and tapers are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from emulator.laws.base import Law, Outline, halved
from emulator.laws.bilateral import check_setting

#: what is chosen: Courant number, share of the load's impedance, largest rise at a cell, and in all
_COURANT, _SHARE, _STEEPEST, _RANGE = 0.7, 0.3, 16.0, 1e6


@dataclass(frozen=True)
class Upwind(Law):
    """Counter-propagating waves on a chain of cells: any network, any loss, lines of one step, ideal hardware; it does not learn.

    Parameters
    ----------
    nu : float, optional
        Courant number, above 0 and at most 1. Chosen where the impedance is, else 1.
    impedance : float, optional
        State over costate of a wave at the output, above 0. Without it, `chosen` finds it for each network, and with it `nu` and the
        taper where they are not given.
    kappa : float
        Conductance of the squared-loss load: costates and gradients are those of `kappa` times the loss. The load
        is matched where ``impedance * kappa = 1``.
    taper : float, optional
        Factor by which the impedance rises at every cell towards the output, above 0. Chosen where the impedance is, else 1.

    Raises
    ------
    CompileError
        For a value outside its range.
    """

    nu: float = None  # type: ignore[assignment]  # a number once it is compiled
    impedance: float = None  # type: ignore[assignment]  # the same
    kappa: float = 1.0
    taper: float = None  # type: ignore[assignment]  # the same
    name = "upwind"
    by_cells = True
    tunable = MappingProxyType({"nu": (0.05, 1.0), "impedance": (0.02, 20.0), "taper": (0.25, 32.0)})
    family = "emulator.families.upwind:UPWIND"

    def __post_init__(self) -> None:
        if self.impedance is not None:
            for name in ("nu", "taper"):
                if getattr(self, name) is None:
                    object.__setattr__(self, name, 1.0)
        for name in ("nu", "impedance", "kappa", "taper"):
            if name == "kappa" or getattr(self, name) is not None:
                check_setting(self, "law upwind", name, high=1.0 if name == "nu" else math.inf)

    @property
    def load_conductance(self) -> float:
        """`kappa`."""
        return self.kappa

    @property
    def parameters(self) -> Mapping[str, float]:
        """`nu`, `kappa` and `taper`, as far as they are there."""
        return {name: getattr(self, name) for name in ("nu", "kappa", "taper") if getattr(self, name) is not None}

    @property
    def chooses(self) -> bool:
        """Whether no impedance is given."""
        return self.impedance is None

    def chosen(self, outline: Outline) -> Upwind:
        """The settings that are not given, for a network of this outline.

        With impedances that rise by a taper at every cell a cell takes the wave with its Jacobian over the root of the taper. What
        remains of the energy of the waves sinks where that has a norm below 1: 16 is enough for random layers that keep
        the size of states, also where few neurons feed many. Over all cells the impedances rise by no more than a million, so that
        costates keep ten digits. `nu` smears what alternates from step to step, and an impedance below that of the load makes the
        second derivatives of activations weigh less.
        """
        load = self.kappa if outline.loss == "mse" else 1.0
        return replace(
            self,
            nu=_COURANT if self.nu is None else self.nu,
            impedance=_SHARE / load,
            taper=min(_STEEPEST, _RANGE ** (1 / outline.cells)) if self.taper is None else self.taper,
        )

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """A smaller Courant number, another impedance, a steeper taper; nothing that is to be chosen."""
        nu, z, steep = self.nu, self.impedance, self.taper
        found: dict[str, Sequence[Any]] = {}
        if nu is not None:
            found["nu"] = [one for one in (0.9, 0.8, 0.7, 0.6, 0.5, 0.3) if one < nu]
        if z is not None:
            found["impedance"] = [*halved(z, 3), *(float(f"{z * 2**k:.3g}") for k in (1, 2, 3))]
        if steep is not None:
            found["taper"] = [taper for taper in (2.0, 4.0, 8.0, 16.0, 32.0) if taper > steep]
        return found

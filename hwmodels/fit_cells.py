"""Fit of cells, measured one by one, to the mismatch, loss and bandwidth of the hardware model.

A cell that should give `u` gives ``g u`` and a residual, whose variance is fitted as ``offset^2 + gain^2 u^2``: the shape of an
activation that is not quite the law's is an error that differs from neuron to neuron, since each is at another place of it.
What a receiver of the model does is the neuron before the line and the synapse behind it together; a mean gain below 1 is
attenuation, one above adds to the spread of gains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from hwmodels.errors import HardwareError
from hwmodels.fit_report import FitReport
from hwmodels.model import HardwareModel

Array = npt.NDArray[np.float64]
#: a fit worse than this is refused
MIN_R2 = 0.9


@dataclass(frozen=True)
class Measured:
    """What cells do, in units of the network.

    Parameters
    ----------
    file : str
    points : dict of str to (law, found)
        For neuron and synapse, ``forward`` and ``backward``: what the law makes of the inputs, and what was found.
    time_forward, time_backward : float
        Seconds in which a step gets through both to 1 - 1/e.
    """

    file: str
    points: Mapping[str, tuple[Array, Array]]
    time_forward: float
    time_backward: float


def fit_cells(measured: Measured, name: str | None = None) -> FitReport:
    """A hardware model of cells.

    Parameters
    ----------
    measured : Measured
    name : str, optional
        Of the model; by default that of the file.

    Raises
    ------
    HardwareError
        If the cells do not do what their law says.
    """
    parameters: dict[str, float] = {}
    noise: dict[str, float] = {}
    lines: dict[str, float] = {"bandwidth": 1 / (2 * np.pi * max(measured.time_forward, measured.time_backward))}
    left, spread, count = 0.0, 0.0, 0
    for way in ("forward", "backward"):
        mean, offset, gain = 1.0, 0.0, 0.0
        for part in ("neuron", "synapse"):
            law, found = measured.points[f"{part} {way}"]
            r2, fitted = _fitted(law, found)
            if not r2 >= MIN_R2:
                problem = f"{part} {way} follows its law with R2 = {r2:.3f}, allowed: at least {MIN_R2}"
                raise HardwareError(measured.file, problem)
            own, off, relative = fitted
            parameters |= {f"{part}_gain_{way}": own, f"{part}_offset_{way}": off, f"{part}_spread_{way}": relative}
            mean, offset, gain = mean * own, offset + off**2, gain + relative**2
            left, spread, count = (
                left + float(((found - law) ** 2).sum()),
                spread + float((law**2).sum()),
                count + len(law),
            )
        noise[f"offset_mismatch_{way}"] = float(np.sqrt(offset))
        noise[f"gain_mismatch_{way}"] = float(np.sqrt(gain + max(mean - 1, 0.0) ** 2))
        lines[f"attenuation_{way}"] = float(min(mean, 1.0))
    parameters |= {"time_forward_s": measured.time_forward, "time_backward_s": measured.time_backward}
    source = {
        "text": f"fit to the cells of {measured.file}",
        "status": "derived",
        "note": f"{count} points of single cells",
    }
    model = HardwareModel.from_dict(
        {
            "name": name or measured.file.rsplit(".", 1)[0],
            "description": f"Cells of {measured.file}, for states and costates within 1 and pre-activations within 3.",
            "noise": noise,
            "lines": lines,
            "sources": {
                **{f"noise.{field}": source for field in noise},
                **{f"lines.{field}": source for field in lines},
            },
        }
    )
    return FitReport(
        measured.file, count, 1 - left / spread, float(np.sqrt(left / count)), "of full scale", parameters, model
    )


def _fitted(law: Array, found: Array) -> tuple[float, tuple[float, float, float]]:
    """Coefficient of determination about the law's mean gain; that gain, and the spread of offsets and of gains."""
    gain = float(law @ found / (law @ law))
    rest = found - gain * law
    (offset, relative), _ = nnls(np.stack([np.ones_like(law), law**2], axis=1), rest**2)
    r2 = 1 - float((rest**2).sum() / ((found - found.mean()) ** 2).sum())
    return r2 if gain > 0 else 0.0, (gain, float(np.sqrt(offset)), float(np.sqrt(relative)))

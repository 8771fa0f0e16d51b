"""Fit of measured device conductances to the weight model.

- *Programming spread*: maximum likelihood of a polynomial sigma(g) for the deviations from the target at each
  device's first reading, ``measured - target ~ N(0, sigma(g)^2)``.
- *Drift*: per device the slope of ln G against ln t; then the mean exponent as a line in ln g, and the
  standard deviation about it, which includes the read noise. The earliest time in the file is t_0.

Here g is the target over the largest target of the file. The file's format is that of `hwmodels.readings`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from hwmodels.errors import HardwareError
from hwmodels.fit_report import FitReport
from hwmodels.model import HardwareModel
from hwmodels.readings import MIN_ROWS, Readings, read_readings

Array = npt.NDArray[np.float64]

MIN_R2 = 0.5
"""A fit worse than this is refused."""


@dataclass(frozen=True)
class _DriftFit:
    """Exponent law ``nu = slope ln(g) + intercept`` with standard deviation `std`."""

    slope: float
    intercept: float
    std: float

    def at(self, g: Array) -> Array:
        """Mean exponents at relative conductances."""
        return self.slope * np.log(g) + self.intercept


def fit_device(path: str | Path, degree: int = 2, name: str | None = None, as_written: bool = False) -> FitReport:
    """Fit programming spread and drift to device measurements.

    Parameters
    ----------
    path : str or Path
        The CSV file.
    degree : int
        Degree of the polynomial sigma(g), 0 to 4.
    name : str, optional
        Name of the resulting model; by default that of the file.
    as_written : bool
        Take conductances without a unit to be in siemens, and believe those above 1 S.

    Returns
    -------
    FitReport
        Drift is fitted if at least 20 devices were read several times. R2 compares measured conductances with
        target and mean drift.

    Raises
    ------
    HardwareError
        If the file is wrong (see `hwmodels.readings`), has too few devices or targets, conductances grow with
        time, or the model does not describe the data.
    """
    if not 0 <= degree <= 4:
        raise HardwareError("degree", f"{degree} is out of range, allowed: a whole number from 0 to 4")
    file = Path(path).name
    data = read_readings(path, as_written)
    first, g = data.first, data.target / np.max(data.target)
    if np.count_nonzero(first) < MIN_ROWS:
        problem = f"has {np.count_nonzero(first)} devices, allowed: at least {MIN_ROWS}"
        raise HardwareError(file, problem)
    targets, needed = len(np.unique(g[first])), max(degree, 1) + 1
    if targets < needed:
        raise HardwareError(file, f"has {targets} distinct targets, allowed: at least {needed}")
    coefficients = _sigma(g[first], (data.measured - data.target)[first], degree)
    drift = _drift(data, g)
    predicted = data.target
    if drift is not None:
        if np.mean(drift.at(g)) <= 0:
            problem = f"conductances grow with time (nu = {np.mean(drift.at(g)):.3g}), allowed: decay"
            raise HardwareError(file, problem)
        predicted = predicted * (data.time / np.min(data.time)) ** -drift.at(g)
    residual = data.measured - predicted
    r2 = 1 - float(np.sum(residual**2) / np.sum((data.measured - data.measured.mean()) ** 2))
    if not r2 >= MIN_R2:
        problem = f"the device model explains only R2 = {r2:.3f} of the data, allowed: at least {MIN_R2}"
        raise HardwareError(file, problem)
    parameters = {f"sigma_{power}_S": float(value) for power, value in enumerate(coefficients)}
    if drift is not None:
        parameters |= {"nu_slope": drift.slope, "nu_intercept": drift.intercept, "nu_std": drift.std}
    weights = _weights(data, g, coefficients, drift)
    note = f"{len(g)} readings of {np.count_nonzero(first)} devices, R2 = {r2:.5f}"
    source = {"text": f"fit to {file}", "status": "measured", "note": note}
    model = HardwareModel.from_dict(
        {
            "name": name or Path(path).stem,
            "description": f"Devices fitted to {file}.",
            "weights": weights,
            "sources": {f"weights.{field}": source for field in weights},
        }
    )
    rms = float(np.sqrt(np.mean(residual**2)))
    return FitReport(file, len(g), r2, rms, "S", parameters, model)


def _weights(data: Readings, g: Array, coefficients: Array, drift: _DriftFit | None) -> dict[str, Any]:
    """Fields of the weight model."""
    low, high = float(np.min(data.target)), float(np.max(data.target))
    polynomial = [float(value) for value in coefficients]
    fields: dict[str, Any] = {
        "g_min": low,
        "g_max": high,
        "programming": {"kind": "polynomial", "coefficients": polynomial, "reference": high},
        "fitted_low": low,
        "fitted_high": high,
        "fitted_time": float(np.max(data.time)),
    }
    if drift is not None:
        mean = np.maximum(drift.at(g), 0.0)
        fields["drift"] = {
            "first_reading": float(np.min(data.time)),
            "exponent_mean": {
                "slope": drift.slope,
                "intercept": drift.intercept,
                "floor": float(np.min(mean)),
                "ceiling": float(np.max(mean)),
            },
            "exponent_std": {"intercept": drift.std, "floor": drift.std, "ceiling": drift.std},
        }
    return fields


def _sigma(g: Array, deviation: Array, degree: int) -> Array:
    """Maximum-likelihood coefficients [S] of sigma(g), shape (degree + 1,)."""
    scale = float(np.sqrt(np.mean(deviation**2)))
    start = np.zeros(degree + 1)
    if scale == 0:
        return start
    start[0] = 1.0
    powers, scores = np.vander(g, degree + 1, increasing=True), deviation / scale

    def loss(c: Array) -> float:
        sigma = powers @ c
        if np.any(sigma <= 1e-6):
            return math.inf
        return float(np.sum(np.log(sigma) + 0.5 * (scores / sigma) ** 2))

    options = {"maxiter": 20000, "maxfev": 20000, "xatol": 1e-8, "fatol": 1e-10, "adaptive": True}
    fit = minimize(loss, start, method="Nelder-Mead", options=options)
    return scale * np.asarray(fit.x, dtype=np.float64)


def _drift(data: Readings, g: Array) -> _DriftFit | None:
    """Exponent law of the devices read at least twice; None if they are too few."""
    starts = np.flatnonzero(data.first)
    exponents, relative = [], []
    for start, end in zip(starts, [*starts[1:], len(g)], strict=True):
        if end - start >= 2:
            line = np.polyfit(np.log(data.time[start:end]), np.log(data.measured[start:end]), 1)
            exponents.append(-float(line[0]))
            relative.append(float(g[start]))
    if len(exponents) < MIN_ROWS:
        return None
    nu, logarithm = np.array(exponents), np.log(np.array(relative))
    slope, intercept = 0.0, float(nu.mean())
    if len(np.unique(logarithm)) >= 2:
        slope, intercept = (float(value) for value in np.polyfit(logarithm, nu, 1))
    return _DriftFit(slope, intercept, float(np.std(nu - slope * logarithm - intercept)))

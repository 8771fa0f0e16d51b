"""Fit of a two-port measurement (Touchstone ``.s2p``) to a line of the hardware model.

The model is a uniform line of real characteristic impedance Z, attenuation A at rest, delay tau and one pole
at the bandwidth B: its propagation factor is ``P(f) = A exp(-2 pi i f tau) / (1 + i f / B)``, and seen from
ports of resistance R with ``rho = (Z - R) / (Z + R)``

    S11 = S22 = rho (1 - P^2) / (1 - rho^2 P^2)        S12 = S21 = P (1 - rho^2) / (1 - rho^2 P^2)

(D. M. Pozar, Microwave Engineering, section 2.3 and chapter 4). All four parameters are fitted at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from hwmodels.errors import HardwareError
from hwmodels.fit_report import FitReport
from hwmodels.model import HardwareModel
from hwmodels.touchstone import TwoPort, read_touchstone

Complex = npt.NDArray[np.complex128]
Array = npt.NDArray[np.float64]

MIN_POINTS = 10
"""Smallest number of frequencies that is fitted."""
MIN_R2 = 0.95
"""A fit worse than this is refused."""
PLAUSIBLE = (1.0, 500.0)
"""Impedances [ohm] that lines have; others are believed only if asked to."""

_GAIN_TOLERANCE = 1e-3
_UNLIMITED = 30.0
"""A pole this many times above the highest frequency is not resolved: the bandwidth is left unlimited."""


def fit_line(path: str | Path, name: str | None = None, as_written: bool = False) -> FitReport:
    """Fit line delay, attenuation, bandwidth and impedance to a Touchstone file.

    The delay is unique only if frequencies are closer than half its reciprocal (1 ns: below 500 MHz).

    Parameters
    ----------
    path : str or Path
        A two-port file, ``.s2p``, of S, Y, Z, G or H parameters; see `hwmodels.touchstone`.
    name : str, optional
        Name of the resulting model; by default that of the file.
    as_written : bool
        Believe the file even if the line has an impedance that lines do not have.

    Raises
    ------
    HardwareError
        If the file is corrupt, has not two ports, too few or unfit points; if the device is active or not
        reciprocal; if the line model does not describe it, or its impedance is implausible.
    """
    file = Path(path).name
    data = read_touchstone(path)
    frequency, scattering, resistance = data.frequency, data.scattering, data.resistance
    _check(file, frequency, scattering)
    solution = _solve(frequency, scattering, resistance)
    fitted = scattering_parameters(frequency, resistance, *solution)
    residual = scattering - fitted
    spread = float(np.sum(np.abs(scattering - scattering.mean(axis=0)) ** 2))
    r2 = 1 - float(np.sum(np.abs(residual) ** 2)) / spread if spread else 0.0
    if r2 < MIN_R2:
        problem = f"the line model explains only R2 = {r2:.3f} of the data, allowed: at least {MIN_R2}"
        raise HardwareError(file, problem)
    impedance, attenuation, delay, bandwidth = solution
    if not as_written and not PLAUSIBLE[0] <= impedance <= PLAUSIBLE[1]:
        raise HardwareError(file, _implausible(data, impedance))
    limited = bandwidth < _UNLIMITED * frequency[-1]
    fields = {
        "delay_forward": {"kind": "constant", "value": delay},
        "attenuation_forward": min(attenuation, 1.0),
        "impedance": impedance,
        **({"bandwidth": bandwidth} if limited else {}),
    }
    source = {
        "text": f"fit to {file}",
        "status": "measured",
        "note": f"{len(frequency)} points up to {frequency[-1]:.4g} Hz, R2 = {r2:.5f}",
    }
    model = HardwareModel.from_dict(
        {
            "name": name or Path(path).stem,
            "description": f"Line fitted to {file}.",
            "lines": fields,
            "sources": {f"lines.{field}": source for field in fields},
        }
    )
    names = ("impedance_ohm", "attenuation", "delay_s", "bandwidth_Hz")
    parameters = dict(zip(names, solution, strict=True))
    if not limited:
        del parameters["bandwidth_Hz"]
    rms = float(np.sqrt(np.mean(np.abs(residual) ** 2)))
    return FitReport(file, len(frequency), r2, rms, "1", parameters, model)


def scattering_parameters(
    frequency: Array, resistance: float, impedance: float, attenuation: float, delay: float, bandwidth: float
) -> Complex:
    """Scattering matrices ``S[f, out, in]`` of the line model, shape (n, 2, 2)."""
    factor = attenuation * np.exp(-2j * np.pi * frequency * delay) / (1 + 1j * frequency / bandwidth)
    rho = (impedance - resistance) / (impedance + resistance)
    below = 1 - rho**2 * factor**2
    reflected, passed = rho * (1 - factor**2) / below, factor * (1 - rho**2) / below
    return np.stack([np.stack([reflected, passed], -1), np.stack([passed, reflected], -1)], -2)


def _implausible(data: TwoPort, impedance: float) -> str:
    """What is hard to believe of an impedance, and what else the file may mean."""
    low, high = PLAUSIBLE
    problem = f"the line has an impedance of {impedance:.4g} ohm, where lines have {low:g} to {high:g} ohm"
    if data.normalised:
        other = impedance / data.resistance
        problem += (
            f"; {data.parameters} parameters of version 1 are read relative to {data.resistance:g} ohm, and if they "
            f"were in ohm and siemens (R 1) it would have {other:.4g} ohm"
        )
    return f"{problem}; allowed: the right option line, or --as-written to take it as it is"


def _check(file: str, frequency: Array, scattering: Complex) -> None:
    """Refuse data that are no line's."""
    if len(frequency) < MIN_POINTS:
        raise HardwareError(file, f"has {len(frequency)} points, allowed: at least {MIN_POINTS}")
    if not (np.all(np.isfinite(frequency)) and np.all(np.isfinite(scattering))):
        raise HardwareError(file, "contains NaN or infinite values")
    if np.any(np.diff(frequency) <= 0) or frequency[0] < 0:
        raise HardwareError(file, "frequencies must be at least 0 Hz and rise from row to row")
    largest = np.linalg.svd(scattering, compute_uv=False)[:, 0]
    worst = int(np.argmax(largest))
    if largest[worst] > 1 + _GAIN_TOLERANCE:
        problem = f"is active at {frequency[worst]:.4g} Hz (largest singular value {largest[worst]:.4f})"
        raise HardwareError(file, f"{problem}, allowed: a passive line, at most 1")
    gap = float(np.max(np.abs(scattering[:, 0, 1] - scattering[:, 1, 0])))
    if gap > 0.05:
        raise HardwareError(file, f"is not reciprocal (S12 and S21 differ by {gap:.3f}), allowed: at most 0.05")


def _solve(frequency: Array, scattering: Complex, resistance: float) -> tuple[float, float, float, float]:
    """Least-squares impedance, attenuation, delay and bandwidth."""
    top = float(frequency[-1])
    slope = np.polyfit(frequency, np.unwrap(np.angle(scattering[:, 1, 0])), 1)[0]
    delay = max(-float(slope) / (2 * np.pi), 1e-3 / top)
    attenuation = float(np.clip(np.max(np.abs(scattering[:, 1, 0])), 1e-6, 1.0))
    impedance = _impedance(scattering, resistance)

    def solution(x: Array) -> tuple[float, float, float, float]:
        scaled = np.exp(x)
        return impedance * scaled[0], attenuation * scaled[1], delay * scaled[2], top * scaled[3]

    def residual(x: Array) -> Array:
        gap = (scattering_parameters(frequency, resistance, *solution(x)) - scattering).ravel()
        return np.concatenate([gap.real, gap.imag])

    starts = [np.array([0.0, 0.0, 0.0, np.log(pole)]) for pole in (0.5, 2.0, 100.0)]
    limits = ([-5.0, -5.0, -2.0, -5.0], [5.0, 5.0, 2.0, 10.0])
    fits = [least_squares(residual, start, bounds=limits, x_scale="jac") for start in starts]
    return solution(min(fits, key=lambda fit: float(fit.cost)).x)


def _impedance(scattering: Complex, resistance: float) -> float:
    """Median characteristic impedance over frequency, from the chain parameters B and C."""
    s11, s12, s21, s22 = (scattering[:, out, into] for out, into in ((0, 0), (0, 1), (1, 0), (1, 1)))
    above = (1 + s11) * (1 + s22) - s12 * s21
    below = (1 - s11) * (1 - s22) - s12 * s21
    ratio = np.sqrt(above / np.where(np.abs(below) > 1e-9, below, 1e-9)).real
    return resistance * max(float(np.median(ratio)), 1e-3)

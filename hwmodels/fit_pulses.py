"""Fit of measured trains of identical pulses to the update model (`hwmodels.PulsedUpdate`).

- *Range*: the least and the largest conductance of the file are `g_min` and `g_max`.
- *Shape*: least squares of the steps against the conductance before them, up and down each with a first step and a k, for
  the linear, the exponential and the power law; the one with the least error is taken. Where even that one misses the mean
  step somewhere by more than noise explains, the steps become a table.
- *Noise*: of readings, from the way in which errors of successive steps undo each other (`scatter`); what is left is spread
  of the steps, in proportion to them or constant, whichever is likelier.
- *Devices*: spreads of the mean step and of the asymmetry, from each device's own mean, its noise taken off.

Refused are steps that go against their polarity, and steps that depend on more than the conductance: that are others late
in a train than early, at the same conductance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.signal import savgol_filter

from hwmodels.errors import HardwareError
from hwmodels.fit_report import FitReport
from hwmodels.model import HardwareModel
from hwmodels.pulse_curves import Curves, read_pulses
from hwmodels.pulses import PulsedUpdate

Array = npt.NDArray[np.float64]

_SHAPES = ("linear", "exponential", "power")
_BINS, _KNOTS = 8, 9
#: what of a mean step a law may miss, and by how many standard errors
_MISS, _SURE = 0.25, 5.0
#: by how much late steps may differ from early ones
_CHANGE = 0.35


@dataclass(frozen=True)
class PulseFit(FitReport):
    """A fit, with what the picture of its residuals needs, (n,) each."""

    x: Array
    """Relative conductance before each pulse."""
    sign: Array
    """1 for a pulse up, -1 for one down."""
    step: Array
    """Measured change of the relative conductance."""
    law: PulsedUpdate
    """The fitted law."""

    @property
    def fitted(self) -> Array:
        """Mean change by the law."""
        return _moved(self.law, self.x, self.sign)


def fit_pulses(path: str | Path, name: str | None = None, as_written: bool = False) -> PulseFit:
    """Fit the update model to measured trains of pulses.

    Parameters
    ----------
    path : str or Path
        The table; see `hwmodels.pulse_curves`.
    name : str, optional
        Name of the resulting model; by default that of the file.
    as_written : bool
        Take conductances without a unit to be in siemens.

    Raises
    ------
    HardwareError
        If the table is wrong, or the model does not describe the data; in a sentence that says what and where.
    """
    file, data = Path(path).name, read_pulses(path, as_written)
    low, high = float(np.min(data.before)), float(np.max(data.before))
    if high <= low:
        raise HardwareError(file, f"the conductance stays at {low:.4g} S whatever the pulses, allowed: one that moves")
    held = data.before
    law, errors = _law(held, data, low, high)
    if "scatter" in _noise(data, _relative(held, low, high), _residual(law, held, data, low, high), law):
        held = _smooth(data)  # an error of the reading before a pulse would flatten the law
        low, high = float(np.min(held)), float(np.max(held))
        law, errors = _law(held, data, low, high)
    x, step = _relative(held, low, high), (data.after - data.before) / (high - low)
    _check_signs(file, data, x, step, low, high)
    _check_history(file, data, x, step, law)
    residual = step - _moved(law, x, data.sign)
    fields = law.model_dump(exclude_defaults=True)
    found = {**fields, **_noise(data, x, step - _by_device(data, x, step, law), law), **_spreads(data, x, step, law)}
    law = PulsedUpdate(**found)
    r2 = 1 - float(np.sum(residual**2) / np.sum((step - step.mean()) ** 2))
    numbers = {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
    parameters = {
        "g_min_S": low,
        "g_max_S": high,
        **numbers,
        **{f"{key}_error": value for key, value in errors.items()},
    }
    count = len(np.unique(data.device))
    note = f"{len(step)} steps of {count} devices, shape {law.shape}, R2 = {r2:.4f} of single steps"
    model = _model(file, name or Path(path).stem, low, high, found | _width(data), note)
    rms = float(np.sqrt(np.mean(residual**2)) * (high - low))
    return PulseFit(file, len(step), r2, rms, "S", parameters, model, x, data.sign, step, law)


def _moved(law: PulsedUpdate, x: Array, sign: Array) -> Array:
    """Mean changes by the law, which end at the ends of the range."""
    return np.asarray(np.clip(x + law.mean_step(x, sign), 0, 1) - x)


def _relative(held: Array, low: float, high: float) -> Array:
    return np.asarray((held - low) / (high - low))


def _residual(law: PulsedUpdate, held: Array, data: Curves, low: float, high: float) -> Array:
    """Of the steps, in shares of the range."""
    return (data.after - data.before) / (high - low) - _moved(law, _relative(held, low, high), data.sign)


def _law(held: Array, data: Curves, low: float, high: float) -> tuple[PulsedUpdate, dict[str, float]]:
    """The mean law of the steps, and standard errors of its numbers."""
    x, step = _relative(held, low, high), (data.after - data.before) / (high - low)
    if min(np.mean(step[data.sign > 0]), -np.mean(step[data.sign < 0])) <= 0:
        return PulsedUpdate(pulses=1), {}
    fields, errors = _shape(x, step, data.sign)
    law = PulsedUpdate(**fields)
    if _worst(law, x, step, data.sign) is None:
        return law, errors
    return PulsedUpdate(**_table(x, step, data.sign)), {}


def _smooth(data: Curves) -> Array:
    """Conductances before the pulses, by parabolas through seven readings of a train of one polarity."""
    found = data.before.copy()
    turns = (np.diff(data.device) != 0) | (np.diff(data.sign) != 0) | (np.diff(data.pulse) != 1)
    for run in np.split(np.arange(len(found)), np.flatnonzero(turns) + 1):
        if len(run) >= 7:
            found[run] = savgol_filter(data.before[run], 7, 2)
    return found


def _width(data: Curves) -> dict[str, float]:
    return {} if data.width is None else {"pulse_time": data.width}


def _model(file: str, name: str, low: float, high: float, update: dict[str, Any], note: str) -> HardwareModel:
    source = {"text": f"fit to {file}", "status": "measured", "note": note}
    return HardwareModel.from_dict(
        {
            "name": name,
            "description": f"Devices whose pulses were fitted to {file}.",
            "weights": {"g_min": low, "g_max": high, "differential": False, "update": update},
            "sources": {f"weights.{field}": source for field in ("g_min", "g_max", "update")},
        }
    )


def _shape(x: Array, step: Array, sign: Array) -> tuple[dict[str, Any], dict[str, float]]:
    """The law of least error, and standard errors of its numbers."""
    best: tuple[float, dict[str, Any], dict[str, float]] | None = None
    for shape in _SHAPES:
        top = 1.0 if shape == "linear" else 20.0
        size = {way: float(np.mean(np.abs(step[sign == way]))) for way in (1, -1)}

        def missed(p: Array, shape: str = shape) -> Array:
            return np.asarray(np.clip(x + _steps(p, shape, x, sign), 0, 1) - x - step)

        start = np.array([size[1], size[-1], 0.5, 0.5])
        most = np.array([np.inf, np.inf, top, top])
        fit = least_squares(missed, start, bounds=(np.zeros(4), most), x_scale=[size[1], size[-1], 1.0, 1.0])
        up, down, k_up, k_down = (float(v) for v in fit.x)
        mean = (up + down) / 2
        fields = {"pulses": max(1 / mean, 1.0), "asymmetry": (up - down) / (up + down), "shape": shape}
        fields |= {"nonlinearity": k_up, "nonlinearity_down": k_down}
        inverse = np.linalg.pinv(fit.jac.T @ fit.jac) * 2 * fit.cost / max(len(step) - 4, 1)
        s = np.sqrt(np.maximum(np.diag(inverse), 0.0))
        errors = {
            "pulses": float(np.hypot(s[0], s[1]) / 2 / mean**2),
            "asymmetry": float(2 * np.hypot(down * s[0], up * s[1]) / (up + down) ** 2),
            "nonlinearity": float(s[2]),
            "nonlinearity_down": float(s[3]),
        }
        if best is None or fit.cost < best[0] * (1 - 1e-9):
            best = (float(fit.cost), fields, errors)
    assert best is not None
    return best[1], best[2]


def _steps(p: Array, shape: str, x: Array, sign: Array) -> Array:
    """Steps of a law with first steps p[0], p[1] and k p[2], p[3], with sign."""
    gone = np.where(sign > 0, x, 1 - x)
    first, k = np.where(sign > 0, p[0], p[1]), np.where(sign > 0, p[2], p[3])
    if shape == "linear":
        return np.asarray(sign * first * np.maximum(1 - k * gone, 0))
    if shape == "power":
        return np.asarray(sign * first * np.maximum(1 - gone, 1e-12) ** k)
    return np.asarray(sign * first * np.exp(-k * gone))


def _table(x: Array, step: Array, sign: Array) -> dict[str, Any]:
    """Steps at equal distances, by least squares of straight lines between them."""
    knots, found = np.linspace(0, 1, _KNOTS), []
    for way in (1, -1):
        mine = (sign == way) & (np.abs(x + step - 0.5) < 0.5 - 1e-9)  # none that an end has cut off
        hats = np.maximum(0, 1 - np.abs(x[mine, None] - knots) * (_KNOTS - 1))
        smooth = 1e-2 * np.sqrt(np.count_nonzero(mine)) * np.diff(np.eye(_KNOTS), 2, axis=0)
        rows, wanted = np.vstack([hats, smooth]), np.concatenate([way * step[mine], np.zeros(_KNOTS - 2)])
        found.append(np.maximum(np.linalg.lstsq(rows, wanted, rcond=None)[0], 0.0))
    mean = float(np.mean(found))
    tables = [tuple(float(v) for v in steps / mean) for steps in found]
    return {"pulses": max(1 / mean, 1.0), "shape": "table", "up_steps": tables[0], "down_steps": tables[1]}


def _worst(law: PulsedUpdate, x: Array, step: Array, sign: Array) -> tuple[float, float] | None:
    """Polarity and place where the law misses the mean step by more than noise explains; None if nowhere."""
    size = float(np.mean(np.abs(_moved(law, x, sign))))
    for way, at, inside in _bins(x, sign):
        residual = step[inside] - _moved(law, x[inside], sign[inside])
        if abs(residual.mean()) > max(_MISS * size, _SURE * residual.std() / np.sqrt(residual.size)):
            return way, at
    return None


def _bins(x: Array, sign: Array) -> list[tuple[float, float, npt.NDArray[np.bool_]]]:
    """Polarity, middle, and members of every part of the range with enough steps."""
    edges, found = np.linspace(0, 1, _BINS + 1), []
    for way in (1.0, -1.0):
        for low, high in pairwise(edges):
            inside = (sign == way) & (x >= low) & ((x < high) | (high == 1))
            if np.count_nonzero(inside) >= 8:
                found.append((way, float(low + high) / 2, inside))
    return found


def _check_signs(file: str, data: Curves, x: Array, step: Array, low: float, high: float) -> None:
    """Refuse pulses that move devices the wrong way."""
    span = high - low
    for way in (1.0, -1.0):
        mine = step[data.sign == way] * way
        if mine.mean() <= 0:
            word, other = ("up", "falls") if way > 0 else ("down", "rises")
            raise HardwareError(
                file,
                f"pulses {word} do not move the conductance their way: it {other} by {abs(mine.mean()) * span:.3g} S in the mean",
            )
    for way, at, inside in _bins(x, data.sign):
        mine = step[inside] * way
        if mine.mean() < -_SURE * mine.std() / np.sqrt(mine.size):
            word = "up" if way > 0 else "down"
            raise HardwareError(
                file,
                f"pulses {word} near {low + at * span:.3g} S move the conductance the other way, by {abs(mine.mean()) * span:.3g} S "
                f"in the mean of {mine.size}, allowed: steps in the direction of their polarity",
            )


def _check_history(file: str, data: Curves, x: Array, step: Array, law: PulsedUpdate) -> None:
    """Refuse steps that are others late in the trains than early, at the same conductance."""
    expected = _moved(law, x, data.sign)
    for way, word in ((1.0, "up"), (-1.0, "down")):
        mine = data.sign == way
        late = mine & (data.pulse > np.median(data.pulse[mine]))
        early = mine & ~late
        ratios, errors = [], []
        for part in (early, late):
            weight = np.sum(expected[part] ** 2)
            ratio = np.sum(step[part] * expected[part]) / weight
            spread = np.std(step[part] - ratio * expected[part])
            ratios.append(ratio)
            errors.append(spread / np.sqrt(weight))
        change = ratios[1] - ratios[0]
        if abs(change) > max(_CHANGE * abs(ratios[0]), _SURE * float(np.hypot(*errors))):
            raise HardwareError(
                file,
                f"steps {word} after pulse {np.median(data.pulse[mine]):g} are {ratios[1] / ratios[0]:.2g} times those before it at "
                "the same conductance, allowed: steps that depend on the conductance alone (no wear, no drift of the readings)",
            )


def _by_device(data: Curves, x: Array, step: Array, law: PulsedUpdate) -> Array:
    """Mean changes by the law, scaled for each device and polarity to its own steps."""
    expected = _moved(law, x, data.sign)
    group = 2 * data.device + (data.sign > 0)
    weight, product = np.bincount(group, expected**2), np.bincount(group, expected * step)
    return np.asarray(expected * (product / np.maximum(weight, 1e-300))[group])


def _noise(data: Curves, x: Array, residual: Array, law: PulsedUpdate) -> dict[str, float]:
    """Spread of readings and of steps."""
    follows = (np.diff(data.device) == 0) & (np.diff(data.pulse) == 1)
    undone = float(np.mean(residual[:-1][follows] * residual[1:][follows])) if follows.any() else 0.0
    reading = max(0.0, -undone)
    reading = reading if reading > 3 * np.var(residual) / np.sqrt(max(follows.sum(), 1)) else 0.0
    left, mean = max(float(np.var(residual)) - 2 * reading, 0.0), np.abs(_moved(law, x, data.sign))
    found = {"scatter": float(np.sqrt(reading) * law.pulses)} if reading else {}
    if left <= 0:
        return found
    relative = np.sqrt(left / np.mean(mean**2))
    sigma_relative = np.sqrt((relative * mean) ** 2 + 2 * reading + 1e-30)
    sigma_constant = np.full(mean.shape, np.sqrt(left + 2 * reading))
    chance = [float(np.sum(np.log(s) + 0.5 * (residual / s) ** 2)) for s in (sigma_relative, sigma_constant)]
    if chance[0] < chance[1]:
        return {**found, "write_noise": float(relative)}
    return {**found, "constant_noise": float(np.sqrt(left) * law.pulses)}


def _spreads(data: Curves, x: Array, step: Array, law: PulsedUpdate) -> dict[str, float]:
    """Spreads from device to device of the mean step and of the asymmetry."""
    expected, factors, errors = _moved(law, x, data.sign), [], []
    for device in np.unique(data.device):
        pair = []
        for way in (1, -1):
            mine = (data.device == device) & (data.sign == way)
            if np.count_nonzero(mine) < 8:
                break
            weight = np.sum(expected[mine] ** 2)
            ratio = float(np.sum(step[mine] * expected[mine]) / weight)
            pair.append((ratio, float(np.var(step[mine] - ratio * expected[mine]) / weight)))
        if len(pair) == 2:
            factors.append([pair[0][0], pair[1][0]])
            errors.append(pair[0][1] + pair[1][1])
    if len(factors) < 5:
        return {}
    ratios, error = np.array(factors), float(np.mean(errors)) / 4
    mean, difference = ratios.mean(axis=1), (ratios[:, 0] - ratios[:, 1]) / 2
    found = {"step_spread": float(mean.var(ddof=1)) - error, "asymmetry_spread": float(difference.var(ddof=1)) - error}
    return {name: float(np.sqrt(value)) for name, value in found.items() if value > error / len(ratios)}

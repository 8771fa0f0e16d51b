"""Outcome of a fit to measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwmodels import storage
from hwmodels.model import HardwareModel


@dataclass(frozen=True)
class FitReport:
    """Fitted parameters, how well they fit, and the hardware model they make."""

    file: str
    """Name of the measurement file."""
    n: int
    """Number of measured points that were fitted."""
    r2: float
    """Coefficient of determination: 1 is a perfect fit, 0 no better than the mean."""
    rms_residual: float
    """Root mean square of measured minus fitted, in `residual_unit`."""
    residual_unit: str
    """SI unit of the residual."""
    parameters: dict[str, float]
    """Fitted numbers in SI units, by name."""
    model: HardwareModel
    """Hardware model that is ideal but for the fitted fields."""

    @property
    def fragment(self) -> dict[str, Any]:
        """The fitted fields and their sources as nested plain tables, to merge into another model."""
        return storage.table(self.model)

    def on(self, base: HardwareModel) -> HardwareModel:
        """`base` with what was fitted in its place: the weights, or what the fit says of lines."""
        below, own = storage.table(base), {**self.fragment, "name": self.model.name}
        if "weights" in own:
            below = {key: value for key, value in below.items() if key != "weights"}
            kept = {key: value for key, value in below.get("sources", {}).items() if not key.startswith("weights.")}
            below["sources"] = kept
        described = f"{own.get('description', '')} On {base.name}: {base.description}".strip()
        return HardwareModel.from_dict(storage.merged_on(below, {**own, "description": described}))

    def to_toml(self, path: str | Path, base: HardwareModel | None = None) -> None:
        """Write the fitted model, or `base` with what was fitted, to a TOML file."""
        (self.model if base is None else self.on(base)).to_toml(path)

    def summary(self) -> str:
        """Report in a few lines of text."""
        lines = [
            f"{self.file}: {self.n} points, R2 = {self.r2:.6f}, "
            f"rms residual = {self.rms_residual:.4g} {self.residual_unit}"
        ]
        lines += [f"  {name} = {value:.6g}" for name, value in self.parameters.items()]
        return "\n".join(lines)

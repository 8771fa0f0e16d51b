"""What a training hands back."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from emulator.measure.clipping import Clipping
from emulator.network import Network
from emulator.training.history import History
from emulator.training.spent import Spent
from emulator.units import si
from hwmodels import markup


@dataclass(frozen=True)
class TrainResult:
    """Outcome of training a network on a substrate.

    Parameters
    ----------
    network : Network
        With the parameters that the substrate held in the end; after an early stop, those of the best evaluation;
        after a divergence that ended the training, the last good ones.
    history : History
    status : str
        ``finished``, ``stopped early``, ``out of samples`` or ``diverged``: weights or loss exploded, which ends a
        training, or the loss of its last quarter stays above that of the initial network and of a constant answer.
    reason : str or None
        Why it ended before it was finished, or how it diverged.
    samples : int
        Samples learned from, earlier runs of a resumed training included.
    complete : bool
        Whether it presented all samples that it was to present.
    hold : int
        Steps per sample.
    step : float
        Seconds per step of the substrate.
    events : int
        Events that lines carried while learning, both directions.
    several : int
        Steps in which a junction of two-way lines had more than one answer (`emulator.families.bilateral.answers`).
    target : str
        brian2 target that ran.
    settings : dict
        What the trajectory depends on.
    warnings : tuple of str
    seeds, versions, times : dict
    clipping : Clipping or None
        Shares of waves and weights of the trained network that are beyond the hardware's full scale; None if the
        hardware has none, or the samples came from an iterator.
    test_spread : float
        Of a regression: squares of the test targets' deviations from their mean, summed over outputs, mean over samples; else
        NaN.
    bus_events, bus_joules : int, float or None
        Efforts and sums that buses of tied kernels carried, and their energy; None where that of an event is not known.
    spent : Spent
        Energy of the training's waves, and writes of its devices.
    port : str
        The parameter port by its name, and what it is.
    """

    network: Network
    history: History
    status: str
    reason: str | None
    samples: int
    complete: bool
    hold: int
    step: float
    events: int
    several: int
    target: str
    settings: dict[str, str]
    warnings: tuple[str, ...]
    seeds: dict[str, int]
    versions: dict[str, str]
    times: dict[str, float]
    clipping: Clipping | None = None
    test_spread: float = math.nan
    bus_events: int = 0
    bus_joules: float | None = None
    spent: Spent | None = None
    port: str = ""

    @property
    def test_accuracy(self) -> float:
        """The last test accuracy, 0 to 1; NaN without a test set."""
        taken = self.history.evaluations()[2]
        return float(taken[-1]) if len(taken) else math.nan

    @property
    def test_loss(self) -> float:
        """The last test loss; NaN without a test set."""
        taken = self.history.evaluations()[1]
        return float(taken[-1]) if len(taken) else math.nan

    @property
    def test_rmse(self) -> float:
        """Of a regression, the root of the mean squared deviation of outputs from targets at the last test; else NaN."""
        known = self.test_spread == self.test_spread
        return math.sqrt(2 * self.test_loss / self.network.size(self.network.output)) if known else math.nan

    @property
    def test_r2(self) -> float:
        """Of a regression, the share of the test targets' variance that outputs explained at the last test; else NaN."""
        return 1 - 2 * self.test_loss / self.test_spread if self.test_spread > 0 else math.nan

    @property
    def substrate_seconds(self) -> float:
        """Time on the substrate, of waves and of pulses that write devices; NaN where that of a pulse is not known."""
        pulses = 0.0 if self.spent is None else self.spent.pulse_seconds
        return math.nan if pulses is None else self.samples * self.hold * self.step + pulses

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        time = self.substrate_seconds
        rows = [
            ("samples", f"{self.samples:,}"),
            ("time on the substrate", "not known" if math.isnan(time) else si(time, "s")),
        ]
        rows += [(name.replace("_", " "), f"{value:.4g}") for name in ("test_accuracy", "test_r2", "test_loss")
                 if not math.isnan(value := getattr(self, name))]  # fmt: skip
        reason = "" if self.reason is None else f"; {self.reason}"
        return markup.table(f"Training: {self.status}{reason}", [*rows, *(("warning", text) for text in self.warnings)])

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON (NaN becomes None)."""
        history = {
            name: [None if math.isnan(v) else float(v) for v in column]
            for name, column in self.history.columns().items()
        }
        return {
            "status": self.status,
            "reason": self.reason,
            "port": self.port,
            "samples": self.samples,
            "complete": self.complete,
            "test_accuracy": None if math.isnan(self.test_accuracy) else self.test_accuracy,
            "test_loss": None if math.isnan(self.test_loss) else self.test_loss,
            "test_rmse": None if math.isnan(self.test_rmse) else self.test_rmse,
            "test_r2": None if math.isnan(self.test_r2) else self.test_r2,
            "hold": {"steps": self.hold, "seconds": self.hold * self.step},
            "substrate_seconds": None if math.isnan(self.substrate_seconds) else self.substrate_seconds,
            "events": self.events,
            "spent": None if self.spent is None else dataclasses.asdict(self.spent),
            "bus": {"events": self.bus_events, "joules": self.bus_joules},
            "several_answers": {"steps": self.several},
            "history": history,
            "target": self.target,
            "settings": self.settings,
            "warnings": list(self.warnings),
            "clipped": None if self.clipping is None else self.clipping.to_dict(),
            "network_digest": self.network.digest,
            "seeds": self.seeds,
            "versions": self.versions,
            "times": self.times,
        }

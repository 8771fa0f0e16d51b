"""What one technology came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Mean energy of one sample, as far as the technology's figures go.

    Parameters
    ----------
    joules : float
        Sum of the known contributions.
    missing : tuple of str
        Figures that are not known; with any, `joules` is a lower bound.
    """

    joules: float
    missing: tuple[str, ...]


@dataclass(frozen=True)
class TechnologyResult:
    """What one technology came to; everything that is measured is None where its model is incomplete.

    Parameters
    ----------
    name : str
    lacks : tuple of str
        Fields that must be supplied before it can be emulated.
    differs : str
        How the model differs from the published hardware.
    samples, settled : int
    accuracy : float
        Share of true classes predicted, or of the digital network's classes if none are given; samples that did not
        settle count as wrong. None if the network does not classify.
    state_error, costate_error, gradient_error : float
        Norm of the deviation over the norm of the exact value, of what was held at the end.
    gradient_cosine : float
    settling_seconds, settling_transits : float
        Median of the samples that settled, forward and backward; NaN where none did.
    inference_seconds : float
        The same without targets: states only.
    hold_seconds : float
        How long each sample was presented, for which standing power and updates are counted.
    events_inference, events_gradient : float
        Events on lines per sample without and with targets.
    inference, gradient : Cost
        Energy per sample without and with targets.
    notes : tuple of str
        What the compiler had to say.
    """

    name: str
    lacks: tuple[str, ...]
    differs: str
    samples: int = 0
    settled: int = 0
    accuracy: float | None = None
    state_error: float | None = None
    costate_error: float | None = None
    gradient_error: float | None = None
    gradient_cosine: float | None = None
    settling_seconds: float | None = None
    settling_transits: float | None = None
    inference_seconds: float | None = None
    hold_seconds: float | None = None
    events_inference: float | None = None
    events_gradient: float | None = None
    inference: Cost | None = None
    gradient: Cost | None = None
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the technology could be emulated."""
        return not self.lacks

    def to_dict(self) -> dict[str, Any]:
        """The same as plain tables."""
        return asdict(self)

"""The training loop: a stretch of samples, a look at what it did, a checkpoint, and on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emulator.learning import RateSchedule
from emulator.network import loss_function
from emulator.training import checkpoint
from emulator.training.checkpoint import Progress
from emulator.training.streams import Stream
from emulator.training.substrate import Stretch, Substrate, rate_rows

Floats = NDArray[np.float64]

#: a loss this many times that of the first samples is an explosion; and how many samples those are
EXPLODED, FIRST = 10.0, 20
#: the last part of a training, by which it is judged; how many samples that takes; and how much worse than at the
#: start, and than a constant answer, is no accident
LATE, ENOUGH, WORSE = 0.25, 20, 1.25


@dataclass(frozen=True)
class TrainingReport:
    """What a progress callback is told after every stretch of samples.

    Parameters
    ----------
    samples : int
    total : int or None
        Samples in all; None if the data have no known end.
    loss : float
        Mean loss of the stretch.
    test_accuracy : float
        The latest; NaN before the first evaluation.
    seconds, seconds_left : float
        Time spent in this run, and what is left at this pace (NaN if unknown).
    """

    samples: int
    total: int | None
    loss: float
    test_accuracy: float
    seconds: float
    seconds_left: float


@dataclass
class Loop:
    """A training that can be carried on from any checkpoint.

    Parameters
    ----------
    substrate : Substrate
    stream : Stream
    total : int or None
        Samples to present; None: until the stream ends.
    tested : (T, inputs + outputs) or None
        Test set.
    batch : int
        Samples per mini-batch.
    rates : RateSchedule
    evaluate_every : int
        Samples between evaluations.
    patience : int or None
        Evaluations without progress that are tolerated.
    start, chance : float
        Mean loss of the initial network, and that of a constant answer; NaN if they are not known.
    """

    substrate: Substrate
    stream: Stream
    total: int | None
    tested: Floats | None
    batch: int
    rates: RateSchedule
    evaluate_every: int
    patience: int | None
    start: float = math.nan
    chance: float = math.nan
    complete: bool = field(default=False, init=False)
    learning_seconds: float = field(default=0.0, init=False)
    evaluation_seconds: float = field(default=0.0, init=False)

    def run(
        self,
        here: Progress,
        path: Path | None,
        settings: Mapping[str, str],
        report: Callable[[TrainingReport], None] | None,
    ) -> tuple[str, str | None]:
        """Train from `here` on, which is kept up to date; the status and, if it ended early, the reason."""
        begun, since, started = time.perf_counter(), here.seconds, here.position
        if len(here.history) == 0 and self.tested is not None:
            here.history.add(samples=0.0, **self._evaluate(here))
        while self.total is None or here.position < self.total:
            if self.patience is not None and here.stale >= self.patience:
                return "stopped early", f"the test loss has not fallen for {here.stale} evaluations"
            wanted = (
                self.substrate.chunk if self.total is None else min(self.substrate.chunk, self.total - here.position)
            )
            feed = self.stream.rows(here.position, wanted)
            if len(feed) == 0:
                break
            factors = self.rates.factors(here.position, len(feed))
            ends = self.total if len(feed) == wanted else here.position + len(feed)
            rates = rate_rows(factors, here.position, self.batch, ends)
            left = self.substrate.train(here.state, feed, rates, here.stretches + 1)
            self.learning_seconds += left.seconds
            losses = self._losses(left.outputs, feed[:, -left.outputs.shape[1] :])
            row, reason = self._judge(here, feed, left, losses)
            if reason is not None:
                return "diverged", f"{reason}; the parameters of sample {here.position} are kept"
            before = here.position
            here.state, here.position, here.stretches = left.state, before + len(feed), here.stretches + 1
            here.events += left.events
            here.several += left.several
            here.operations += left.operations
            last = self.total is not None and here.position >= self.total
            if self.tested is not None and (
                last or here.position // self.evaluate_every > before // self.evaluate_every
            ):
                row |= self._evaluate(here)
            here.history.add(samples=float(here.position), **row)
            here.late_loss = self._late(here, losses)
            here.seconds = since + time.perf_counter() - begun
            if path is not None:
                checkpoint.save(path, settings, here)
            if report is not None:
                report(self._report(here, row["loss"], time.perf_counter() - begun, started))
        self.complete = self.total is None or here.position >= self.total
        worse = self._worse(here)
        if worse is not None:
            return "diverged", worse
        if self.total is not None and here.position < self.total:
            return "out of samples", f"the data ended after {here.position} of {self.total} samples"
        return "finished", None

    def _judge(self, here: Progress, feed: Floats, left: Stretch, loss: Floats) -> tuple[dict[str, float], str | None]:
        """Figures of a stretch, and why it diverged if it did."""
        wanted = feed[:, -left.outputs.shape[1] :]
        row = {"loss": float(loss.mean()), "accuracy": self._accuracy(left.outputs, wanted)}
        row |= {name: float(power.mean()) for name, power in left.powers.items()}
        if not all(np.isfinite(array).all() for array in left.state.values()) or not np.isfinite(loss).all():
            bad = np.flatnonzero(~np.isfinite(loss))
            first = here.position + (int(bad[0]) if bad.size else len(feed))
            return row, f"weights or waves grew beyond all numbers at sample {first}"
        if math.isnan(here.first_loss):
            here.first_loss = float(loss[:FIRST].mean())
        limit = EXPLODED * max(here.first_loss, 1e-12)
        if row["loss"] > limit:
            return row, (
                f"the loss exploded: {row['loss']:.3g} on average over samples {here.position} to "
                f"{here.position + len(feed) - 1}, {here.first_loss:.3g} at first; allowed: {EXPLODED:g} times that"
            )
        return row, None

    def _late(self, here: Progress, losses: Floats) -> float:
        """Mean loss over the last part of all samples so far, or as nearly that as whole stretches allow."""
        late = max(1, round(LATE * here.position))
        if late <= len(losses):
            return float(losses[-late:].mean())
        columns = here.history.columns()
        taken = ~np.isnan(columns["loss"])
        ends, means = columns["samples"][taken], columns["loss"][taken]
        counts = np.diff(ends, prepend=0.0)
        inside = ends - counts >= here.position - late
        return float(np.average(means[inside], weights=counts[inside]))

    def _worse(self, here: Progress) -> str | None:
        """Why a training that went to its end has diverged all the same: its loss stays above what it began with."""
        start = here.first_loss if math.isnan(self.start) else self.start
        known = [value for value in (start, self.chance) if not math.isnan(value)]
        if round(LATE * here.position) < ENOUGH or here.late_loss <= WORSE * max(known):
            return None
        chance = "" if math.isnan(self.chance) else f", and {self.chance:.3g} if every answer were the same"
        size, before = self.substrate.largest(here.state), self.substrate.largest(self.substrate.initial())
        return (
            f"the loss stays above where it began: {here.late_loss:.3g} on average over the last quarter of the samples, "
            f"{start:.3g} of the initial network{chance}; the largest weight or bias is {size:.3g}, {before:.3g} at "
            "first; the parameters of the end are kept"
        )

    def _evaluate(self, here: Progress) -> dict[str, float]:
        """Test loss and accuracy; keeps the best parameters if there is a reason to."""
        if self.tested is None:
            return {}
        begun, compiled = time.perf_counter(), self.substrate.compile_seconds
        size = len(self.substrate.layout.outputs)
        answers = self.substrate.answers(here.state, self.tested[:, :-size], here.stretches)
        wanted = self.tested[:, -size:]
        row = {
            "test_loss": float(self._losses(answers, wanted).mean()),
            "test_accuracy": self._accuracy(answers, wanted),
        }
        compiled = self.substrate.compile_seconds - compiled
        self.evaluation_seconds += time.perf_counter() - begun - compiled
        if self.patience is not None:
            known = here.history.evaluations()[1]
            here.stale = 0 if not len(known) or row["test_loss"] < known.min() else here.stale + 1
            if here.stale == 0:
                here.best = {name: here.state[name] for name in ("w", "bias")}
        return row

    def _losses(self, outputs: Floats, wanted: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return loss_function(self.substrate.graph.loss).value(outputs, wanted)

    def _accuracy(self, outputs: Floats, wanted: Floats) -> float:
        """Fraction of samples whose largest output is the wanted one; NaN where the loss is not for classes."""
        if self.substrate.graph.loss != "softmax_cross_entropy":
            return math.nan
        return float((outputs.argmax(axis=1) == wanted.argmax(axis=1)).mean())

    def _report(self, here: Progress, loss: float, seconds: float, started: int) -> TrainingReport:
        pace = seconds / (here.position - started)
        left = math.nan if self.total is None else pace * (self.total - here.position)
        accuracies = here.history.evaluations()[2]
        latest = float(accuracies[-1]) if len(accuracies) else math.nan
        return TrainingReport(here.position, self.total, loss, latest, seconds, left)

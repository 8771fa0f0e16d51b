"""Training a network on the substrate: every weight and bias learns where it is, from the waves that reach it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.engine.compiler import built_with
from emulator.errors import EngineError
from emulator.laws import Law
from emulator.learning import ParameterPort, RateSchedule
from emulator.measure.clipping import Clipping, clipped_network, limited
from emulator.measure.reference import Reference, reference
from emulator.measure.several import told
from emulator.network import Network
from emulator.network.batch import Inputs
from emulator.options import CheckpointOptions, TrainOptions
from emulator.runs.preparing import Data, calibrated, compiled, evaluate_every, substrate_of
from emulator.training import TrainResult, checkpoint
from emulator.training.bounds import saturation
from emulator.training.charging import charging, forewarned, share_left
from emulator.training.checkpoint import Progress
from emulator.training.forewarn import look_ahead, warnings
from emulator.training.history import History
from emulator.training.loop import Loop, TrainingReport
from emulator.training.spent import spent
from emulator.training.streams import ArrayStream, Stream
from emulator.training.substrate import State, Substrate
from emulator.versions import versions
from hwmodels import HardwareModel

Floats = NDArray[np.float64]
#: samples on which the waves of a trained network are compared with full scale
_LOOKED_AT = 256


@TrainOptions.shown
@np.errstate(all="ignore")  # what grew beyond all numbers is told by the result
def train(
    network: Network,
    inputs: Any,
    targets: ArrayLike | None = None,
    *,
    test: tuple[Inputs, ArrayLike] | str | Path | None = None,
    port: ParameterPort | None = None,
    rate_schedule: RateSchedule | None = None,
    law: Law | None = None,
    hardware: HardwareModel | str = "ideal",
    progress: Callable[[TrainingReport], None] | None = None,
    warn: Callable[[str], None] | None = None,
    **options: Any,
) -> TrainResult:
    """Train a network on the substrate, one sample after another: ``train(network, images, labels, epochs=10)``.

    The samples are presented in stretches of `chunk`; before each the substrate is set to rest, and after each a
    checkpoint is written. A training that is interrupted at any moment and resumed ends with the same weights to the
    last bit.

    Parameters
    ----------
    network : Network
    inputs, targets
        Arrays ``(S, n)`` and ``(S, n_out)`` or labels ``(S,)``; the path of an ``.npz`` with arrays `inputs` and
        `targets`; or an iterator of ``(input, target)``.
    test : (inputs, targets), or path of an ``.npz``
        Evaluated by the substrate itself, with its parameters held.
    port : ParameterPort
        How every parameter answers its effort; ``Resistive(0.05)`` by default. A `Device` writes into the devices of
        the hardware, or, where its weights are exact, gives it its own.
    rate_schedule : RateSchedule, optional
        Warm-up and decay of the rate.
    law, hardware
        As for `emulator.compile_network`.
    progress : callable, optional
        Called with a `TrainingReport` after every stretch.
    warn : callable, optional
        Called with every warning, before the first sample.
    **options
        The fields of four groups, or the groups themselves.

        - ``training=TrainingOptions(...)``: `schedule`, `epochs` or `samples` (one of them; with an iterator neither:
          until it ends), `batch`, `order`, `evaluate_every`, `patience`, `test_hold`, `chunk`
        - ``run=HoldOptions(...)``: `hold`, `hold_seconds`, `threshold`, `target`, `seed`; a settled training with the
          matched law holds just until the last wave has landed
        - ``substrate=SubstrateOptions(...)``: `wiring`, `rounding`, and its `seed` as `hardware_seed`
        - ``checkpoint=CheckpointOptions(...)``: its `path` as `checkpoint_path`, and `resume`

    Returns
    -------
    TrainResult

    Raises
    ------
    NetworkError
        If data do not fit the network.
    EngineError
        For impossible settings, or a checkpoint of another training.
    OptionError
        For an unknown option.
    FileFormatError
        If a file is not what it should be.
    """
    begun = time.perf_counter()
    chosen = TrainOptions.of(train, options)
    graph, learning = compiled(network, port, law, hardware, chosen)
    data = Data.of(graph.network, inputs, targets, test, chosen)
    graph = calibrated(graph, data.stream)
    task = _Task(chosen, data, rate_schedule or RateSchedule(), substrate_of(graph, learning, data, chosen))
    unscaled = graph.network.altered(scales=None).digest
    here = _start(chosen.checkpoint, task.settings, task.substrate.initial(), unscaled)
    ahead = look_ahead(graph, data.stream, chosen.training.batch)
    before = _clipped(task.substrate, here.state, data.stream)
    found = (
        *warnings(graph, learning, ahead, task.substrate.hold, data.total),
        *_charged(task.substrate, here.state, data.stream),
        *_cut("before training", before),
    )
    if warn is not None:
        for sentence in found:
            warn(sentence)
    loop = task.loop(ahead.start, ahead.chance)
    earlier = here.seconds
    status, reason = loop.run(here, chosen.checkpoint.path, task.settings, progress)
    times = {
        "total": time.perf_counter() - begun,
        "earlier": earlier,
        "compile": task.substrate.compile_seconds,
        "learning": loop.learning_seconds,
        "evaluation": loop.evaluation_seconds,
    }
    return task.result(here, status, reason, loop.complete, found, times)


@dataclass(frozen=True)
class _Task:
    """A training that is ready to begin."""

    chosen: TrainOptions
    data: Data
    rates: RateSchedule
    substrate: Substrate

    @cached_property
    def settings(self) -> dict[str, str]:
        """What the trajectory depends on; a checkpoint belongs to these."""
        graph, learning, chosen = self.substrate.graph, self.substrate.learning, self.chosen
        tested = self.data.tested
        return {
            "network": graph.network.digest,
            "data": self.data.stream.digest,
            "test set": "none" if tested is None else ArrayStream(tested, "epochs", 0).digest,
            "port": repr(learning.port),
            "schedule": learning.schedule,
            "rate_schedule": repr(self.rates),
            "batch": str(chosen.training.batch),
            "law": repr(graph.law),
            "hardware": graph.hardware.digest,
            "wiring": chosen.substrate.wiring,
            "rounding": chosen.substrate.rounding,
            "hold": str(self.substrate.hold),
            "holds_to_read": str(self.substrate.holds_to_read),
            **({"ramp": str(self.substrate.ramp)} if self.substrate.ramp > 1 else {}),
            **({"opening": str(learning.opening)} if learning.opening else {}),
            "threshold": repr(self.substrate.threshold),
            "seeds": f"{chosen.run.seed} {chosen.substrate.seed}",
            "chunk": str(self.substrate.chunk),
            "target": self.substrate.target,
        }

    def loop(self, start: float, chance: float) -> Loop:
        """What carries it out; `start` and `chance` are the losses of the initial network and of a constant answer."""
        training, data = self.chosen.training, self.data
        every = evaluate_every(training, data.stream, self.substrate)
        return Loop(
            self.substrate, data.stream, data.total, data.tested, training.batch, self.rates, every, training.patience,
            start, chance,
        )  # fmt: skip

    def result(
        self,
        here: Progress,
        status: str,
        reason: str | None,
        complete: bool,
        found: tuple[str, ...],
        times: dict[str, float],
    ) -> TrainResult:
        """What has been reached, with the warnings `found` before and those that are known only now."""
        substrate = self.substrate
        several = told(here.several, here.position * substrate.hold)
        kept = {**here.state, **here.best} if status == "stopped early" else here.state
        clipping = _clipped(substrate, kept, self.data.stream)
        graph, batch = substrate.graph, self.chosen.training.batch
        unlocked = substrate.learning.schedule == "unlocked"
        updates = here.position * substrate.hold if unlocked else -(-here.position // batch)
        costs = spent(substrate, here, batch)
        bus_events, price = 2 * graph.bus_efforts * updates, graph.hardware.energy.per_event
        return TrainResult(
            network=substrate.network(kept),
            history=here.history,
            status=status,
            reason=reason,
            samples=here.position,
            complete=complete,
            hold=substrate.hold,
            step=graph.step,
            events=here.events,
            several=here.several,
            target=substrate.target,
            settings=self.settings,
            warnings=(
                *found,
                *_cut("after training", clipping),
                *saturation(costs.at_bounds),
                *([several] if several is not None else []),
            ),
            clipping=clipping,
            test_spread=self.data.spread(graph.network),
            bus_events=bus_events,
            spent=costs,
            port=f"{substrate.learning.port.name}: {substrate.learning.port.rule}",
            bus_joules=None if price is None else bus_events * price,
            seeds={"run": self.chosen.run.seed, "hardware": self.chosen.substrate.seed},
            versions=versions() | built_with(substrate.target),
            times=times,
        )


def _start(kept: CheckpointOptions, settings: dict[str, str], initial: State, unscaled: str) -> Progress:
    """Where to begin: at the checkpoint, if there is one to go on from.

    Raises
    ------
    EngineError
        If there is one that was not to be resumed, or it is of another training.
    """
    here = Progress(initial, 0, 0, History(), np.nan, np.nan, {}, 0, 0.0, 0)
    if kept.path is None or not kept.path.exists():
        return here
    if not kept.resume:
        raise EngineError(
            f"checkpoint '{kept.path}' exists already; allowed: resume=True to go on from it, or another path"
        )
    return checkpoint.load(kept.path, settings, initial, unscaled)


def _clipped(substrate: Substrate, state: State, stream: Stream) -> Clipping | None:
    """What the hardware cuts off of the network that it holds, on the first samples; None of an iterator's."""
    if not isinstance(stream, ArrayStream) or not limited(substrate.graph.hardware):
        return None
    network = substrate.built(state)
    return clipped_network(replace(substrate.graph, network=network), _exact(network, stream))


def _charged(substrate: Substrate, state: State, stream: Stream) -> tuple[str, ...]:
    """A sentence on what recharging lines does to ports that learn while waves fly, if it matters."""
    graph, learning = substrate.graph, substrate.learning
    if learning.schedule == "settled" or not isinstance(stream, ArrayStream) or not graph.law.two_way:
        return ()
    left = share_left(learning.opening, substrate.ramp, graph.longest_round_trip, substrate.hold)
    network = substrate.built(state)
    found = charging(replace(graph, network=network), _exact(network, stream), substrate.hold, left)
    text = forewarned(found, substrate.hold)
    return () if text is None else (text,)


def _exact(network: Network, stream: ArrayStream) -> Reference:
    """The exact passes of the first samples."""
    feed, inputs, start = stream.rows(0, _LOOKED_AT), {}, 0
    for name in network.inputs:
        inputs[name] = feed[:, start : start + network.size(name)]
        start += network.size(name)
    with np.errstate(all="ignore"):
        return reference(network, inputs, feed[:, start:])


def _cut(when: str, clipping: Clipping | None) -> tuple[str, ...]:
    """A sentence on what is cut off, if anything."""
    text = None if clipping is None else clipping.warning()
    return () if text is None else (f"{when}, {text}",)

"""Training a network on the substrate: every weight and bias learns where it is, from the waves that reach it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compile import compile_network
from emulator.engine.compiler import built_with
from emulator.engine import TARGETS
from emulator.errors import EngineError, suggest
from emulator.graph import ScatteringGraph
from emulator.laws import Law
from emulator.learning import Learning, ParameterPort, RateSchedule, Resistive, agree
from emulator.measure.several import told
from emulator.measure.clipping import Clipping, clipped_network, limited
from emulator.measure.reference import reference
from emulator.network import Network
from emulator.network.batch import Inputs
from emulator.runs.settle import steps_of_hold
from emulator.training import TrainResult, checkpoint
from emulator.training.checkpoint import Progress
from emulator.training.forewarn import check_devices, look_ahead, warnings
from emulator.training.history import History
from emulator.training.loop import Loop, TrainingReport
from emulator.training.streams import ArrayStream, Stream, feed_rows, open_stream, read_samples
from emulator.training.substrate import State, Substrate, default_chunk
from emulator.versions import versions
from hwmodels import HardwareModel, load

Floats = NDArray[np.float64]
#: samples on which the waves of a trained network are compared with full scale
_LOOKED_AT = 256


@np.errstate(all="ignore")  # what grew beyond all numbers is told by the result
def train(
    network: Network,
    inputs: Any,
    targets: ArrayLike | None = None,
    *,
    port: ParameterPort | None = None,
    schedule: Literal["settled", "unlocked"] = "settled",
    rate_schedule: RateSchedule | None = None,
    batch: int = 1,
    epochs: int | None = None,
    samples: int | None = None,
    order: Literal["epochs", "replacement"] = "epochs",
    test: tuple[Inputs, ArrayLike] | str | Path | None = None,
    evaluate_every: int | None = None,
    patience: int | None = None,
    law: Law | None = None,
    hardware: HardwareModel | str = "ideal",
    wiring: Literal["tile", "synapse"] = "tile",
    rounding: Literal["error", "nearest"] = "error",
    hold: float | None = None,
    hold_seconds: float | None = None,
    test_hold: float | None = None,
    threshold: float = 0.0,
    seed: int = 0,
    hardware_seed: int = 0,
    checkpoint_path: str | Path | None = None,
    resume: bool = False,
    chunk: int | None = None,
    target: str = "auto",
    progress: Callable[[TrainingReport], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train a network on the substrate, one sample after another.

    The samples are presented in stretches of `chunk`; before each the substrate is set to rest, and after each a
    checkpoint is written. A training that is interrupted at any moment and resumed ends with the same weights to the
    last bit.

    Parameters
    ----------
    network : Network
    inputs, targets
        Arrays ``(S, n)`` and ``(S, n_out)`` or labels ``(S,)``; the path of an ``.npz`` with arrays `inputs` and
        `targets`; or an iterator of ``(input, target)``.
    port : ParameterPort
        How every parameter answers its effort; ``Resistive(0.05)`` by default. A `Device` writes into the devices of
        the hardware, or, where its weights are exact, gives it its own.
    schedule : {"settled", "unlocked"}
        Learn at the end of every hold, or at every step from whatever has arrived.
    rate_schedule : RateSchedule, optional
        Warm-up and decay of the rate.
    batch : int
        Samples whose efforts are averaged before the parameters move.
    epochs, samples : int
        How long to train; one of them (with an iterator optional: until it ends).
    order : {"epochs", "replacement"}
        A new order in every epoch, or samples drawn with replacement.
    test : (inputs, targets), or path of an ``.npz``
        Evaluated by the substrate itself, with its parameters held.
    evaluate_every : int
        Samples between evaluations, rounded up to whole stretches; by default an epoch.
    patience : int, optional
        Stop after this many evaluations without a lower test loss, and keep the best.
    law, hardware, wiring, rounding, hardware_seed
        As for `emulator.compile_network`.
    hold, hold_seconds, threshold, target
        As for `emulator.settle`; a settled training with the matched law holds just until the last wave has landed.
    test_hold : float, optional
        How long a test sample is presented before its answer is read, in transits, rounded up to whole holds; by
        default as long as a settled sample would be.
    seed : int
        Root of every random draw, each under its own name.
    checkpoint_path : path, optional
        Where checkpoints go.
    resume : bool
        Go on from the checkpoint if there is one.
    chunk : int
        Most samples per stretch, rounded up to whole mini-batches; by default an epoch, at most 4096.
    progress : callable, optional
        Called with a `TrainingReport` after every stretch.
    warn : callable, optional
        Called with every warning, before the first sample.

    Returns
    -------
    TrainResult

    Raises
    ------
    NetworkError
        If data do not fit the network.
    EngineError
        For impossible settings, or a checkpoint of another training.
    FileFormatError
        If a file is not what it should be.
    """
    begun = time.perf_counter()
    for name, value in (("batch", batch), ("epochs", epochs), ("samples", samples), ("chunk", chunk),
                        ("evaluate_every", evaluate_every), ("patience", patience)):  # fmt: skip
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise EngineError(f"{name} is {value!r}; allowed: whole numbers from 1")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise EngineError(f"seed is {seed!r}; allowed: whole numbers from 0")
    if not np.isfinite(threshold) or threshold < 0:
        raise EngineError(f"threshold is {threshold!r}; allowed: a finite number, at least 0")
    if test_hold is not None and (
        isinstance(test_hold, bool)
        or not isinstance(test_hold, int | float)
        or not np.isfinite(test_hold)
        or test_hold <= 0
    ):
        raise EngineError(f"test_hold is {test_hold!r}; allowed: a finite number above 0")
    if target not in TARGETS:
        raise EngineError(f"unknown target {suggest(target, TARGETS)}")
    model = load(hardware) if isinstance(hardware, str) else hardware
    port = Resistive(0.05) if port is None else port
    if isinstance(model, HardwareModel):
        port, model = agree(port, model)
    learning = Learning(port, schedule, batch > 1)
    graph = compile_network(network, hardware=model, law=law, wiring=wiring, seed=hardware_seed, rounding=rounding)
    check_devices(graph.network, learning)
    stream = open_stream(graph.network, inputs, targets, order=order, seed=seed)
    total = _total(stream, epochs, samples)
    tested = _test_rows(graph.network, test)
    if patience is not None and tested is None:
        raise EngineError("patience is given without a test set; allowed: with test=(inputs, targets)")
    steps = _hold(graph, hold, hold_seconds)
    learning.port.check(learning.step(steps))
    stretch = default_chunk(graph, stream.epoch or total, batch) if chunk is None else -(-chunk // batch) * batch
    holds_to_read = -(-_hold(graph, test_hold, None) // steps)
    stretch = -(-max(stretch, holds_to_read) // batch) * batch
    substrate = Substrate(graph, learning, steps, stretch, seed, threshold, target, holds_to_read)
    if target == "auto":
        substrate.target = _choose(substrate, total, stream, tested, evaluate_every)
    state = substrate.initial()
    settings = {
        "network": graph.network.digest,
        "data": stream.digest,
        "test set": "none" if tested is None else ArrayStream(tested, "epochs", 0).digest,
        "port": repr(learning.port),
        "schedule": schedule,
        "rate_schedule": repr(rate_schedule or RateSchedule()),
        "batch": str(batch),
        "law": repr(graph.law),
        "hardware": graph.hardware.digest,
        "wiring": wiring,
        "rounding": rounding,
        "hold": str(steps),
        "holds_to_read": str(holds_to_read),
        "threshold": repr(threshold),
        "seeds": f"{seed} {hardware_seed}",
        "chunk": str(stretch),
        "target": substrate.target,
    }
    path = None if checkpoint_path is None else Path(checkpoint_path)
    here = Progress(state, 0, 0, History(), np.nan, np.nan, {}, 0, 0.0, 0)
    if path is not None and path.exists():
        if not resume:
            raise EngineError(
                f"checkpoint '{path}' exists already; allowed: resume=True to go on from it, or another path"
            )
        here = checkpoint.load(path, settings, state)
    rates = rate_schedule or RateSchedule()
    every = evaluate_every or stream.epoch or stretch
    before, ahead = _clipped(substrate, state, stream), look_ahead(graph, stream, batch)
    found = (*warnings(graph, learning, ahead, steps, total), *_cut("before training", before))
    for sentence in found:
        if warn is not None:
            warn(sentence)
    loop = Loop(substrate, stream, total, tested, batch, rates, every, patience, ahead.start, ahead.chance)
    earlier = here.seconds
    status, reason = loop.run(here, path, settings, progress)
    several = told(here.several, here.position * steps)
    kept = {**here.state, **here.best} if status == "stopped early" else here.state
    clipping = _clipped(substrate, kept, stream)
    updates = here.position * steps if learning.schedule == "unlocked" else -(-here.position // batch)
    bus_events, price = 2 * graph.bus_efforts * updates, graph.hardware.energy.per_event
    return TrainResult(
        network=substrate.network(kept),
        history=here.history,
        status=status,
        reason=reason,
        samples=here.position,
        complete=loop.complete,
        hold=steps,
        step=graph.step,
        events=here.events,
        several=here.several,
        target=substrate.target,
        settings=settings,
        warnings=(*found, *_cut("after training", clipping), *([several] if several is not None else [])),
        clipping=clipping,
        bus_events=bus_events,
        bus_joules=None if price is None else bus_events * price,
        seeds={"run": seed, "hardware": hardware_seed},
        versions=versions() | built_with(substrate.target),
        times={
            "total": time.perf_counter() - begun,
            "earlier": earlier,
            "compile": substrate.compile_seconds,
            "learning": loop.learning_seconds,
            "evaluation": loop.evaluation_seconds,
        },
    )


def _total(stream: Stream, epochs: int | None, samples: int | None) -> int | None:
    """Samples to present; None: until the stream ends."""
    if epochs is not None and samples is not None:
        raise EngineError("epochs and samples are both given; allowed: one of them")
    if epochs is not None and stream.epoch is None:
        raise EngineError(f"epochs is {epochs} but an iterator has none; allowed: samples, or neither")
    if epochs is None and samples is None and stream.epoch is not None:
        raise EngineError("neither epochs nor samples is given; allowed: one of them")
    return samples if epochs is None or stream.epoch is None else epochs * stream.epoch


def _test_rows(network: Network, test: tuple[Inputs, ArrayLike] | str | Path | None) -> Floats | None:
    """Inputs and targets of the test set, side by side."""
    if test is None:
        return None
    if isinstance(test, str | Path):
        test = read_samples(Path(test))
    if not isinstance(test, tuple) or len(test) != 2:
        raise EngineError(f"test is a {type(test).__name__}; allowed: (inputs, targets), or the path of an .npz")
    return feed_rows(network, *test)


def _hold(graph: ScatteringGraph, hold: float | None, hold_seconds: float | None) -> int:
    """Steps per sample; by default, where nothing is reflected, until the last wave has landed."""
    prompt = graph.law.settles_on_arrival and graph.hardware.lines.bandwidth is None and not graph.hardware.lines.jitter
    if hold is None and hold_seconds is None and prompt:
        return max(1, graph.longest_round_trip)
    return steps_of_hold(graph, hold, hold_seconds)


def _choose(substrate: Substrate, total: int | None, stream: Stream, tested: Floats | None, every: int | None) -> str:
    """The brian2 target for all samples, evaluations included."""
    samples = 10 * substrate.chunk if total is None else total
    evaluations = 1 + samples // (every or stream.epoch or substrate.chunk)
    return substrate.choose_target(samples + evaluations * (0 if tested is None else len(tested)))


def _clipped(substrate: Substrate, state: State, stream: Stream) -> Clipping | None:
    """What the hardware cuts off of the network that it holds, on the first samples; None of an iterator's."""
    if not isinstance(stream, ArrayStream) or not limited(substrate.graph.hardware):
        return None
    network, feed, inputs, start = substrate.network(state), stream.rows(0, _LOOKED_AT), {}, 0
    for name in network.inputs:
        inputs[name] = feed[:, start : start + network.size(name)]
        start += network.size(name)
    with np.errstate(all="ignore"):
        return clipped_network(replace(substrate.graph, network=network), reference(network, inputs, feed[:, start:]))


def _cut(when: str, clipping: Clipping | None) -> tuple[str, ...]:
    """A sentence on what is cut off, if anything."""
    text = None if clipping is None else clipping.warning()
    return () if text is None else (f"{when}, {text}",)

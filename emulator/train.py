"""Training a network on the substrate: every weight and bias learns where it is, from the waves that reach it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compile import compile_network
from emulator.engine import TARGETS
from emulator.errors import EngineError, suggest
from emulator.graph import ScatteringGraph
from emulator.laws import NodeLaw
from emulator.learning import Device, Learning, ParameterPort, RateSchedule, Resistive
from emulator.network import Network, loss_function
from emulator.network.batch import Inputs
from emulator.settle import steps_of_hold, versions
from emulator.training import TrainResult, checkpoint
from emulator.training.checkpoint import Progress
from emulator.training.history import History
from emulator.training.stability import curvature
from emulator.training.streams import Stream, feed_rows, open_stream, read_samples
from emulator.training.substrate import Substrate, default_chunk, rate_rows
from hwmodels import HardwareModel

#: a loss this many times that of the first samples is an explosion; and how many samples those are
EXPLODED, FIRST = 10.0, 20


@dataclass(frozen=True)
class Report:
    """What a progress callback is told after every stretch of samples."""

    samples: int
    total: int | None
    loss: float
    test_accuracy: float
    seconds: float
    seconds_left: float


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
    law: NodeLaw | None = None,
    hardware: HardwareModel | str = "ideal",
    wiring: Literal["tile", "synapse"] = "tile",
    rounding: Literal["error", "nearest"] = "error",
    hold: float | None = None,
    hold_seconds: float | None = None,
    threshold: float = 0.0,
    seed: int = 0,
    hardware_seed: int = 0,
    checkpoint_path: str | Path | None = None,
    resume: bool = False,
    chunk: int | None = None,
    target: str = "auto",
    progress: Callable[[Report], None] | None = None,
) -> TrainResult:
    """Train a network on the substrate, one sample after another.

    The samples are presented in stretches of `chunk`; before each the substrate is set to rest, and after each a checkpoint
    is written. A training that is interrupted at any moment and resumed ends with the same weights to the last bit.

    Parameters
    ----------
    network : Network
    inputs, targets
        Arrays ``(S, n)`` and ``(S, n_out)`` or labels ``(S,)``; the path of an ``.npz`` with arrays `inputs` and `targets`; or
        an iterator of ``(input, target)``.
    port : ParameterPort
        How every parameter answers its effort; ``Resistive(0.05)`` by default.
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
    seed : int
        Root of every random draw, each under its own name.
    checkpoint_path : path, optional
        Where checkpoints go.
    resume : bool
        Go on from the checkpoint if there is one.
    chunk : int
        Most samples per stretch; by default an epoch, at most 4096.
    progress : callable, optional
        Called with a `Report` after every stretch.

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
    if target not in TARGETS:
        raise EngineError(f"unknown target {suggest(target, TARGETS)}")
    graph = compile_network(
        network, hardware=hardware, law=law, wiring=wiring, seed=hardware_seed, rounding=rounding
    )
    learning = Learning(Resistive(0.05) if port is None else port, schedule, batch > 1)
    stream = open_stream(graph.network, inputs, targets, order=order, seed=seed)
    total = _total(stream, epochs, samples)
    tested = _test_rows(graph.network, test)
    if patience is not None and tested is None:
        raise EngineError("patience is given without a test set; allowed: with test=(inputs, targets)")
    steps = _hold(graph, schedule, hold, hold_seconds)
    learning.port.check(learning.step(steps))
    stretch = default_chunk(graph, stream.epoch or total, batch) if chunk is None else -(-chunk // batch) * batch
    substrate = Substrate(graph, learning, steps, stretch, seed, threshold, target)
    if target == "auto":
        substrate.target = substrate.choose_target(_work(total, stream, stretch, tested, evaluate_every))
    state = substrate.initial()
    _check_range(substrate, state)
    settings = {
        "network": graph.network.digest,
        "data": stream.digest,
        "port": repr(learning.port),
        "schedule": schedule,
        "rate_schedule": repr(rate_schedule or RateSchedule()),
        "batch": str(batch),
        "law": repr(graph.law),
        "hardware": graph.hardware.digest,
        "wiring": wiring,
        "rounding": rounding,
        "hold": str(steps),
        "threshold": repr(threshold),
        "seeds": f"{seed} {hardware_seed}",
        "chunk": str(stretch),
        "target": substrate.target,
    }
    path = None if checkpoint_path is None else Path(checkpoint_path)
    here = Progress(state, 0, 0, History(), np.nan, {}, 0, 0.0, 0)
    if path is not None and path.exists():
        if not resume:
            raise EngineError(f"checkpoint '{path}' exists already; allowed: resume=True to go on from it, or another path")
        here = checkpoint.load(path, settings, state)
    run = _Run(substrate, stream, total, tested, batch, rate_schedule or RateSchedule(), evaluate_every, patience)
    warnings = _warnings(graph, learning, stream, steps, batch) if here.position == 0 else ()
    spent = here.seconds
    status, reason = run.go(here, path, settings, progress, begun)
    final = here.best if status == "stopped early" else here.state
    return TrainResult(
        network=substrate.network({**here.state, **final}),
        history=here.history,
        status=status,
        reason=reason,
        samples=here.position,
        hold=steps,
        step=graph.step,
        events=here.events,
        target=substrate.target,
        settings=settings,
        warnings=warnings,
        seeds={"run": seed, "hardware": hardware_seed},
        versions=versions(),
        times={
            "total": time.perf_counter() - begun,
            "earlier": spent,
            "compile": substrate.compile_seconds,
            "learning": run.learning_seconds,
            "evaluation": run.evaluation_seconds,
        },
    )

"""What a training needs before its first sample: the substrate with its ports, the data, holds and stretches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compile import compile_network
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import Law, family_of
from emulator.learning import Learning, ParameterPort, Resistive, agree
from emulator.measure.ranges import CALIBRATION
from emulator.network import Network
from emulator.network.batch import Inputs
from emulator.options import HoldOptions, TrainingOptions, TrainOptions
from emulator.runs.holds import steps_of_hold, steps_of_ramp
from emulator.training.forewarn import check_devices
from emulator.training.streams import ArrayStream, Stream, feed_rows, open_stream, read_samples
from emulator.training.substrate import Substrate, default_chunk
from hwmodels import HardwareModel, load

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """What is learned from, and what is tested on.

    Parameters
    ----------
    stream : Stream
    total : int or None
        Samples to present; None: until the stream ends.
    tested : (T, inputs + outputs) or None
        Inputs and targets of the test set, side by side.
    """

    stream: Stream
    total: int | None
    tested: Floats | None

    @classmethod
    def of(cls, network: Network, inputs: Any, targets: ArrayLike | None, test: Any, chosen: TrainOptions) -> Data:
        """Open both.

        Raises
        ------
        NetworkError
            If they do not fit the network.
        EngineError
            If they do not fit the options.
        FileFormatError
            If a file is not what it should be.
        """
        stream = open_stream(network, inputs, targets, order=chosen.training.order, seed=chosen.run.seed)
        found = cls(stream, _total(stream, chosen.training), _test_rows(network, test))
        if chosen.training.patience is not None and found.tested is None:
            raise EngineError("patience is given without a test set; allowed: with test=(inputs, targets)")
        return found

    def spread(self, network: Network) -> float:
        """How far the test targets of a regression are from their mean; see `emulator.training.TrainResult`."""
        if self.tested is None or network.loss != "mse":
            return float("nan")
        targets = self.tested[:, -network.size(network.output) :]
        return float(np.square(targets - targets.mean(axis=0)).sum(axis=1).mean())


def compiled(
    network: Network,
    port: ParameterPort | None,
    law: Law | None,
    hardware: HardwareModel | str,
    chosen: TrainOptions,
) -> tuple[ScatteringGraph, Learning]:
    """The substrate with the port at every parameter; port and hardware agree on the devices."""
    model = load(hardware) if isinstance(hardware, str) else hardware
    port = Resistive(0.05) if port is None else port
    if isinstance(model, HardwareModel):
        port, model = agree(port, model)
    learning = Learning(port, chosen.training.schedule, chosen.training.batch > 1, float(chosen.training.opening))
    graph = compile_network(network, hardware=model, law=law, substrate=chosen.substrate)
    check_devices(graph.network, learning)
    return graph, learning


def calibrated(graph: ScatteringGraph, stream: Stream) -> ScatteringGraph:
    """The graph with what its law takes from the first samples.

    Raises
    ------
    EngineError
        If these can be read only once.
    """
    if not graph.law.at_batch:
        return graph
    if not isinstance(stream, ArrayStream):
        raise EngineError(
            f"law {graph.law.name} takes its metric from the first samples, and an iterator's can be read only once; allowed: "
            "arrays, or at = 'weights'"
        )
    feed, inputs, start = stream.rows(0, min(stream.epoch or CALIBRATION, CALIBRATION)), {}, 0
    for name in graph.network.inputs:
        inputs[name] = feed[:, start : start + graph.network.size(name)]
        start += graph.network.size(name)
    return family_of(graph.law).calibrated(graph, inputs)


def substrate_of(graph: ScatteringGraph, learning: Learning, data: Data, chosen: TrainOptions) -> Substrate:
    """The substrate with its holds, stretches and brian2 target."""
    training, run = chosen.training, chosen.run
    steps = _hold(graph, run)
    ramp = steps_of_ramp(graph, run, steps)
    learning.port.check(learning.step(steps))
    batch, chunk = training.batch, training.chunk
    stretch = (
        default_chunk(graph, data.stream.epoch or data.total, batch) if chunk is None else -(-chunk // batch) * batch
    )
    holds_to_read = -(-_hold(graph, HoldOptions(hold=training.test_hold, ramp=run.ramp)) // steps)
    stretch = -(-max(stretch, holds_to_read) // batch) * batch
    found = Substrate(graph, learning, steps, stretch, run.seed, run.threshold, run.target, holds_to_read, ramp)
    if run.target == "auto":
        found.target = found.choose_target(_presented(data, training, found))
    return found


def _presented(data: Data, training: TrainingOptions, substrate: Substrate) -> int:
    """Samples that brian2 will see, evaluations included; of an iterator without an end ten stretches."""
    samples = 10 * substrate.chunk if data.total is None else data.total
    evaluations = 1 + samples // evaluate_every(training, data.stream, substrate)
    return samples + evaluations * (0 if data.tested is None else len(data.tested))


def evaluate_every(training: TrainingOptions, stream: Stream, substrate: Substrate) -> int:
    """Samples between evaluations."""
    return training.evaluate_every or stream.epoch or substrate.chunk


def _total(stream: Stream, training: TrainingOptions) -> int | None:
    """Samples to present; None: until the stream ends."""
    epochs, samples = training.epochs, training.samples
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


def _hold(graph: ScatteringGraph, run: HoldOptions) -> int:
    """Steps per sample; by default, where nothing is reflected, until the last wave has landed."""
    prompt = graph.law.settles_on_arrival and graph.hardware.lines.bandwidth is None and not graph.hardware.lines.jitter
    if run.hold is None and run.hold_seconds is None and prompt:
        needed = max(1, graph.longest_round_trip)
        return needed if run.ramp is None else run.ramp.beside(needed, graph.step)
    return steps_of_hold(graph, run)

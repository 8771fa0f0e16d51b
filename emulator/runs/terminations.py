"""What the terminations of the parameters do in a training: their waves, and their impedance against the curvature met.

With the effort ``e = -dLoss/dw`` and the flow ``f = dw/dt``, time counted in updates, a termination of impedance `Z` takes up
``Z f`` and sends back ``b = (e - Z f)/2`` of the ``a = (e + Z f)/2`` that comes in. On the other side of the port stands the loss:
a step of the time h changes the effort by ``-h H f``, so the curvature `H` that it meets can be measured. A step of time 1
leaves ``(Z - H) f`` of the effort, and the coefficient ``(Z - H)/(Z + H)``, taken along the flow, is 0 where the termination
matches the curvature, 1 where it moves nothing, and below -1/3 where steps of time 1 overshoot by more each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emulator.engine.joint import members_of
from emulator.engine.layout import Block
from emulator.errors import EngineError
from emulator.laws import Law
from emulator.learning import Learning, ParameterPort, PortRecord, RateSchedule
from emulator.network import Network
from emulator.options import TrainOptions
from emulator.runs.preparing import Data, compiled, substrate_of
from emulator.training.substrate import Floats, State, Substrate, rate_rows
from hwmodels import HardwareModel


@dataclass(frozen=True)
class Termination:
    """One update of one layer's parameters, P of them: its weights, as they stand in the crossbar, then its biases.

    Parameters
    ----------
    update : int
        Number of the update, from 0.
    layer : str
    effort, flow, drop, left : (P,)
        Effort that was met, flow that answered it, what the termination takes up at this flow, ``Z f``, and the
        effort that the same samples exert after the update.
    impedance, curvature : float
        `Z` and `H` along the flow, ``f.Zf/f.f`` and ``f.(effort - left)/(h f.f)``; NaN where nothing flows.
    """

    update: int
    layer: str
    effort: Floats
    flow: Floats
    drop: Floats
    left: Floats
    impedance: float
    curvature: float

    @property
    def coefficient(self) -> float:
        """``(Z - H)/(Z + H)`` along the flow."""
        total = self.impedance + self.curvature
        return (self.impedance - self.curvature) / total if total != 0 else float("nan")

    @property
    def reflected(self) -> Floats:
        """The wave that the termination sends back, ``b = (e - Z f)/2``, (P,)."""
        return (self.effort - self.drop) / 2

    @property
    def reflection(self) -> float:
        """Its norm over that of the wave that comes in: round-off of a termination that reflects nothing."""
        came = float(np.linalg.norm(self.effort + self.drop))
        return float(np.linalg.norm(self.effort - self.drop)) / came if came > 0 else 0.0


@dataclass(frozen=True)
class Terminations:
    """Updates of all layers, one after another.

    Parameters
    ----------
    parts : tuple of Termination
        Update by update, layer by layer.
    powers : dict of (updates,)
        Power `absorbed`, `available` and `reflected` at all ports, as `emulator.train` records it: against the
        resistance of each port alone.
    network : Network
        With the parameters at the end.
    """

    parts: tuple[Termination, ...]
    powers: Mapping[str, Floats]
    network: Network

    def of(self, layer: str) -> tuple[Termination, ...]:
        """The updates of one layer."""
        found = tuple(part for part in self.parts if part.layer == layer)
        if not found:
            known = ", ".join(dict.fromkeys(part.layer for part in self.parts))
            raise EngineError(f"terminations: no layer {layer!r} that learns; allowed: {known}")
        return found


@dataclass(frozen=True)
class _Open(ParameterPort):
    """An open end: it holds the effort that it meets, and nothing flows."""

    name: str = "open"
    conductance = "1"
    update = "met = 1*effort\ndw = 0*effort"
    variables = ("met",)


@TrainOptions.shown
def terminations(
    network: Network,
    inputs: Any,
    targets: ArrayLike | None = None,
    *,
    port: ParameterPort,
    rate_schedule: RateSchedule | None = None,
    law: Law | None = None,
    hardware: HardwareModel | str = "ideal",
    **options: Any,
) -> Terminations:
    """Train on the substrate, and measure what every layer's terminations do in each update.

    Before and after every update the same mini-batch is presented to the substrate with its ports open, which gives the
    efforts. It takes three times the time of the training, on the numpy target.

    Parameters
    ----------
    network, inputs, targets, port, rate_schedule, law, hardware, **options
        As for `emulator.train`, which takes the same steps; `samples` or `epochs` say how many, and with a `batch` of all
        samples every update meets the same ones.

    Returns
    -------
    Terminations

    Raises
    ------
    EngineError
        If the port's impedance is not known, or parameters move at every step.
    """
    chosen = TrainOptions.of(terminations, {"target": "numpy", **options})
    batch = chosen.training.batch
    if chosen.training.schedule == "unlocked":
        raise EngineError(
            "terminations: schedule is 'unlocked'; allowed: settled, in which one effort makes one update"
        )
    if chosen.checkpoint.path is not None:
        raise EngineError("terminations: checkpoint_path is given; allowed: none, since nothing is kept")
    chosen = replace(chosen, training=chosen.training.model_copy(update={"chunk": batch}))
    graph, learning = compiled(network, port, law, hardware, chosen)
    data = Data.of(graph.network, inputs, targets, None, chosen)
    substrate = substrate_of(graph, learning, data, chosen)
    meter = replace(substrate, learning=Learning(_Open(), batched=learning.batched))
    rates, state, parts, powers = rate_schedule or RateSchedule(), substrate.initial(), list[Termination](), []
    for update in range(-(-(data.total or 0) // batch)):
        start = update * batch
        feed = data.stream.rows(start, min(batch, (data.total or 0) - start))
        row = rate_rows(rates.factors(start, len(feed)), start, batch, data.total)
        done = substrate.train(state, feed, row, update + 1)
        met, left = (_efforts(meter, held, feed, row, update + 1) for held in (state, done.state))
        for block in substrate.layout.blocks:
            if block.layer is not None and block.trainable:
                seen = _record(substrate, block, state, done.state, float(row[-1, 0]))
                parts.append(_part(update, block, port, seen, _of(block, met), _of(block, left)))
        powers.append({name: float(power.sum()) for name, power in done.powers.items()})
        state = done.state
    totals = {name: np.array([row[name] for row in powers]) for name in ("absorbed", "available", "reflected")}
    return Terminations(tuple(parts), totals, substrate.network(state))


def _efforts(meter: Substrate, held: State, feed: Floats, row: Floats, number: int) -> State:
    """The effort at every parameter that the samples exert at these parameters, weights and biases."""
    state = {**meter.initial(), "w": held["w"], "bias": held["bias"]}
    found = meter.train(state, feed, row, number).state
    return {"w": found["weight.met"], "bias": found["bias.met"]}


def _of(block: Block, state: Mapping[str, Floats]) -> Floats:
    """The numbers of one layer's parameters."""
    biases = state["bias"][block.columns] if block.biased else np.zeros(0)
    return np.concatenate([state["w"][block.first : block.first + block.size], biases])


def _record(substrate: Substrate, block: Block, before: State, after: State, factor: float) -> PortRecord:
    """What is known of one layer's update."""
    names = {name.partition(".")[2] for name in after if "." in name and not name.startswith("pair.")}
    hessian = None
    if substrate.learning.port.joint:
        hessian = members_of(substrate.layout).part(str(block.layer), after["pair.curvature"])
    neuron = substrate.layout.to_state[block.first : block.first + block.size] - substrate.layout.neurons

    def state_of(held: State, name: str) -> Floats:
        if f"neuron.{name}" in held:
            whole = held[f"neuron.{name}"]
            return _of(replace(block, first=0), {"w": whole[neuron], "bias": whole})
        return _of(block, {"w": held[f"weight.{name}"], "bias": held[f"bias.{name}"]})

    h = substrate.learning.step(substrate.hold)
    return PortRecord(
        flow=(_of(block, after) - _of(block, before)) / h,
        before={name: state_of(before, name) for name in names},
        after={name: state_of(after, name) for name in names},
        h=h,
        factor=factor,
        hessian=hessian,
    )


def _part(
    update: int, block: Block, port: ParameterPort, seen: PortRecord, effort: Floats, left: Floats
) -> Termination:
    flow, drop = seen.flow, port.drop(seen)
    size = float(flow @ flow)
    along = [float(flow @ what) / size if size > 0 else float("nan") for what in (drop, (effort - left) / seen.h)]
    return Termination(update, str(block.layer), effort, flow, drop, left, along[0], along[1])

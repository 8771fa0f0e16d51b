"""How far noise moves Wave-PMP at rest: waves go round, so it is that of the linearised step, shaken as the substrate is.

The step is run many times side by side, with the noise of receivers (and of rounding that noise or chance decides) fresh for
each of the two numbers on every line at every step, and the poles of the nodes' noise as they are; the spread of what it
does, once it has begun to go round, is the noise floor. Its own error is a few percent. Of a large batch it is found for
samples spread over it, and the others have the largest of these.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.layout import biases
from emulator.families.wave_pmp.equations import Equations
from emulator.families.wave_pmp.linear_step import WavePMPStep
from emulator.families.wave_pmp.rest import OwnRest, law_of
from emulator.families.wave_pmp.sending import NUMBERS
from emulator.graph import ScatteringGraph
from emulator.measure.fields import Fields
from emulator.measure.noise_floor import Disturbance
from emulator.measure.result import Floats
from hwmodels import rng

#: steps before anything counts, steps that count, runs side by side in all, and growth that is no rest
_BEGIN, _COUNTED, _RUNS, _GROWING = 150, 250, 64, 3.0
#: samples for which it is found
_SAMPLES = 16


def noise_around(graph: ScatteringGraph, held: Fields, ext: Floats, by: Disturbance, loaded: bool) -> Fields | None:
    """Standard deviations (B, N) each around the rests of a batch with data and targets `ext` (B, N); None if one grows."""
    equations = Equations(graph, law_of(graph), biases(graph), loaded)
    chosen = np.unique(np.linspace(0, len(held.x) - 1, _SAMPLES).round().astype(int))
    runs, stream, found = -(-_RUNS // len(chosen)), rng(0, "noise floor"), list[tuple[Floats, ...]]()
    for k in chosen:
        with np.errstate(all="ignore"):
            point = OwnRest(held.x[k], held.s[k], held.lam[k], loaded, ext[k])
            spread = _spread(graph, WavePMPStep(graph, point, equations), by, runs, stream)
        if spread is None:
            return None
        found.append(spread)
    fields = []
    for part in zip(*found, strict=True):
        rows = np.tile(np.max(part, axis=0), (len(held.x), 1))
        rows[chosen] = part
        fields.append(rows)
    return Fields(*fields)


def _spread(
    graph: ScatteringGraph, step: WavePMPStep, by: Disturbance, runs: int, stream: np.random.Generator
) -> tuple[Floats, ...] | None:
    noise, taps = graph.hardware.noise, len(step.equations.links.layout.tap_port)
    poles = [
        pole.recursion(graph.step) for pole in ([noise.node] if noise.node.rms else []) + list(noise.flicker.poles())
    ]
    eta = [drive / np.sqrt(1 - decay**2) * stream.standard_normal((step.count, runs)) for decay, drive in poles]
    received = {name: np.sqrt((by.backward if back else by.forward) + by.thermal) for name, back in NUMBERS.items()}
    vectors = np.zeros((step.shape[0], runs))
    halves = np.zeros((2, 4, step.count))
    for n in range(_BEGIN + _COUNTED):
        eta = [
            decay * part + drive * stream.standard_normal(part.shape)
            for part, (decay, drive) in zip(eta, poles, strict=True)
        ]
        disturbed = {
            name: rms[:, np.newaxis] * stream.standard_normal((taps, runs))
            for name, rms in received.items()
            if rms.any()
        }
        vectors = step.stepped(vectors, disturbed | ({"F": np.sum(eta, axis=0)} if eta else {}))
        if n >= _BEGIN:
            x, lam = step.newest(vectors)
            fields = (vectors[step.part["s"]], x, lam, vectors[step.part["mu"]][: step.count])
            halves[2 * (n - _BEGIN) // _COUNTED] += [(part**2).mean(axis=1) for part in fields]
    halves *= 2 / _COUNTED
    first, second = halves.sum(axis=(1, 2))
    if not second <= _GROWING * first:
        return None
    return tuple(np.sqrt(halves.mean(axis=0)))

"""ngspice, with a small capacitor at the input of a neuron, takes the branches that the engine takes.

The circuit is one junction as its lines see it: the waves that arrive in series are a source `A` behind `Zs`, those in
parallel a current `J` into `G`, and the neuron draws ``mu = phi'(s) (G phi(s) - J)`` from the node that it senses.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from emulator import Bilateral, Network, SeriesRC, compile_network, settle
from emulator.engine import biases
from emulator.export.ngspice import run_ngspice
from emulator.families.bilateral import lay_out
from emulator.families.bilateral.branches import Junctions, several, solved

pytestmark = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")

ZS, G = 2.133, 0.3125
#: of a step, as a share of it: time constant of the capacitor, and when the waves are read
TAU, LATE = 2e-3, 0.99


def followed(A, J, Zs, G, start):
    """What the engine holds, step by step, (T, K), and whether there was another answer."""
    s, found, many = start, [], []
    for a, j in zip(A, J, strict=True):
        one = Junctions("tanh", 0 * a, a, j, G, Zs, np.full(len(a), np.inf))
        s = solved(one, s)
        found.append(s)
        many.append(several(one, s))
    return np.array(found), np.array(many)


def simulated(A, J, Zs, G, start, edge, folder: Path):
    """What ngspice says at the end of every step, (T, K), when the waves take `edge` of a step to change."""
    steps, count = A.shape
    text = ["one junction each, waves given"]
    times = np.repeat(np.arange(steps), 2) + np.tile([0.0, edge], steps)

    def waves(values):
        ends = np.stack([np.concatenate([values[:1], values[:-1]]), values], axis=1).ravel()
        return " ".join(f"{t:.9g} {v:.12g}" for t, v in zip(times, ends, strict=True))

    for k in range(count):
        text += [
            f"va{k} a{k} 0 pwl({waves(A[:, k])})",
            f"vj{k} j{k} 0 pwl({waves(J[:, k])})",
            f"rz{k} a{k} s{k} {Zs[k]:.12g}",
            f"cs{k} s{k} 0 {TAU / Zs[k]:.6g} ic={start[k]:.12g}",
            f"bm{k} s{k} 0 i=(1-tanh(v(s{k}))*tanh(v(s{k})))*({G[k]:.12g}*tanh(v(s{k}))-v(j{k}))",
        ]
    text += [".options reltol=1e-6 abstol=1e-12 vntol=1e-9", ".save " + " ".join(f"v(s{k})" for k in range(count))]
    text += [f".tran {TAU:g} {steps} 0 {5 * TAU:g} uic", ".end"]
    (folder / "junction.cir").write_text("\n".join(text) + "\n")
    saved = run_ngspice(folder / "junction.cir", 120)
    at = np.arange(steps) + LATE
    return np.stack([np.interp(at, saved["time"], saved[f"v(s{k})"]) for k in range(count)], axis=1)


def test_waves_that_move_slowly_over_folds(tmp_path):
    """There and back, over both folds of the junction: it jumps where its branch ends, not where the other one begins."""
    t = np.linspace(0, 2, 81)[:, None]
    A = np.hstack([-2.2 + 2.4 * np.sin(2 * np.pi * t), np.full_like(t, -2.206)])
    J = np.hstack([np.full_like(t, 1.5), 1.2 + 1.4 * np.sin(2 * np.pi * t)])
    Zs, stiff, start = np.full(2, ZS), np.full(2, G), np.zeros(2)
    ours, many = followed(A, J, Zs, stiff, start)
    theirs = simulated(A, J, Zs, stiff, start, 0.5, tmp_path)
    jumps = (np.abs(np.diff(ours, axis=0)) > 1).sum(axis=0)
    assert (jumps >= 3).all() and (many.sum(axis=0) > 8).all()
    np.testing.assert_allclose(theirs, ours, atol=5e-3)


def test_waves_as_an_engine_makes_them(tmp_path):
    """Hidden neurons of a crowded run on lines of high impedance; the waves change as fast as events do."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(32, 64)) / 4, rng.normal(size=(10, 32)) / 2]
    network = Network.mlp(weights, loss="softmax_cross_entropy")
    law = Bilateral(12.8, taper=4, far_end=SeriesRC(1, 0.5))
    graph = compile_network(network, law=law)
    inputs, hold = rng.uniform(size=(2, 64)), 40
    result = settle(graph, inputs, np.array([3, 7]), hold=hold, target="numpy", traces=True, diagnose=False)
    layout, waves = lay_out(graph), result.waves
    A, J = np.zeros((2, len(waves.s), graph.neurons))
    at = np.flatnonzero(layout.at_neuron)
    np.add.at(A.T, layout.node[at], (layout.to_in[at] * waves.arriving[:, at]).T)
    np.add.at(J.T, layout.node[at], (layout.to_out[at] * waves.arriving[:, at]).T)
    hidden = graph.site("x1")
    part = slice(hidden.start, hidden.stop)
    A, J = A[:, part] + biases(graph)[part], J[:, part]
    Zs, stiff, start = layout.series[part], layout.conductance[part], np.zeros(hidden.size)
    assert Zs == pytest.approx(ZS, abs=1e-3) and stiff == pytest.approx(G, abs=1e-3)
    ours, many = followed(A, J, Zs, stiff, start)
    np.testing.assert_allclose(ours, waves.s[:, part], atol=1e-9)
    most = np.argsort(many.sum(axis=0))[-4:]
    assert many[:, most].sum() > 10 and (many[:, most].sum(axis=0) > 0).all()
    theirs = simulated(A[:, most], J[:, most], Zs[most], stiff[most], start[most], TAU / 50, tmp_path)
    np.testing.assert_allclose(theirs, ours[:, most], atol=5e-3)

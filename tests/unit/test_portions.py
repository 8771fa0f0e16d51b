"""What stands between the engine and the user: portions, movements, results, and programs that are known."""

from __future__ import annotations

import gc
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emulator import Bilateral, Matched, Network, compile_network, settle
from emulator.engine import recording
from emulator.engine.kept import Kept
from emulator.engine.random import exp_if, gauss, gauss_if, uniform, uniform_if
from emulator.engine.results import write_only
from emulator.measure import maps, reference, roundoff
from emulator.measure.entry import last_entry
from emulator.measure.fields import Fields
from emulator.measure.maps import Maps
from emulator.measure.rest import neuron_values
from emulator.runs import presenting
from hwmodels import load
from tests.support.movements import random_movements


def network() -> Network:
    rng = np.random.default_rng(3)
    return Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) for a, b in ((5, 7), (7, 4), (4, 3))])


@pytest.mark.parametrize(("noise", "threshold"), [(0.0, 0.0), (1e-4, 0.0), (0.0, 1e-4)])
def test_portions_do_not_change_what_is_found(monkeypatch, noise, threshold):
    rng = np.random.default_rng(4)
    x, y = (rows[[0, 1, 2, 2, 3, 3, 3, 4, 4]] for rows in (rng.uniform(size=(5, 5)), rng.normal(size=(5, 3))))
    graph = compile_network(network(), hardware=load("ideal").replace({"noise.receiver": noise}))
    whole = settle(graph, x, y, target="numpy", threshold=threshold, diagnose=False)
    for cached in (1, 19 * 4):
        monkeypatch.setattr(recording, "_CACHED", cached)
        cut = settle(graph, x, y, target="numpy", threshold=threshold, diagnose=False)
        for name in ("settled", "settling_steps", "outcome", "residual", "deviation", "events"):
            assert np.array_equal(getattr(whole, name), getattr(cut, name)), name


def test_last_entry_is_that_of_a_plain_search():
    samples, count, hold = 40, 4, 11
    end, band, before, moved = random_movements(samples, count, hold)
    steps, stays = last_entry(
        SimpleNamespace(moved=moved, entered=None), "x", end, lambda b, n: band[b, n], before, hold
    )
    for b in range(samples):
        for n in range(count):
            here = (moved["step"] // hold == b) & (moved["neuron"] == n)
            times, values = moved["step"][here] - b * hold, moved["x"][here]
            path = [(0, end[b - 1, n] if b else before[n]), *zip(times, values, strict=True)]
            inside = [abs(value - end[b, n]) <= band[b, n] for _, value in path]
            came = len(inside) - next((k for k, good in enumerate(reversed(inside)) if not good), len(inside))
            assert stays[b, n] == inside[-1]
            assert steps[b, n] == (path[came][0] if inside[-1] else hold)


def test_round_off_in_plain_numbers_is_that_in_wide_ones():
    graph = compile_network(network())
    rng = np.random.default_rng(6)
    x, y = rng.uniform(size=(4, 5)), rng.normal(size=(4, 3))
    states, s, lam = neuron_values(graph, reference(graph.network, x, y))
    held = Fields(s, states, lam, lam)
    from emulator.families.node import lay_out
    from emulator.measure.passage import plain_passage

    layout, maps = lay_out(graph), Maps.of(graph, plain_passage(graph))
    plain, wide = (roundoff._independent(graph, layout, maps, held, y, kind) for kind in (np.float64, np.longdouble))
    for one in fields(plain):
        np.testing.assert_allclose(getattr(plain, one.name), getattr(wide, one.name), rtol=1e-12)
    assert roundoff._moderate(held)
    for large in (1e200, 1e-200):
        assert not roundoff._moderate(replace(held, x=large * held.x))


def test_only_what_is_asked_for_is_written(tmp_path: Path):
    block = (
        '    ofstream outfile_{0};\n    outfile_{0}.open(results_dir + "{0}_1", ios::binary | ios::out);\n'
        "    if(outfile_{0}.is_open())\n    {{\n        outfile_{0}.close();\n    }} else\n    {{\n"
        '        std::cout << "Error writing output file for {0}." << endl;\n    }}\n'
    )
    source = tmp_path / "objects.cpp"
    source.write_text("before\n" + block.format("_a") + block.format("_b") + "after\n")
    write_only(tmp_path, ["_c_1"])
    assert source.read_text().count("open(") == 4  # not what was expected: left as it is
    write_only(tmp_path, ["_b_1"])
    assert source.read_text() == "before\n" + block.format("_b") + "after\n"


def test_numbers_are_drawn_where_they_are_wanted():
    wanted, element, counter = np.array([0.0, 1.0, -1.0]), np.arange(3.0), np.full(3, 7.0)
    assert np.array_equal(gauss_if(wanted, 5.0, element, counter), [0.0, *gauss(5.0, element, counter)[1:]])
    assert np.array_equal(uniform_if(wanted, 5.0, element, counter), [0.5, *uniform(5.0, element, counter)[1:]])
    assert np.array_equal(exp_if(wanted, element), [1.0, *np.exp(element[1:])])


def test_what_is_kept_goes_with_its_owner():
    class Owner:
        pass

    kept, one, other = Kept[str](), Owner(), Owner()
    kept.put(one, "a")
    kept.put(one, "b")
    assert kept.get(one) == "b"
    assert kept.get(other) is None
    del one
    gc.collect()
    assert not kept._values


@pytest.mark.parametrize("law", [Matched(), Bilateral()])
def test_what_is_kept_of_a_graph_goes_with_it(law):
    graph, rng = compile_network(network(), law=law), np.random.default_rng(9)
    x, y = rng.normal(size=(1, 5)), rng.normal(size=(1, 3))
    stores = (maps._made, roundoff._growths, presenting._plans, presenting._numbers)
    gc.collect()
    before = [len(one._values) for one in stores]
    for seed in (1, 2):
        settle(graph, x, y, target="numpy", seed=seed, hold=3, diagnose=False)
    assert max(len(one._values) - count for one, count in zip(stores, before, strict=True)) == 1
    del graph
    gc.collect()
    assert all(len(one._values) <= count for one, count in zip(stores, before, strict=True))

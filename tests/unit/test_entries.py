"""When neurons came to stay, where a compiled program has judged it; bounds of round-off; counts; what is kept between runs."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from emulator import Network, Worldsheet, compile_network, reference, settle
from emulator.engine.recording import FAR, UNCLEAR
from emulator.engine.results import write_only
from emulator.families.node import lay_out
from emulator.measure import settling
from emulator.measure.energy import weighed
from emulator.measure.entry import certain, certain_by_rows, last_entry
from emulator.measure.fields import Fields
from emulator.measure.maps import Maps
from emulator.measure.passage import plain_passage
from emulator.measure.rest import neuron_values
from emulator.measure.roundoff import Rounding, answer_terms, rounding_bound, rounding_of
from emulator.measure.rows import largest
from emulator.runs import presenting
from hwmodels import load
from tests.substrate import delays
from tests.support.movements import random_movements


def network(loss: str = "mse", activations: str = "tanh") -> Network:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in ((5, 7), (7, 4), (4, 3))]
    return Network.mlp(weights, loss=loss, activations=activations)


def test_of_what_is_left_to_judge_the_movements_are_searched():
    samples, count, hold = 30, 4, 9
    end, band, before, moved = random_movements(samples, count, hold)
    steps, stays = last_entry(
        SimpleNamespace(moved=moved, entered=None), "x", end, lambda b, n: band[b, n], before, hold
    )
    left = np.random.default_rng(6).random(end.shape) < 0.3
    entered = np.where(left, UNCLEAR, 1000 + np.arange(count)).astype(np.int32)
    listed = left[moved["step"] // hold, moved["neuron"]]
    judged = SimpleNamespace(moved={k: v[listed] for k, v in moved.items()}, entered={"x": entered})
    found, kept = last_entry(judged, "x", end, lambda b, n: band[b, n], before, hold)
    assert np.array_equal(found, np.where(left, steps, entered))
    assert np.array_equal(kept, stays | ~left)
    clear = SimpleNamespace(moved={k: v[:0] for k, v in moved.items()}, entered={"x": np.abs(entered)})
    assert np.array_equal(last_entry(clear, "x", end, lambda b, n: 1 / 0, before, hold)[0], np.abs(entered))


@pytest.mark.parametrize(
    ("off", "band", "sure"),
    [
        (0.0, 1e-3, True),
        (0.9e-3, 1e-3, True),
        (0.95e-3, 1e-3, False),  # what was taken for inside may be outside
        (0.9e-3, 0.96253e-3, False),  # a resolution is one of what was held, not of the rest
        (0.0, 2.1e-3, False),  # what was taken for outside may be inside
        (0.9e-3, 1.5e-3, False),  # or is as near to a rest that is elsewhere
        (0.5e-3, 1.4995e-3, False),  # where the row that was held may be smaller than the rest
        (np.inf, 1e-3, False),
        (np.nan, 1e-3, False),
    ],
)
def test_a_judgement_is_certain_where_no_rest_could_change_it(off, band, sure):
    one, fine = np.ones((1, 2)), Fields(*[np.zeros((1, 2))] * 4)
    size, resolution = Fields(one, one, one, one), 1e-3 / 16
    assert FAR * resolution == pytest.approx(2e-3)
    for name, loaded in (("x", False), ("x", True), ("lam", True)):
        away = Fields(**{f.name: np.array([[0.0, off]]) if f.name == name else fine.s for f in fields(Fields)})
        within = Fields(**{f.name: np.array([[1e-3, band]]) if f.name == name else one * 1e-3 for f in fields(Fields)})
        assert certain(size, away, within, resolution, loaded).tolist() == [sure]
    assert certain(size, away, within, resolution, False).all()  # costates of no load are of no account


@pytest.mark.parametrize(
    ("width", "off", "band", "sure"),
    [
        (0.25, 0.0, 1e-3, True),
        (0.25, 0.24e-3, 1e-3, True),
        (0.25, 0.26e-3, 1e-3, False),  # the end is farther from rest than was reckoned with
        (1.0, 0.99e-3, 1e-3, True),
        (0.25, 0.0, 0.74e-3, False),  # what was taken for inside may be outside of a band that is as narrow
        (0.25, 0.0, 1.26e-3, False),  # and the other way round
        (0.25, np.nan, 1e-3, False),
    ],
)
def test_a_judgement_by_what_is_only_near_its_rest_is_certain_within_its_width(width, off, band, sure):
    graph = compile_network(Network.mlp([np.eye(2)]))
    rows, none = np.ones((1, 2)), np.zeros((1, 2))
    widths = {"width_x": np.full((1, 4), width), "width_lam": np.full((1, 4), width)}
    size, fine, tolerance = Fields(*[rows] * 4), Fields(*[none] * 4), 1e-3
    for name, loaded in (("x", False), ("x", True), ("lam", True)):
        away = Fields(**{f.name: np.array([[0.0, off]]) if f.name == name else fine.s for f in fields(Fields)})
        within = Fields(**{f.name: np.array([[1e-3, band]]) if f.name == name else 1e-3 * rows for f in fields(Fields)})
        assert certain_by_rows(graph, widths, size, away, within, tolerance, loaded).tolist() == [sure]
    away = Fields(none, none, np.array([[0.0, np.inf]]), none)
    assert certain_by_rows(graph, widths, size, away, Fields(*[1e-3 * rows] * 4), tolerance, False).all()
    narrow = {**widths, "width_lam": np.array([[width, width, 0.0, 0.0]])}  # every row has its own
    apart = Fields(none, none, np.array([[0.0, 0.01e-3]]), none)
    assert not certain_by_rows(graph, narrow, size, apart, Fields(*[1e-3 * rows] * 4), tolerance, True).any()


def test_a_row_that_rests_at_0_is_measured_by_the_largest_of_its_sample():
    resolution, none = 1e-3 / 16, np.zeros((2, 2))
    rows, band = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1e-3, 1e-6], [1e-3, 2.1e-6]])
    size, away, within = Fields(*[rows] * 4), Fields(*[none] * 4), Fields(*[band] * 4)
    assert certain(size, away, within, resolution, True).tolist() == [True, False]


def test_a_neuron_that_does_not_move_is_where_it_was_and_the_end_of_a_band_is_within():
    """Of the first sample what was before counts, of the second the end of the first; bands are exactly 1."""
    end, band, before = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 3.0]]), np.ones((2, 3)), np.array([1.0, 2.0, 0.0])
    moved = {"step": np.array([1, 2, 3]), "neuron": np.array([2, 2, 1]), "x": np.array([5.0, 1.0, -1.0])}
    steps, stays = last_entry(SimpleNamespace(moved=moved, entered=None), "x", end, lambda b, n: band[b, n], before, 3)
    assert stays.tolist() == [[True, False, True], [True, True, False]]
    assert steps.tolist() == [[0, 3, 2], [0, 0, 3]]


@pytest.mark.parametrize(("loaded", "hold", "sure"), [(True, None, False), (False, None, False), (True, 2.0, True)])
def test_a_verdict_is_as_sure_as_its_judgements_where_the_substrate_is_near_its_rest(monkeypatch, loaded, hold, sure):
    graph, rng = compile_network(network()), np.random.default_rng(12)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 3)) if loaded else None
    simulated, judged, asked, verdicts = presenting.simulate, presenting.judge, [], []

    def unclear(*given):
        recording, open_ = simulated(*given), np.full((2, graph.neurons), UNCLEAR, np.int32)
        return replace(recording, entered={"x": open_, "lam": open_})

    def chosen(size, away, band, resolution, loaded):
        asked.append((resolution, loaded))
        return np.array([True, False])

    monkeypatch.setattr(presenting, "simulate", unclear)
    monkeypatch.setattr(presenting, "judge", lambda *a, **how: verdicts.append(judged(*a, **how)) or verdicts[-1])
    monkeypatch.setattr(settling, "certain", chosen)
    found = settle(graph, x, y, target="numpy", hold=hold, tolerance=1e-3, diagnose=False)
    assert found.settled.all() == (hold is None)
    assert verdicts[0].sure.tolist() == [True, sure]  # far from rest it is of no account
    assert set(asked) == {(1e-3 / 16, loaded)}


def test_rows_of_a_map_are_those_of_the_passage():
    graph = compile_network(network())
    passage = plain_passage(graph)
    values = np.random.default_rng(13).normal(size=(4, graph.neurons))
    for rows, whole in zip(
        (Maps.of(graph, passage).forward, Maps.of(graph, passage).backward),
        (passage.forward, passage.backward),
        strict=True,
    ):
        np.testing.assert_allclose(np.hstack([row(values) for row in rows]), values @ whole.toarray().T, atol=1e-14)


def test_a_graph_whose_lines_deliver_something_else_is_measured_by_that():
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    drift = {
        "first_reading": 20.0,
        "exponent_mean": {"intercept": 0.05, "floor": 0.0, "ceiling": 1.0},
        "exponent_std": {"intercept": 0.0, "floor": 0.0, "ceiling": 1.0},
    }
    hardware = load("ideal").replace({"weights": {"g_min": 1e-6, "g_max": 25e-6, "drift": drift}})
    one, other = (compile_network(network(), hardware=hardware) for _ in range(2))
    young, old, fresh = (
        settle(graph, x, y, age=age, target="numpy") for graph, age in ((one, 20.0), (one, 1e6), (other, 1e6))
    )
    assert fresh.settled.all() and np.array_equal(old.settled, fresh.settled) and young.settled.all()
    assert np.array_equal(old.deviation, fresh.deviation)
    assert np.abs(old.held_states["x3"] - young.held_states["x3"]).max() > 1e-3


@pytest.mark.parametrize(("loss", "activations"), [("mse", "tanh"), ("softmax_cross_entropy", "relu"), ("mse", "gelu")])
def test_the_bound_of_round_off_is_one(loss, activations):
    graph, rng = compile_network(network(loss, activations)), np.random.default_rng(6)
    x = rng.normal(size=(12, 5)) * np.logspace(-6, 6, 12)[:, np.newaxis]
    y = rng.normal(size=(12, 3)) if loss == "mse" else rng.integers(0, 3, 12)
    exact = reference(graph.network, x, y)
    states, s, lam = neuron_values(graph, exact)
    held, layout, maps = Fields(s, states, lam, 0.7 * lam), lay_out(graph), Maps.of(graph, plain_passage(graph))
    wanted = y if loss == "mse" else np.eye(3)[y]
    size = Fields(*(largest(graph, values) for values in (held.s, held.x, held.lam, held.mu)))
    none = Fields(*(np.zeros_like(size.s) for _ in range(4)))
    for loaded in (wanted, None):
        terms = None if loaded is None else answer_terms(graph, held.x[:, layout.outputs], loaded)
        bound = rounding_bound(graph, layout, maps, size, none, terms)
        worked = rounding_of(graph, layout, maps, held, loaded)
        for name in ("s", "x", "lam", "mu"):
            assert (getattr(bound, name) >= largest(graph, getattr(worked, name))).all(), name
            assert (getattr(bound, name)[5:7] < 1e-9).all(), name  # and of use
    tiny = Fields(size.s, 1e-120 * size.x, size.lam, size.mu)
    assert np.isinf(rounding_bound(graph, layout, maps, tiny, none, None).x).any()


def test_round_off_is_worked_out_where_its_bound_says_too_little():
    graph, asked = compile_network(network()), []
    rows = np.ones((1, len(graph.sites)))
    exact = Fields(*(np.full((1, graph.neurons), np.inf if k else 1e-9) for k in range(4)))
    size = Fields(rows, rows, rows, rows)
    found = Rounding(lambda: asked.append(1) or exact, lambda size, away: Fields(*[1e-4 * rows] * 4))
    assert (found.of_rows(graph, size, size, 1e-3).s == 1e-4).all() and not asked
    assert (found.of_rows(graph, size, size, 1e-5).s == 1e-9).all() and asked == [1]
    assert (found.of_rows(graph, size, size, 1e-5).mu == 0).all() and asked == [1]  # what is none counts for nothing


def test_a_run_that_leaves_a_judgement_open_is_run_again_with_all_movements(monkeypatch):
    graph, rng = compile_network(network()), np.random.default_rng(7)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    rows, plain = [], settle(graph, x, y, target="numpy")
    simulated, judged = presenting.simulate, presenting.judge
    monkeypatch.setattr(presenting, "simulate", lambda plan, *rest: rows.append(plan.judged) or simulated(plan, *rest))

    def open_once(*given, **how):
        verdict = judged(*given, **how)
        verdict.sure[1] = not rows[-1]
        return verdict

    monkeypatch.setattr(presenting, "judge", open_once)
    assert np.array_equal(settle(graph, x, y, target="numpy").settling_steps, plain.settling_steps)
    assert rows == [(5, 7, 4, 3), ()]
    again = settle(graph, x, y, target="numpy")
    assert rows == [(5, 7, 4, 3), (), ()] and again.times.keys() == plain.times.keys()  # it is not tried twice
    rows.clear()
    settle(graph, x, y, target="numpy", threshold=1e-9)
    assert rows[0] == ()  # of what a threshold blurs the program cannot tell, nor of what comes to rest by and by
    rows.clear()
    settle(compile_network(network(), law=Worldsheet(0.5)), x, y, target="numpy")
    assert set(rows) == {()}


def test_numbers_are_kept_for_a_run_that_needs_the_same():
    graph, rng = compile_network(network()), np.random.default_rng(8)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    first = settle(graph, x, y, target="numpy")
    plan = presenting._plans.get(graph)[1]
    numbers = presenting._numbers.get(plan)[1]
    again = settle(graph, x, y, target="numpy")
    assert presenting._numbers.get(plan)[1] is numbers
    assert np.array_equal(first.deviation, again.deviation) and np.array_equal(first.residual, again.residual)
    settle(graph, x, y, target="numpy", tolerance=1e-9)
    assert presenting._numbers.get(plan)[1]["resolution"] == pytest.approx(1e-9 / 16)
    settle(graph, x, target="numpy")
    assert not np.any(presenting._numbers.get(plan)[1]["load"])


def test_events_are_weighed_exactly():
    rng = np.random.default_rng(9)
    sent, each = rng.integers(0, 1000, size=(500, 30)).astype(np.int32), rng.integers(0, 10**6, 30)
    exact = sent.astype(np.int64) @ each
    assert np.array_equal(weighed(sent, each), exact)
    huge = each * 10**8
    assert np.array_equal(weighed(sent, huge), sent.astype(np.int64) @ huge)
    assert weighed(sent[:0], each).shape == (0,)


def test_records_are_written_as_they_are_made(tmp_path: Path):
    block = (
        '    ofstream outfile_{0};\n    outfile_{0}.open(results_dir + "{0}_1", ios::binary | ios::out);\n'
        '        std::cout << "Error writing output file for {0}." << endl;\n    }}\n'
    )
    held = "DynamicArray2D<double> _a;\nstd::vector<int32_t> _b;\nstd::vector<double> _c;\n"
    source, header = tmp_path / "objects.cpp", tmp_path / "objects.h"
    source.write_text(held + block.format("_a") + block.format("_b") + block.format("_c"))
    header.write_text("".join(f"extern {line}\n" for line in held.splitlines()))
    write_only(tmp_path, ["_a_1", "_b_1"], ["_b_1"])
    assert source.read_text() == (
        'DynamicArray2D<double> _a;\nRecord<int32_t> _b("_b_1");\nstd::vector<double> _c;\n'
        + block.format("_a") + "    _b.finish();\n"
    )  # fmt: skip
    assert "extern Record<int32_t> _b;\nextern std::vector<double> _c;" in header.read_text()
    assert header.read_text().count("class Record") == 1


@pytest.mark.slow
def test_a_program_judges_as_all_movements_do(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    rng = np.random.default_rng(10)
    x, y = rng.uniform(-1, 1, size=(12, 5)), rng.normal(size=(12, 3)) / 3
    x[3], x[5], x[7] = 0.0, x[4], 1e-6 * x[7]
    graph = compile_network(network(), hardware=delays(1, 4))
    recordings = []
    judge = presenting.judge

    def noted(graph, layout, recording, *rest, **how):
        recordings.append(recording)
        return judge(graph, layout, recording, *rest, **how)

    monkeypatch.setattr(presenting, "judge", noted)
    for targets, hold in ((y, None), (None, None), (y, 5.0)):
        compiled, interpreted = (settle(graph, x, targets, target=t, hold=hold) for t in ("standalone", "numpy"))
        assert [one.entered is None for one in recordings] == [False, True]
        entered = recordings[0].entered["lam"]
        assert np.mean(entered == UNCLEAR) < 0.5 and (entered > 0).any() == (targets is not None)
        assert compiled.settled.all() == (hold is None)
        for name in ("settled", "settling_steps", "outcome", "events"):
            assert np.array_equal(getattr(compiled, name), getattr(interpreted, name)), name
        np.testing.assert_allclose(compiled.residual, interpreted.residual, atol=1e-12)
        recordings.clear()

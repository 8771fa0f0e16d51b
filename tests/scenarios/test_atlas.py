"""Maps of what settles: every cell measured and predicted, kept when interrupted, and listed where both disagree."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import EngineError, ScenarioError, Worldsheet, compile_network, settle
from emulator.cli import app
from emulator.experiments import run_experiment
from emulator.experiments.atlas import experiment
from emulator.experiments.atlas.cells import Cell, Map, agreement, measure
from emulator.experiments.atlas.figure import maps_figure, times_figure
from emulator.experiments.atlas.table import atlas_table
from emulator.scenario import load_scenario
from emulator.scenario.load import changed
from emulator.study.work import Material, Work, graph_of
from tests.refusals import refuses

SMALL = """
title = "small"
[network]
source = "random-mlp"
sizes = [4, 5, 3]
[data]
source = "random"
samples = 1
[run]
target = "numpy"
[atlas]
grid = 3
horizon = 80
[[atlas.maps]]
name = "relaxation"
x = { key = "law.gamma", label = "gamma", linear = { low = 0.0, high = 0.8 } }
y = { key = "law.beta", label = "beta", values = [0.3, 1.0] }
set = { law = { name = "worldsheet" } }
"""


@pytest.fixture
def small(tmp_path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same atlas in one go, and what was told on the way."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.toml").write_text(SMALL)
    told = []
    scenario = load_scenario(folder / "small.toml")
    report = run_experiment(
        scenario, folder / "out", workers=1, progress=lambda stage, done: told.append((stage, done))
    )
    return report, told


def test_every_cell_is_measured_and_predicted(whole):
    report, told = whole
    scenario, out = report.scenario, report.out
    results = json.loads((out / "results.json").read_text())
    assert set(results["files"]) == {path.name for path in out.iterdir()}
    assert {"atlas.png", "times.png", "cells.csv"} <= set(results["files"])
    cells = results["cells"]
    assert [(c["gamma"], c["beta"]) for c in cells] == [(g, b) for g in ("0", "0.4", "0.8") for b in ("0.3", "1")]
    done = dict(told)
    assert 0.2 < done["point 3 of 6"] < done["point 5 of 6"] < done["point 6 of 6"] == 1
    network = scenario.config.network.build(out).network
    batch = scenario.config.data.load(network, out)
    for cell in cells:
        law = Worldsheet(float(cell["beta"]), float(cell["gamma"]))
        result = settle(compile_network(network, law=law), batch.inputs, batch.targets, hold=120, target="numpy",
                        diagnose=False)  # fmt: skip
        measured = result.settling_steps.max()
        settles = bool(result.settled.all()) and measured <= 80
        assert cell["settled"] == settles
        assert cell["measured"] == (measured if settles else None)
        assert (cell["radius"] < 1) or not settles
    assert sum(cell["settled"] for cell in cells) >= 2
    assert any(not cell["settled"] for cell in cells)
    rows = list(csv.DictReader((out / "cells.csv").read_text().splitlines()))
    assert [float(row["spectral radius"]) for row in rows] == [cell["radius"] for cell in cells]
    assert report.findings.table[-1][0] == "all"


def test_after_an_interruption_only_the_rest_is_done(whole, small, tmp_path, monkeypatch):
    done = []

    def interrupted(graph, *given, **how):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(graph.law)
        return measure(graph, *given, **how)

    monkeypatch.setattr(experiment, "measure", interrupted)
    words = ["run", str(small), "--workers", "1", "--out", str(tmp_path / "out")]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 130
    assert "interrupted, finished parts are kept, and --resume goes on from them" in first.output
    assert not (tmp_path / "out").exists()
    begun = list(done)
    done.clear()
    monkeypatch.setattr(
        experiment, "measure", lambda graph, *g, **how: done.append(graph.law) or measure(graph, *g, **how)
    )
    second = CliRunner().invoke(app, [*words, "--resume"])
    assert second.exit_code in (0, 1), second.output
    assert len(done) == 3
    assert not set(done) & set(begun)
    assert (tmp_path / "out" / "cells.csv").read_bytes() == (whole[0].out / "cells.csv").read_bytes()
    assert not (tmp_path / "out.points.sqlite").exists()


def cell(**changes) -> Cell:
    known = Cell("m", 0, 0, 100, 0.9, 50.0, True, 50.0, 2.0)
    return replace(known, **changes)


def test_agreement_lists_every_cell_that_disagrees():
    late, early = cell(predicted=61.0), cell(predicted=39.0)
    other, slow = cell(settled=False, measured=math.inf), cell(predicted=101.0, radius=0.99)
    never = cell(settled=False, measured=math.inf, predicted=math.inf)
    found = agreement([cell(), cell(predicted=60.0), cell(predicted=40.0), late, early, other, slow, never], 0.2)
    assert (found.cells, found.settled, found.same_side, found.close) == (8, 6, 6, 3)
    assert found.disagreeing == (late, early, other, slow)
    assert not found.good()


@pytest.mark.parametrize(
    ("wrong", "late", "good"), [(1, 0, True), (2, 0, False), (0, 2, True), (0, 3, False), (1, 2, True)]
)
def test_the_atlas_must_agree_on_most_cells(wrong, late, good):
    """95 % of 20 cells on the boundary: one may be wrong; 90 % of 20 settled ones in time: two may be late."""
    cells = [cell(settled=False, measured=math.inf)] * wrong + [cell(predicted=90.0)] * late
    settled = [cell()] * (20 - late)
    assert agreement([*cells, *(settled if late else settled[wrong:])]).good() is good


def test_pictures_and_table_show_the_cells_that_disagree():
    axes = Map("m", "gamma", "beta", ("0", "0.1", "0.2"), ("0.5", "1"))
    cells = [cell(column=c, row=r) for c in range(3) for r in range(2)]
    cells[5] = cell(column=2, row=1, settled=False, measured=math.inf)
    cells[0] = cell(predicted=80.0)
    cells[2] = cell(column=1, radius=1.2, predicted=math.inf, settled=False, measured=math.inf)
    table, notes = atlas_table([(axes, cells)], 0.2)
    assert table[1] == ("m", "6", "4", "5 of 6 (83.3%)", "3 of 4 (75.0%)", "0.0%")
    assert notes == [
        ("m", "gamma = 0, beta = 0.5: measured 50 steps, predicted 80 (spectral radius 0.9000)"),
        ("m", "gamma = 0.2, beta = 1: not settled in 100 steps, predicted 50 (spectral radius 0.9000)"),
    ]
    picture = maps_figure([(axes, cells)], 0.2, "title").axes[0]
    image = picture.images[0].get_array()
    assert image.mask.tolist() == [[False, True, False], [False, False, True]]
    assert image[0, 0] == 25  # transits
    marks = {line.get_label(): line.get_xydata().tolist() for line in picture.lines}
    assert marks["on the other side of the boundary than predicted"] == [[2, 1]]
    assert marks["settling time off by more than 20%"] == [[0, 0]]
    assert (picture.get_xlabel(), picture.get_ylabel()) == ("gamma", "beta")
    points = times_figure([(axes, cells)], 0.2).axes[0].lines[0].get_xydata()
    assert sorted(points.tolist()) == [[50, 50], [50, 50], [50, 50], [50, 80]]


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("atlas", {"law.gamma", "law.beta", "law.bandwidth", "law.impedance", "law.nu", "network.scale", "network.sizes",
                   "law.taper"}),
        ("atlas-wave-pmp", {"law.nu", "law.alpha", "law.metric", "network.depth", "network.blocks"}),
    ],
)  # fmt: skip
def test_the_bundled_maps_can_be_run(name, axes):
    """The first cell of each, for a few steps; all of them by `backwave run`."""
    scenario = load_scenario(name, ["run.target=numpy", "atlas.horizon=10"])
    section = scenario.config.atlas
    assert {key for one in section.maps for key in (one.x.key, one.y.key)} == axes
    for one in section.maps:
        cell = changed(scenario, next(experiment.cells_of(scenario, one)).changes)
        material = Material.of(cell)
        graph, batch = graph_of(Work(cell, material, (), experiment.measured), cell, material), material.batch
        exact = material.exact
        taken = measure(graph, batch.inputs, batch.targets, exact, horizon=10, tolerance=0.5, target="numpy")
        assert taken.steps > 0


TRANSPORTED = """
title = "transported"
[network]
source = "random-mlp"
width = 4
depth = 3
[data]
source = "random"
samples = 2
[run]
target = "numpy"
[atlas]
horizon = 120
required = { boundary = 1.0, time = 1.0 }
[[atlas.maps]]
name = "transport"
x = { key = "law.nu", values = [0.0, 0.1, 0.3] }
y = { key = "law.alpha", values = [0.7, 2.5] }
set = { law = { name = "wave-pmp", transport = "jacobian" } }
"""


@pytest.mark.slow
def test_the_bias_of_a_rest_stands_beside_what_is_measured(tmp_path):
    """Wave-PMP rests away from backpropagation: the error of its gradient is measured, and computed from its own rest."""
    (tmp_path / "transported.toml").write_text(TRANSPORTED)
    report = run_experiment(load_scenario(tmp_path / "transported.toml"), tmp_path / "out", workers=1)
    cells = json.loads((tmp_path / "out" / "results.json").read_text())["cells"]
    assert report.findings.good and {"bias.png", "cosine.png"} <= set(report.files)
    settled = [one for one in cells if one["settled"]]
    assert [(one["law.nu"], one["law.alpha"]) for one in settled] == [("0", "0.7"), ("0.1", "0.7"), ("0.3", "0.7")]
    assert settled[0]["gradient"] < 1e-6 < 0.01 < settled[1]["gradient"] < settled[2]["gradient"]
    for one in settled[1:]:
        assert one["gradient"] == pytest.approx(one["bias"], rel=1e-4) and one["cosine"] < 0.9999
    never = [one for one in cells if not one["settled"]]
    assert all(one["gradient"] is None and one["cosine"] is None for one in never)
    assert report.findings.table[0][-3:] == ("gradient error", "least cosine", "from the computed bias")
    errors, cosines = (
        report.findings.files[name]().axes[0].images[0].get_array() for name in ("bias.png", "cosine.png")
    )
    assert errors[0, 2] == settled[2]["gradient"] and cosines[0, 2] == settled[2]["cosine"]
    assert errors.mask.tolist() == cosines.mask.tolist() == [[False] * 3, [True] * 3]


def test_laws_that_rest_at_backpropagation_have_no_picture_of_a_bias(whole):
    assert not {"bias.png", "cosine.png"} & set(whole[0].files)
    assert len(whole[0].findings.table[0]) == 6


def test_what_must_agree_can_be_asked(tmp_path):
    found = agreement([cell()] * 19 + [cell(settled=False, measured=math.inf)])
    assert found.good() and not found.good(boundary=0.97) and found.good(boundary=0.0, time=1.0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", linear = { low = 0.0, high = 0.8 }", "", "axes: 'law.gamma' has no values; allowed: exactly one of"),
        (
            "linear = { low = 0.0,",
            "log = { low = 0.0,",
            "axes: 'law.gamma' has a low of 0.0; allowed with log: above 0",
        ),
        ("values = [0.3, 1.0]", "values = [0.3, 1.0], ticks = ['a']", "axes: 'law.beta' has 1 ticks for 2 values"),
        ("linear = {", "first = {", "unknown key 'atlas.maps[0].x.first'; allowed: atlas.maps[0].x.key, "),
    ],
)
def test_axes_that_make_no_sense_are_refused(small, old, new, words):
    small.write_text(SMALL.replace(old, new))
    refuses(f"scenario 'small': {words}", lambda: load_scenario(small), ScenarioError)


def test_wrong_keys_of_a_map_and_missing_sections_are_refused(small, tmp_path):
    small.write_text(SMALL.replace("law.beta", "law.betta"))
    refuses(
        "scenario 'small': atlas map 'relaxation': scenario 'small': unknown key 'law.betta' (did you mean 'law.beta'?)",
        lambda: run_experiment(load_scenario(small), tmp_path / "out", workers=1),
        ScenarioError,
    )
    slow = SMALL.replace('{ name = "worldsheet" }', '{ name = "upwind" }, "hardware.lines.delay_forward" = 3e-9')
    small.write_text(
        slow.replace("law.gamma", "law.nu").replace("low = 0.0", "low = 0.5").replace("law.beta", "law.kappa")
    )
    refuses(
        "scenario 'small': atlas map 'relaxation': law upwind: lines of up to 3 steps; allowed: one step",
        lambda: run_experiment(load_scenario(small), tmp_path / "out", workers=1),
        EngineError,
    )
    small.write_text(SMALL.replace("linear = {", "uniform = {"))
    refuses(
        "scenario 'small': axes: 'law.gamma' has values that are drawn; allowed here: values, linear, log",
        lambda: run_experiment(load_scenario(small), tmp_path / "out"),
        ScenarioError,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_a_cell_that_does_not_settle_has_no_error():
    assert np.isnan(cell(settled=False).error)
    assert cell(predicted=math.inf).error == math.inf
    assert cell(settled=False, measured=math.inf, radius=math.nan).to_dict()["radius"] is None

"""Experiments run from their files: technologies side by side, and errors against precision and noise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import ScenarioError
from emulator.cli import app
from emulator.experiments import run_experiment
from emulator.experiments.technologies.figure import technologies_figure
from emulator.experiments.technologies.result import Cost, TechnologyResult
from emulator.experiments.technologies.table import joules, technologies_table
from emulator.scenario import bundled, load_scenario
from emulator.study import read_evidence
from hwmodels import load, presets
from tests.refusals import refuses

SMALL = ["data.limit=12", "network.iterations=40", "run.target=numpy"]
COMPLETE = {name for name in presets() if not load(name).missing()}


@pytest.fixture(scope="module")
def technologies(tmp_path_factory):
    return run_experiment(load_scenario("technologies", SMALL), tmp_path_factory.mktemp("study") / "out", workers=1)


def table_of(report) -> dict[str, dict]:
    results = json.loads((report.out / "results.json").read_text())
    return {row["name"]: row for row in results["technologies"]}


def test_every_preset_is_measured_or_listed_with_what_it_lacks(technologies):
    rows = table_of(technologies)
    assert set(rows) == set(presets())
    assert {name for name, row in rows.items() if not row["lacks"]} == COMPLETE
    assert {row[0] for row in technologies.findings.table[1:]} == COMPLETE
    assert rows["sonos-crossbar"]["lacks"] == ["clock.node_update_interval", "lines.delay_forward"]
    assert rows["sonos-crossbar"]["accuracy"] is None
    assert (
        "sonos-crossbar",
        "not emulated, must be supplied: hardware.clock.node_update_interval, hardware.lines.delay_forward",
    ) in (technologies.findings.notes)


def test_every_complete_technology_settles_and_is_measured_but_one_whose_noise_turns_its_digits(technologies):
    noisy = load("brainscales2")
    step = 2 * noisy.precision.forward.full_scale / 2**noisy.precision.forward.bits
    assert noisy.noise.node.rms > 0.4 * step  # what is sent never rests
    assert technologies.findings.good  # that it never settles is a result
    assert technologies.findings.verdict.endswith("; not all samples settled on brainscales2")
    assert table_of(technologies)["brainscales2"]["settled"] == 0
    for name in COMPLETE - {"brainscales2"}:
        row = table_of(technologies)[name]
        assert row["settled"] == row["samples"] == 12
        assert 0.5 < row["accuracy"] <= 1
        assert -1 <= row["gradient_cosine"] <= 1 + 1e-12
        assert 0 < row["inference_seconds"] <= row["settling_seconds"] < row["hold_seconds"]
        assert 0 < row["events_inference"] < row["events_gradient"]


def test_the_points_are_in_a_store_like_those_of_a_study(technologies):
    evidence = read_evidence(technologies.out / "points.sqlite")
    assert evidence.complete and set(evidence.axes["hardware.model"]) == COMPLETE
    rows = table_of(technologies)
    for name, cosine in zip(evidence.axes["hardware.model"], evidence.metrics["gradient_cosine"], strict=True):
        assert cosine == rows[name]["gradient_cosine"]


def test_the_ideal_substrate_is_exact_and_devices_are_not(technologies):
    rows = table_of(technologies)
    assert rows["ideal"]["gradient_error"] < 1e-12
    assert rows["ideal"]["gradient_cosine"] == pytest.approx(1)
    assert rows["sfq"]["settling_seconds"] == pytest.approx(rows["ideal"]["settling_transits"] * 2 * 5.2e-12)
    assert 1e-3 < rows["loihi2"]["gradient_error"] < rows["pcm-crossbar"]["gradient_error"]


def test_missing_energy_is_never_zero(technologies):
    rows = table_of(technologies)
    printed = {row[0]: row[-2:] for row in technologies.findings.table[1:]}
    for name in COMPLETE:
        model = load(name)
        unknown = [key for key in ("per_event", "per_synaptic_operation", "per_node_update", "static_per_node",
                                   "static_per_line") if getattr(model.energy, key) is None]  # fmt: skip
        assert rows[name]["gradient"]["missing"] == unknown
        assert (name, f"energy missing ({', '.join(unknown)})") in technologies.findings.notes or not unknown
        assert not any(text.startswith("0") for text in printed[name])
    assert printed["ideal"] == ("missing", "missing")
    assert printed["sfq"][0].startswith("above ")
    assert rows["pcm-crossbar"]["gradient"]["joules"] > rows["pcm-crossbar"]["inference"]["joules"] > 0
    assert (joules(Cost(2e-9, ())), joules(Cost(2e-9, ("per_event",))), joules(Cost(0.0, ("per_event",))),
            joules(None)) == ("2 nJ", "above 2 nJ", "missing", "missing")  # fmt: skip


def test_what_a_preset_lacks_can_be_supplied(tmp_path: Path):
    text = bundled()["technologies"].read_text(encoding="utf-8")
    for line in ('[technologies.set.sonos-crossbar]', 'hardware.clock.node_update_interval = "100 ns"',
                 'hardware.lines.delay_forward = "100 ns"'):  # fmt: skip
        text = text.replace(f"# {line}", line)
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("models = []", 'models = ["sonos-crossbar"]'))
    report = run_experiment(load_scenario(path, SMALL), tmp_path / "out", workers=1)
    assert [row[0] for row in report.findings.table[1:]] == ["sonos-crossbar"]
    assert 0.001 < table_of(report)["sonos-crossbar"]["gradient_error"] < 1.5


def test_the_picture_shows_the_figures(technologies):
    results = [TechnologyResult(**{**row, **{k: Cost(**row[k]) if row[k] else None for k in ("inference", "gradient")}})
               for row in table_of(technologies).values()]  # fmt: skip
    figure = technologies_figure(results, "title")
    accuracy, error, time, energy = figure.axes
    complete = [r for r in results if r.complete]
    assert [label.get_text() for label in accuracy.get_yticklabels()] == [r.name for r in complete]
    np.testing.assert_allclose([line.get_xdata()[0] for line in accuracy.lines], [100 * r.accuracy for r in complete])
    assert [line.get_xdata()[0] for line in error.lines] == [max(r.gradient_error, 1e-12) for r in complete]
    assert "(s)" in time.get_xlabel()
    assert "(J)" in energy.get_xlabel()
    unknown = [r for r in complete if r.gradient.missing and r.gradient.joules == 0]
    assert [text.get_text() for text in energy.texts] == ["missing"] * len(unknown)


def test_a_technology_that_does_not_settle_says_never():
    never = float("nan")
    row = TechnologyResult("slow", (), "", samples=3, settled=0, gradient_cosine=0.5, gradient_error=1.0,
                           settling_seconds=never, settling_transits=never, events_gradient=4.0)  # fmt: skip
    table, _ = technologies_table([row])
    assert table[1][4] == "never"


def test_precision_runs_from_its_file_and_shows_the_slopes(tmp_path: Path):
    few = ["data.limit=8", "network.iterations=40", "precision.bits=[8,11,14]", "precision.noise=[1e-4,1e-3]"]
    report = run_experiment(load_scenario("precision", few), tmp_path / "out", workers=1)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["files"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert len(report.findings.table) == 1 + 3 + 3 + 2
    assert results["curves"]["bits"]["x"] == [8, 11, 14]
    assert results["slopes"]["states"]["in noise"] == pytest.approx(1, abs=0.03)
    assert 0.4 < results["slopes"]["states"]["per bit"] < 0.6


def test_the_command_line_prints_the_table(tmp_path: Path):
    words = [
        "run",
        "technologies",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
        "--set",
        'technologies.models=["ideal","sfq"]',
    ]
    done = CliRunner().invoke(app, [*words, *(w for text in SMALL for w in ("--set", text))])
    assert done.exit_code == 0, done.output
    for expected in ("2 of 2 technologies are complete", "gradient error", "sfq", "above", "missing", "results.json"):
        assert expected in done.output


def test_technologies_none_of_which_is_complete_are_no_comparison(tmp_path: Path):
    overrides = ['technologies.models=["cmos-sky130","fefet-crossbar"]', *SMALL]
    report = run_experiment(load_scenario("technologies", overrides), tmp_path / "out", workers=1)
    assert not report.findings.good
    assert report.findings.verdict == "0 of 2 technologies are complete; nothing was emulated"


def test_a_plain_scenario_is_no_experiment(tmp_path: Path):
    assert load_scenario("digits").config.experiment is None
    refuses(
        "scenario 'digits' is no experiment; allowed: one with a section technologies or precision",
        lambda: run_experiment(load_scenario("digits"), tmp_path / "out"),
        ScenarioError,
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["precision.floor=1e-3"], "technologies and precision are both given; allowed: one of them"),
        (["data.targets=false"], "data.targets is false; allowed with section technologies: true"),
        (["hardware.model=sfq"], "hardware is given beside technologies; allowed: technologies.models"),
        (["technologies.models=[3]"], "technologies.models[0] is 3; allowed: a text"),
    ],
)
def test_contradictions_are_refused(overrides, words):
    refuses(f"scenario 'technologies': {words}", lambda: load_scenario("technologies", overrides), ScenarioError)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (['technologies.models=["ideel"]'], "hardware.model: ideel: is neither a preset nor a file"),
        (["technologies.set.ideel.hardware.lines.jitter=0"], "technologies.set names 'ideel' (did you mean 'ideal'?)"),
        (
            ["technologies.set.ideal.hardware.lines.jitters=0"],
            "hardware.lines.jitters: unknown field (did you mean 'hardware.lines.jitter'?)",
        ),
        (
            ["technologies.set.ideal.lines.jitter=0"],
            "scenario 'technologies': unknown key 'lines' (did you mean 'hardware.lines'?)",
        ),
    ],
)
def test_unknown_models_are_refused(overrides, words, tmp_path: Path):
    scenario = load_scenario("technologies", [*SMALL, *overrides])
    refuses(f"scenario 'technologies': {words}", lambda: run_experiment(scenario, tmp_path / "out"), ScenarioError)
    assert not (tmp_path / "out").exists()

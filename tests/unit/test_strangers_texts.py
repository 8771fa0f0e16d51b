"""Titles and names of strangers reach terminals, pictures and spreadsheets without steering them."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator.cli import app
from emulator.report.style import new_figure, save
from emulator.scenario import load_scenario, run_scenario
from emulator.scenario.train_run import train_scenario
from emulator.text import for_cell, for_picture, for_terminal

NASTY = "a\x1b[31mred\x1b]0;title\x07 \u202eevil\u2066 $x_$ \u200f\x9b2J"
SMALL = """
title = {title}
[network]
source = "random-mlp"
sizes = [3, 4, 2]
loss = "softmax_cross_entropy"
[data]
source = "random"
samples = 2
[run]
target = "numpy"
pictures = 1
"""


def scenario(folder: Path, more: str = "", title: str = NASTY) -> Path:
    path = folder / "nasty.toml"
    path.write_text(SMALL.format(title=json.dumps(title)) + more)
    return path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 漢字 ∂ µ \\", "plain, ünïcode 漢字 ∂ µ \\"),
        ("two\nlines", "two\nlines"),
        ("\x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"),
        ("\u202ea\u2066\u200e", "\\u202ea\\u2066\\u200e"),
        ("\ud800", "\\ud800"),
        ("a\r\tb\x00", "a\\r\\tb\\x00"),
    ],
)
def test_terminals_are_not_steered(text: str, shown: str) -> None:
    assert for_terminal(text) == shown


def test_every_character_that_steers_is_escaped() -> None:
    steering = [
        chr(k)
        for k in (
            *range(32),
            *range(127, 160),
            0x61C,
            *range(0x200B, 0x2010),
            *range(0x2028, 0x202F),
            *range(0x2060, 0x2070),
            0xFEFF,
        )
    ]
    assert all(not set(one) & set(for_terminal(one)) for one in steering if one != "\n")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_spreadsheets_do_not_calculate(text: str) -> None:
    assert for_cell(text) == f"'{text}"


def test_cells_that_are_no_formula_stay_what_they_are() -> None:
    assert [for_cell(one) for one in (-1.5, 3, None, "a=b", "law.beta", "")] == [-1.5, 3, None, "a=b", "law.beta", ""]


@pytest.mark.parametrize(
    "text", ["$", "$x", "$x_$", "a $ b $ c", "\\$x^$", "$\\frac$", "cost $5", "\x1b[31m$\u202e", "x" * 3000]
)
def test_any_title_can_be_drawn(tmp_path: Path, text: str) -> None:
    figure = new_figure(text)
    figure.subplots().set_xlabel(for_picture(text))
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_nothing_raw_reaches_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from hwmodels import HardwareModel

    HardwareModel(name=NASTY, description=NASTY).to_toml("h.toml")
    path = scenario(tmp_path)
    commands = [
        ("run", path, "--out", "o"), ("inspect", path), ("presets", "show", "h.toml"), ("run", NASTY), ("run", f"{NASTY}.toml"),
        ("run", path, "--set", f"law={NASTY}"), ("run", path, "--set", f"{json.dumps(NASTY)}=1"), ("presets", "show", NASTY),
        ("train", path), ("study", NASTY), ("compare", NASTY, "digits"), ("report", NASTY), ("fit", f"{NASTY}.csv", "--out", "x.toml"),
    ]  # fmt: skip
    for command in commands:
        result = CliRunner().invoke(app, [str(part) for part in command])
        assert result.exit_code in (0, 2), result.output
        raw = {one for one in result.output if one in "\x1b\x07\u202e\u2066\u200f\x9b"}
        assert not raw, (command[:2], raw)


def test_results_are_written_though_no_picture_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a font is missing")

    monkeypatch.setattr("emulator.report.attempt.save", broken)
    report = run_scenario(load_scenario(scenario(tmp_path)), tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert report.settled and results["files"] == [
        "results.json",
        "network.npz",
        "predictions.csv",
        "recording.json",
    ] == list(report.files)
    assert "settling.png could not be drawn: ValueError: a font is missing" in results["troubles"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(results["files"])
    monkeypatch.undo()
    monkeypatch.setattr("emulator.scenario.run._traced", broken)
    report = run_scenario(load_scenario(scenario(tmp_path)), tmp_path / "out")
    assert report.files == ("results.json", "network.npz", "predictions.csv", "settling_times.png")
    assert report.troubles == ("no sample could be recorded for the pictures: ValueError: a font is missing",)


TRAINING = """
[training]
epochs = 1
[training.port]
name = "resistive"
rate = {rate}
[training.data]
source = "file"
path = "d.npz"
"""


@pytest.mark.parametrize("rate", [0.05, 1e6, 1e300])
def test_a_training_is_written_however_it_ends(tmp_path: Path, rate: float) -> None:
    draws = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", inputs=draws.normal(size=(12, 3)), targets=draws.integers(0, 2, 12))
    loaded = load_scenario(scenario(tmp_path, TRAINING.format(rate=rate)))
    report = train_scenario(loaded, tmp_path / "out")
    assert report.result is not None and ("training.png" in report.files) == (report.troubles == ())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (
        set(results["files"]) == {path.name for path in (tmp_path / "out").iterdir()} >= {"results.json", "network.npz"}
    )


def test_formulas_do_not_reach_cells(tmp_path: Path) -> None:
    from emulator.experiments.atlas.cells import Cell, Map
    from emulator.experiments.atlas.experiment import cells_csv

    names = [field for field in Cell.__dataclass_fields__]
    values = {"map": "=1+1", "column": 0, "row": 0}
    cell = Cell(**{name: values.get(name, 1.0) for name in names if Cell.__dataclass_fields__[name].init})
    axes = Map(
        **{
            name: {"name": "=1+1", "x_label": "@x", "y_label": "-y", "x_ticks": ["+1"], "y_ticks": ["a"]}.get(name)
            for name in Map.__dataclass_fields__
        }
    )
    row = list(csv.reader(io.StringIO(cells_csv([(axes, [cell])]))))[1]
    assert row[:5] == ["'=1+1", "'@x", "'+1", "'-y", "a"]


@pytest.mark.parametrize(
    ("closing", "status"), [("| head -n 1", 0), (">&-", 0), (">&- 2>&-", 0), ("2>&-", 0), ("> /dev/full", 2)]
)
def test_a_closed_output_is_no_failure(closing: str, status: int, tmp_path: Path) -> None:
    line = f"{sys.executable} -m emulator presets show pcm-crossbar --all {closing}; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60, check=False
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr

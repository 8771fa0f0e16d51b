"""What a study reads is part of what it is: files that change between its points, or before it goes on, are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Network
from emulator.cli import app
from emulator.contents import contents_of
from emulator.errors import ChangedFileError
from emulator.experiments import run_experiment
from emulator.scenario import load_scenario
from emulator.study.load import load_study
from emulator.study.run import run_study
from emulator.study.store import Store
from hwmodels import load
from tests.refusals import refuses
from tests.support.small import BASE, STUDY, write

FILES = BASE.replace(
    '"random-mlp"\nsizes = [3, 4, 2]\nloss = "softmax_cross_entropy"', '"file"\npath = "net.npz"'
).replace('"random"\nsamples = 3', '"file"\npath = "data.npz"')
TWO = """
metrics = ["gradient_cosine"]
[study]
title = "Two"
[base]
scenario = "small.toml"
[base.overrides]
hardware.model = "ideal"
substrate.rounding = "nearest"
[[axes]]
key = "hardware.model"
values = ["ideal", "mine.toml"]
"""


def _data(folder: Path, seed: int) -> None:
    draws = np.random.default_rng(seed)
    np.savez(folder / "data.npz", inputs=draws.normal(size=(3, 3)), targets=draws.normal(size=(3, 2)))


def _network(folder: Path, seed: int) -> None:
    draws = np.random.default_rng(seed)
    layers = [draws.normal(size=(4, 3)), draws.normal(size=(2, 4))]
    Network.mlp(layers, [np.zeros(4), np.zeros(2)], "tanh").save(folder / "net.npz")


def _mine(folder: Path, noise: float) -> None:
    load("ideal").replace({"noise.receiver": noise}).to_toml(folder / "mine.toml")


@pytest.mark.parametrize("change", [_data, _network])
def test_a_file_that_is_replaced_half_way_is_named(tmp_path: Path, change: object) -> None:
    _data(tmp_path, 0)
    _network(tmp_path, 0)
    study = load_study(write(tmp_path, STUDY.replace('"accuracy", ', ""), FILES))
    store = tmp_path / "s.sqlite"
    run_study(study, store, workers=1, limit=3)
    change(tmp_path, 1)  # type: ignore[operator]
    name = "data.npz" if change is _data else "net.npz"
    refuses(
        f"file '{name}' has changed since store '{store}' was begun: its SHA-256 was ",
        lambda: run_study(study, store, workers=1, resume=True),
        ChangedFileError,
    )
    change(tmp_path, 0)  # type: ignore[operator]
    assert run_study(study, store, workers=1, resume=True).complete
    with Store(store) as reader:
        assert reader.fact("files") == contents_of([{"path": "data.npz"}, "net.npz"], tmp_path)


def test_a_hardware_file_that_changes_while_points_run_stops_the_study(tmp_path: Path) -> None:
    _mine(tmp_path, 0.1)
    study = load_study(write(tmp_path, TWO))
    store = tmp_path / "s.sqlite"

    def edit(stage: str, fraction: float | None) -> None:
        if stage == "point 1 of 2":  # the first point, of the other hardware, is done
            _mine(tmp_path, 0.2)

    refuses(
        "file 'mine.toml' has changed since the study was begun",
        lambda: run_study(study, store, workers=1, progress=edit),
        ChangedFileError,
    )
    with Store(store) as reader:
        assert reader.done == 1


def test_comparing_again_after_an_edit_gives_new_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(BASE)
    changes = ["base.scenario=small.toml", "repeats.chips=2", 'metrics=["gradient_error"]', "repeats.images=1"]
    command = ["compare", "ideal", "mine.toml", "--workers", "1", "--set", "targets={}"]
    command += [part for one in changes for part in ("--set", one)]
    _mine(tmp_path, 0.0)
    first = CliRunner().invoke(app, command)
    assert "the same" in first.output, first.output
    _mine(tmp_path, 0.3)
    second = CliRunner().invoke(app, command)
    assert "no difference shown" in second.output, second.output
    assert "file 'mine.toml' has changed" in second.output
    assert {one.name for one in (tmp_path / "runs").iterdir()} == {"ideal-mine.sqlite", "ideal-mine.before.sqlite"}
    _mine(tmp_path, 0.0)
    given = CliRunner().invoke(app, [*command, "--store", "runs/ideal-mine.sqlite"])
    assert isinstance(given.exception, ChangedFileError) or given.exit_code == 2


def test_points_of_an_experiment_name_the_file_that_changed(tmp_path: Path) -> None:
    _data(tmp_path, 0)
    _network(tmp_path, 0)
    _mine(tmp_path, 0.1)
    (tmp_path / "small.toml").write_text(FILES + '[technologies]\nmodels = ["ideal", "mine.toml"]\n')
    text = (tmp_path / "small.toml").read_text()
    start = text.index("[hardware.lines]")
    (tmp_path / "small.toml").write_text(text[:start] + text[text.index("[run]") :])
    scenario, out = load_scenario(tmp_path / "small.toml"), tmp_path / "out"

    def stop(stage: str, fraction: float | None) -> None:
        if stage == "point 1 of 2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="finished parts are kept"):
        run_experiment(scenario, out, workers=1, progress=stop)
    for change, name in ((_mine, "mine.toml"), (_data, "data.npz")):
        change(tmp_path, 3)
        refuses(
            f"scenario 'small': file '{name}' has changed since store '{tmp_path / 'out.points.sqlite'}' was begun",
            lambda: run_experiment(scenario, out, workers=1, resume=True),
            ChangedFileError,
        )
        change(tmp_path, 0.1 if change is _mine else 0)  # type: ignore[arg-type]
    assert run_experiment(scenario, out, workers=1, resume=True).findings.verdict.startswith("2 of 2 technologies")

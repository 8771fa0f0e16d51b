"""Experiments that are killed go on from their finished points, to the same results."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from emulator.cli import app
from emulator.errors import FileFormatError, StudyError
from emulator.experiments import run_experiment
from emulator.experiments.findings import Findings
from emulator.experiments.run import EXPERIMENTS
from emulator.scenario import load_scenario
from emulator.scenario.load import changed
from emulator.study import Store, points
from tests.refusals import refuses
from tests.support.small import TRAINING


def killed_at(stage: str, run: Callable[[Callable], object]) -> None:
    """Run in a process of its own, which is killed as soon as it tells of `stage`."""
    child = os.fork()
    if child == 0:
        try:
            run(lambda told, fraction: os.kill(os.getpid(), signal.SIGKILL) if told.startswith(stage) else None)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def counted(monkeypatch) -> list:
    """The tasks that are run from here on."""
    ran, real = [], points.run_tasks
    monkeypatch.setattr(points, "run_tasks", lambda work, tasks: ran.extend(tasks) or real(work, tasks))
    return ran


@pytest.fixture
def compared(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TRAINING)
    variants = [{"name": "one"}, {"name": "two", "set": {"training.port.rate": 500.0, "network.loss": "mse"}}]
    return changed(
        load_scenario(path), {"training.compare": {"variants": variants, "repeats": 2, "baselines": ["descent"]}}
    )


def results_of(scenario, out, **how) -> list[dict]:
    report = run_experiment(scenario, out, kind="comparison", workers=1, **how)
    rows = json.loads((report.out / "results.json").read_text())["comparison"]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.slow
def test_a_killed_comparison_goes_on_to_the_same_results(compared, tmp_path, monkeypatch):
    out, kept = tmp_path / "out", tmp_path / "out.points.sqlite"
    whole = results_of(compared, tmp_path / "whole")
    killed_at("point 5", lambda tell: results_of(compared, out, progress=tell))
    assert not out.exists()
    with Store(kept) as store:
        assert store.done == 5
    refuses(f"scenario 'small': store '{kept}' is there already; allowed: --resume", lambda: results_of(compared, out),
            StudyError)  # fmt: skip
    other = changed(compared, {"training.epochs": 3})
    refuses(
        f"scenario 'small': store '{kept}' is of another study", lambda: results_of(other, out, resume=True), StudyError
    )
    ran = counted(monkeypatch)
    assert results_of(compared, out, resume=True) == whole
    assert len(ran) == 1
    assert not kept.exists() and (out / "points.sqlite").exists()
    assert whole[2]["reasons"]  # what diverged is a result like any other
    del ran[:]
    assert results_of(compared, out, resume=True) == whole
    assert not ran
    there = out / "points.sqlite"
    refuses(f"scenario 'small': store '{there}' is of another study", lambda: results_of(other, out, resume=True),
            StudyError)  # fmt: skip
    assert not kept.exists() and there.exists()


@pytest.mark.slow
def test_a_killed_experiment_goes_on_to_the_same_results(tmp_path, monkeypatch):
    few = ["data.limit=4", "network.iterations=20", "precision.bits=[8,11]", "precision.noise=[1e-4,1e-3]"]
    for name, planned, more in (
        ("precision", 6, few),
        ("technologies", 2, [*few[:2], 'technologies.models=["ideal","sfq"]', "run.target=numpy"]),
    ):
        scenario, out = load_scenario(name, more), tmp_path / name
        whole = run_experiment(scenario, tmp_path / f"{name}-whole", workers=1).findings.table
        killed_at("point 1 of", lambda tell, s=scenario, o=out: run_experiment(s, o, workers=1, progress=tell))
        ran = counted(monkeypatch)
        assert run_experiment(scenario, out, workers=1, resume=True).findings.table == whole
        monkeypatch.undo()
        assert len(ran) == planned - 1
        assert not (tmp_path / f"{name}.points.sqlite").exists()


def test_an_experiment_without_points_takes_none_from_another_one(tmp_path, monkeypatch):
    out, found = tmp_path / "out", Findings(True, "good", [], [], {}, Figure)
    monkeypatch.setitem(EXPERIMENTS, "claims", lambda scenario, way: found)
    scenario = load_scenario("claims")
    run_experiment(scenario, out)
    (out / "points.sqlite").write_text("another's")
    report = run_experiment(scenario, out, resume=True, force=True)
    assert report.files == ("results.json", "claims.png")
    assert not (tmp_path / "out.points.sqlite").exists()


@pytest.mark.slow
def test_two_processes_find_what_one_does(tmp_path):
    scenario = load_scenario("precision", ["data.limit=4", "network.iterations=20", "precision.bits=[8,11]"])
    one, two = (run_experiment(scenario, tmp_path / str(count), workers=count).findings.data for count in (1, 2))
    assert one == two


def test_a_store_that_is_none_is_refused_and_left_alone(compared, tmp_path):
    kept = tmp_path / "out.points.sqlite"
    kept.write_text("no store")
    refuses(f"scenario 'small': '{kept}' is no store of a study",
            lambda: results_of(compared, tmp_path / "out", resume=True), FileFormatError)  # fmt: skip
    assert kept.read_text() == "no store"


def test_a_plain_run_has_no_points(tmp_path):
    done = CliRunner().invoke(app, ["run", "digits", "--resume", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    words = "scenario 'digits' is no experiment; allowed: --resume for experiments, studies and trainings"
    assert words in " ".join(done.output.split())

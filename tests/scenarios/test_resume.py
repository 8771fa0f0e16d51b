"""Comparisons and studies that are killed go on from their finished parts, to the same results."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from emulator.cli import app
from emulator.errors import EngineError, FileFormatError
from emulator.scenario import Scenario, load_scenario
from emulator.scenario.load import changed
from emulator.scenario.study_run import run_study
from emulator.scenario.train_run import train_scenario
from emulator.study import precision
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


@pytest.fixture
def compared(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(TRAINING)
    variants = [{"name": "one"}, {"name": "two", "set": {"training.port.rate": 500.0, "network.loss": "mse"}}]
    return changed(
        load_scenario(path), {"training.compare": {"variants": variants, "repeats": 2, "baselines": ["descent"]}}
    )


def test_a_killed_comparison_goes_on_to_the_same_results(compared, tmp_path, monkeypatch):
    out, kept = tmp_path / "out", tmp_path / "out.parts.json"
    whole = train_scenario(compared, tmp_path / "whole").outcomes
    killed_at("two, 2", lambda tell: train_scenario(compared, out, progress=tell))
    assert not out.exists()
    assert len(json.loads(kept.read_text())["parts"]) == 5
    refuses(
        f"parts '{kept}' of a run that was interrupted exist already",
        lambda: train_scenario(compared, out),
        EngineError,
    )
    other = changed(compared, {"training.epochs": 3})
    refuses(
        f"parts '{kept}' are of a run with other settings", lambda: train_scenario(other, out, resume=True), EngineError
    )
    calls, once = [], Scenario.train
    monkeypatch.setattr(Scenario, "train", lambda one: calls.append(one) or once(one))
    rest = train_scenario(compared, out, resume=True).outcomes
    assert len(calls) == 1
    assert not kept.exists()
    assert [str(o.scores) for o in rest] == [str(o.scores) for o in whole]
    assert [o.reasons for o in rest] == [o.reasons for o in whole]
    assert rest[2].reasons  # what diverged is a result like any other


def test_a_killed_study_goes_on_to_the_same_results(tmp_path, monkeypatch):
    few = ["data.limit=4", "network.iterations=20", "precision.bits=[8,11]", "precision.noise=[1e-4,1e-3]"]
    for name, stage, more in (
        ("precision", "settling", few),
        ("technologies", "sfq", [*few[:2], 'technologies.models=["ideal","sfq"]', "run.target=numpy"]),
    ):
        scenario, out = load_scenario(name, more), tmp_path / name
        calls = []
        whole = run_study(scenario, tmp_path / f"{name}-whole").study.table
        killed_at(stage, lambda tell, s=scenario, o=out: run_study(s, o, progress=tell))
        kept = tmp_path / f"{name}.parts.json"
        done = len(json.loads(kept.read_text())["parts"])
        assert done == 1
        settle = precision.settle
        monkeypatch.setattr(precision, "settle", lambda *a, f=settle, c=calls, **k: c.append(a) or f(*a, **k))
        assert run_study(scenario, out, resume=True).study.table == whole
        monkeypatch.undo()
        assert not kept.exists()
        if name == "precision":
            assert len(calls) == len(whole) - 1 - done


def test_parts_that_are_none_are_refused(compared, tmp_path):
    kept = tmp_path / "out.parts.json"
    for text in ("{", "[]", '{"format": "other", "digest": "", "parts": {}}'):
        kept.write_text(text)
        refuses(f"file '{kept}' is not a file of parts", lambda: train_scenario(compared, tmp_path / "out", resume=True),
                FileFormatError)  # fmt: skip
        assert kept.read_text() == text


def test_a_plain_run_has_no_parts(tmp_path):
    done = CliRunner().invoke(app, ["run", "digits", "--resume", "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "scenario 'digits' is no study; allowed: --resume for studies and for training" in " ".join(
        done.output.split()
    )

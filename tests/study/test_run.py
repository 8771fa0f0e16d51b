"""Studies as a whole, on small substrates: the same numbers however and however often they are run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import emulator
from emulator import StudyError
from emulator.cli import app
from emulator.runs.holds import coarse
from emulator.study import points as running
from emulator.study.load import bundled_studies, load_study
from emulator.study.metrics import METRICS
from emulator.study.run import run_study
from emulator.study.store import Store
from emulator.study.work import Material, Task, Work, measured, run_task
from tests.refusals import refuses
from tests.support.small import BASE, STUDY, TABLES, rows, write

ROOT = Path(emulator.__file__).parents[1]
SEARCH = """
[tolerance]
share = 0.5
chips = 6
halvings = 1
[[tolerance.knobs]]
key = "hardware.noise.gain_mismatch_backward"
good = 0.0
bad = 4.0
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that ran through in this process."""
    folder = tmp_path_factory.mktemp("whole")
    report = run_study(load_study(write(folder, STUDY + SEARCH)), folder / "s.sqlite", workers=1)
    assert report.complete and report.done == report.planned == report.ran == 8
    return folder / "s.sqlite"


def test_every_point_is_there_with_all_that_made_it(whole: Path) -> None:
    with Store(whole) as store:
        records, metrics = list(store.records()), store.metrics()
        assert [record.ordinal for record in records] == list(range(8)) and store.complete
        assert {record.status for record in records} == {"settled"}
        assert set(metrics) == {"accuracy", "gradient_cosine", "settled_fraction", "energy"} <= set(METRICS)
        ideal = store.points()["hardware.noise.gain_mismatch_backward"] == 0
        assert (metrics["gradient_cosine"][ideal] > 0.99).all() and (metrics["gradient_cosine"][~ideal] < 1).all()
        assert np.isnan(metrics["energy"]).all()  # the ideal hardware has no figures: missing, not 0
        config = records[-1].config
        assert config["hardware"]["noise"] == {"gain_mismatch_backward": 0.2}
        assert config["run"]["threshold"] == 1e-3 and config["data"]["limit"] == 2
        assert config["substrate"]["seed"] == records[-1].seeds["hardware"] == 1
        assert config["run"]["seed"] == records[-1].seeds["run"]
        study, base = store.fact("study"), store.fact("base")
        assert study["axes"][0]["unit"] == "" and base["hardware"]["lines.delay_forward.most"] == 3
        assert store.fact("network")["lines"] > 0 and "python" in store.fact("platform")


def test_chips_and_noise_are_common_to_all_places(whole: Path) -> None:
    with Store(whole) as store:
        seeds: dict[int, set[tuple[int, int]]] = {}
        for record in store.records():
            seeds.setdefault(record.chip, set()).add((record.seeds["hardware"], record.seeds["run"]))
    assert all(len(found) == 1 for found in seeds.values())
    assert len({run for found in seeds.values() for _, run in found}) == 2  # but not to all chips


def test_yields_count_chips_and_tolerances_are_searched(whole: Path) -> None:
    with Store(whole) as store:
        values, columns = store.metrics()["gradient_cosine"], store.points()
        for one in store.yields():
            here = np.all([columns[key] == value for key, value in one.axes.items()], axis=0)
            assert (one.met, one.total) == ((values[here] >= 0.9).sum(), 2)
            assert one.low <= one.fraction <= one.high and one.fraction == one.met / 2
        assert len(store.yields()) == 4
        (found,) = store.tolerances()
        assert found.value is not None and 0 <= found.value < 4 and found.offered == 0
        trials = rows(whole, "trials")
        assert len(trials) == 6 * found.evaluations
        for tried in found.detail["trials"]:
            assert tried["met"] == sum(row[7] for row in trials if row[2] == tried["value"])
        assert {s.metric for s in store.sensitivities() if s.rank == 1} == {
            "accuracy",
            "gradient_cosine",
            "settled_fraction",
        }


@pytest.mark.slow
def test_a_search_that_can_tell_stops_and_goes_on_where_it_was(whole: Path, tmp_path: Path) -> None:
    sequential = SEARCH.replace("chips = 6", "chips = 12\nsequential = true\nlook = 3")
    path = tmp_path / "s.sqlite"
    study = load_study(write(tmp_path, STUDY + sequential))
    run_study(study, path, workers=1)
    with Store(path) as store, Store(whole) as fixed:
        (found,), (other,) = store.tolerances(), fixed.tolerances()
    totals = [tried["total"] for tried in found.detail["trials"]]
    assert found.detail["sequential"] and min(totals) < 12 and all(total % 3 == 0 for total in totals)
    assert {tried["value"] for tried in other.detail["trials"]} & {tried["value"] for tried in found.detail["trials"]}
    before = len(rows(path, "trials"))
    run_study(study, path, workers=1, resume=True)
    assert len(rows(path, "trials")) == before == sum(totals)


def test_a_point_is_the_same_alone(whole: Path) -> None:
    study = load_study(whole.parent / "study.toml")
    work = Work(study.scenario, Material.of(study.scenario), tuple(study.config.metrics), measured, "network")
    with Store(whole) as store:
        record, metrics = list(store.records())[5], store.metrics()
    changes = {
        "hardware.noise.gain_mismatch_backward": 0.2,
        "run.threshold": 0.0,
        "substrate.seed": record.seeds["hardware"],
        "run.seed": record.seeds["run"],
    }
    alone = run_task(work, Task("x", changes, 1, 0))
    assert alone.metrics == {k: None if np.isnan(v[5]) else v[5] for k, v in metrics.items()}


@pytest.mark.slow
def test_stopped_and_resumed_in_other_processes_it_is_the_same(whole: Path, tmp_path: Path) -> None:
    study, store = load_study(write(tmp_path, STUDY + SEARCH)), tmp_path / "s.sqlite"
    told: list[float | None] = []
    first = run_study(study, store, workers=1, limit=3, progress=lambda stage, fraction: told.append(fraction))
    assert (first.done, first.ran, first.complete) == (3, 3, False)
    shares = [one for one in told if one is not None]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)  # of the points asked for now
    second = run_study(study, store, workers=2, resume=True)
    assert (second.done, second.ran, second.complete) == (8, 5, True)
    third = run_study(study, store, workers=1, resume=True)
    assert third.ran == 0 and third.complete
    for table in TABLES:
        assert rows(store, table) == rows(whole, table), table


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same(whole: Path, tmp_path: Path) -> None:
    path, store = write(tmp_path, STUDY + SEARCH), tmp_path / "s.sqlite"
    command = [
        sys.executable,
        "-m",
        "emulator",
        "study",
        str(path),
        "--store",
        str(store),
        "--workers",
        "1",
        "--resume",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
            try:
                if len(rows(store, "points")) >= 3:
                    break
            except Exception:  # not there yet
                continue
        process.send_signal(signal.SIGKILL)
    kept = rows(store, "points")
    assert 3 <= len(kept) < 8
    report = run_study(load_study(path), store, workers=1, resume=True)
    assert report.complete and report.ran == 8 - len(kept)
    for table in TABLES:
        assert rows(store, table) == rows(whole, table), table


@pytest.mark.slow
def test_dask_gives_the_same_numbers_although_a_worker_is_killed(whole: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="install it with: pip install 'backwave[cluster]'")
    study, store = load_study(write(tmp_path, STUDY + SEARCH)), tmp_path / "s.sqlite"
    killed: list[int] = []
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:

        def kill_once(stage: str, fraction: float | None) -> None:
            if stage.startswith("point 2") and not killed:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        report = run_study(study, store, scheduler=cluster.scheduler_address, progress=kill_once)
    assert killed and report.complete
    for table in TABLES:
        assert rows(store, table) == rows(whole, table), table


def test_points_that_fail_or_do_not_settle_are_recorded_and_the_study_goes_on(tmp_path: Path) -> None:
    study = STUDY.replace("values = [0.0, 1e-3]", "values = [1.0, 3.0]").replace("run.threshold", "run.hold")
    base = BASE.replace("[run]", '[law]\nname = "worldsheet"\n[run]')
    study = study.replace("[0.0, 0.2]", "[0.5, 1.0]").replace("hardware.noise.gain_mismatch_backward", "law.beta")
    loaded = load_study(write(tmp_path, study, base))
    store = tmp_path / "s.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        real = running.run_tasks

        def one_fails(work: Work, tasks: tuple[Task, ...]) -> list:
            bad = [Task(t.id, {**t.changes, "hardware.lines.delay_forward": "0.5 ns"}, t.chip, t.noise) for t in tasks]
            return real(work, bad if tasks[0].changes["run.hold"] == 3.0 and tasks[0].chip else tasks)

        patch.setattr(running, "run_tasks", one_fails)
        report = run_study(loaded, store, workers=1)
    with Store(store) as reader:
        records = list(reader.records())
    assert report.complete and {r.status for r in records if r.axes["run.hold"] == 1.0} == {"unsettled"}
    failed = [r for r in records if r.status == "failed"]
    assert len(failed) == 2 and all("is finer than the clock" in str(r.reason) for r in failed)
    assert all("did not settle" in str(r.reason) for r in records if r.status == "unsettled")
    assert {row[2] for row in rows(store) if row[0] == failed[0].id} == {None}


def test_another_study_and_impossible_settings_are_refused(whole: Path, tmp_path: Path) -> None:
    other = load_study(write(tmp_path, STUDY.replace("0.2", "0.3") + SEARCH))
    refuses(f"store '{whole}' is of another study", lambda: run_study(other, whole, workers=1, resume=True), StudyError)
    refuses(f"store '{whole}' is there already", lambda: run_study(other, whole, workers=1), StudyError)
    refuses("workers is 0", lambda: run_study(other, tmp_path / "n", workers=0), StudyError)
    refuses("limit is 0", lambda: run_study(other, tmp_path / "n", limit=0), StudyError)
    both = {"workers": 2, "scheduler": "tcp://h:1"}
    refuses("workers is 2 beside scheduler", lambda: run_study(other, tmp_path / "n", **both), StudyError)


def test_the_command_runs_a_study_and_tells_how_it_went(tmp_path: Path) -> None:
    path, store = write(tmp_path), tmp_path / "s.sqlite"
    smaller = ["--set", "repeats.chips=1", "--set", "axes=[{key='run.threshold', values=[0.0, 1e-3]}]"]
    result = CliRunner().invoke(app, ["study", str(path), "--store", str(store), "--workers", "1", *smaller])
    assert result.exit_code == 0, result.output
    assert "2 of 2 points done (complete): all settled" in result.output
    assert "run.threshold = 0.0: 1 of 1 chips meet the targets" in result.output
    assert "energy" in result.output and "not known" in result.output
    again = CliRunner().invoke(app, ["study", str(path), "--store", str(store)])
    assert again.exit_code == 2 and again.output.startswith(f"backwave: error: store '{store}' is there already")
    with Store(store) as reader:
        assert "--set repeats.chips=1" in reader.meta["command"] and len(json.loads(reader.meta["study"])["axes"]) == 1


def test_holds_are_rounded_up_by_at_most_an_eighth() -> None:
    for steps in range(1, 400):
        assert steps <= coarse(steps) <= max(steps, 1.125 * steps)
    assert len({coarse(steps) for steps in range(64, 129)}) == 9


def test_every_bundled_study_is_sound() -> None:
    assert {"robustness", "feasibility", "asymmetry"} <= set(bundled_studies())
    for name in bundled_studies():
        study = load_study(name)
        assert study.places and study.targets and (study.knobs or name in ("pair", "streaming"))  # no search


def test_other_networks_and_trained_ones_are_measured(tmp_path: Path) -> None:
    study = STUDY.split("[[axes]]")[0] + '[[axes]]\nkey = "network.seed"\nvalues = [0, 1]\n[repeats]\nimages = 2\n'
    training = '[training]\nepochs = 1\n[training.data]\nsource = "random"\nsamples = 4\n'
    study = study.replace('"energy"', '"training_accuracy"')
    run_study(load_study(write(tmp_path, study, BASE + training)), tmp_path / "s.sqlite", workers=1)
    with Store(tmp_path / "s.sqlite") as store:
        records, metrics = list(store.records()), store.metrics()
    assert [record.status for record in records] == ["settled"] * 2, records[0].reason
    assert set(metrics["training_accuracy"]) <= {0, 1 / 3, 2 / 3, 1} and metrics["gradient_cosine"] == pytest.approx(1)
    assert [record.config["network"]["seed"] for record in records] == [0, 1]


def test_a_point_that_takes_its_worker_down_is_recorded_as_failed(tmp_path: Path) -> None:
    one = STUDY.split("[[axes]]")[0] + '[[axes]]\nkey = "run.threshold"\nvalues = [0.0]\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "shared_out", lambda p, f, w, items, s, given_up: ((i, given_up(i)) for i in items))
        run_study(load_study(write(tmp_path, one)), tmp_path / "s.sqlite", workers=1)
    ((*_, seeds, status, reason),) = rows(tmp_path / "s.sqlite", "points")
    assert status == "failed" and reason.startswith("its worker process died every time") and '"hardware":0' in seeds

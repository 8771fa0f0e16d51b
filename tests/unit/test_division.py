"""A batch divided among workers: the same results whatever their number, and those of one long run."""

from __future__ import annotations

import pickle
import threading
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import EngineError, Network, StudyError, Worldsheet, compile_network, processes, settle
from emulator.cli import app
from emulator.graph import ScatteringGraph
from emulator.measure import SettleResult
from emulator.options import RunOptions
from emulator.plugins import Parts
from emulator.runs import division
from emulator.runs.division import sizes_of
from emulator.threads import go_on
from hwmodels import load
from tests.refusals import refuses

ROWS = ("settled", "settling_steps", "outcome", "events", "residual", "deviation", "reflected_power")


def network(activation: str = "tanh") -> Network:
    rng = np.random.default_rng(1)
    return Network.mlp([rng.normal(size=(b, a)) * 0.5 for a, b in ((3, 4), (4, 2))], activations=activation)


def batch(samples: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))


def alike(one: SettleResult, other: SettleResult, rows: tuple[str, ...] = ROWS) -> None:
    for name in rows:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("held_states", "held_costates"):
        for layer, values in getattr(one, name).items():
            np.testing.assert_array_equal(values, getattr(other, name)[layer], err_msg=layer)
    for layer, gradient in one.held_gradients.items():
        for ours, theirs in zip(gradient, other.held_gradients[layer], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


def test_portions_follow_the_size_of_the_batch_alone():
    assert [sizes_of(n) for n in (1, 2, 3, 15, 16, 80, 128, 10_000)] == [1, 1, 2, 8, 8, 8, 8, 625]


@pytest.mark.parametrize("wiring", ["tile", "synapse"])
def test_a_divided_batch_is_one_long_run(wiring: str):
    graph, (x, y) = compile_network(network(), wiring=wiring), batch(5)
    whole, parts = (settle(graph, x, y, target="numpy", workers=workers) for workers in (None, 1))
    # portions begin blank in synapse wiring: the first sample of each does not come after another
    alike(whole, parts, ROWS if wiring == "tile" else ("settled", "outcome", "residual"))
    assert parts.graph is graph and parts.reason is None and parts.energy.missing == whole.energy.missing


@pytest.mark.slow
def test_two_processes_find_what_one_finds_and_draw_anew_in_every_portion():
    hardware = load("ideal").replace({"noise.receiver": 1e-3})
    x, y = (np.tile(rows, (2, 1)) for rows in batch(2))  # the same two in either portion
    graph = compile_network(network(), hardware=hardware)
    one, two = (settle(graph, x, y, target="numpy", workers=workers, tolerance=0.1) for workers in (1, 2))
    alike(one, two)
    outputs = one.held_states[graph.network.output]
    assert len(np.unique(outputs, axis=0)) == 4


@pytest.mark.slow
def test_compiled_programs_run_side_by_side_at_threads_of_one_process(monkeypatch: pytest.MonkeyPatch):
    graph = compile_network(network(), hardware=load("ideal").replace({"noise.receiver": 1e-3}))
    (x, y), present, names = batch(9), division.present, set()

    def noted(*given: object, **how: object) -> object:
        names.add(threading.current_thread().name.rpartition("_")[0])
        return present(*given, **how)

    monkeypatch.setattr(division, "present", noted)
    one, two = (settle(graph, x, y, target="standalone", workers=workers, tolerance=0.1) for workers in (1, 2))
    alike(one, two)
    assert one.settled.all() and names == {"", "backwave"}


def test_a_process_has_one_graph_of_work_that_comes_with_every_batch():
    graph = compile_network(network())
    division._last.clear()
    settle(graph, *batch(3), target="numpy", workers=1)
    assert not division._last  # nothing has been sent
    sent = pickle.dumps(division._Work("a", Parts(), graph, RunOptions(), 9, True))
    first, second = pickle.loads(sent), pickle.loads(sent)
    assert first.graph is second.graph is not graph
    assert (first.name, first.run, first.hold, first.diagnose) == ("a", RunOptions(), 9, True)
    other = pickle.loads(pickle.dumps(division._Work("b", Parts(), graph, RunOptions(), 9, True)))
    assert other.graph is not first.graph and list(division._last) == ["b"]
    division._last.clear()


def test_what_goes_wrong_in_one_thread_ends_the_others(monkeypatch: pytest.MonkeyPatch):
    graph, (x, y), begun, ended = compile_network(network()), batch(4), threading.Event(), list[bool]()

    def present(*given: object, own: slice, **how: object) -> None:
        if own.start == 0:  # the first portion
            begun.wait(5)
            raise EngineError("no room")
        begun.set()
        with pytest.raises(StudyError, match="broken off"):
            for _ in range(500):
                go_on()
                time.sleep(0.01)
        ended.append(True)

    monkeypatch.setattr(division, "target_of", lambda *_: "standalone")
    monkeypatch.setattr(division, "present", present)
    refuses("no room", lambda: settle(graph, x, y, workers=2).graph, EngineError)
    assert ended == [True]


@pytest.mark.slow
def test_a_dask_cluster_finds_what_this_process_finds():
    distributed = pytest.importorskip("distributed", reason="install it with: pip install 'backwave[cluster]'")
    graph, (x, y) = compile_network(network()), batch(9)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        found = settle(graph, x, y, target="numpy", scheduler=cluster.scheduler_address)
    alike(settle(graph, x, y, target="numpy"), found)


def test_why_samples_do_not_settle_is_told_of_the_batch():
    graph, (x, y) = compile_network(network(), law=Worldsheet(0.8, 0.1, 0.5)), batch(4)
    whole, parts = (settle(graph, x, y, target="numpy", hold=4.0, workers=workers) for workers in (None, 1))
    assert whole.reason is not None and whole.reason.startswith("4 of 4 samples did not settle (first: sample 0)")
    assert parts.reason == whole.reason


def test_what_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch):
    graph, (x, y) = compile_network(network()), batch(2)

    def asked(**how: object) -> ScatteringGraph:
        return settle(graph, x, y, target="numpy", **how).graph

    refuses("traces of a batch that is divided among workers", lambda: asked(workers=1, traces=True), EngineError)
    refuses("workers is 0; allowed: at least 1", lambda: asked(workers=0), StudyError)
    refuses("workers is 2 beside scheduler 'a'", lambda: asked(workers=2, scheduler="a"), StudyError)
    monkeypatch.setattr(division, "shared_out", lambda pool, run, work, items, *rest: ((one, None) for one in items))
    refuses("a process that ran a part of the batch died every time", lambda: asked(workers=1), EngineError)


@pytest.mark.slow
def test_commands_pass_workers_and_schedulers_on(tmp_path, monkeypatch: pytest.MonkeyPatch):
    small = ["--set", "data.limit=3", "--set", "run.pictures=0", "--set", "run.target=numpy"]
    done = CliRunner().invoke(app, ["run", "digits", "--workers", "1", *small, "--out", str(tmp_path / "a")])
    assert done.exit_code == 0 and "all 3 samples" in done.output

    def cluster(address: str) -> None:
        raise StudyError(f"asked of {address}")

    monkeypatch.setattr(processes, "cluster", cluster)
    for words in (["run", "digits"], ["run", "depth"], ["train", "train-technologies"]):
        done = CliRunner().invoke(app, [*words, "--scheduler", "tcp://x:1", "--out", str(tmp_path / "b")])
        assert done.exit_code == 2 and "asked of tcp://x:1" in done.output

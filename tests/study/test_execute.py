"""Sharing work out: everything comes back, also from processes that die."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

from emulator import StudyError, files
from emulator.processes import InProcess, _Batches, cluster, local, shared_out
from tests.refusals import refuses
from tests.study.chores import raising, square


def squares(pool, items: list[int]) -> list[tuple[int, int]]:
    found = shared_out(pool, square, pool.share(3), items, lambda result: 1e-3, lambda item: -1)
    return sorted(found)


def test_every_item_comes_back_with_its_result() -> None:
    assert squares(InProcess(), list(range(200))) == [(k, 3 * k * k) for k in range(200)]
    assert squares(InProcess(), []) == []


def test_items_whose_process_dies_are_tried_again_and_then_given_up() -> None:
    with local(2) as pool:
        found = squares(pool, [*range(40), -5, *range(40, 60)])
    assert found == [(-5, -1), *((k, 3 * k * k) for k in range(60))]


def test_an_error_of_the_machine_ends_it() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(shared_out(InProcess(), raising, 1, [1, 2], lambda one: 1.0, lambda item: -1))


def test_batches_grow_to_the_time_they_should_take() -> None:
    batches = _Batches(iter(range(100)), aim=0.5)
    assert batches.next() == (0,)
    batches.seconds = 0.05
    assert batches.next() == tuple(range(1, 11))
    assert batches.lost((1, 2)) == [] and batches.next() == (1,) and batches.next() == (2,)
    batches.seconds = 0.0
    assert len(batches.next()) == 64


def test_a_cluster_that_cannot_be_used_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(address: str) -> None:
        with cluster(address):
            raise AssertionError("no such scheduler")

    refuses("scheduler 'nonsense://x' cannot be reached", lambda: connect("nonsense://x"), StudyError)
    monkeypatch.setitem(sys.modules, "distributed", None)
    refuses("scheduler 'tcp://h:1' needs the package 'distributed'", lambda: connect("tcp://h:1"), StudyError)


def test_short_lived_files_go_into_memory_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(files, "_MEMORY", tmp_path)
    monkeypatch.setattr(files, "_ROOM", 1)
    assert files.memory_folder() == tmp_path
    monkeypatch.setattr(files, "_ROOM", 1 << 60)
    assert files.memory_folder() is None
    monkeypatch.setattr(files, "_ROOM", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert files.memory_folder() is None
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(files, "_MEMORY", tmp_path / "none")
    assert files.memory_folder() is None


def test_a_scheduler_without_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="install it with: pip install 'backwave[cluster]'")
    closed: list[bool] = []

    class Idle:
        def __init__(self, address: str, **settings: object) -> None: ...

        def ncores(self) -> dict[str, int]:
            return {}

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(distributed, "Client", Idle)
    refuses("scheduler 'tcp://h:1' has no workers", lambda: cluster("tcp://h:1").__enter__(), StudyError)
    assert closed


def test_work_that_the_cluster_takes_back_is_one_error() -> None:
    class Gone(InProcess):
        def submit(self, function: object, work: object, items: tuple[object, ...]) -> Future[object]:
            future: Future[object] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    refuses("the scheduler took work back or is gone; an experiment", lambda: squares(Gone(), [1]), StudyError)

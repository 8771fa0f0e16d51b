"""The cache of compiled code: nothing damaged is used, nothing grows without bound, users and processes share it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import EngineError, Network, compile_network
from emulator.cli import app
from emulator.engine import cache, standalone
from emulator.engine.cython_target import _note_sums, modules, right
from emulator.families.node import NodePlan, lay_out
from emulator.locks import lock_folder
from tests.refusals import refuses

AS_ROOT = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="needs root to act as another user")


@pytest.fixture
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path / "cache"))
    cache._private.cache_clear()
    yield tmp_path / "cache" / "programs"
    cache._private.cache_clear()


def entry(programs, name="one", size=10, age=0.0):
    programs.mkdir(parents=True, exist_ok=True)
    with cache.making(programs / name) as staging:
        (staging / "deep").mkdir()
        (staging / "main").write_bytes(b"m" * size)
        (staging / "deep" / "array").write_bytes(b"a" * size)
        cache.write_manifest(staging, {"inputs": {}})
    os.utime(programs / name, (time.time() - age,) * 2)
    return programs / name


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_an_entry_is_what_was_written(place):
    assert cache.intact(entry(place)) == {"inputs": {}}
    assert [path.name for path in place.iterdir()] == ["one"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: flip(one / "main"),
        lambda one: flip(one / "deep" / "array"),
        lambda one: (one / "deep" / "array").unlink(),
        lambda one: (one / "deep" / "more").touch(),
        lambda one: (one / "manifest.json").unlink(),
        lambda one: (one / "manifest.json").write_text(""),
        lambda one: (one / "manifest.json").write_text("[" * 100_000),
        lambda one: (one / "manifest.json").write_text("[1, 2]"),
        lambda one: (one / "manifest.json").write_text('{"content": 1, "files": 2, "sum": 3}'),
        lambda one: (one / "manifest.json").write_bytes(b"\xff\xfe\x00"),
        lambda one: (one / "manifest.json").write_text(
            json.dumps(json.loads((one / "manifest.json").read_text()) | {"content": {"inputs": {"w": 1}}})
        ),
    ],
)
def test_an_entry_that_is_damaged_is_none(place, damage):
    one = entry(place)
    assert cache.intact(one) is not None
    damage(one)
    assert cache.intact(one) is None
    assert cache.intact(entry(place)) is not None  # and can be made anew


@pytest.fixture
def plan(monkeypatch):
    """A plan whose compilation takes a moment and makes a script; the number of compilations is counted."""
    graph = compile_network(Network.mlp([np.eye(2)]))
    made = NodePlan(lay_out(graph), graph.law, graph.loss, 8, 1)
    count: list[int] = []

    def compile_it(plan, directory):
        time.sleep(0.05)
        count.append(1)
        (directory / "main").write_text("#!/bin/sh\n")
        return {"inputs": {}, "outputs": {}}

    monkeypatch.setattr(standalone, "_compile", compile_it)
    monkeypatch.setattr(standalone, "ensure_right", lambda *_: None)
    monkeypatch.setattr(standalone, "require_compiler", lambda *_: None)
    return made, count


def test_waiting_for_another_thread_that_builds_counts_as_building(place, plan):
    made, count = plan
    first, twin, begun = standalone.program(made), replace(made), threading.Event()

    def ask():
        begun.set()
        return standalone.program(twin)

    with ThreadPoolExecutor(1) as thread:
        with standalone._building:
            asked = thread.submit(ask)
            assert begun.wait(10)
            time.sleep(0.1)
        found = asked.result()
    assert found.directory == first.directory and len(count) == 1
    assert found.compile_seconds > 0 and standalone.program(twin).compile_seconds == 0


def test_a_program_is_built_once_and_again_if_damaged(place, plan):
    made, count = plan
    first = standalone.program(made)
    assert first.compile_seconds > 0 and standalone.program(made).compile_seconds == 0 and len(count) == 1
    flip(first.directory / "main")
    assert standalone.program(made).compile_seconds > 0 and len(count) == 2
    (first.directory / "manifest.json").write_text("{")
    assert standalone.program(made).directory == first.directory and len(count) == 3


@pytest.mark.parametrize("locks", [True, False])
def test_many_at_once_get_the_same_program(place, plan, monkeypatch, locks):
    made, count = plan
    if not locks:
        monkeypatch.setattr("emulator.locks.fcntl", None)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: standalone.program(made), range(8)))
    assert len({one.directory for one in found}) == 1 and cache.intact(found[0].directory) is not None
    assert len(count) == 1 or not locks


def test_other_flags_make_another_program(place, plan, monkeypatch):
    made, count = plan
    one = standalone.program(made)
    monkeypatch.setenv("BACKWAVE_CXXFLAGS", "-O0")
    assert standalone.program(made).directory != one.directory and len(count) == 2


def test_the_least_recently_used_go_first_but_not_what_is_in_use(place, monkeypatch):
    for age in range(5):
        entry(place, f"aged{age}", 1000, age=100.0 * age)
    lock = lock_folder(place / "aged4", shared=True)
    monkeypatch.setenv("BACKWAVE_CACHE_BYTES", "7000")
    cache.forget_oldest(place)
    assert sorted(path.name for path in cache.entries(place)) == ["aged0", "aged1", "aged4"]
    os.close(lock)
    cache.forget_oldest(place, keep=1)
    assert [path.name for path in cache.entries(place)] == ["aged0"]
    monkeypatch.setenv("BACKWAVE_CACHE_BYTES", "0")
    cache.forget_oldest(place)
    assert [path.name for path in cache.entries(place)] == ["aged0"]  # what has just been made is needed


@pytest.mark.parametrize("value", ["2 GB", "-1", "1e9", "9" * 5000])
def test_a_size_that_is_none(value, monkeypatch):
    monkeypatch.setenv("BACKWAVE_CACHE_BYTES", value)
    refuses("BACKWAVE_CACHE_BYTES is ", cache.most_bytes, EngineError)


def test_what_died_half_made_is_swept_and_what_is_being_made_is_not(place):
    place.mkdir(parents=True)
    with cache.making(place / "new") as staging:
        (staging / "main").touch()
        dead = place / "building-0123"
        dead.mkdir()
        for path in (dead, staging):
            os.utime(path, (time.time() - 1000,) * 2)
        cache.sweep(place)
        assert staging.exists() and not dead.exists()
        cache.write_manifest(staging, {})
    assert [path.name for path in place.iterdir()] == ["new"]


def test_work_that_fails_leaves_nothing(place):
    place.mkdir(parents=True)
    with pytest.raises(ZeroDivisionError), cache.making(place / "new"):
        raise ZeroDivisionError
    assert not list(place.iterdir())


def test_a_cache_that_cannot_be_written_is_said_once(monkeypatch, tmp_path, caplog, plan):
    cache._private.cache_clear()
    (tmp_path / "file").touch()
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path / "file" / "cache"))
    made, count = plan
    one = standalone.program(made)
    assert one.directory.exists() and not one.directory.is_relative_to(tmp_path)
    assert stat.S_IMODE(one.directory.parents[1].stat().st_mode) == 0o700
    assert standalone.program(made).directory == one.directory and len(count) == 1
    (said,) = caplog.messages
    assert "cannot be used (Not a directory): what is compiled is kept in a temporary folder" in said
    cache._private.cache_clear()


@AS_ROOT
def test_a_second_user_reads_a_shared_cache(place, tmp_path):
    before = os.umask(0o022)
    try:
        one = entry(place)
    finally:
        os.umask(before)
    for folder in (*reversed(one.parents), one):
        if folder.is_relative_to(Path(tempfile.gettempdir())) and folder != Path(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    said = subprocess.run(["cat", one / "main", one / "deep" / "array"], user=65534, capture_output=True, text=True)
    assert said.stdout == "m" * 10 + "a" * 10, said.stderr
    assert stat.S_IMODE(one.stat().st_mode) == 0o755


@AS_ROOT
def test_programs_of_another_user_run_only_from_a_cache_that_was_named(place, monkeypatch):
    one = entry(place)
    os.chown(one / "main", 65534, 65534)
    assert cache.intact(one) is not None
    monkeypatch.delenv("BACKWAVE_CACHE")
    assert cache.intact(one) is None
    os.chown(one / "main", 0, 0)
    assert cache.intact(one) is not None
    (one / "main").chmod(0o777)
    assert cache.intact(one) is None


def test_a_module_that_is_damaged_is_not_loaded(place):
    folder = modules()
    whole, damaged, unknown = (folder / f"{name}.so" for name in ("whole", "damaged", "unknown"))
    for path in (whole, damaged):
        path.write_bytes(b"1234")
    _note_sums(folder)
    flip(damaged)
    unknown.write_bytes(b"1234")
    assert right(whole) and not right(damaged) and not right(unknown)
    modules()
    assert [path.name for path in folder.glob("*.so")] == ["whole.so"]


def test_the_command_shows_checks_and_clears(place):
    run = CliRunner().invoke
    assert "cache: empty" in run(app, ["cache"]).output
    entry(place), flip(entry(place, "two") / "main")
    (place.parent / "mine.txt").touch()
    shown = run(app, ["cache"])
    assert shown.exit_code == 0 and "2 entries" in shown.output and "program  two" in shown.output
    found = run(app, ["cache", "--check"])
    assert found.exit_code == 1 and f"damaged, and removed: {place / 'two'}" in found.output
    assert "every file is as it was made" in run(app, ["cache", "--check"]).output
    lock = lock_folder(place / "one", shared=True)
    assert f"in use, and kept: {place / 'one'}" in run(app, ["cache", "--clear"]).output
    os.close(lock)
    assert "removed from" in run(app, ["cache", "--clear"]).output
    assert "empty" in run(app, ["cache"]).output and (place.parent / "mine.txt").exists()

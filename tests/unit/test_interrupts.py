"""Interrupts end the work wherever it is, tell of it in one sentence, and leave nothing half-written."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.errors import BusyError
from emulator.files import staging_folder, take_place
from emulator.interrupts import Terminated, interruptible, status_of
from emulator.locks import held
from tests.refusals import refuses
from tests.support.programs import programs_in

SMALL = """
title = "Small"
[network]
source = "random-mlp"
sizes = [3, 4, 2]
[data]
source = "random"
samples = 20000
[run]
target = "numpy"
pictures = 0
"""


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Interrupts as at a terminal: what runs in the background of a shell is told to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_lost_in_a_callback_comes_again() -> None:
    class Thing:
        pass

    def lost(_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            time.sleep(0)

    thing = Thing()
    watch = weakref.ref(thing, lost)
    with pytest.raises(Terminated), interruptible():
        del thing
        gc.collect()
        time.sleep(5)
    assert watch() is None


def test_a_second_signal_does_not_disturb_the_tidying_up() -> None:
    tidied = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            tidied = True
    assert tidied
    assert (status_of(KeyboardInterrupt()), status_of(Terminated())) == (130, 143)


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_running_simulation_ends_at_once(tmp_path: Path, number: int, status: int) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    command = [sys.executable, "-m", "emulator", "run", "small.toml"]
    repository = str(Path(__file__).parents[2])
    run = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": repository}
    )
    while not list(tmp_path.glob("runs/.small.staging-*")):
        time.sleep(0.05)
        assert run.poll() is None
    time.sleep(1.5)
    run.send_signal(number)
    told = run.communicate(timeout=20)[1]
    assert (run.returncode, told) == (status, "backwave: interrupted, nothing was written\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


@pytest.mark.slow
@pytest.mark.parametrize("looked_for", ["cache/**/main.cpp", "scratch/backwave-run-*"], ids=["compiling", "running"])
def test_divided_work_ends_at_once_with_its_programs(tmp_path: Path, looked_for: str) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    where = {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(scratch)}
    if looked_for.startswith("cache"):
        where["BACKWAVE_CACHE"] = str(tmp_path / "cache")
    long = ["--set", "run.target=standalone", "--set", "run.hold=20000000", "--set", "data.samples=4"]
    run = subprocess.Popen(
        [sys.executable, "-m", "emulator", "run", "small.toml", "--workers", "2", *long],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, **where},
    )  # fmt: skip
    lasting: set[Path] = set()
    while not lasting:  # that of the program that tries the compiler is soon gone
        seen = set(tmp_path.glob(looked_for))
        time.sleep(0.5)
        lasting = seen & set(tmp_path.glob(looked_for))
        assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    told = run.communicate(timeout=5)[1]
    assert (run.returncode, told) == (143, "backwave: interrupted, nothing was written\n")
    assert programs_in(tmp_path) == []
    assert not [path.name for path in scratch.iterdir() if path.name.startswith("backwave")]
    assert not list(tmp_path.glob("cache/**/main.cpp"))


def test_a_folder_is_exchanged_in_one_step_and_what_a_killed_process_left_is_tidied(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "old").touch()
    left = tmp_path / ".out.staging-dead"
    left.mkdir()
    (tmp_path / ".out-other.staging-live").mkdir()
    with staging_folder(place) as staging:
        assert not left.exists()
        (staging / "new").touch()
        take_place(staging, place)
        assert [path.name for path in place.iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out-other.staging-live", "out"]


def test_without_an_exchange_the_old_folder_comes_back_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.files._exchange", lambda one, other: False)
    place = tmp_path / "out"
    with staging_folder(place) as staging:
        (staging / "first").touch()
        take_place(staging, place)
    with staging_folder(place) as staging:
        (staging / "second").touch()
        take_place(staging, place)
    assert [path.name for path in place.iterdir()] == ["second"]
    place.rename(tmp_path / ".out.old")  # killed between the two renames
    with staging_folder(place):
        assert [path.name for path in place.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_place_has_one_writer(tmp_path: Path) -> None:
    with held(tmp_path / "out", "folder 'out'"):
        refuses(
            "folder 'out' is being written by another process; allowed: to wait for it, or another place",
            lambda: held(tmp_path / "out", "folder 'out'").__enter__(),
            BusyError,
        )
    with held(tmp_path / "out", "folder 'out'"):
        assert (tmp_path / ".out.lock").exists()
    assert not list(tmp_path.iterdir())

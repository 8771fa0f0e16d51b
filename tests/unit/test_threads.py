"""Work at threads ends soon when it is broken off, whatever a thread is at, and leaves no program."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.errors import StudyError
from emulator.locks import waited_for
from emulator.threads import Threads, go_on, output_of, running

SLEEPS = "sleep 60 & echo $!; wait"


def one_program(begun: threading.Event, pids: list[int]) -> None:
    with running(["sleep", "60"]) as program:
        pids.append(program.pid)
        begun.set()


def one_with_others(begun: threading.Event, pids: list[int]) -> None:
    with running(SLEEPS, shell=True, process_group=0, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        pids += [program.pid, int(program.stdout.readline())]
        begun.set()


def one_that_is_captured(begun: threading.Event, pids: list[int]) -> None:
    threading.Timer(0.2, begun.set).start()
    output_of(SLEEPS)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("work", [one_program, one_with_others, one_that_is_captured])
def test_programs_of_a_closed_pool_are_killed(work: Callable[[threading.Event, list[int]], None]) -> None:
    pool, begun, pids = Threads(2), threading.Event(), list[int]()
    future = pool.submit(work, begun, pids)  # type: ignore[arg-type]
    assert begun.wait(10)
    since = time.perf_counter()
    pool.close()
    assert time.perf_counter() - since < 5
    with pytest.raises(StudyError, match="broken off"):
        future.result()
    while any(map(alive, pids)):
        assert time.perf_counter() - since < 5


def test_a_closed_pool_starts_no_program(tmp_path: Path) -> None:
    pool, begun, closed = Threads(1), threading.Event(), threading.Event()

    def work(*given: object) -> None:
        begun.set()
        closed.wait(10)
        with running(["touch", str(tmp_path / "there")]):
            pass

    future = pool.submit(work, None, ())
    assert begun.wait(10)
    threading.Timer(0.1, closed.set).start()
    pool.close()
    with pytest.raises(StudyError, match="broken off"):
        future.result()
    assert not list(tmp_path.iterdir())


def test_nobody_waits_for_another_process_when_broken_off(tmp_path: Path) -> None:
    pool, begun = Threads(1), threading.Event()

    def work(*given: object) -> None:
        begun.set()
        with waited_for(tmp_path / "lock"):
            pass

    with waited_for(tmp_path / "lock"):  # another open file, as another process has
        future = pool.submit(work, None, ())
        assert begun.wait(10)
        pool.close()
    with pytest.raises(StudyError, match="broken off"):
        future.result()


def test_outside_of_a_pool_programs_are_killed_by_what_goes_wrong() -> None:
    go_on()
    with pytest.raises(KeyboardInterrupt), running(["sleep", "60"]) as program:
        raise KeyboardInterrupt
    assert program.returncode == -9
    assert output_of("echo out; echo bad >&2; exit 3") == (3, "out\nbad\n")
    assert output_of(["pwd"], Path(os.sep)) == (0, "/\n")

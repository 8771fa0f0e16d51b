"""Speed of the study engine: 1000 chips of 64-32-10 with 16 images each.

    python -m tests.benchmarks.study             everything (about a minute and the compiler's time)
    python -m tests.benchmarks.study speed       one section: speed, memory, page, kill

`speed` runs the same 1000 points with one worker and with two, after a first run that compiles, and compares their
metrics bit by bit; its last figure is what all else takes than compiling a chip, settling and measuring: the same study
with those three left out. `memory` is the largest memory of the process that writes a store of 10,000 points. `page` writes the report
of 10,000 points at 2,500 places, and opens it in Chromium where there is one. `kill` kills the command
with SIGKILL at random moments, again and again until the study is complete, and compares the store with that of a study
that ran through: its metrics, and whether any point that was stored was run again.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from rich.console import Console

from emulator.study import run as planning
from emulator.study import work
from emulator.study.load import StudyFile, load_study
from emulator.study.report import write_report
from emulator.study.run import run_study
from tests.support.chromium import NAMES, run
from tests.support.made_up import build_store

NOISE, BITS = "hardware.noise.receiver", "hardware.precision.forward.bits"
STUDY = """
metrics = ["accuracy", "gradient_cosine", "gradient_error", "settled_fraction", "settling_time", "energy", "events"]
[study]
title = "A thousand chips"
[base]
scenario = "digits"
[base.overrides]
network.iterations = 60
run.target = "standalone"
run.hold_seconds = 2.2e-8
hardware.noise.receiver = 1e-3
hardware.noise.gain_mismatch_forward = 0.01
[repeats]
chips = {chips}
images = 16
[targets]
accuracy = {{ min = 0.8 }}
"""


def study(folder: Path, chips: int) -> StudyFile:
    """So many chips."""
    path = folder / "study.toml"
    path.write_text(STUDY.format(chips=chips))
    return load_study(path)


def metrics(store: Path) -> list[tuple]:
    """All metrics of a store."""
    with closing(sqlite3.connect(store)) as link:
        return link.execute("SELECT point, name, value FROM metrics ORDER BY point, name").fetchall()


@contextmanager
def stubbed(made: StudyFile) -> Iterator[None]:
    """Points whose substrate is not run: everything else is done as always."""
    metrics: dict[str, float | None] = dict.fromkeys(made.config.metrics, 0.5)
    result = SimpleNamespace(times={}, settled=np.array([True]), reason=None)
    real = work._settled
    work._settled = lambda one, scenario: (result, metrics)
    try:
        yield
    finally:
        work._settled = real


def rate(store: Path) -> float:
    """Points per second, from the first that was finished to the last."""
    times = sorted(datetime.fromisoformat(moment).timestamp() for moment in when(store).values())
    return (len(times) - 1) / (times[-1] - times[0])


def speed(screen: Console, folder: Path, chips: int = 1000) -> None:
    """Time of the same study with one worker and with two."""
    small = study(folder, 4)
    begun = time.perf_counter()
    run_study(small, folder / "first.sqlite", workers=1)
    screen.print(f"first 4 points, compiler included: {time.perf_counter() - begun:.1f} s")
    large = study(folder, chips)
    taken, emulated = {}, 0.0
    for workers in (1, 2):
        begun = time.perf_counter()
        report = run_study(large, folder / f"w{workers}.sqlite", workers=workers)
        taken[workers] = time.perf_counter() - begun
        emulated = emulated or report.emulated
        screen.print(
            f"{chips} points, {workers} worker(s): {taken[workers]:.1f} s, {rate(folder / f'w{workers}.sqlite'):.0f} points/s "
            f"from the first point on; "
            f"brian2 in all workers {report.emulated:.1f} s, points in all {report.seconds:.1f} s"
        )
    same = metrics(folder / "w1.sqlite") == metrics(folder / "w2.sqlite")
    faster = rate(folder / "w2.sqlite") / rate(folder / "w1.sqlite")
    screen.print(
        f"2 workers against 1: {faster:.2f} x the points per second, {taken[1] / taken[2]:.2f} x with starting them; "
        f"metrics the same to the last bit: {same}"
    )
    prepared = time.perf_counter()
    planning.planned(large, folder / "none.sqlite", lambda text: None)
    prepared = time.perf_counter() - prepared
    with stubbed(large):
        begun = time.perf_counter()
        run_study(large, folder / "stubbed.sqlite", workers=1)
        machinery = time.perf_counter() - begun - prepared
    screen.print(
        f"the same without running any substrate: {machinery:.2f} s, {machinery / emulated:.1%} of brian2's time "
        f"(preparing the base, such as training its network, {prepared:.1f} s)"
    )


def memory(screen: Console, folder: Path, chips: int = 10000) -> None:
    """Memory of the process that keeps the plan and writes the store, the points themselves being made up."""
    made = study(folder, chips)
    with stubbed(made):
        begun = time.perf_counter()
        run_study(made, folder / "memory.sqlite", workers=1)
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    screen.print(
        f"{chips} points in the store: {peak:.0f} MB at most, {1e3 * seconds / chips:.2f} ms a point without the runs"
    )


def page(screen: Console, folder: Path, values: int = 50, chips: int = 4) -> None:
    """The report of made-up points on two axes: how long it takes to write, and to open."""
    axes = {NOISE: [0.2 * k / values for k in range(values)], BITS: list(range(4, 4 + values))}
    store = build_store(folder / "page.sqlite", axes, chips=chips, noise=1)
    begun = time.process_time()
    write_report(store, folder / "page.html")
    written = time.process_time() - begun
    text = f"{values**2 * chips} points: {written:.1f} s to write, {(folder / 'page.html').stat().st_size / 1e3:.0f} kB"
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is not None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(browser, folder, folder / "page.html", "--dump-dom")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        text += f", {after.ru_utime - before.ru_utime:.1f} s to start a browser and open it (processor time)"
    screen.print(text)


def kill(screen: Console, folder: Path, chips: int = 300, studies: int = 3) -> None:
    """Studies that are killed at random moments and resumed."""
    made = study(folder, chips)
    begun = time.perf_counter()
    run_study(made, folder / "whole.sqlite")
    least, most = 3.0, 3.0 + 0.5 * (time.perf_counter() - begun)
    draws, whole = random.Random(0), metrics(folder / "whole.sqlite")
    for number in range(studies):
        store, kept, kills = folder / f"killed{number}.sqlite", dict[str, str](), 0
        command = [
            sys.executable,
            "-m",
            "emulator",
            "study",
            str(folder / "study.toml"),
            "--store",
            str(store),
            "--resume",
        ]
        again = 0
        while True:
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                try:
                    process.wait(draws.uniform(least, most))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            there = when(store)
            again += sum(there.get(point) != moment for point, moment in kept.items())
            kept = there
            if process.returncode == 0:
                break
        screen.print(
            f"study {number}: killed {kills} times; {len(kept)} of {chips} points, {again} lost or run again; "
            f"metrics as in one go: {metrics(store) == whole}"
        )


def when(store: Path) -> dict[str, str]:
    """When every point of a store was finished; empty while there is no store."""
    try:
        with closing(sqlite3.connect(store)) as link:
            return dict(link.execute("SELECT id, finished FROM points"))
    except sqlite3.OperationalError:
        return {}


SECTIONS = {"speed": speed, "memory": memory, "page": page, "kill": kill}


def main() -> None:
    """Run the sections that are named."""
    screen = Console(width=140, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("BACKWAVE_CACHE", f"{folder}/cache")
        for name in sys.argv[1:] or SECTIONS:
            screen.print(f"[bold]{name}[/bold]")
            place = Path(folder) / name
            place.mkdir()
            SECTIONS[name](screen, place)


if __name__ == "__main__":
    main()

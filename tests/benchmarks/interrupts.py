"""Commands that are killed and interrupted at random moments, and what is left of their results.

    python -m tests.benchmarks.interrupts --kills 60 --interrupts 60

Each trial starts one command (run, in one process and as two programs at a time, train, study with one worker and with two, export, report), sends SIGKILL, SIGINT or
SIGTERM after a random share of the time that the command takes, and checks that

- an interrupt ends it within 10 s with status 130 or 143 and one sentence, unless it was done already, and leaves neither
  programs nor their files;
- no result is there in part: the folder or file is complete, or as it was before;
- the command, given again (with --resume where it has one), ends with the same results to the last bit, and leaves
  nothing beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from emulator.network.network import Network
from tests.support.programs import programs_in

SCENARIO = """
title = "Small"
[network]
source = "random-mlp"
sizes = [5, 6, 4]
loss = "softmax_cross_entropy"
[data]
source = "random"
samples = 60
[run]
target = "numpy"
[training]
epochs = 2
chunk = 40
[training.port]
name = "resistive"
rate = 0.05
[training.data]
source = "random"
samples = 60
"""
STUDY = """
metrics = ["gradient_cosine", "settled_fraction"]
[study]
title = "Small study"
[base]
scenario = "small.toml"
[base.overrides]
data.samples = 8
[[axes]]
key = "hardware.noise.gain_mismatch_backward"
values = [0.0, 0.1, 0.2]
[repeats]
chips = 4
images = 4
[targets]
gradient_cosine = { min = 0.9 }
"""
#: what differs from run to run
TIMES = ("times", "seconds", "created", "finished", "completed", "versions", "platform", "command")


@dataclass(frozen=True)
class Task:
    """A command, the result it makes, and how it goes on after a kill."""

    words: tuple[str, ...]
    result: str
    resume: bool = False


TASKS = {
    "run": Task(("run", "small.toml", "--out", "out"), "out"),
    "run, two programs": Task(
        ("run", "small.toml", "-w", "2", "--set", "run.target=standalone", "--out", "divided"), "divided"
    ),
    "train": Task(("train", "small.toml", "--out", "learned"), "learned", resume=True),
    "study, one worker": Task(("study", "study.toml", "-w", "1", "--store", "one.sqlite"), "one.sqlite", resume=True),
    "study, two workers": Task(("study", "study.toml", "-w", "2", "--store", "two.sqlite"), "two.sqlite", resume=True),
    "export": Task(("export", "small.toml", "--out", "circuit"), "circuit"),
    "report": Task(("report", "done.sqlite", "--out", "page.html"), "page.html"),
}


def start(folder: Path, words: tuple[str, ...]) -> subprocess.Popen[str]:
    """A command in a process group of its own, as a terminal starts it, with a folder for what it needs while it runs."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "emulator", *words], cwd=folder, text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(scratch)},
    )  # fmt: skip


def digest(path: Path) -> str | None:
    """A hash of the figures in a result, None where there is none; raises where it is there in part."""
    if not path.exists():
        return None
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as link:
            tables = ("SELECT id, chip, noise, status FROM points ORDER BY id", "SELECT * FROM metrics ORDER BY 1, 2")
            return _hash(repr([link.execute(table).fetchall() for table in tables]).encode())
    if path.is_file():
        return _hash(b"</html>" if path.read_bytes().rstrip().endswith(b"</html>") else path.read_bytes())
    parts = []
    for file in sorted(path.iterdir()):
        if file.suffix == ".json":
            told = json.loads(file.read_text())
            if file.name == "results.json" and not set(told["files"]) <= {one.name for one in path.iterdir()}:
                raise ValueError(f"{file} lists files that are not there")
            parts.append(repr(_figures(told)))
        elif file.name == "network.npz":
            parts.append(Network.load(file).digest)
        elif file.suffix in (".cir", ".inc"):
            parts.append(_hash(file.read_bytes()))
        else:
            parts.append(file.name)
    return _hash(repr(parts).encode())


def _figures(told: object) -> object:
    if isinstance(told, dict):
        return {name: _figures(value) for name, value in told.items() if name not in TIMES}
    return [_figures(value) for value in told] if isinstance(told, list) else told


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def trial(folder: Path, task: Task, number: int, after: float, whole: str | None) -> list[str]:
    """What went wrong in one trial, in words."""
    process = start(folder, task.words)
    time.sleep(after)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, number)
    begun = time.perf_counter()
    try:
        told = process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return [f"did not end within 60 s of {signal.Signals(number).name}"]
    wrong = []
    status = process.returncode
    if number != signal.SIGKILL and running and status not in (128 + number, 0, 1):
        wrong.append(f"status {status} after {signal.Signals(number).name}: {told[-300:]!r}")
    if number != signal.SIGKILL and status == 128 + number:
        if len(told.strip().splitlines()) != 1:
            wrong.append(f"said more than one sentence: {told[-600:]!r}")
        if time.perf_counter() - begun > 10:
            wrong.append(f"took {time.perf_counter() - begun:.1f} s to end")
        left = [*programs_in(folder), *(one.name for one in (folder / "scratch").glob("backwave-*"))]
        if left:
            wrong.append(f"left running, or of what ran: {left}")
    path = folder / task.result
    if not task.result.endswith(".sqlite") and (found := digest(path)) not in (None, whole):
        wrong.append(f"{task.result} is there in part ({found})")
    there = path.exists() or (folder / f"{task.result}.checkpoint.npz").exists()
    again = start(folder, (*task.words, *(["--resume"] if task.resume and there else []),
                           *(["--force"] if task.words[0] == "export" and path.exists() else [])))  # fmt: skip
    told = again.communicate()[1]
    if again.returncode not in (0, 1):
        wrong.append(f"given again: status {again.returncode}: {told[-300:]!r}")
    elif digest(path) != whole:
        wrong.append("given again: other results")
    left = [one.name for one in folder.iterdir() if one.name.startswith(".")]
    if left:
        wrong.append(f"left behind: {left}")
    return wrong


def clean(folder: Path, task: Task) -> None:
    """Remove the result of a task and what belongs to it."""
    for path in folder.glob(f"{task.result}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def main() -> None:
    """Run the trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--interrupts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice, wrong = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small.toml").write_text(SCENARIO)
        (folder / "study.toml").write_text(STUDY)
        start(folder, ("study", "study.toml", "-w", "1", "--store", "done.sqlite")).communicate()
        takes, whole = {}, {}
        for kind, task in TASKS.items():
            begun = time.perf_counter()
            process = start(folder, task.words)
            said = process.communicate()[1]
            takes[kind], whole[kind] = time.perf_counter() - begun, digest(folder / task.result)
            print(f"{kind}: {takes[kind]:.1f} s, status {process.returncode} {said.strip()[-200:]}", flush=True)
            clean(folder, task)
        numbers = [signal.SIGKILL] * given.kills
        numbers += [dice.choice((signal.SIGINT, signal.SIGTERM)) for _ in range(given.interrupts)]
        for count, number in enumerate(numbers):
            kind = list(TASKS)[count % len(TASKS)]
            after = dice.uniform(0.1, 1.0) * takes[kind]
            found = trial(folder, TASKS[kind], number, after, whole[kind])
            wrong += bool(found)
            print(f"{count + 1:4d} {kind}, {signal.Signals(number).name} after {after:.1f} s: "
                  + ("; ".join(found) or "good"), flush=True)  # fmt: skip
            clean(folder, TASKS[kind])
        print(f"{given.kills} kills and {given.interrupts} interrupts: {wrong} went wrong")


if __name__ == "__main__":
    main()

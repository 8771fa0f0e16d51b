"""Small scenarios and studies, and stores that were never run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from emulator.study.writer import Finished, Writer, canonical

BASE = """
title = "Small"
[network]
source = "random-mlp"
sizes = [3, 4, 2]
loss = "softmax_cross_entropy"
[data]
source = "random"
samples = 3
[hardware.lines]
delay_forward = { kind = "steps", step = "1 ns", fewest = 1, most = 3 }
[run]
target = "numpy"
"""
STUDY = """
base = "small.toml"
metrics = ["accuracy", "gradient_cosine", "settled_fraction", "energy"]
[study]
title = "Small study"
[[axes]]
key = "hardware.noise.gain_mismatch_backward"
values = [0.0, 0.2]
[[axes]]
key = "run.threshold"
values = [0.0, 1e-3]
[repeats]
chips = 2
images = 2
[targets]
gradient_cosine = { min = 0.9 }
"""
TRAINING = """
title = "small"
network = { source = "random-mlp", sizes = [4, 5, 3], loss = "softmax_cross_entropy", seed = 1 }
data = { source = "random", samples = 20, seed = 3 }
run = { target = "numpy" }
[training]
epochs = 2
data = { source = "random", samples = 30, seed = 3 }
port = { name = "resistive", rate = 0.1 }
"""
META = {"digest": "d", "versions": "v", "planned": "3", "study": "{}"}


def write(folder: Path, study: str = STUDY, base: str = BASE) -> Path:
    """A study file and its base scenario in a folder."""
    (folder / "small.toml").write_text(base)
    path = folder / "study.toml"
    path.write_text(study)
    return path


def rows(store: Path, table: str = "metrics") -> list[tuple[Any, ...]]:
    """What a store has, but for the times."""
    wanted = {
        "metrics": "point, name, value",
        "points": "id, ordinal, axes, chip, noise, config, seeds, status, reason",
        "trials": "id, knob, value, chip, noise, config, seeds, met, status, reason",
        "tolerances": "*",
        "yields": "*",
        "sensitivities": "*",
    }[table]
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as link:
        return sorted(link.execute(f"SELECT {wanted} FROM {table}").fetchall(), key=repr)


TABLES = ("metrics", "points", "trials", "tolerances", "yields", "sensitivities")


def finished(number: int, **metrics: float | None) -> Finished:
    """A point that is ready to be stored."""
    return Finished(
        id=f"p{number}",
        chip=number,
        noise=0,
        config="{}",
        seeds=canonical({"hardware": number, "run": 0}),
        status="settled",
        reason=None,
        finished="2020-01-01T00:00:00+00:00",
        seconds=0.5,
        metrics=metrics,
    )


def new_store(path: Path, count: int = 3) -> None:
    """A store with a few points."""
    with Writer(path, META) as writer:
        for number in range(count):
            metrics = {"accuracy": 0.5 + number / 10, "energy": None}
            writer.add_point(finished(number, **metrics), number, {"run.threshold": number / 10, "law.name": "matched"})

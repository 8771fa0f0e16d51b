"""Stores of made-up studies: the metrics of a point are a given function of where it is."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.study.store import Sensitivity, Tolerance, Yield
from emulator.study.writer import Finished, Writer, canonical

#: what a made-up point comes to: metrics, and why it did not settle
Outcome = tuple[dict[str, float | None], str | None]


def digits_like(axes: Mapping[str, Any], chip: int, noise: int) -> Outcome:
    """Falls off with noise, differs from chip to chip; does not settle where there is very much noise."""
    draws = np.random.default_rng((chip, noise, 7))
    strength = float(axes.get("hardware.noise.receiver", 0.01))
    bits = float(axes.get("hardware.precision.forward.bits", 8))
    error = strength * np.exp(draws.normal(0, 0.3)) * 4 + 2.0**-bits
    accuracy = float(np.clip(0.98 - 0.5 * error + draws.normal(0, 0.004), 0, 1))
    cosine = float(np.clip(1 - error**2, -1, 1))
    settled = float(np.clip(1.2 - 0.6 * error, 0, 1))
    time = 3.1e-8 * (1 + error) * np.exp(draws.normal(0, 0.05))
    metrics: dict[str, float | None] = {
        "accuracy": accuracy, "gradient_cosine": cosine, "gradient_error": error, "settled_fraction": settled,
        "settling_time": time if settled > 0 else None, "energy": None, "events": 5213.0 + 10 * chip,
        "reflected_power": 0.0,
    }  # fmt: skip
    return metrics, None if settled == 1 else "states still move at the end of the hold"


def tolerance(knob: str, value: float | None, offered: float | None, **detail: Any) -> Tolerance:
    """A made-up tolerance of a knob that should be small, or with `good` above `bad` should be large."""
    trials = [{"value": at, "met": met, "total": 40} for at, met in ((0.001, 40), (0.02, 38), (0.03, 17), (0.2, 0))]
    known = {"key": knob, "where": {}, "good": 0.001, "bad": 0.2, "scale": "log", "share": 0.9, "confidence": 0.95}
    verdict = "never holds" if value is None else "found"
    beyond = None if value is None else round(1.1 * value, 6)
    near = (None, None) if value is None else (0.97 * value, 1.03 * value)
    return Tolerance(
        knob,
        "",
        value,
        *near,
        offered,
        4,
        {**known, "verdict": verdict, "first_failed": beyond, "trials": trials, **detail},
    )


def build_store(
    path: Path,
    axes: Mapping[str, Sequence[Any]],
    outcome: Callable[[Mapping[str, Any], int, int], Outcome] = digits_like,
    *,
    chips: int = 6,
    noise: int = 2,
    targets: Mapping[str, Mapping[str, float]] | None = None,
    title: str = "Made-up study",
    done: int | None = None,
    seed: int = 0,
    tolerances: Sequence[Tolerance] = (),
    yields: Sequence[Yield] = (),
    sensitivities: Sequence[Sensitivity] = (),
    study: Mapping[str, Any] | None = None,
) -> Path:
    """A store of all combinations of the axes' values, chips and runs; with `done`, only the first so many."""
    places = list(itertools.product(*axes.values(), range(chips), range(noise)))
    file = {
        "study": {"title": title, "description": "Numbers from a formula.", "confidence": 0.95},
        "base": "digits",
        "axes": [{"key": key, "values": list(values)} for key, values in axes.items()],
        "targets": dict(targets if targets is not None else {"accuracy": {"min": 0.93}}),
        **(study or {}),
    }
    meta = {
        "study": canonical(file),
        "base": canonical({"title": "Digits", "network": {"hidden": [32]}}),
        "digest": hashlib.sha256(canonical(file).encode()).hexdigest(),
        "title": title,
        "command": "backwave study made-up.toml --out made-up.db",
        "created": "2030-01-02T03:04:05+00:00",
        "versions": json.dumps({"backwave": "0.1.0", "brian2": "2.9.0"}),
        "platform": json.dumps({"python": "3.11.2", "machine": "x86_64", "cores": 2}),
        "network": json.dumps({"neurons": 106, "parameters": 2410}),
        "planned": str(len(places)),
    }
    with Writer(path, meta) as writer:
        for ordinal, (*values, chip, run) in enumerate(places[:done]):
            here = dict(zip(axes, values, strict=True))
            metrics, reason = outcome(here, chip, run)
            seeds = {"hardware": 1000 * seed + chip, "run": 2000 * seed + run}
            config = canonical({"axes": here, "seeds": seeds})
            point = Finished(
                hashlib.sha256(config.encode()).hexdigest()[:16], chip, run, config, canonical(seeds),
                "settled" if reason is None else "failed" if not metrics else "unsettled", reason,
                "2030-01-02T03:04:06+00:00", 0.01, metrics,
            )  # fmt: skip
            writer.add_point(point, ordinal, here)
        if done is None:
            writer.conclude(tolerances, yields, sensitivities, "2030-01-02T03:05:00+00:00")
    return path

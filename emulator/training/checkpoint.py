"""Checkpoints: everything a training needs to go on as if it had never stopped, in one file that is whole or absent.

An uncompressed ``.npz`` with a JSON header and plain float64 arrays; nothing in it is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emulator.archives import read_arrays
from emulator.errors import EngineError, FileFormatError
from emulator.files import atomic_write
from emulator.training.history import COLUMNS, History
from emulator.training.substrate import State, state_matches
from hwmodels.doors import RefusedError, brief, parse_json, real

FORMAT = "backwave-checkpoint"
VERSION = 3
_HEADER = "header"
_STATE, _BEST, _HISTORY = "state.", "best.", "history."
_KEYS = {
    "format",
    "version",
    "settings",
    "position",
    "stretches",
    "stale",
    "first_loss",
    "late_loss",
    "seconds",
    "events",
    "several",
    "operations",
}


@dataclass
class Progress:
    """Where a training stands.

    Parameters
    ----------
    state : dict
        Parameters and port state.
    position, stretches : int
        Samples and stretches presented so far.
    history : History
    first_loss : float
        Mean loss of the first samples, the measure of an explosion.
    late_loss : float
        Mean loss over the last quarter of the samples so far.
    best : dict
        Parameters of the best evaluation so far; empty without one.
    stale : int
        Evaluations since then.
    seconds : float
        Time spent, interruptions not counted.
    events : int
        Events that lines carried.
    several : int
        Steps in which a junction of two-way lines had more than one answer.
    operations : int
        Times that a weight acted on an event.
    """

    state: State
    position: int
    stretches: int
    history: History
    first_loss: float
    late_loss: float
    best: State
    stale: int
    seconds: float
    events: int
    several: int = 0
    operations: int = 0


def save(path: Path, settings: Mapping[str, str], progress: Progress) -> None:
    """Write a checkpoint; `path` is replaced only once the new file is complete.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "settings": dict(settings),
        "position": progress.position,
        "stretches": progress.stretches,
        "stale": progress.stale,
        "first_loss": repr(progress.first_loss),
        "late_loss": repr(progress.late_loss),
        "seconds": progress.seconds,
        "events": progress.events,
        "several": progress.several,
        "operations": progress.operations,
    }
    members = {_STATE + name: array for name, array in progress.state.items()}
    members |= {_BEST + name: array for name, array in progress.best.items()}
    members |= {_HISTORY + name: array for name, array in progress.history.columns().items()}
    members[_HEADER] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    atomic_write(path, lambda file: np.savez(file, **members))  # type: ignore[arg-type]


def load(path: Path, settings: Mapping[str, str], like: State, unscaled: str = "") -> Progress:
    """Read a checkpoint of a training with these settings.

    Parameters
    ----------
    path : Path
    settings : mapping
        What the training depends on, by name; must equal that of the checkpoint.
    like : dict
        A state of the right names and shapes.
    unscaled : str
        What the network would be called without the scales of its inputs: checkpoints of old do not know them.

    Raises
    ------
    FileFormatError
        If the file is not a checkpoint, or damaged.
    EngineError
        If it belongs to another network, or a training with other settings.
    OSError
        If the file cannot be opened.
    """
    header, arrays = _read(path)
    found = header["settings"]
    for name in {**settings, **found}:
        if settings.get(name) != found.get(name):
            what = "another network" if name == "network" else f"a training with another {name}"
            if name == "network" and found.get(name) == unscaled:
                raise EngineError(
                    f"checkpoint '{path}' is of this network without the mean and deviation by which its inputs are standardised, "
                    "which checkpoints did not keep before; allowed: what it was made with, or another path to train anew"
                )
            raise EngineError(
                f"checkpoint '{path}' is of {what} ({found.get(name)}, here {settings.get(name)}); "
                "allowed: what it was made with, or another path"
            )
    state, best, history = (_part(arrays, prefix) for prefix in (_STATE, _BEST, _HISTORY))
    lengths = {column.shape for column in history.values()}
    foreign = len(arrays) - len(state) - len(best) - len(history)
    whole = set(history) == set(COLUMNS) and len(lengths) == 1 and len(next(iter(lengths))) == 1
    known = {name: like[name].shape for name in best if name in like}
    if (
        not (state_matches(state, like) and whole)
        or foreign
        or {name: array.shape for name, array in best.items()} != known
        or any(array.dtype != np.float64 for array in arrays.values())
    ):
        raise FileFormatError(
            f"checkpoint '{path}' holds {', '.join(sorted(arrays))}; allowed: the arrays of its settings"
        )
    return Progress(
        state=state,
        position=header["position"],
        stretches=header["stretches"],
        history=History.of_columns(history),
        first_loss=real(header["first_loss"]),
        late_loss=real(header["late_loss"]),
        best=best,
        stale=header["stale"],
        seconds=header["seconds"],
        events=header["events"],
        several=header["several"],
        operations=header["operations"],
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        arrays = read_arrays(path)
        header = parse_json(arrays.pop(_HEADER, np.zeros(0, np.uint8)).tobytes())
    except FileNotFoundError:
        raise
    except (RefusedError, OSError) as error:
        raise FileFormatError(f"file '{path}' is not a checkpoint or is damaged: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("version") != VERSION:
        raise FileFormatError(
            f"file '{path}' is not a checkpoint of version {VERSION}; allowed: files that training wrote"
        )
    if set(header) != _KEYS or not isinstance(header["settings"], dict):
        raise FileFormatError(f"checkpoint '{path}' has header keys {sorted(header)}; allowed: {sorted(_KEYS)}")
    for name in ("position", "stretches", "stale", "events", "several", "operations"):
        if type(header[name]) is not int or header[name] < 0:
            raise FileFormatError(f"checkpoint '{path}' has {name} {brief(header[name])}; allowed: a whole number")
    for name in ("first_loss", "late_loss", "seconds"):
        try:
            real(header[name])
        except (TypeError, ValueError):
            raise FileFormatError(f"checkpoint '{path}' has {name} {brief(header[name])}; allowed: a number") from None
    return header, arrays


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

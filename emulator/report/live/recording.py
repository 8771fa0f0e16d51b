"""The recording of a run's first samples, kept beside its results for the live page."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import FileFormatError
from emulator.measure import SettleResult
from emulator.report.live.page import write_page
from emulator.report.samples import traces_of
from hwmodels.doors import RefusedError, read_json

FORMAT, RECORDING = "backwave-recording", "recording.json"
#: numbers that are kept of states and costates together; of longer recordings, every second step, or every third, ...
_MOST = 2_000_000


def write_recording(result: SettleResult, path: Path, title: str) -> None:
    """Keep what a run with traces recorded, as single-precision numbers.

    Parameters
    ----------
    result : SettleResult
        Made with ``traces=True``.
    path : Path
    title : str
    """
    traces, graph = traces_of(result), result.graph
    count = len(result.settled)
    kinds = {"states": (traces.x, traces.rest_x)}
    if result.held_costates:
        kinds["costates"] = (traces.lam, traces.rest_lam)
    every = min(result.hold, max(1, math.ceil(len(kinds) * traces.x.size / _MOST)))
    kept = slice(every - 1, None, every)
    table: dict[str, Any] = {
        "format": FORMAT,
        "version": 1,
        "title": title,
        "law": graph.law.name,
        "hardware": graph.hardware.name,
        "step": graph.step,
        "every": every,
        "steps": len(range(result.hold)[kept]),
        "samples": [{"number": k, "outcome": str(one)} for k, one in enumerate(result.outcome)],
        "rows": [{"name": site.name, "size": site.size} for site in graph.sites],
    }
    for name, (values, rest) in kinds.items():
        table[name] = _packed(values[: count * result.hold].reshape(count, result.hold, -1)[:, kept])
        table[f"rest_{name}"] = _packed(rest)
    path.write_text(json.dumps(table), encoding="utf-8")


def view_run(folder: Path, out: Path) -> None:
    """Write the live page of a run.

    Raises
    ------
    FileFormatError
        If the run has no recording, or it is damaged.
    """
    path = folder / RECORDING
    if not path.is_file():
        raise FileFormatError(
            f"'{folder}' has no {RECORDING}; allowed: the folder of a backwave run with run.pictures of at least 1, "
            "or the store of a study"
        )
    try:
        table = read_json(path)
        _check(table)
    except (FileFormatError, RefusedError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FileFormatError(f"file '{path}' is not a recording of a run, or is damaged: {error}") from error
    about = f"law {table['law']}, hardware {table['hardware']}"
    if table["every"] > 1:
        about += f"; of the recording, one step in {table['every']}"
    write_page(out, "run", table["title"], about, table)


def _packed(values: NDArray[Any]) -> str:
    with np.errstate(over="ignore"):
        return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def _check(table: dict[str, Any]) -> None:
    """Refuse what the page could not show."""
    json.dumps(table, allow_nan=False)  # raises where a number is none
    if table["format"] != FORMAT or table["version"] != 1:
        raise FileFormatError(f"format {table['format']!r}, version {table['version']!r}; allowed: {FORMAT!r}, 1")
    for name in ("title", "law", "hardware"):
        if not isinstance(table[name], str):
            raise FileFormatError(f"{name} is no text")
    for name in ("every", "steps"):
        if not isinstance(table[name], int) or table[name] < 1:
            raise FileFormatError(f"{name} is {table[name]!r}; allowed: a whole number of at least 1")
    if not 0 < float(table["step"]) < math.inf:
        raise FileFormatError(f"step is {table['step']!r}; allowed: above 0")
    for row in table["rows"]:
        if not isinstance(row["name"], str) or type(row["size"]) is not int or row["size"] < 1:
            raise FileFormatError(f"row {row!r}; allowed: a name, and a whole number of neurons of at least 1")
    neurons = sum(row["size"] for row in table["rows"])
    for name in ("states", "costates"):
        if name in table or name == "states":
            for key, length in ((name, table["steps"]), (f"rest_{name}", 1)):
                wanted = 4 * len(table["samples"]) * length * neurons
                if not wanted or len(base64.b64decode(table[key], validate=True)) != wanted:
                    raise FileFormatError(f"{key} does not hold {wanted} bytes")

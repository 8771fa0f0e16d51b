"""The store of a study: one SQLite file, written by one process, readable while the study runs.

While a study writes, what is newest is in a journal beside the file; once it has ended or stopped, all is in the file.

| table           | one row for                                                                                        |
|-----------------|----------------------------------------------------------------------------------------------------|
| `meta`          | a fact on the study as a whole: its file, base scenario, versions, platform                        |
| `points`        | a finished point: where on the axes, chip and noise number, configuration, seeds, how it ended     |
| `metrics`       | a metric of a point; NULL where it is not known                                                    |
| `notes`         | something else that there is to say of a point, in their order                                     |
| `trials`        | a finished run of a tolerance search, and whether it met the targets; NULL where it ended in error |
| `tolerances`    | a knob: how far it may go, and what the base hardware has                                          |
| `yields`        | a combination of grid axes: how many chips met the targets                                         |
| `sensitivities` | a knob and a metric: by how much the metric moves over the knob's range                            |
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import FileFormatError
from emulator.study.opening import open_to_read
from emulator.study.rows import guarded, typed
from hwmodels.doors import RefusedError, brief, parse_json

#: version of the tables, and those that can be read: the first has no notes
FORMAT = "2"
READABLE = ("1", FORMAT)

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE points (
    id TEXT PRIMARY KEY, ordinal INTEGER, axes TEXT, chip INTEGER, noise INTEGER, config TEXT, seeds TEXT,
    status TEXT CHECK (status IN ('settled', 'unsettled', 'failed')), reason TEXT NULL, finished TEXT, seconds REAL
);
CREATE TABLE metrics (point TEXT, name TEXT, value REAL NULL, PRIMARY KEY (point, name)) WITHOUT ROWID;
CREATE TABLE notes (point TEXT, place INTEGER, text TEXT, PRIMARY KEY (point, place)) WITHOUT ROWID;
CREATE TABLE trials (
    id TEXT PRIMARY KEY, knob TEXT, value REAL, chip INTEGER, noise INTEGER, config TEXT, seeds TEXT, met INTEGER,
    status TEXT CHECK (status IN ('settled', 'unsettled', 'failed')), reason TEXT NULL, finished TEXT, seconds REAL
);
CREATE TABLE tolerances (
    knob TEXT PRIMARY KEY, unit TEXT, value REAL NULL, low REAL NULL, high REAL NULL, offered REAL NULL,
    evaluations INTEGER, detail TEXT
);
CREATE TABLE yields (
    axes TEXT PRIMARY KEY, met INTEGER, total INTEGER, fraction REAL, low REAL, high REAL, confidence REAL
);
CREATE TABLE sensitivities (knob TEXT, metric TEXT, slope REAL, rank INTEGER, PRIMARY KEY (knob, metric));
"""


@dataclass(frozen=True)
class Record:
    """A finished point.

    Parameters
    ----------
    id : str
        Hash of its configuration and seeds.
    ordinal : int
        Its place in the plan of the study, from 0.
    axes : dict
        Value on every axis, by the axis' key.
    chip, noise : int
        Which sampled chip and which run on it, from 0.
    config : dict
        Its whole configuration.
    seeds : dict
        Seed of every kind of draw.
    status : {"settled", "unsettled", "failed"}
    reason : str or None
        Why it failed or did not settle.
    finished : str
        When, as an ISO date and time.
    seconds : float
        How long it took.
    """

    id: str
    ordinal: int
    axes: dict[str, Any]
    chip: int
    noise: int
    config: dict[str, Any]
    seeds: dict[str, int]
    status: str
    reason: str | None
    finished: str
    seconds: float


@dataclass(frozen=True)
class Tolerance:
    """How far a knob may go; see `emulator.study.tolerance`. None where it is not known."""

    knob: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    offered: float | None
    evaluations: int
    detail: dict[str, Any]


@dataclass(frozen=True)
class Yield:
    """How many of the chips at one place on the grid axes met every target, with the interval of their share."""

    axes: dict[str, Any]
    met: int
    total: int
    fraction: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Sensitivity:
    """By how much a metric changes from the lower to the upper end of a knob, with its sign; rank 1 moves it most."""

    knob: str
    metric: str
    slope: float
    rank: int


class Store:
    """A study's store, opened for reading only.

    Parameters
    ----------
    path : str or path-like
        The file; a study may be writing to it, or it may lie where nobody can write.

    Raises
    ------
    FileFormatError
        If it is no store of a study, one of another version, or a copy without the journal that belongs to it.
    OSError
        If there is no such file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._link = open_to_read(self.path)
        try:
            self.meta: dict[str, str] = dict(self._link.execute("SELECT key, value FROM meta"))
            if not all(isinstance(text, str) for pair in self.meta.items() for text in pair):
                raise RefusedError("a fact of it is no text")
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self._link.close()
            raise FileFormatError(f"'{self.path}' is no store of a study: {error}") from error
        if self.meta.get("schema") not in READABLE:
            self._link.close()
            raise FileFormatError(other_version(self.path, self.meta, READABLE))

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._link.close()

    @guarded
    def freeze(self) -> None:
        """Show the store as it is now from here on, whatever a running study adds."""
        self._link.execute("BEGIN")

    @guarded
    def fact(self, key: str) -> Any:
        """A fact that is kept as JSON: ``study``, ``base``, ``versions``, ``platform`` or ``network``."""
        return parse_json(self.meta[key])

    @property
    @guarded
    def planned(self) -> int:
        """Number of points of the whole study."""
        return int(self.meta["planned"])

    @property
    @guarded
    def done(self) -> int:
        """Number of points in the store."""
        return int(self._link.execute("SELECT count(*) FROM points").fetchone()[0])

    @property
    @guarded
    def complete(self) -> bool:
        """Whether the study has ended: every point is here, and what follows from all of them."""
        return self._link.execute("SELECT 1 FROM meta WHERE key = 'completed'").fetchone() is not None

    def records(self) -> Iterator[Record]:
        """The finished points, in the order of the plan."""
        yield from self._records()

    @guarded
    def _records(self) -> list[Record]:
        parsed = ("axes", "config", "seeds")
        return [
            typed(Record(**{**row, **{name: parse_json(row[name]) for name in parsed}}))
            for row in self._rows("points", "ordinal")
        ]

    @guarded
    def points(self) -> dict[str, NDArray[Any]]:
        """The finished points as columns of n entries, in the order of the plan.

        Returns
        -------
        dict
            ``id``, ``ordinal``, ``chip``, ``noise``, ``status``, ``reason`` (None if there is none), ``finished``,
            ``seconds``, and one column per axis under its key: float64 where all values are numbers, else objects.
        """
        names = ("id", "ordinal", "chip", "noise", "status", "reason", "finished", "seconds", "axes")
        found = self._link.execute(f"SELECT {', '.join(names)} FROM points ORDER BY ordinal").fetchall()
        columns: dict[str, NDArray[Any]] = {}
        for place, name in enumerate(names[:-1]):
            kind = {"ordinal": np.int64, "chip": np.int64, "noise": np.int64, "seconds": np.float64}.get(name, object)
            columns[name] = _column([row[place] for row in found], kind)
        axes = [dict(parse_json(row[-1])) for row in found]
        for key in dict.fromkeys(key for one in axes for key in one):
            values = [one.get(key) for one in axes]
            numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            columns[key] = _column(values, np.float64 if numbers else object)
        return columns

    @guarded
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Every metric as a column of n numbers in the order of `points`; NaN where it is missing."""
        place = {one: k for k, (one,) in enumerate(self._link.execute("SELECT id FROM points ORDER BY ordinal"))}
        columns: dict[str, NDArray[np.float64]] = {}
        for point, name, value in self._link.execute("SELECT point, name, value FROM metrics"):
            column = columns.setdefault(name, np.full(len(place), np.nan))
            if value is not None and point in place:
                column[place[point]] = value
        return {name: columns[name] for name in sorted(columns)}

    @guarded
    def notes(self) -> dict[str, list[str]]:
        """What else there is to say of points, by their ids."""
        found: dict[str, list[str]] = {}
        if self.meta["schema"] != READABLE[0]:
            for point, text in self._link.execute("SELECT point, text FROM notes ORDER BY point, place"):
                found.setdefault(str(point), []).append(str(text))
        return found

    @guarded
    def tolerances(self) -> list[Tolerance]:
        """What the tolerance search found, by knob."""
        rows = self._rows("tolerances", "rowid")
        return [typed(Tolerance(**{**row, "detail": parse_json(row["detail"])})) for row in rows]

    @guarded
    def yields(self) -> list[Yield]:
        """The yield at every place on the grid axes."""
        return [typed(Yield(**{**row, "axes": parse_json(row["axes"])})) for row in self._rows("yields", "rowid")]

    @guarded
    def sensitivities(self) -> list[Sensitivity]:
        """The sensitivities, metric by metric and by rank."""
        return [typed(Sensitivity(**row)) for row in self._rows("sensitivities", "metric, rank")]

    def _rows(self, table: str, order: str) -> Iterator[dict[str, Any]]:
        found = self._link.execute(f"SELECT * FROM {table} ORDER BY {order}")
        names = [column[0] for column in found.description]
        for row in found:
            yield dict(zip(names, row, strict=True))


def other_version(path: Path, meta: Mapping[str, str], allowed: Sequence[str]) -> str:
    """That a store is of a version that cannot be used here, and what wrote it."""
    try:
        by = f", written by backwave {brief(parse_json(meta['versions'])['backwave'])[1:-1]}"
    except (ValueError, TypeError, KeyError):
        by = ""
    listed = " or ".join(map(repr, allowed))
    return f"'{path}' is a store of version {brief(meta.get('schema'))}{by}; allowed: {listed}"


def _column(values: list[Any], kind: Any) -> NDArray[Any]:
    column = np.empty(len(values), dtype=kind)
    for place, value in enumerate(values):
        column[place] = value
    return column

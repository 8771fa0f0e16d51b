"""Writing the store of a study: one process does, and every finished point is committed at once."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from emulator.contents import refuse_changed
from emulator.errors import FileFormatError, StudyError
from emulator.locks import lock_file
from emulator.study.opening import APPLICATION, WRITING, network_filesystem, refuse_inside
from emulator.study.rows import guarded
from emulator.study.store import FORMAT, SCHEMA, Sensitivity, Tolerance, Yield, other_version
from hwmodels.doors import parse_json

#: seconds to wait for others who read the file as it is
_PATIENCE = 30.0
#: facts that must be the same when a study goes on
_SAME = {"digest": "another study", "versions": "other versions", "planned": "another number of points"}


@dataclass(frozen=True)
class Finished:
    """A row of `points` with its metrics and notes, or one of `trials`; texts are ready to be stored."""

    id: str
    chip: int
    noise: int
    config: str
    seeds: str
    status: str
    reason: str | None
    finished: str
    seconds: float
    metrics: Mapping[str, float | None]
    notes: tuple[str, ...] = ()


class Writer:
    """A store that is open for writing; no other process can write to it.

    Parameters
    ----------
    path : Path
        The file. Without `resume` there must be none.
    meta : mapping of str to str
        Facts on the study; `files` (SHA-256 by name), `digest`, `versions` and `planned` must agree with those of a
        store that is there.
    resume : bool
        Go on with a store that is there.

    Raises
    ------
    StudyError
        If there is a store and `resume` is not set, it is another study's, or another process writes to it.
    ChangedFileError
        If a file that the study reads is not what it was when the store was begun.
    FileFormatError
        If the file is no store.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: Path, meta: Mapping[str, str], resume: bool = False) -> None:
        self.path = path
        if path.exists() and not resume:
            raise StudyError(f"store '{path}' is there already; allowed: --resume to go on with it, or another file")
        path.parent.mkdir(parents=True, exist_ok=True)
        # closed last: closing a file releases all locks that this process has on it
        self._held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock_file(self._held)
        except BlockingIOError:
            os.close(self._held)
            raise StudyError(f"store '{path}' is being written by another study; allowed: to wait for it") from None
        try:
            refuse_inside(path, self._held)
            self._link = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        except BaseException:
            os.close(self._held)
            raise
        try:
            self._open(meta)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the journal into the file, so that the store is one file, and let go of it."""
        with suppress(sqlite3.DatabaseError):  # somebody reads: then the journal stays beside the file, and is whole
            if self._link.in_transaction:  # interrupted within one
                self._link.execute("ROLLBACK")
            self._link.execute("DELETE FROM meta WHERE key = ?", (WRITING,))
            self._link.execute("PRAGMA busy_timeout = 2000")
            self._link.execute("PRAGMA journal_mode = DELETE")
        self._link.close()
        os.close(self._held)

    @guarded
    def done(self, table: str = "points") -> set[str]:
        """Ids of what is in the store, of `points` or of `trials`."""
        return {row[0] for row in self._link.execute(f"SELECT id FROM {table}")}

    def add_point(self, point: Finished, ordinal: int, axes: Mapping[str, Any]) -> None:
        """A finished point with its metrics, all or nothing."""
        row = (point.id, ordinal, canonical(axes), *_tail(point))
        with self._transaction():
            self._link.execute(f"INSERT INTO points VALUES ({_marks(row)})", row)
            self._link.executemany(
                "INSERT INTO metrics VALUES (?, ?, ?)",
                [(point.id, name, value) for name, value in sorted(point.metrics.items())],
            )
            notes = [(point.id, place, text) for place, text in enumerate(point.notes)]
            self._link.executemany("INSERT INTO notes VALUES (?, ?, ?)", notes)

    def add_trial(self, point: Finished, knob: str, value: float, met: bool | None) -> None:
        """A finished run of a tolerance search, and whether it met the targets; None where it ended in an error."""
        chip, noise, config, seeds, *rest = _tail(point)
        row = (point.id, knob, value, chip, noise, config, seeds, None if met is None else int(met), *rest)
        with self._transaction():
            self._link.execute(f"INSERT INTO trials VALUES ({_marks(row)})", row)

    @guarded
    def _files(self, facts: Mapping[str, str]) -> dict[str, str]:
        """SHA-256 of the files that a study reads, by name; a store that is older has none."""
        return {str(name): str(content) for name, content in parse_json(facts.get("files", "{}")).items()}

    @guarded
    def _facts(self) -> dict[str, str]:
        return dict(self._link.execute("SELECT key, value FROM meta"))

    @guarded
    def trials(self) -> dict[str, tuple[bool | None, str | None]]:
        """Which trials are in the store, whether they met the targets, and the reason if they did not settle or failed."""
        found = self._link.execute("SELECT id, met, reason FROM trials")
        return {name: (None if met is None else bool(met), reason) for name, met, reason in found}

    def conclude(
        self, tolerances: Iterable[Tolerance], yields: Iterable[Yield], sensitivities: Iterable[Sensitivity], at: str
    ) -> None:
        """What follows from all points, and that the study has ended."""
        with self._transaction():
            for table in ("tolerances", "yields", "sensitivities"):
                self._link.execute(f"DELETE FROM {table}")
            for one in tolerances:
                row = (*astuple(one)[:-1], canonical(one.detail))
                self._link.execute(f"INSERT INTO tolerances VALUES ({_marks(row)})", row)
            for share in yields:
                row = (canonical(share.axes), *astuple(share)[1:])
                self._link.execute(f"INSERT INTO yields VALUES ({_marks(row)})", row)
            for slope in sensitivities:
                row = astuple(slope)
                self._link.execute(f"INSERT INTO sensitivities VALUES ({_marks(row)})", row)
            self._link.execute("INSERT OR REPLACE INTO meta VALUES ('completed', ?)", (at,))

    def _open(self, meta: Mapping[str, str]) -> None:
        """Make the tables, or check that they are this study's; from then on points go to a journal first."""
        try:
            tables = {row[0] for row in self._link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.DatabaseError as error:
            raise _told(self.path, error) from error
        if tables:
            self._check(meta)
        else:
            with self._transaction():
                self._link.execute(f"PRAGMA application_id = {APPLICATION}")
                for statement in filter(None, (text.strip() for text in SCHEMA.split(";"))):
                    self._link.execute(statement)
                rows = {"schema": FORMAT, **meta}
                self._link.executemany("INSERT INTO meta VALUES (?, ?)", list(rows.items()))
        if network_filesystem(self.path) is not None:
            return  # a journal of that kind needs memory that is shared by all who read, which machines do not share
        self._mark()
        try:
            self._link.execute("PRAGMA journal_mode = WAL")
            self._link.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            raise _told(self.path, error) from error
        self._mark()  # so that the journal is there as long as the file says that it has one

    def _mark(self) -> None:
        """Note that what is newest is in the journal."""
        with self._transaction():
            self._link.execute("INSERT OR REPLACE INTO meta VALUES (?, 'to a journal')", (WRITING,))

    def _check(self, meta: Mapping[str, str]) -> None:
        """Refuse a store of another study."""
        found = self._facts()
        refuse_changed(self._files(found), self._files(meta), f"store '{self.path}'")
        if found.get("schema") != FORMAT:
            told = other_version(self.path, found, [FORMAT])
            raise FileFormatError(f"{told} to go on with; reports and comparisons read both")
        for key, what in _SAME.items():
            if found.get(key) != meta[key]:
                raise StudyError(
                    f"store '{self.path}' is of {what}: its {key} is {found.get(key)}, here it is {meta[key]}; "
                    "allowed: the study file, base scenario and installation that began it, or another store"
                )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._link.execute("BEGIN IMMEDIATE")
            yield
            self._link.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if self._link.in_transaction:
                self._link.execute("ROLLBACK")
            raise _told(self.path, error) from error


def canonical(value: Any) -> str:
    """The same text for the same value: JSON with sorted keys and nothing that is not finite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _tail(point: Finished) -> tuple[Any, ...]:
    return (
        point.chip, point.noise, point.config, point.seeds, point.status, point.reason, point.finished, point.seconds,
    )  # fmt: skip


def _marks(row: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(row))


def _told(path: Path, error: sqlite3.DatabaseError) -> StudyError | FileFormatError:
    """What went wrong with the file, and that what was in it still is."""
    if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
        return FileFormatError(f"'{path}' is no store of a study: {error}")
    return StudyError(
        f"store '{path}' cannot be written: {error}; every point that it has is kept, and --resume goes on from there"
    )

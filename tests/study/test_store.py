"""The store: written by one process, read by any, and never another study's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from emulator import FileFormatError, StudyError
from emulator.study.store import Sensitivity, Store, Tolerance, Yield
from emulator.study.writer import Finished, Writer
from tests.refusals import refuses
from tests.support.small import META, finished, new_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new_store(tmp_path / "s.sqlite")
    return tmp_path / "s.sqlite"


def test_what_is_written_is_read(path: Path) -> None:
    with Writer(path, META, resume=True) as writer:
        tolerance = Tolerance("k", "s", 1.0, None, 2.0, 0.5, 3, {"good": 0})
        writer.conclude(
            [tolerance], [Yield({"a": 1}, 2, 3, 2 / 3, 0.1, 0.9, 0.95)], [Sensitivity("k", "m", -1.0, 1)], "now"
        )
    with Store(path) as store:
        columns, metrics = store.points(), store.metrics()
        assert columns["run.threshold"].dtype == np.float64 and columns["law.name"][0] == "matched"
        assert list(columns["chip"]) == [0, 1, 2] and list(columns["reason"]) == [None] * 3
        np.testing.assert_array_equal(metrics["accuracy"], [0.5, 0.6, 0.7])
        assert np.isnan(metrics["energy"]).all()  # missing, not 0
        assert [record.seeds["hardware"] for record in store.records()] == [0, 1, 2]
        assert store.tolerances() == [tolerance] and store.yields()[0].axes == {"a": 1}
        assert store.sensitivities() == [Sensitivity("k", "m", -1.0, 1)]
        assert store.complete and store.done == store.planned == 3


def test_it_is_read_while_it_is_written(path: Path) -> None:
    with Writer(path, META, resume=True) as writer, Store(path) as store:
        assert store.done == 3 and not store.complete
        writer.add_point(finished(7, accuracy=0.1), 7, {"run.threshold": 0.5})
        assert store.done == 4 and store.metrics()["accuracy"][-1] == 0.1


def test_a_point_is_stored_once_and_whole(path: Path) -> None:
    with Writer(path, META, resume=True) as writer:
        refuses("store '", lambda: writer.add_point(finished(0, accuracy=9.0), 9, {}), StudyError)
        assert writer.done() == {"p0", "p1", "p2"}
    with Store(path) as store:
        assert store.metrics()["accuracy"][0] == 0.5


@pytest.mark.parametrize(("key", "what"), [("digest", "another study"), ("versions", "other versions")])
def test_another_study_is_refused(path: Path, key: str, what: str) -> None:
    refuses(
        f"store '{path}' is of {what}: its {key} is", lambda: Writer(path, {**META, key: "x"}, resume=True), StudyError
    )
    with Store(path) as store:
        assert store.done == 3


def test_an_existing_store_needs_resume_and_has_one_writer(path: Path) -> None:
    refuses(f"store '{path}' is there already; allowed: --resume", lambda: Writer(path, META), StudyError)
    with Writer(path, META, resume=True):
        refuses(f"store '{path}' is being written by another", lambda: Writer(path, META, resume=True), StudyError)
    Writer(path, META, resume=True).close()


def test_files_of_other_kinds_are_refused_and_left_alone(tmp_path: Path) -> None:
    text, other, old = tmp_path / "text", tmp_path / "other", tmp_path / "old"
    text.write_text("not a database, but long enough to look like a file with something in it" * 20)
    _execute(other, "CREATE TABLE t (a)")
    new_store(old)
    _execute(old, "UPDATE meta SET value = '0' WHERE key = 'schema'")
    before = text.read_bytes()
    for path, words in (
        (text, "' is no store of a study"),
        (other, "' is no store"),
        (old, "' is a store of version '0'"),
    ):
        refuses(f"'{path}{words}", lambda path=path: Store(path), FileFormatError)
        refuses(f"'{path}{words}", lambda path=path: Writer(path, META, resume=True), FileFormatError)
    assert text.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        Store(tmp_path / "none")


def test_a_store_of_the_first_version_can_be_read_and_not_gone_on_with(path: Path) -> None:
    _execute(path, "DROP TABLE notes")
    _execute(path, "UPDATE meta SET value = '1' WHERE key = 'schema'")
    _execute(path, """UPDATE meta SET value = '{"backwave":"0.1.0"}' WHERE key = 'versions'""")
    with Store(path) as store:
        assert store.done == 3 and store.notes() == {}
    refuses(
        f"'{path}' is a store of version '1', written by backwave 0.1.0; allowed: '2' to go on with; reports and "
        "comparisons read both",
        lambda: Writer(path, META, resume=True),
        FileFormatError,
    )


def test_notes_of_points_come_back_in_their_order(tmp_path: Path) -> None:
    with Writer(tmp_path / "s.sqlite", META) as writer:
        writer.add_point(
            Finished("a", 0, 0, "{}", "{}", "settled", None, "now", 1.0, {"m": 1.0}, ("one", "two")), 0, {}
        )
        writer.add_point(Finished("b", 0, 0, "{}", "{}", "settled", None, "now", 1.0, {"m": 1.0}), 1, {})
    with Store(tmp_path / "s.sqlite") as store:
        assert store.notes() == {"a": ["one", "two"]}


def test_a_full_disk_is_one_error_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with Writer(path, META) as writer:
        writer._link.execute("PRAGMA max_page_count = 20")
        stored = 0
        with pytest.raises(
            StudyError, match="cannot be written: database or disk is full; every point that it has is kept"
        ):
            for stored in range(10000):
                writer.add_point(finished(stored, accuracy=1.0), stored, {})
    with Writer(path, META, resume=True) as writer:
        assert len(writer.done()) == stored > 10
        writer.add_point(finished(stored, accuracy=1.0), stored, {})
    with Store(path) as store:
        assert store.done == stored + 1 and len(store.metrics()["accuracy"]) == stored + 1


def test_an_interrupted_beginning_is_no_store_yet(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.touch()
    refuses(f"'{path}' is no store of a study", lambda: Store(path), FileFormatError)
    with Writer(path, META, resume=True) as writer:
        assert writer.done() == set()


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as link, link:
        link.execute(statement)

"""A store that is at rest is one file: it can be copied, and read where nobody can write; strangers are left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from emulator import FileFormatError
from emulator.study.opening import APPLICATION, network_filesystem, open_to_read
from emulator.study.store import Store
from emulator.study.writer import Writer
from tests.refusals import refuses
from tests.support.small import META, finished, new_store


def _mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as link:
        return str(link.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.parametrize("stop", [None, KeyboardInterrupt, RuntimeError])
def test_however_a_study_stops_its_store_is_one_file(tmp_path: Path, stop: type[BaseException] | None) -> None:
    path = tmp_path / "s.sqlite"
    try:
        with Writer(path, META) as writer:
            assert Path(f"{path}-wal").exists()
            writer.add_point(finished(0, accuracy=0.5), 0, {})
            if stop is not None:
                raise stop
    except BaseException as error:
        assert type(error) is stop
    assert [one.name for one in tmp_path.iterdir()] == ["s.sqlite"] and _mode(path) == "delete"
    shutil.copy(path, tmp_path / "copy.sqlite")
    with Store(tmp_path / "copy.sqlite") as store:
        assert store.done == 1


def test_a_store_is_read_where_nobody_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder" / "s.sqlite"
    new_store(path)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    monkeypatch.setattr(os, "access", lambda where, mode: not mode & os.W_OK)
    with Store(path) as store:
        assert store.done == 3
    assert [one.name for one in path.parent.iterdir()] == ["s.sqlite"]
    path.parent.chmod(0o755)


def test_a_copy_without_its_journal_names_it(tmp_path: Path) -> None:
    path, copy = tmp_path / "s.sqlite", tmp_path / "copy.sqlite"
    with Writer(path, META) as writer:
        writer.add_point(finished(0, accuracy=0.5), 0, {})
        shutil.copy(path, copy)
        refuses(
            f"'{copy}' was copied while a study wrote to it: '{copy}-wal' is missing",
            lambda: Store(copy),
            FileFormatError,
        )
        shutil.copy(f"{path}-wal", f"{copy}-wal")
        with Store(copy) as store:
            assert store.done == 1
    other = tmp_path / "other.sqlite"
    new_store(other)
    with closing(sqlite3.connect(other)) as link:
        link.execute("PRAGMA journal_mode = WAL")
    Path(f"{other}-wal").unlink(missing_ok=True)
    Path(f"{other}-wal").mkdir()
    refuses(f"'{other}' cannot be opened (unable to open", lambda: Store(other), FileFormatError)
    with pytest.raises(FileFormatError, match=r"its journal '.*other.sqlite-wal', which is needed with it"):
        Store(other)


def test_a_copy_without_its_journal_goes_on_with_the_points_that_it_has(tmp_path: Path) -> None:
    path, copy = tmp_path / "s.sqlite", tmp_path / "copy.sqlite"
    with Writer(path, META) as writer:
        writer.add_point(finished(0, accuracy=0.5), 0, {})
        shutil.copy(path, copy)
    with Writer(copy, META, resume=True) as writer:
        assert writer.done() == set()
        writer.add_point(finished(0, accuracy=0.5), 0, {})
    with Store(copy) as store:
        assert store.done == 1


def test_a_journal_that_another_program_folds_in_is_not_missed(tmp_path: Path) -> None:
    """Whoever opens the file last folds its journal in; if the study had ended, nothing is missing then."""
    path = tmp_path / "s.sqlite"
    with Writer(path, META) as writer:
        writer.add_point(finished(0, accuracy=0.5), 0, {})
        looking = sqlite3.connect(path)
        looking.execute("BEGIN")
        assert looking.execute("SELECT count(*) FROM points").fetchone() == (1,)
    assert Path(f"{path}-wal").exists()
    with Store(path) as store:
        assert store.done == 1
    looking.close()
    assert not Path(f"{path}-wal").exists() and path.read_bytes()[18] == 2
    with Store(path) as store:
        assert store.done == 1 and "writing" not in store.meta


def test_an_interrupt_within_a_transaction_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    new_store(path)
    with pytest.raises(KeyboardInterrupt), Writer(path, META, resume=True) as writer:
        writer._link.execute("BEGIN IMMEDIATE")
        writer._link.execute("DELETE FROM points")
        raise KeyboardInterrupt
    assert [one.name for one in tmp_path.iterdir()] == ["s.sqlite"] and _mode(path) == "delete"
    with Store(path) as store:
        assert store.done == 3


@pytest.mark.parametrize("owner", [0, 77])
@pytest.mark.parametrize("table", ["t (a)", "meta (key, value)"])
def test_another_applications_database_is_not_touched(tmp_path: Path, owner: int, table: str) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as link, link:
        link.execute(f"CREATE TABLE {table}")
        link.execute(f"PRAGMA application_id = {owner}")
    before = path.read_bytes()
    words = f"'{path}' is no store of a study: it " + ("has tables" if not owner else "is a database of another")
    refuses(words, lambda: Writer(path, META, resume=True), FileFormatError)
    refuses(f"'{path}' is", lambda: Store(path), FileFormatError)
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["other.sqlite"]
    assert int.from_bytes(before[68:72], "big") == owner != APPLICATION


def test_file_systems_that_machines_share_are_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\nhost:/x /home nfs4 rw 0 0\n/dev/b /home/me/my\\040disk xfs rw 0 0\nu@h: /mnt fuse.sshfs rw\n"
    )
    found = {name: network_filesystem(Path(name), mounts) for name in ("/home/x", "/home/me/my disk/s", "/mnt/s", "/x")}
    assert found == {"/home/x": "nfs4", "/home/me/my disk/s": None, "/mnt/s": "fuse.sshfs", "/x": None}
    assert network_filesystem(Path("/x"), tmp_path / "none") is None


def test_a_shared_file_system_gets_no_journal_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.study.writer.network_filesystem", lambda path: "nfs")
    path = tmp_path / "s.sqlite"
    with Writer(path, META) as writer:
        writer.add_point(finished(0, accuracy=0.5), 0, {})
        assert not Path(f"{path}-wal").exists()
        with closing(open_to_read(path)) as link:
            assert link.execute("SELECT count(*) FROM points").fetchone() == (1,)

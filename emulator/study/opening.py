"""Opening a store wherever it lies: read-only folders, files without their journal, databases of other applications.

While a study writes, its store has a journal beside it (``-wal``), and both together are the store; when the study ends
or stops the journal is folded in, and the store is one file. SQLite must not be asked about files that may not be ours:
merely opening a database can change it. So the header is looked at first.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from emulator.errors import FileFormatError
from hwmodels.doors import RefusedError, regular

#: what SQLite keeps in the header for us ("BWST"), and where; a database of nobody in particular has 0
APPLICATION = 0x42575354
#: fact that is in the file itself as long as what is newest is in its journal
WRITING = "writing"
_MAGIC, _HEADER = b"SQLite format 3\0", 100
_WRITER_VERSION, _APPLICATION_AT = 18, slice(68, 72)
#: value of the header's version for a database whose changes are kept in a journal of their own
_WAL = 2

#: file systems that other machines write to as well
_NETWORK = ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs",
            "gpfs", "ncpfs", "davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs", "fuse.rclone",
            "fuse.davfs2", "fuse.gvfsd-fuse")  # fmt: skip
_MOUNTS = Path("/proc/self/mounts")


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads; it works in a read-only folder, and while a study writes.

    Raises
    ------
    FileFormatError
        If it is no database, another application's, or its journal is needed and cannot be read.
    OSError
        If there is no such file.
    """
    path.stat()
    wal = Path(f"{path}-wal")
    if wal.exists():
        # not looked at with `open`: closing the file would release the locks of a writer in this process
        return _connected(path, "mode=ro", f"its journal '{wal}', which is needed with it, cannot be read")
    try:
        with regular(path) as file:
            header = file.read(_HEADER)
    except RefusedError as error:
        raise FileFormatError(f"'{path}' {error}") from None
    refuse_foreign(path, header)
    if len(header) == _HEADER and header[_WRITER_VERSION] == _WAL:
        link = _connected(path, "immutable=1", "it cannot be read")
        if _application(header) == APPLICATION and _is_written(link):
            link.close()
            raise FileFormatError(
                f"'{path}' was copied while a study wrote to it: '{wal}' is missing, and what is in it; allowed: both "
                "files, a copy that is made once the study has ended or stopped, or to go on with --resume"
            )
        return link
    journal = Path(f"{path}-journal")
    if not journal.exists() and not os.access(path.parent, os.W_OK):
        return _connected(path, "immutable=1", "it cannot be read")
    return _connected(path, "mode=ro", f"it, or '{journal}', cannot be read")


def refuse_foreign(path: Path, header: bytes) -> None:
    """Refuse a file by its first bytes: one that is no database, or says that it is another application's.

    Raises
    ------
    FileFormatError
        Such a file; an empty one is a database without tables.
    """
    if header and not header.startswith(_MAGIC):
        raise FileFormatError(f"'{path}' is no store of a study: file is not a database")
    if _application(header) not in (0, APPLICATION):
        raise FileFormatError(
            f"'{path}' is no store of a study: it is a database of another application "
            f"(application_id {_application(header)})"
        )


def refuse_inside(path: Path, file: int) -> None:
    """Refuse a file, open as `file`, by what is in it; it is not changed in any way.

    Raises
    ------
    FileFormatError
        If it is no database, another application's, or no store although it has tables.
    """
    header = os.pread(file, _HEADER, 0)
    refuse_foreign(path, header)
    if not header:
        return
    link = _connected(path, "immutable=1", "it cannot be read")
    try:
        tables = {str(row[0]) for row in link.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        known = "meta" in tables and link.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    except sqlite3.DatabaseError as error:
        raise FileFormatError(f"'{path}' is no store of a study: {error}") from error
    finally:
        link.close()
    if tables and not known:
        raise FileFormatError(f"'{path}' is no store of a study: it has tables {', '.join(sorted(tables))}")


def network_filesystem(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of file system that a path is on if other machines write to it too, else None."""
    try:
        listed = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place, best, kind = path.resolve(), -1, ""
    for line in listed:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        where = Path(parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if place.is_relative_to(where) and len(where.parts) >= best:
            best, kind = len(where.parts), parts[2]
    return kind if kind in _NETWORK else None


def _is_written(link: sqlite3.Connection) -> bool:
    """Whether the file alone says that a study writes to it."""
    try:
        return link.execute("SELECT 1 FROM meta WHERE key = ?", (WRITING,)).fetchone() is not None
    except sqlite3.DatabaseError:
        return True


def _application(header: bytes) -> int:
    return int.from_bytes(header[_APPLICATION_AT], "big")


def _connected(path: Path, how: str, otherwise: str) -> sqlite3.Connection:
    """A connection that has been tried."""
    link = None
    try:
        link = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)
        link.execute("SELECT count(*) FROM sqlite_master").fetchone()
        owner = int(link.execute("PRAGMA application_id").fetchone()[0])
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a schema that is no UTF-8 breaks the driver
        if link is not None:
            link.close()
        what = f"'{path}' is no store of a study: {error}"
        if isinstance(error, sqlite3.OperationalError):
            what = f"'{path}' cannot be opened ({error}): {otherwise}"
        raise FileFormatError(what) from error
    if owner not in (0, APPLICATION):
        link.close()
        raise FileFormatError(
            f"'{path}' is no store of a study: it is a database of another application (application_id {owner})"
        )
    return link

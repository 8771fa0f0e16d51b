"""Where what was compiled is kept: folders that any process and, in a shared place, any user may use at once.

An entry is a folder with a manifest that holds a hash of every file, itself included. It is used only if all of them are
right, and if nobody else could have put it there: it belongs to this user or to root, or ``$BACKWAVE_CACHE`` names the
cache, which says that whoever can write there is trusted. It appears by one renaming; while a program of it runs its
folder is locked, and so is one that is being made, so that what has no lock is either at rest or was left by a process
that died.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache as once
from pathlib import Path
from typing import Any

from emulator.errors import EngineError
from emulator.locks import lock_folder

MANIFEST = "manifest.json"
#: programs kept in the cache, and their bytes unless ``$BACKWAVE_CACHE_BYTES`` says otherwise; the least recently used go
KEEP, KEEP_BYTES = 64, 2 << 30
#: compilers, flags and versions for which headers and modules are kept
KEEP_ENVIRONMENTS = 4
#: what a folder that is being made, or unmade, is called; seconds after which one without a lock is left over
_STAGING, _PATIENCE = "building-", 60.0
#: what was hashed by this process: signature of a file on disk, its hash
_hashed: dict[tuple[int, ...], str] = {}


def cache_directory() -> Path:
    """Where compiled programs are kept: ``$BACKWAVE_CACHE``, else ``backwave`` in the user's cache directory."""
    base = os.environ.get("BACKWAVE_CACHE")
    if base:
        return Path(base).absolute()
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path(os.path.expanduser("~/.cache"))).absolute() / "backwave"  # noqa: PTH111


def most_bytes() -> int:
    """The bytes that programs may take.

    Raises
    ------
    EngineError
        If ``$BACKWAVE_CACHE_BYTES`` is no number of bytes.
    """
    text = os.environ.get("BACKWAVE_CACHE_BYTES", "")
    if not text:
        return KEEP_BYTES
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise EngineError(f"BACKWAVE_CACHE_BYTES is {text!r}; allowed: a whole number of bytes, from 0")
    return int(text)


def writable_folder(name: str) -> Path:
    """The folder `name` of the cache; of a private one, which ends with this process, where the cache cannot be written."""
    place = cache_directory() / name
    try:
        place.mkdir(parents=True, exist_ok=True)
        if trusted(place):
            probe = place / f".{secrets.token_hex(8)}"
            probe.touch()
            probe.unlink()
            return place
        why = "it belongs to another user"
    except OSError as error:
        why = error.strerror or str(error)
    private = _private(str(cache_directory()), why) / name
    private.mkdir(parents=True, exist_ok=True)
    return private


@once
def _private(instead_of: str, why: str) -> Path:
    """A folder of this process alone, which it says that it uses."""
    made = Path(tempfile.mkdtemp(prefix="backwave-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    logging.getLogger("backwave").warning(
        "backwave: the cache '%s' cannot be used (%s): what is compiled is kept in a temporary folder until this process "
        "ends; allowed: BACKWAVE_CACHE set to a folder that can be written", instead_of, why,
    )  # fmt: skip
    return made


def trusted(path: Path) -> bool:
    """Whether nobody but this user, root, and whom the user named by ``$BACKWAVE_CACHE``, can have made a file or folder."""
    if not hasattr(os, "geteuid") or os.environ.get("BACKWAVE_CACHE"):
        return True
    found = path.stat()
    return found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o002


@contextmanager
def making(place: Path) -> Iterator[Path]:
    """A new folder, which takes `place` if the work in it ends well, with a manifest if it has none.

    An entry that is there already is taken for a wrong one and replaced.
    """
    sweep(place.parent)
    staging = place.parent / f"{_STAGING}{secrets.token_hex(8)}"
    staging.mkdir()
    lock = lock_folder(staging)
    try:
        yield staging
        remove(place, running=True)
        try:
            staging.rename(place)
        except OSError:  # another process was faster
            if not intact(place):
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Describe a finished entry: `content`, and a hash of each of its files."""
    files = {str(path.relative_to(folder)): hash_of(path) for path in _files(folder)}
    body = {"content": content, "files": files}
    (folder / MANIFEST).write_text(json.dumps({"sum": _sum(body), **body}, indent=1), encoding="utf-8")


def intact(folder: Path) -> dict[str, Any] | None:
    """The content of an entry's manifest, if the entry is there, trusted, and each of its files is as it was made."""
    try:
        text = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        body = {"content": text["content"], "files": text["files"]}
        if text["sum"] != _sum(body) or not trusted(folder):
            return None
        names = {str(path.relative_to(folder)): path for path in _files(folder)}
        right = names.keys() == body["files"].keys() and all(
            trusted(path) and hash_of(path) == body["files"][name] for name, path in names.items()
        )
        return dict(body["content"]) if right else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def hash_of(path: Path) -> str:
    """A hash of a file's bytes, computed once per process while the file is not touched."""
    found = path.stat()
    signature = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if signature not in _hashed:
        with path.open("rb") as file:
            _hashed[signature] = hashlib.file_digest(file, "blake2b").hexdigest()
    return _hashed[signature]


def signature_of(folder: Path) -> list[tuple[str | int, ...]]:
    """What the system says of all files under a folder: while it says the same, nobody has touched them."""
    found: list[tuple[str | int, ...]] = []
    with os.scandir(folder) as listing:
        for entry in listing:
            if entry.is_dir(follow_symlinks=False):
                found += signature_of(Path(entry.path))
            else:
                of = entry.stat()
                found.append((entry.path, of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns))
    return sorted(found)


def entries(folder: Path) -> list[Path]:
    """The entries of a folder of the cache, the least recently used first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith(_STAGING):
            try:
                found.append((path.stat().st_mtime, path))
            except OSError:  # gone just now
                continue
    return [path for _, path in sorted(found)]


def size_of(folder: Path) -> int:
    """Bytes of the files under a folder."""
    total = 0
    for path in _files(folder):
        try:
            total += path.stat().st_size
        except OSError:  # gone just now
            continue
    return total


def remove(place: Path, running: bool = False) -> bool:
    """Remove an entry, unless it is in use (`running`: even then; what runs goes on); whether it is gone."""
    lock = lock_folder(place, shared=running)
    if lock is None:
        return not place.exists()
    try:
        gone = place.parent / f"{_STAGING}{secrets.token_hex(8)}"
        place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except OSError:  # another user's
        return False
    finally:
        os.close(lock)
    return True


def forget_oldest(folder: Path, keep: int = KEEP) -> None:
    """Remove the least recently used entries, until `keep` of at most `most_bytes` remain; never the newest."""
    most, kept = most_bytes(), entries(folder)
    sizes = {path: size_of(path) for path in kept}
    for path in kept[:-1]:
        if len(sizes) <= keep and sum(sizes.values()) <= most:
            break
        if remove(path):
            del sizes[path]


def sweep(folder: Path) -> None:
    """Remove what processes that died left half made."""
    for left in folder.glob(f"{_STAGING}*"):
        try:
            stale = time.time() - left.stat().st_mtime > _PATIENCE
        except OSError:
            continue
        lock = lock_folder(left) if stale else None
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / MANIFEST]


def _sum(body: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode()).hexdigest()

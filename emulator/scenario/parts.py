"""Finished parts of a long run, kept in a file so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.contents import contents_of, refuse_changed
from emulator.errors import EngineError, FileFormatError
from emulator.files import atomic_write
from emulator.scenario.scenario import Scenario
from emulator.versions import versions
from hwmodels.doors import read_json

_FORMAT = "backwave-parts"


@dataclass(frozen=True)
class Identity:
    """What the parts of a run depend on.

    Parameters
    ----------
    digest : str
        Hash of everything.
    files : dict
        SHA-256 of the files that the run reads, by name; they are in the digest, and here so that one can be named.
    """

    digest: str
    files: dict[str, str]


class Parts:
    """Results by name, in plain tables; each is computed once, and written as soon as it is there.

    Parameters
    ----------
    path : Path or None
        Where they are kept, as JSON that is replaced in one step; None: nowhere.
    identity : Identity
        What the results depend on.
    resume : bool
        Go on from the file if there is one.

    Raises
    ------
    EngineError
        If the file is there and is not to be used, or is of a run with other settings.
    ChangedFileError
        If a file that the run reads is not what it was.
    FileFormatError
        If the file is something else, or damaged.
    """

    def __init__(self, path: Path | None, identity: Identity, resume: bool) -> None:
        self._path, self._of, self._done = path, asdict(identity), {}
        if path is None or not path.exists():
            return
        if not resume:
            raise EngineError(
                f"parts '{path}' of a run that was interrupted exist already; allowed: resume (--resume) to go on "
                "from them, or another folder"
            )
        self._done = _read(path, identity)

    def __call__(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of this name: kept, or computed and kept."""
        if name not in self._done:
            self._done[name] = work()
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({"format": _FORMAT, **self._of, "parts": self._done}, indent=1)
                atomic_write(self._path, lambda file: file.write(text.encode()))
        return self._done[name]

    def remove(self) -> None:
        """Remove the file, once everything is written elsewhere."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def parts_path(out: Path) -> Path:
    """Where the parts of a run into `out` are kept."""
    return out.with_name(f"{out.name}.parts.json")


def resumable(stop: KeyboardInterrupt, *kept: Path) -> KeyboardInterrupt:
    """An interrupt of the same kind that tells whether something was kept to go on from."""
    if not any(path.exists() for path in kept):
        return type(stop)(*stop.args)
    return type(stop)("finished parts are kept, and --resume goes on from them")


def run_identity(scenario: Scenario, *more: str) -> Identity:
    """A scenario, the contents of all files that it names, the versions that compute it, and `more`."""
    files = contents_of(scenario.config.model_dump(mode="json"), scenario.folder)
    text = [scenario.config.model_dump_json(), *(json.dumps(one, sort_keys=True) for one in (versions(), files)), *more]
    return Identity(hashlib.sha256("\0".join(text).encode()).hexdigest(), files)


def _read(path: Path, identity: Identity) -> dict[str, Any]:
    try:
        found = read_json(path)
        known = found["format"] == _FORMAT
        parts, of, files = dict(found["parts"]), str(found["digest"]), dict(found.get("files", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"file '{path}' is not a file of parts, or is damaged: {error}") from error
    if not known or not all(isinstance(one, str) for pair in files.items() for one in pair):
        raise FileFormatError(f"file '{path}' is not a file of parts; allowed: what an interrupted run left")
    refuse_changed(files, identity.files, f"'{path}'")
    if of != identity.digest:
        raise EngineError(
            f"parts '{path}' are of a run with other settings; allowed: the scenario, data and versions that they "
            "were made with, or another folder"
        )
    return parts

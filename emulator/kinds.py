"""What a file evidently is: for the sentence about one that was given in another's place."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from emulator.archives import open_archive
from hwmodels.doors import RefusedError, is_file, read_toml


class Kind(NamedTuple):
    """A kind of file: what it is called, and where it belongs."""

    words: str
    belongs: str


NETWORK = Kind("a network", "network.path")
SAMPLES = Kind("data", "data.path")
SCENARIO = Kind("a scenario", "backwave run or train")
STUDY = Kind("a study", "backwave study")
HARDWARE = Kind("a hardware model", "hardware.model")
STORE = Kind("the store of a study", "backwave report")

#: endings of tables of samples
TABLES = (".csv", ".tsv", ".txt", ".parquet")
_ENDINGS = {".onnx": NETWORK, ".npy": SAMPLES, **dict.fromkeys((".csv", ".tsv", ".parquet"), SAMPLES)}
_SQLITE = b"SQLite format 3\0"


def kind_of(path: Path) -> Kind | None:
    """The kind of a file, by its ending and a look into it; None if it is none of these, or cannot be read."""
    if not is_file(path):
        return None
    try:
        if path.suffix.lower() in _ENDINGS:
            return _ENDINGS[path.suffix.lower()]
        if path.suffix.lower() == ".toml":
            return _table(set(read_toml(path)))
        if path.suffix.lower() == ".npz":
            with open_archive(path) as archive:
                return NETWORK if "header" in archive.names else SAMPLES
        with path.open("rb") as file:
            return STORE if file.read(len(_SQLITE)) == _SQLITE else None
    except (RefusedError, OSError):
        return None


def mistaken(path: Path, *wanted: Kind) -> str | None:
    """That a file is of another kind than those wanted, and where it belongs; None if it is not evidently so."""
    found = kind_of(path)
    if found is None or found in wanted:
        return None
    allowed = " or ".join(one.words for one in wanted)
    return f"file '{path}' holds {found.words}, which belongs in {found.belongs}; allowed here: {allowed}"


def _table(names: set[str]) -> Kind | None:
    if {"base", "metrics"} & names:
        return STUDY
    if {"network", "data"} & names:
        return SCENARIO
    return HARDWARE if {"lines", "clock", "weights", "energy", "noise", "faults"} & names else None

"""What a file evidently is: for the sentence about one that was given in another's place.

Looked at are the ending, the first bytes, the names of an archive's members and the tables of a TOML file; nothing is
decoded beyond them.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from emulator.archives import open_archive
from hwmodels import HardwareModel
from hwmodels.doors import RefusedError, is_file, read_json, read_toml


class Kind(NamedTuple):
    """A kind of file: what it is called, and where it belongs."""

    words: str
    belongs: str


NETWORK = Kind("a network", "network.path of a scenario, or in backwave import")
SAMPLES = Kind("data", "data.path of a scenario")
SCENARIO = Kind("a scenario", "backwave run or train")
STUDY = Kind("a study", "backwave study")
HARDWARE = Kind("a hardware model", "hardware.model of a scenario, or in --set hardware=FILE")
LAW = Kind("a law", "law of a scenario, or in --set law=FILE")
LINE = Kind("a measured line", "backwave fit")
STORE = Kind("the store of a study", "backwave report")
CIRCUIT = Kind("an exported circuit", "backwave verify")
RESULTS = Kind("results of a run", "backwave view")

#: endings of tables of samples
TABLES = (".csv", ".tsv", ".txt", ".parquet")
_ENDINGS = {
    **dict.fromkeys((".onnx", ".pt", ".pt2", ".pth", ".keras", ".h5", ".tflite", ".safetensors"), NETWORK),
    **dict.fromkeys((".npy", ".csv", ".tsv", ".parquet"), SAMPLES),
    **dict.fromkeys((".s1p", ".s2p", ".s3p", ".s4p", ".y2p", ".z2p", ".ts"), LINE),
}
_SQLITE = b"SQLite format 3\0"
_OF_STUDIES = {"study", "base", "axes", "metrics", "sampling", "repeats", "targets", "tolerance"}
_OF_SCENARIOS = {"network", "data", "training", "run", "substrate"}
_OF_HARDWARE = set(HardwareModel.model_fields) - {"description"}


def kind_of(path: Path) -> Kind | None:
    """The kind of a file or folder, as far as a glance tells; None if it is none of these, or cannot be read."""
    try:
        if path.is_dir():
            return _folder(path)
        if not is_file(path):
            return None
        if path.suffix.lower() in _ENDINGS:
            return _ENDINGS[path.suffix.lower()]
        if path.suffix.lower() == ".toml":
            return kind_of_tables(set(read_toml(path)))
        if path.suffix.lower() == ".npz":
            with open_archive(path) as archive:
                return _archive(archive.names)
        with path.open("rb") as file:
            return STORE if file.read(len(_SQLITE)) == _SQLITE else None
    except (RefusedError, OSError, ValueError):
        return None


def kind_of_tables(names: Collection[str]) -> Kind | None:
    """What a TOML file with tables of these names is; None if they are those of no kind, or of several."""
    found = set(names)
    if found == {"law"}:
        return LAW
    study, scenario = bool(found & _OF_STUDIES), bool(found & _OF_SCENARIOS)
    hardware = bool(found & _OF_HARDWARE) and not found & {"law", "hardware"}
    kinds = [kind for kind, fits in ((STUDY, study), (SCENARIO, scenario), (HARDWARE, hardware)) if fits]
    return kinds[0] if len(kinds) == 1 else None


def mistaken(path: Path, *wanted: Kind) -> str | None:
    """That a file is of another kind than those wanted, and where it belongs; None if it is not evidently so."""
    found = kind_of(path)
    if found is None or found in wanted:
        return None
    allowed = " or ".join(one.words for one in wanted)
    what = "folder" if path.is_dir() else "file"
    return f"{what} '{path}' holds {found.words}, which belongs in {found.belongs}; allowed here: {allowed}"


def _folder(path: Path) -> Kind | None:
    if is_file(path / "map.json"):
        listed = read_json(path / "map.json")
        return CIRCUIT if isinstance(listed, dict) and listed.get("format") == "backwave-export" else None
    return RESULTS if is_file(path / "results.json") else None


def _archive(names: tuple[str, ...]) -> Kind | None:
    if "header" in names:
        return NETWORK
    return SAMPLES if names and not any(name.startswith("array_") for name in names) else None  # else a damaged network

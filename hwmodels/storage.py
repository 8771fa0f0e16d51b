"""Hardware models as TOML files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from hwmodels.doors import MOST_TOML, RefusedError, parse_toml, read_text
from hwmodels.errors import HardwareError
from hwmodels.fields import Section
from hwmodels.files import atomic_write


def read(path: str | Path) -> dict[str, Any]:
    """Nested tables of a TOML file."""
    try:
        text = read_text(path, MOST_TOML)
    except (OSError, RefusedError) as error:
        raise HardwareError(str(path), f"cannot be read: {error}") from None
    try:
        return parse_toml(text)
    except RefusedError as error:
        raise HardwareError(str(path), f"is no TOML file: {error}") from None


def write(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write nested tables as TOML; the file appears complete or not at all."""
    text = tomli_w.dumps(data, multiline_strings=False)
    try:
        atomic_write(path, lambda file: file.write(text.encode()))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise HardwareError(str(path), f"cannot be written: {error}") from None


def table(section: Section, complete: bool = False) -> dict[str, Any]:
    """Nested plain tables of a section, in SI numbers.

    Parameters
    ----------
    section : Section
        The section.
    complete : bool
        Keep defaults and absent values, too; otherwise only what differs from the ideal.
    """
    data: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if complete or name == "kind" or (value is not None and value != field.get_default(call_default_factory=True)):
            data[name] = _plain(value, complete)
    return data


def with_gaps(data: Mapping[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    """`data` with None for each required field that its sources state as missing (TOML has no null)."""
    filled = dict(data)
    sources = data.get("sources", {})
    for path in required:
        source = sources.get(path) if isinstance(sources, Mapping) else None
        section, name = path.split(".")
        here = filled.get(section, {})
        stated = isinstance(source, Mapping) and source.get("status") == "missing"
        if stated and isinstance(here, Mapping) and name not in here:
            filled[section] = {**here, name: None}
    return filled


#: files that build on one another, at most
DEEPEST_BASE = 8
_TEXTS = ("name", "description", "differs")
#: files that are being read, each for the sake of the one before
_OPEN: list[Path] = []


def on_base(data: Mapping[str, Any], path: Path, load: Callable[[str, Path], dict[str, Any]]) -> dict[str, Any]:
    """Tables on top of those of their `base`, or bases; what they change has no longer the base's source.

    Parameters
    ----------
    data : mapping
        Tables of a file, perhaps with a `base`: a text, or a list of which the first is the base and the others give weights.
    path : Path
        The file.
    load : callable
        Gives the tables of a base by its name and the file that names it.
    """
    misplaced = next(
        (place for place in _paths(data) if place.endswith(".base") and not place.startswith("sources.")), None
    )
    if misplaced is not None:
        raise HardwareError(
            misplaced, "stands inside a table; allowed: base at the top of the file, before its first table"
        )
    if "base" not in data:
        return dict(data)
    bases = [data["base"]] if isinstance(data["base"], str) else data["base"]
    if not (isinstance(bases, list) and bases and all(isinstance(base, str) for base in bases)):
        raise HardwareError("base", f"{data['base']!r}, allowed: names of presets, or of files that end in .toml")
    _OPEN.append(path.resolve())
    try:
        if len(_OPEN) > DEEPEST_BASE or len(set(_OPEN)) < len(_OPEN):
            raise HardwareError("base", f"{bases[0]!r} leads back to itself, or through more than {DEEPEST_BASE} files")
        below = load(bases[0], path)
        for name in bases[1:]:
            below = _with_weights(below, load(name, path))
    finally:
        _OPEN.pop()
    return merged_on(below, {name: value for name, value in data.items() if name != "base"})


def merged_on(below: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Tables on top of others; what they change has no longer the others' source."""
    changed = [name for name in _paths(own) if name.partition(".")[0] not in (*_TEXTS, "sources")]
    sources = {key: source for key, source in below.get("sources", {}).items() if not _overruled(key, source, changed)}
    merged = _merged({name: value for name, value in below.items() if name not in ("name", "sources")}, own)
    given = own.get("sources", {})
    return {**merged, "sources": {**sources, **given} if isinstance(given, Mapping) else given}


def _with_weights(below: Mapping[str, Any], devices: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with the weights of others."""
    own = {key: source for key, source in below.get("sources", {}).items() if key.partition(".")[0] != "weights"}
    theirs = {key: source for key, source in devices.get("sources", {}).items() if key.partition(".")[0] == "weights"}
    return {**below, "weights": devices.get("weights", {}), "sources": {**own, **theirs}}


def _overruled(key: str, source: Any, changed: list[str]) -> bool:
    """Whether a source no longer holds: its field has changed, or it says that a table is missing and a part of it is given."""
    missing = isinstance(source, Mapping) and source.get("status") == "missing"
    inside = any(f"{key}.".startswith(f"{name}.") for name in changed)
    return inside or (missing and any(f"{name}.".startswith(f"{key}.") for name in changed))


def _paths(tables: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted paths of all values."""
    for name, value in tables.items():
        if isinstance(value, Mapping) and "kind" not in value:
            yield from _paths(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables in which `above` replaces what it says; a law of another kind replaces the whole law."""
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        law = isinstance(value, Mapping) and "kind" in value
        found[name] = (
            _merged(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) and not law else value
        )
    return found


def _plain(value: Any, complete: bool) -> Any:
    """A value as TOML knows it."""
    if isinstance(value, Section):
        return table(value, complete)
    if isinstance(value, dict):
        return {key: _plain(entry, complete) for key, entry in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return value

"""Hardware models as TOML files."""

from __future__ import annotations

from collections.abc import Mapping
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


def _plain(value: Any, complete: bool) -> Any:
    """A value as TOML knows it."""
    if isinstance(value, Section):
        return table(value, complete)
    if isinstance(value, dict):
        return {key: _plain(entry, complete) for key, entry in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return value

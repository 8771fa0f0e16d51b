"""Reading scenarios: bundled or a file of one's own, with single values overridden."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args

from emulator.errors import ScenarioError, suggest, within
from emulator.kinds import LAW, SCENARIO, STUDY, kind_of_tables, mistaken
from emulator.laws import LAWS
from emulator.scenario.config import Config, expand, validate
from emulator.scenario.files import find_file as beside
from emulator.scenario.scenario import Scenario
from hwmodels import doors
from hwmodels.doors import RefusedError, brief, is_file, parse_toml, path_of

#: keys that every source of a section knows
_SOURCES: dict[str, dict[str, set[str]]] = {
    section: {
        source: set(model.model_fields)
        for model in get_args(Config.model_fields[section].annotation)
        for source in get_args(model.model_fields["source"].annotation)
    }
    for section in ("network", "data")
}
_WANTED = {"scenario": SCENARIO, "study": STUDY}


def bundled() -> dict[str, Path]:
    """Scenarios that come with the project, by name."""
    folder = Path(str(resources.files("scenarios")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem)}


def load_scenario(path_or_name: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    path_or_name : str or path-like
        Path of a TOML file, or the name of a bundled scenario.
    overrides : sequence of str
        Each ``key=value`` with a dotted key; the value is read as TOML, and as a text if it is none.

    Raises
    ------
    ScenarioError
        If there is no such scenario, it is not TOML, or a key or value is wrong; the message names the key.
    """
    source = os.fspath(path_or_name)
    path = find_file("scenario", source, bundled())
    data = read_toml("scenario", path)
    changes = [parse_override(text) for text in overrides]
    data = dict(_of_other_sources(expand(data), changes))
    for parts, value in changes:
        data = merged(expand(data), parts, value)
    with within(f"scenario '{path.stem}'"):
        config = validate(_with_law(data, path.parent))
    return Scenario(path.stem, source, path.parent, tuple(overrides), config)


def changed(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with other values under dotted keys.

    Raises
    ------
    ScenarioError
        If a key or value is wrong.
    """
    data = scenario.config.model_dump(exclude_unset=True)
    parts = [(tuple(key.split(".")), value) for key, value in changes.items()]
    data = dict(_of_other_sources(data, parts))
    for way, value in parts:
        data = merged(data, way, value)
    with scenario.named():
        return replace(scenario, config=validate(_with_law(data, scenario.folder)))


def _of_other_sources(data: Mapping[str, Any], changes: Sequence[tuple[tuple[str, ...], Any]]) -> Mapping[str, Any]:
    """`data` without what belongs to a source, or a law, that one of `changes` replaces by another.

    What the new one knows too stays, such as how many samples are presented.
    """
    for parts, value in changes:
        if len(parts) != 2 or parts not in (*((section, "source") for section in _SOURCES), ("law", "name")):
            continue
        section, key = parts
        table = data.get(section)
        if not isinstance(table, Mapping) or table.get(key) == value:
            continue
        known = _SOURCES[section].get(str(value)) if key == "source" else _parameters(value)
        if known is not None:
            data = {**data, section: {name: old for name, old in table.items() if name in known}}
    return data


def _parameters(law: Any) -> set[str] | None:
    """Keys of the section of a law; None if there is no such law."""
    if not isinstance(law, str) or law not in LAWS:
        return None
    return {field.name for field in dataclasses.fields(LAWS[law])} | {"name"}  # type: ignore[arg-type]


def _with_law(data: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """`data` with the law of a file, as ``backwave tune --out`` writes it, where ``law`` is that file's path.

    Raises
    ------
    ScenarioError
        If there is no such file, or it holds anything but a law.
    """
    data = expand(data)
    law = data.get("law")
    if not isinstance(law, Mapping) or not str(law.get("name")).endswith(".toml"):
        return data
    name = str(law["name"])
    path = beside(name, folder, "law")
    tables = read_toml("law", path)
    if kind_of_tables(tables) != LAW:
        raise ScenarioError(f"law: {mistaken(path, LAW) or f'{brief(name)} holds no table [law] alone'}")
    written = expand(tables)["law"]
    if not isinstance(written, Mapping):
        raise ScenarioError(f"law: {brief(name)} has law = {brief(written)}; allowed: a table [law]")
    return {**data, "law": {**written, **{key: value for key, value in law.items() if key != "name"}}}


def leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables; one that says of what kind it is, such as a law or a model, is one value."""
    for key, value in table.items():
        if isinstance(value, Mapping) and not {"kind", "source", "name", "model"} & set(value):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def parse_override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split ``a.b=value`` into the key's parts and the value.

    Raises
    ------
    ScenarioError
        If it is not of that form.
    """
    key, equals, value = text.partition("=")
    try:
        table: Any = parse_toml(f"{key.strip()} = 0") if equals and "\n" not in key else {}
    except RefusedError:
        table = {}
    parts: list[str] = []
    while isinstance(table, dict):
        if len(table) != 1:
            raise ScenarioError(f"override is {brief(text)}; allowed: key=value with a dotted key, such as run.seed=1")
        name, table = next(iter(table.items()))
        parts.append(name)
    return tuple(parts), _value(value.strip())


def find_file(kind: str, source: str, known: Mapping[str, Path]) -> Path:
    """The TOML file that a path, or the name of one of the bundled files `known`, stands for.

    Raises
    ------
    ScenarioError
        If there is none, or it is something else: a study where a scenario is wanted, a network, data.
    """
    path = path_of(source)
    if source in known and not is_file(path):
        return known[source]
    other = mistaken(path, _WANTED[kind]) or mistaken(_bundled_anywhere(source) or path, _WANTED[kind])
    if other is not None:
        raise ScenarioError(other)
    if is_file(path):
        return path
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise ScenarioError(f"there is no {kind} file '{source}'; bundled: {', '.join(known)}")
    raise ScenarioError(f"unknown {kind} {suggest(source, known)}, or the path of a .toml file")


def _bundled_anywhere(name: str) -> Path | None:
    """A bundled file of any kind by its name."""
    folder = Path(str(resources.files("scenarios")))
    return next((path for path in sorted(folder.rglob("*.toml")) if path.stem == name), None)


def read_toml(kind: str, path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    ScenarioError
        If it is none.
    """
    try:
        return doors.read_toml(path)
    except RefusedError as error:
        raise ScenarioError(f"{kind} '{path}' is not a TOML file: {error}") from error


def merged(data: Mapping[str, Any], parts: Sequence[str], value: Any) -> dict[str, Any]:
    """`data` with one value replaced, and the tables on the way to it made where they are missing."""
    first, rest = parts[0], parts[1:]
    if not rest:
        return {**data, first: value}
    inner = data.get(first, {})
    return {**data, first: merged(inner if isinstance(inner, Mapping) else {}, rest, value)}


def _value(text: str) -> Any:
    try:
        table = parse_toml(f"value = {text}")
    except RefusedError:
        return text
    return table["value"] if len(table) == 1 else text

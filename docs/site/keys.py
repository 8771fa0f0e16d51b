"""Pages of keys of the reference: of scenarios, studies, hardware models, and metrics."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from tables import code, table

from emulator.laws import LAWS
from emulator.scenario.config import Config
from emulator.scenario.training import PORTS
from emulator.study.config import StudyConfig
from emulator.study.metrics import METRICS
from hwmodels import HardwareModel
from hwmodels.fields import unit_of

ROOT = Path(__file__).parents[2]
#: units of keys by their last name, where they have one; all others are pure numbers, names and switches
UNITS = {
    "hold": "transits",
    "holds": "transits",
    "hold_seconds": "s",
    "age": "s",
    "horizon": "time of the dynamics",
    "settling_time": "s",
    "samples": "samples",
    "limit": "samples",
    "images": "samples",
    "epochs": "passes",
    "chips": "chips",
    "look": "chips",
    "seconds": "s",
}


# ---- types and meanings of fields


def _type(annotation: Any) -> str:
    """A type as a reader of files knows it."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inside[0])
    if origin is Literal:
        return " or ".join(_written(one) for one in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(one) for one in inside if one is not type(None)))
    if origin in (list, tuple):
        return f"list of {_type(inside[0])}" if inside else "list"
    if origin is dict or annotation is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    plain = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "any", Path: "path"}
    return plain.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _limits(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{words[name]} {getattr(part, name):g}"
        for part in field.metadata
        for name in words
        if isinstance(getattr(part, name, None), int | float)
    ]
    return f" ({', '.join(found)})" if found else ""


def _meanings(owner: type) -> dict[str, str]:
    """Descriptions of parameters in the numpy-style docstrings of a class and those it is made from."""
    found: dict[str, str] = {}
    for kind in reversed(owner.__mro__):
        text = inspect.cleandoc(kind.__doc__ or "")
        body = re.search(r"Parameters\n-+\n(.*?)(?=\n[^\n]+\n-{3,}\n|\Z)", text, re.DOTALL)
        for names, meaning in re.findall(
            r"^(\w[\w, .]*?)(?: : [^\n]*)?\n((?:    [^\n]*\n?|\n)+)", (body[1] if body else "") + "\n", re.M
        ):
            if not meaning.strip().startswith("See "):
                found |= {name.strip(): meaning for name in names.split(",")}
    return found


def _about(owner: type) -> str:
    """What a class is, without its parameters."""
    return " ".join(inspect.cleandoc(owner.__doc__ or "").split("\n\nParameters\n")[0].split())


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        value = field.default_factory()  # type: ignore[call-arg]
        return "none" if not value else str(value)
    if field.default is PydanticUndefined:
        return "must be given"
    return _written(field.default)


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _tables(annotation: Any) -> list[type[BaseModel]]:
    """Tables that a value may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _tables(part)]


# ---- keys of scenarios and studies

_TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("scenarios/**/*.toml"))}


def _example(key: str, default: str, allowed: str = "") -> str:
    """The key as a bundled file has it, or else as an option."""
    name = key.rsplit(".", 1)[-1]
    section = key.rsplit(".", 1)[0].split(".")[0] if "." in key else ""
    for text in _TEXTS.values():
        at = ""
        for line in text.splitlines():
            head = re.match(r"\[+([\w.]+)\]+", line)
            at = head[1].split(".")[0] if head else at
            found = re.match(rf"({re.escape(name)}\s*=\s*[^#]+)", line)
            if (
                found
                and at == section
                and found[1].count("[") == found[1].count("]")
                and found[1].count("{") == found[1].count("}")
            ):
                value = found[1].partition("=")[2].strip()
                if not allowed.startswith('"') or value in allowed.split(" or "):
                    return found[1].strip()
    if allowed.startswith('"'):
        return f"{name} = {allowed.split(' or ')[0]}"
    return f"{name} = {default}" if default not in ("none", "must be given") and not default.startswith("name=") else ""


#: keys that a section takes from its base, and refuses
_REFUSED = re.compile(r"(run|training\.data)\.ramp")


def _rows(model: type[BaseModel], prefix: str, seen: tuple[type, ...] = ()) -> Iterator[list[object]]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        if _REFUSED.fullmatch(key):
            continue
        inside = [one for one in _tables(field.annotation) if one not in seen]
        default = "" if inside and not field.is_required() else _default(field)
        first = meanings.get(name, "")
        if not inside:
            told = _type(field.annotation)
            unit = UNITS.get(name, "1" if "number" in told else "")
            yield [code(key), f"{told}{_limits(field)}", unit,
                   code(default), code(_example(key, default, _type(field.annotation))), first]  # fmt: skip
        elif first:
            yield [code(key), "whole number or table" if name == "ramp" else "table", "", "", "", first]
        for one in inside:
            label = key if len(inside) == 1 else f"{key}"
            if len(inside) > 1:
                source = one.model_fields.get("source") or one.model_fields.get("kind")
                told = _type(source.annotation) if source is not None else one.__name__
                yield [code(key), f"table: {told}", "", "", "", _about(one)]
            yield from _rows(one, f"{label}.", (*seen, model, one))


def _sections(model: type[BaseModel]) -> str:
    heads = ["key", "type", "unit", "default", "example", "meaning"]
    parts = []
    for name, field in model.model_fields.items():
        if name == "hardware":
            parts.append(
                "## hardware\n\n`hardware.model`, and every [hardware field](hardware-fields.md) under its own name.\n"
            )
            continue
        inside = _tables(field.annotation)
        if not inside:
            rows = [
                [
                    code(name),
                    _type(field.annotation),
                    "",
                    code(_default(field)),
                    code(_example(name, _default(field))),
                    "",
                ]
            ]
            parts.append(f"## {name}\n\n{table(heads, rows)}")
            continue
        parts.append(f"## {name}\n")
        for one in inside:
            source = one.model_fields.get("source")
            if len(inside) > 1 and source is not None:
                parts.append(f"### {name}: source {_type(source.annotation)}\n")
            parts.append(f"{_about(one)}\n\n{table(heads, list(_rows(one, f'{name}.')))}")
    return "\n".join(parts)


def _dataclasses(title: str, known: Any, prefix: str) -> str:
    parts = [f"## {title}\n"]
    for name in known:
        kind = known[name]
        meanings, rows = _meanings(kind), []
        for field in dataclasses.fields(kind):
            if field.init and field.name not in ("name", "weights"):
                default = "must be given" if field.default is dataclasses.MISSING else _written(field.default)
                rows.append([code(f"{prefix}.{field.name}"), code(default), meanings.get(field.name, "")])
        about = _about(kind)
        parts.append(
            f'### {prefix}.name = "{name}"\n\n{about}\n\n{table(["key", "default", "meaning"], rows) if rows else ""}'
        )
    return "\n".join(parts)


def scenario_keys() -> str:
    """Every key of a scenario file."""
    return (
        "# Scenario keys\n\nA scenario is a TOML file, as `backwave scenarios --copy digits` puts one here; "
        "`--set KEY=VALUE` changes a key.\n\n"
        + _sections(Config)
        + "\n"
        + _dataclasses("Parameters of laws", LAWS, "law")
        + "\n"
        + _dataclasses("Parameters of ports", PORTS, "training.port")
    )


def study_keys() -> str:
    """Every key of a study file."""
    return (
        "# Study keys\n\nKeys of `backwave study FILE.toml`; axes and knobs are keys of the scenario.\n\n"
        + _sections(StudyConfig)
    )


def hardware_fields() -> str:
    """Every field of a hardware model."""
    rows: list[list[object]] = []

    def walk(model: type[BaseModel], value: Any, prefix: str) -> None:
        for name, field in model.model_fields.items():
            now = getattr(value, name, None)
            if isinstance(now, BaseModel) and not hasattr(now, "kind"):
                walk(type(now), now, f"{prefix}{name}.")
            elif prefix:
                allowed = next((m.allowed for m in _quantities(field)), _type(field.annotation))
                rows.append(
                    [
                        code(f"{prefix}{name}"),
                        unit_of(field) or "",
                        allowed,
                        code(_written(now)),
                        field.description or "",
                    ]
                )

    walk(HardwareModel, HardwareModel(), "")
    return (
        "# Hardware fields\n\nAfter `hardware.` in scenarios, studies and `--set`; defaults mean ideal. What each does and "
        "where it acts is in [the hardware guide](../../hwmodels/GUIDE.md).\n\n"
        + table(["field", "unit", "allowed", "default", "meaning"], rows)
    )


def _quantities(field: FieldInfo) -> Iterator[Any]:
    yield from (part for part in field.metadata if hasattr(part, "allowed"))
    for argument in typing.get_args(field.annotation):
        yield from (part for part in getattr(argument, "__metadata__", ()) if hasattr(part, "allowed"))


def metrics() -> str:
    """Every metric of studies."""
    rows = [
        [code(name), one.unit or "1", one.better, f"{one.low:g} to {one.high:g}", one.meaning]
        for name, one in ((name, METRICS[name]) for name in METRICS)
    ]
    return "# Metrics\n\nWhat a study measures at every point.\n\n" + table(
        ["metric", "unit", "better", "range", "meaning"], rows
    )

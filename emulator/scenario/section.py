"""What a section of a scenario file is: a frozen, strict table, and one clear sentence for what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from emulator.errors import ScenarioError, suggest

#: pydantic's error types and what is allowed instead, filled in with the error's context
_ALLOWED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text that is not empty",
}


class Section(BaseModel):
    """A table of a scenario file. Unknown keys and values of another type are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def one_of(names: Collection[str]) -> AfterValidator:
    """A validator of texts that must be one of `names` as they are then: those of a registry, say."""

    def known(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("unknown_name", "is {told}", {"told": suggest(value, names)})
        return value

    return AfterValidator(known)


def sentence(top: type[Section], error: ValidationError) -> ScenarioError:
    """Turn pydantic's report on `top` into one sentence on its first problem, unknown keys before all others.

    Parameters
    ----------
    top : type of Section
        The section that was validated.
    error : ValidationError
        What pydantic found.
    """
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    kind, context, value = first["type"], first.get("ctx", {}), first["input"]
    path, here = _locate(top, first["loc"])
    if kind == "extra_forbidden":
        return ScenarioError(f"unknown key {_nearest(top, path, here)}")
    if kind == "missing":
        return ScenarioError(f"{path} is missing; it must be given")
    if kind == "union_tag_not_found":
        return ScenarioError(f"{path}.source is missing; allowed: {', '.join(_tags(here))}")
    if kind == "union_tag_invalid":
        return ScenarioError(f"{path}.source is {suggest(context['tag'], _tags(here))}")
    if kind == "unknown_name":
        return ScenarioError(f"{path} {first['msg']}")
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return ScenarioError(f"{path} is {suggest(value, known)}")
    allowed = _ALLOWED[kind].format(**context) if kind in _ALLOWED else first["msg"]
    return ScenarioError(f"{path} is {value!r}; allowed: {allowed}")


def keys(section: type[Section], prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys below a section, those of all its sources included."""
    for name, field in section.model_fields.items():
        inner = _sections(field.annotation)
        if inner:
            for one in inner:
                yield from keys(one, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _locate(top: type[Section], location: tuple[int | str, ...]) -> tuple[str, list[type[Section]]]:
    """Path as it is written in TOML, and the sections that its last table may be; tags of unions are left out."""
    path, here = "", [top]
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        holder = next((section for section in here if part in section.model_fields), None)
        tagged = [section for section in here if part in _tags([section])]
        if holder is None and tagged:
            here = tagged
            continue
        path = f"{path}.{part}" if path else part
        if holder is not None:
            here = _sections(holder.model_fields[part].annotation)
    return path, here


def _nearest(top: type[Section], path: str, here: list[type[Section]]) -> str:
    """The unknown key, the known one nearest to it (anywhere, if it only stands in the wrong table), and all here."""
    table, _, leaf = path.rpartition(".")
    prefix = f"{table}." if table else ""
    local = [name for section in here for name in section.model_fields]
    elsewhere = (key for key in keys(top) if key.rpartition(".")[2] == leaf and key != path)
    near = [*elsewhere, *(f"{prefix}{name}" for name in difflib.get_close_matches(leaf, local))]
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{path!r}{hint}; allowed: {', '.join(f'{prefix}{name}' for name in local)}"


def _sections(annotation: Any) -> list[type[Section]]:
    """All section classes inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _tags(sections: list[type[Section]]) -> list[str]:
    """Values of `source` by which sections are told apart."""
    return [
        tag
        for section in sections
        if "source" in section.model_fields
        for tag in get_args(section.model_fields["source"].annotation)
    ]

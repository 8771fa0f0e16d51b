"""One clear sentence for what pydantic finds wrong with a table: the place, the value, and what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from hwmodels.errors import nearest, offered, suggest

Table = type[BaseModel]
_QUOTED = re.compile("'([^']*)'")
#: pydantic's error types and what is allowed instead, filled in with the error's context
_ALLOWED = {
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text that is not empty",
}
#: those that say which numbers are allowed: the field says it in full
_NUMBERS = ("int_type", "int_from_float", "float_type", "finite_number",
            "greater_than", "greater_than_equal", "less_than", "less_than_equal")  # fmt: skip
_BOUNDS = {"gt": "above {:g}", "ge": "at least {:g}", "lt": "below {:g}", "le": "at most {:g}"}
_UNKNOWN, _TOGETHER = "unknown_name", "given_together"


@dataclass(frozen=True)
class Problem:
    """The first problem of a table, unknown keys before all others.

    Parameters
    ----------
    path : str
        The place as it is written in TOML: ``run.hold``, ``network.sizes[1]``.
    told : str
        What follows the place: ``is -1; allowed: whole numbers from 0``; for an unknown key the key itself, and the
        known ones.
    unknown : bool
        Whether the key is unknown.
    known : tuple of str
        Those that are known there.
    choice : bool
        Whether the value is a name among few.
    cause : Exception or None
        What a validator raised.
    """

    path: str
    told: str
    unknown: bool = False
    known: tuple[str, ...] = ()
    choice: bool = False
    cause: Exception | None = None

    @property
    def sentence(self) -> str:
        """Place and problem."""
        return f"unknown key {self.told}" if self.unknown else f"{self.path} {self.told}".strip()


def first_problem(top: Table, error: ValidationError) -> Problem:
    """What pydantic found wrong with a table of the kind `top`."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    kind, context, value = first["type"], first.get("ctx", {}), first["input"]
    path, here, field = _locate(top, first["loc"])
    if kind == "extra_forbidden":
        known = tuple(f"{path.removesuffix(_leaf(path))}{name}" for one in here for name in _written(one))
        return Problem(path, _nearest(top, path, known), unknown=True, known=known)
    if kind == "missing":
        return Problem(path, "is missing; it must be given")
    if kind == "value_error":
        return Problem(path, f"is {value!r}: {context['error']}", cause=context["error"])
    if kind == _TOGETHER:
        names = [f"{path}.{name}" if path else name for name in context["names"]]
        return Problem("", f"{' and '.join(names)} are both given; allowed: one of them")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        name = context["discriminator"].strip("'")
        if kind == "union_tag_not_found":
            return Problem(f"{path}.{name}", f"is missing; allowed: {', '.join(_tags(here))}")
        return Problem(f"{path}.{name}", f"is {suggest(context['tag'], _tags(here))}")
    if kind == _UNKNOWN:
        return Problem(path, first["msg"])
    if kind == "literal_error":
        return Problem(path, f"is {suggest(value, _QUOTED.findall(context['expected']))}", choice=True)
    if kind in _NUMBERS and field is not None:
        return Problem(path, f"is {value!r}; allowed: {_range(field)}")
    allowed = _ALLOWED[kind].format(**context) if kind in _ALLOWED else first["msg"]
    return Problem(path, f"is {value!r}; allowed: {allowed}")


def one_of(names: Collection[str]) -> AfterValidator:
    """A validator of texts that must be one of `names` as they are then: those of a registry, say."""

    def known(value: str) -> str:
        if value not in names:
            raise PydanticCustomError(_UNKNOWN, "is {told}", {"told": suggest(value, names)})
        return value

    return AfterValidator(known)


def not_together(table: BaseModel, *names: str) -> None:
    """Refuse, in a validator of `table`, more than one of these fields.

    Raises
    ------
    PydanticCustomError
        Naming those that are given.
    """
    given = [name for name in names if getattr(table, name) is not None]
    if len(given) > 1:
        raise PydanticCustomError(_TOGETHER, "are both given", {"names": given})


def _written(table: Table) -> Iterator[str]:
    """Keys of a table that files may have; a field that is left out of what is written has another place there."""
    return (name for name, field in table.model_fields.items() if not field.exclude)


def keys(table: Table, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys below a table, those of all its sources included."""
    for name in _written(table):
        inner = _tables(table.model_fields[name].annotation)
        if inner:
            for one in inner:
                yield from keys(one, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _locate(top: Table, location: tuple[int | str, ...]) -> tuple[str, list[Table], FieldInfo | None]:
    """Path as it is written in TOML, the tables that its last one may be, and the field; tags of unions are left out."""
    path, here, field = "", [top], None
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        holder = next((table for table in here if part in table.model_fields), None)
        if (
            holder is None
            and not here
            and field is not None
            and all(get_origin(part) is not dict for part in _parts(field))
        ):
            continue  # pydantic's word for one of several types
        tagged = [table for table in here if part in _tags([table])]
        if holder is None and tagged:
            here = tagged
            continue
        path = f"{path}.{part}" if path else part
        if holder is not None:
            field = holder.model_fields[part]
            here = _tables(field.annotation)
    return path, here, field


def _nearest(top: Table, path: str, known: tuple[str, ...]) -> str:
    """The unknown key, the known one nearest to it (anywhere, if it only stands in the wrong table), and all there."""
    leaves, leaf = {_leaf(key): key for key in known}, _leaf(path)
    elsewhere = [key for key in keys(top) if _leaf(key) == leaf and key != path]
    return f"{path!r}{offered([*elsewhere, *(leaves[name] for name in nearest(leaf, list(leaves)))], known)}"


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]


def _tables(annotation: Any) -> list[Table]:
    """All tables inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for part in get_args(annotation) for table in _tables(part)]


def _tags(tables: list[Table]) -> list[str]:
    """Values of `source`, or `kind`, by which tables are told apart."""
    return [
        tag
        for table in tables
        for name in ("source", "kind")
        if name in table.model_fields
        for tag in get_args(table.model_fields[name].annotation)
    ]


def _range(field: FieldInfo) -> str:
    """The numbers that a field, or each item of it, may be."""
    parts = list(_parts(field))
    bounds = {name: getattr(part, name) for part in parts for name in _BOUNDS if hasattr(part, name)}
    if int in parts:
        low, high = bounds.get("ge"), bounds.get("le")
        return f"whole numbers{'' if low is None else f' from {low}'}{'' if high is None else f' to {high}'}"
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']:g} to {bounds['le']:g}"
    told = " and ".join(_BOUNDS[name].format(bounds[name]) for name in _BOUNDS if name in bounds)
    if len(bounds) > 1:
        return told
    return f"a finite number{',' if told.startswith('at') else ''} {told}".rstrip()


def _parts(item: Any) -> Iterator[Any]:
    """Everything inside an annotation: types, and what bounds them."""
    yield item
    inside = (item.annotation, *item.metadata) if isinstance(item, FieldInfo) else get_args(item)
    for part in inside:
        yield from _parts(part)

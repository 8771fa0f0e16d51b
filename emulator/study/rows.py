"""What the rows of a store must be, before anything is made of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args, get_origin, get_type_hints

from emulator.errors import FileFormatError
from hwmodels.doors import RefusedError, brief

#: what a store that is damaged, or was made by other means, can raise where its rows are read
_FOREIGN = (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


class _Placed(Protocol):
    """Anything that knows the file it reads."""

    @property
    def path(self) -> Any:
        """The file."""
        ...


Of = TypeVar("Of", bound=_Placed)
Made = TypeVar("Made")
Given = ParamSpec("Given")


def guarded(read: Callable[Concatenate[Of, Given], Made]) -> Callable[Concatenate[Of, Given], Made]:
    """A method that reads a store: whatever is wrong with it is a `FileFormatError` that names the file."""

    @wraps(read)
    def told(self: Of, *given: Given.args, **named: Given.kwargs) -> Made:
        try:
            return read(self, *given, **named)
        except _FOREIGN as error:
            kind = "" if isinstance(error, RefusedError) else f"{type(error).__name__}: "
            what = f"{kind}{brief(str(error))[1:-1]}"
            raise FileFormatError(f"'{self.path}' is damaged, or no store of a study: {what}") from error

    return told


def typed(row: Made) -> Made:
    """A dataclass, if its fields are of the types that it states.

    Raises
    ------
    TypeError
        For the first that is not.
    """
    made: type = type(row)
    for name, kinds in _kinds(made).items():
        value = getattr(row, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise RefusedError(f"{name} of a {type(row).__name__.lower()} is {brief(value, 60)}")
    return row


def number(place: str, value: Any) -> None:
    """Refuse what is no number; raises TypeError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RefusedError(f"{place} is {brief(value, 60)}, which is no number")


@cache
def _kinds(made: type) -> dict[str, tuple[type, ...]]:
    return {name: _allowed(hint) for name, hint in get_type_hints(made).items()}


def _allowed(hint: Any) -> tuple[type, ...]:
    parts = [hint] if get_origin(hint) is dict or not get_args(hint) else get_args(hint)
    plain = [get_origin(part) or part for part in parts]
    return (*plain, int) if float in plain else tuple(plain)

"""From a law to its family, which a law only names: nothing is imported before a substrate is laid out or judged."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from emulator.errors import EngineError
from emulator.laws.base import Law


def family_of(law: Law | type[Law]) -> Any:
    """What the engine and the measurements ask of laws of this kind: an `emulator.families.base.Family`.

    Raises
    ------
    EngineError
        If the law names none, or what it names is none.
    """
    named = law.family
    return _found(law.name, named) if isinstance(named, str) else named


@cache
def _found(law: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    try:
        family = getattr(import_module(module), attribute)
        kind = import_module("emulator.families.base").Family
    except (ImportError, AttributeError, ValueError) as error:
        raise EngineError(
            f"law {law}: family is {place!r}; allowed: 'module:attribute' of a Family ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(family, kind):
        raise EngineError(f"law {law}: family {place!r} is {family!r}; allowed: a Family")
    return family

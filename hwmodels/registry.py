"""Parts by name: those that come with this project, those that a user adds, and those of installed plug-ins.

A plug-in is any installed distribution with entry points in one of the groups ``backwave.*``. The names of its parts
are read where names are listed; a part itself is imported only when it is asked for by a name that nothing else has.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast

from hwmodels.errors import PluginError

Part = TypeVar("Part")
_NAME = re.compile(r"\.?[A-Za-z][A-Za-z0-9_.-]*")


class Registry(MutableMapping[str, Part]):
    """Parts of one kind by name; a name that is built in can be neither replaced nor taken by a plug-in.

    Parameters
    ----------
    kind : str
        What a part is called in messages, such as ``activation``.
    group : str
        Entry points of plug-ins, such as ``backwave.activations``.
    built_in : mapping
        An `EntryPoint` stands for a part in a module that is imported when the part is asked for.
    check : callable, optional
        ``check(name, part)`` is called once for every part that is added or loaded, and returns what is kept.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, Part | EntryPoint],
        check: Callable[[str, Part], Part] | None = None,
    ) -> None:
        self.kind, self.group = kind, group
        self._built_in, self._check = dict(built_in), check
        self._added: dict[str, Part] = {}
        self._loaded: dict[tuple[str, str], Part] = {}

    def register(self, name: str, part: Part) -> Part:
        """Add a part for this process, and for the workers of its studies; one that was added before is replaced.

        Raises
        ------
        PluginError
            If the name is built in or none.
        BackwaveError
            If the part is not what it should be.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{self.kind} is named {name!r}; allowed: a letter, then letters, digits, '_', '-' and '.'"
            )
        if name in self._built_in:
            raise PluginError(f"{self.kind} {name!r} is built in; allowed: another name")
        self._added[name] = part if self._check is None else self._check(name, part)
        return self._added[name]

    @property
    def present(self) -> dict[str, Part]:
        """The parts that are here without importing a plug-in."""
        loaded = {name: part for (name, value), part in self._loaded.items() if self._offers(name, value)}
        return {**loaded, **self._added, **{name: self[name] for name in self._built_in}}

    @property
    def added(self) -> dict[str, Part]:
        """The parts that were added in this process."""
        return dict(self._added)

    @property
    def loaded(self) -> dict[str, str]:
        """Of the parts of plug-ins that were asked for, where each comes from: ``module:attribute`` by name."""
        return {name: value for name, value in self._loaded if self._offers(name, value)}

    def __getitem__(self, name: str) -> Part:
        if name in self._built_in:
            own = self._built_in[name]
            return cast(Part, own.load()) if isinstance(own, EntryPoint) else own
        if name in self._added:
            return self._added[name]
        points = [point for point in _points(self.group) if point.name == name]
        if not points:
            raise KeyError(name)
        if len({point.value for point in points}) > 1:
            raise PluginError(
                f"{self.kind} {name!r} is offered by {' and '.join(map(_origin, points))}; allowed: one of them"
            )
        key = name, points[0].value
        if key not in self._loaded:
            part = _load(self.kind, points[0])
            self._loaded[key] = part if self._check is None else self._check(name, part)
        return self._loaded[key]

    def __contains__(self, name: object) -> bool:
        return name in self._built_in or name in self._added or any(p.name == name for p in _points(self.group))

    def __setitem__(self, name: str, part: Part) -> None:
        self.register(name, part)

    def __delitem__(self, name: str) -> None:
        del self._added[name]

    def __iter__(self) -> Iterator[str]:
        plugged = sorted(point.name for point in _points(self.group))
        return iter(dict.fromkeys([*self._built_in, *self._added, *plugged]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _offers(self, name: str, value: str) -> bool:
        return any((point.name, point.value) == (name, value) for point in _points(self.group))


def _points(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, read once for every path that Python imports from."""
    return _all_points(group, tuple(sys.path))


@lru_cache(maxsize=64)
def _all_points(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _load(kind: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # whatever a stranger's module does
        raise PluginError(
            f"{kind} {point.name!r} of {_origin(point)} cannot be loaded: {type(error).__name__}: {error}; "
            "allowed: a plug-in that imports without error"
        ) from error


def _origin(point: EntryPoint) -> str:
    name = point.dist.name if point.dist is not None else "a distribution"
    return f"{name} ({point.value})"

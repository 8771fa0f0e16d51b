"""Parts of users and plug-ins on their way to other processes: which a study uses, and whether a worker has them.

What a user registered travels with the work, as code; what a plug-in offers travels by its name, and is imported in the
worker from the plug-in that is installed there.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from emulator.errors import StudyError
from hwmodels.registry import Registry

#: group of entry points -> module and name of the registry of its parts
REGISTRIES = {
    "backwave.laws": ("emulator.laws", "LAWS"),
    "backwave.activations": ("emulator.network.activations", "ACTIVATIONS"),
    "backwave.ports": ("emulator.scenario.training", "PORTS"),
    "backwave.metrics": ("emulator.study.metrics", "METRICS"),
    "backwave.formats": ("emulator.export.formats", "FORMATS"),
    "backwave.importers": ("emulator.network.formats", "FORMATS"),
    "backwave.presets": ("hwmodels.library", "PRESETS"),
}


@dataclass(frozen=True)
class Parts:
    """The parts of this process that others need; unpickling them registers them there.

    Parameters
    ----------
    added : bytes
        What was registered, by group and name.
    loaded : tuple of (group, name, source)
        Of plug-ins, what was asked for, and the ``module:attribute`` that it came from.
    """

    added: bytes = b""
    loaded: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def of(cls, told: object = None) -> Parts:
        """Those that were registered in this process, and those of plug-ins that it used or that `told` mentions.

        Raises
        ------
        StudyError
            If a part that was registered cannot be sent.
        """
        from joblib.externals.loky.backend.reduction import dumps

        for name in set(_texts(told)):
            for group in REGISTRIES:
                if name in registry_of(group):
                    registry_of(group)[name]
        added = {group: found for group, registry in _used() if (found := registry.added)}
        loaded = tuple((group, *one) for group, registry in _used() for one in sorted(registry.loaded.items()))
        for group, parts in added.items():
            for name, part in parts.items():
                try:
                    dumps(part)
                except Exception as error:  # whatever a stranger's object raises
                    raise StudyError(
                        f"{registry_of(group).kind} {name!r} cannot be sent to workers: {type(error).__name__}: {error}; "
                        "allowed: parts that can be pickled, a plug-in, or one worker"
                    ) from error
        return cls(dumps(added) if added else b"", loaded)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.added, self.loaded)


def missing(added: bytes, loaded: tuple[tuple[str, str, str], ...]) -> list[str]:
    """What of the parts of another process this one lacks, as sentences."""
    lacking = []
    try:
        register(added)
    except Exception as error:  # a module that is not here, above all
        lacking.append(f"what was registered ({type(error).__name__}: {error})")
    for group, name, source in loaded:
        registry = registry_of(group)
        try:
            registry[name]
        except KeyError:
            lacking.append(f"{registry.kind} {name!r} ({source})")
            continue
        except Exception as error:  # whatever loading a plug-in raises
            lacking.append(str(error))
            continue
        if registry.loaded.get(name, source) != source:
            lacking.append(f"{registry.kind} {name!r} from {source}: there it is {registry.loaded[name]}")
    return lacking


def register(added: bytes) -> None:
    """Register what another process had registered."""
    for group, parts in (pickle.loads(added) if added else {}).items():
        for name, part in parts.items():
            registry_of(group)[name] = part


def registry_of(group: str) -> Registry[Any]:
    """The registry of a group of entry points."""
    module, name = REGISTRIES[group]
    found: Registry[Any] = getattr(import_module(module), name)
    return found


def _texts(told: object) -> Iterator[str]:
    """All texts in nested tables and lists, but not the keys."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping | list | tuple):
        for part in told.values() if isinstance(told, Mapping) else told:
            yield from _texts(part)


def _used() -> list[tuple[str, Registry[Any]]]:
    """The registries of modules that are imported: others hold nothing yet."""
    return [(group, registry_of(group)) for group, (module, _) in REGISTRIES.items() if module in sys.modules]


def _arrived(added: bytes, loaded: tuple[tuple[str, str, str], ...]) -> Parts:
    register(added)
    return Parts(added, loaded)

"""The hardware model: one immutable, validated composition of all sections."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from hwmodels import bundled, markup, storage
from hwmodels.clock import Clock
from hwmodels.distributions import In
from hwmodels.energy import Energy
from hwmodels.errors import HardwareError
from hwmodels.faults import Faults
from hwmodels.fields import Section, unit_of
from hwmodels.lines import Lines
from hwmodels.noise import Noise
from hwmodels.precision import Precision
from hwmodels.sources import Source
from hwmodels.tiles import Tiles
from hwmodels.weights import Weights

REQUIRED = ("clock.node_update_interval", "lines.delay_forward")
"""Fields without which a model cannot be emulated; they are None while they are not known."""

_TEXTS = ("name", "description", "differs", "sources")


class Entry(NamedTuple):
    """One field of a hardware model."""

    value: Any
    """Value in SI units; None if absent."""
    unit: str | None
    """SI unit, "1" for pure numbers, None for switches, names and lists of places."""
    source: Source | None
    """Where the value comes from, if stated."""


class HardwareModel(Section):
    """Everything that makes a substrate differ from an ideal one. Defaults mean ideal."""

    name: str = "custom"
    """Short name."""
    description: str = ""
    """What is modelled."""
    differs: str = ""
    """How the model differs from the published hardware, in a line."""
    clock: Clock = Clock()
    """Timing of the nodes."""
    lines: Lines = Lines()
    """Lines between nodes."""
    precision: Precision = Precision()
    """Word length of waves and weights."""
    noise: Noise = Noise()
    """Noise and mismatch."""
    tiles: Tiles = Tiles()
    """Size of crossbars."""
    weights: Weights = Weights()
    """Devices that store the weights."""
    faults: Faults = Faults()
    """Faults."""
    energy: Energy = Energy()
    """Energy and power."""
    sources: dict[str, Source] = Field(default_factory=dict)
    """Source of each field by its path; the path of a table covers all fields in it."""

    @model_validator(mode="after")
    def _consistent(self) -> HardwareModel:
        for path, source in self.sources.items():
            value = self.value(path)
            unknown = value is None or (path not in REQUIRED and value == _ideal(path))
            if source.status == "missing" and not unknown:
                raise HardwareError(path, f"is {value!r} although its source says it is missing")
        for path in REQUIRED:
            source_here = self.sources.get(path)
            if self.value(path) is None and (source_here is None or source_here.status != "missing"):
                raise HardwareError(path, "must be given, or have a source of status 'missing'")
        if self.energy.wave_power and self.lines.impedance is None:
            problem = "needs lines.impedance, allowed: false, or an impedance given"
            raise HardwareError("energy.wave_power", problem)
        if self.lines.temperature and None in (self.lines.impedance, self.energy.unit_amplitude):
            problem = f"{self.lines.temperature:g} K needs lines.impedance and energy.unit_amplitude, allowed: 0, or both given"
            raise HardwareError("lines.temperature", problem)
        return self

    def __hash__(self) -> int:
        return hash(self.digest)

    def _repr_html_(self) -> str:
        """What a notebook shows: what is not ideal."""
        rows: list[tuple[object, ...]] = [
            (
                path,
                "missing" if entry.value is None else entry.value,
                entry.unit or "",
                entry.source.status if entry.source else "",
            )
            for path, entry in self.flat().items()
            if entry.value != _ideal(path) or entry.source is not None
        ]
        return markup.table(f"Hardware model {self.name}", rows or [("every field", "ideal")])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HardwareModel:
        """Model from nested plain tables, as in a TOML file, but for `base`, which only files have."""
        return cls(**storage.with_gaps(data, REQUIRED))

    @classmethod
    def from_toml(cls, path: str | Path) -> HardwareModel:
        """Model from a TOML file; without a `name` it is called after the file.

        A file with ``base = "..."`` at its top, the name of a preset or the path of a file beside it, changes that one: what
        it does not say is as there, with its source. Of further bases, ``base = ["sfq", "ecram"]``, only the weights count.

        Raises
        ------
        HardwareError
            If the file cannot be read, is no TOML, or holds wrong values; the message names the file.
        """
        data = storage.read(path)
        try:
            data = storage.on_base(data, Path(path), _based)
            return cls.from_dict({"name": Path(path).stem, **data})
        except HardwareError as error:
            top = ("base",) if error.known and "." not in error.path else ()
            told = HardwareError(error.path, error.problem, (*top, *error.known)).told
            raise HardwareError(f"{Path(path).name}: {error.path}", told) from None

    def to_toml(self, path: str | Path) -> None:
        """Write the model to a TOML file in SI numbers, leaving out what is ideal; atomic and exact."""
        storage.write(path, {"name": self.name, **storage.table(self)})

    def replace(self, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> HardwareModel:
        """A model with some fields changed.

        Parameters
        ----------
        changes : mapping, optional
            New values by dotted path, such as ``{"lines.jitter": "2 ps"}``.
        **fields
            The same with ``__`` for the dot: ``lines__jitter=2e-12``.

        Returns
        -------
        HardwareModel
            Changed fields have a source of status "assumed" ("missing" for a required field set to None).
        """
        wanted = {**(changes or {}), **{name.replace("__", "."): value for name, value in fields.items()}}
        data = storage.table(self, complete=True)
        for path, value in wanted.items():
            self._put(data, path, value)
            if path.split(".")[0] not in _TEXTS:
                kept = {key: old for key, old in data["sources"].items() if not _overruled(key, path, old)}
                status = "missing" if value is None and path in REQUIRED else "assumed"
                data["sources"] = {**kept, path: {"text": "replaced by the user", "status": status}}
        return type(self)(**data)

    def missing(self, optional: bool = False) -> tuple[str, ...]:
        """Paths of required fields that are not known; with `optional`, of all fields stated as missing."""
        paths = [path for path, source in self.sources.items() if source.status == "missing"]
        return tuple(path for path in paths if optional or path in REQUIRED)

    def require_complete(self) -> None:
        """Raise if a required field is not known.

        Raises
        ------
        HardwareError
            Naming the fields the user has to supply.
        """
        absent = self.missing()
        if absent:
            supplied = " ".join(f"--set hardware.{path}=..." for path in absent)
            problem = f"not known and must be supplied: {', '.join(absent)} (in one go: {supplied}, with units)"
            raise HardwareError(f"hardware model {self.name!r}", problem)

    def value(self, path: str) -> Any:
        """Value or section at a dotted path."""
        here: Any = self
        for part in path.split("."):
            if not isinstance(here, Section) or part not in type(here).model_fields:
                raise HardwareError(path, "unknown field", self._known(path))
            here = getattr(here, part)
        return here

    def flat(self) -> dict[str, Entry]:
        """All fields in order: dotted path -> (value, unit, source)."""
        entries = {}
        for path, value, unit in _leaves(self, ""):
            if path.split(".")[0] not in _TEXTS:
                entries[path] = Entry(value, unit, self.source(path))
        return entries

    def source(self, path: str) -> Source | None:
        """Source of the field at `path`, or of the innermost table around it that has one."""
        parts = path.split(".")
        for count in range(len(parts), 0, -1):
            found = self.sources.get(".".join(parts[:count]))
            if found is not None:
                return found
        return None

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of all physical values; texts and sources do not count."""
        values = [[path, entry.value] for path, entry in self.flat().items()]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()

    def _known(self, path: str) -> tuple[str, ...]:
        """What may be meant by an unknown path: fields whose last part is the one written, else those of its section."""
        paths = [leaf for leaf, _, _ in _leaves(self, "")]
        section, _, rest = path.partition(".")
        same = [leaf for leaf in paths if leaf.split(".")[-1] == path.split(".")[-1]]
        inside = [leaf for leaf in paths if rest and leaf.split(".")[0] == section]
        return tuple(same or inside or type(self).model_fields)

    def _put(self, data: dict[str, Any], path: str, value: Any) -> None:
        """Set `path` in nested tables."""
        *tables, leaf = path.split(".")
        here = data
        for depth, part in enumerate(tables):
            if depth == 0 and part not in type(self).model_fields:
                raise HardwareError(path, "unknown field", self._known(path))
            if here.get(part) is None:
                here[part] = {}
            here = here[part]
            if not isinstance(here, dict):
                raise HardwareError(path, f"'{part}' is a value and has no fields")
        if not tables and leaf not in type(self).model_fields:
            raise HardwareError(path, "unknown field", self._known(path))
        here[leaf] = value


SECTIONS = tuple(name for name in HardwareModel.model_fields if name not in _TEXTS)
"""The tables of a hardware model that hold numbers."""


def _based(name: str, beside: Path) -> dict[str, Any]:
    """The tables of a preset of this package, or of a file beside `beside`."""
    if name.endswith(".toml"):
        return storage.table(HardwareModel.from_toml(beside.parent / name))
    known = (*bundled.names(), *bundled.names(bundled.DEVICES))
    if name not in known:
        allowed = ", ".join(known)
        raise HardwareError("base", f"{name!r} is neither a file ending in .toml nor a preset; allowed: {allowed}")
    with bundled.opened(name) as path:
        return storage.table(HardwareModel.from_toml(path))


def _ideal(path: str) -> Any:
    """Default at a dotted path."""
    section, _, rest = path.partition(".")
    here = HardwareModel.model_fields[section].get_default()
    for part in rest.split(".") if rest else ():
        here = getattr(here, part, None)
    return here


def _overruled(key: str, path: str, entry: Mapping[str, Any]) -> bool:
    """Whether the source `entry` of `key` no longer holds once `path` has a new value."""
    inside = f"{key}.".startswith(f"{path}.")
    around = f"{path}.".startswith(f"{key}.")
    return inside or (around and entry["status"] == "missing")


@cache
def _units(kind: type[Section]) -> tuple[tuple[str, str | None], ...]:
    """Names and units of all fields."""
    return tuple((name, unit_of(field)) for name, field in kind.model_fields.items())


def _leaves(section: Section, prefix: str, inside: In | None = None) -> Iterator[tuple[str, Any, str | None]]:
    """Path, value and unit of every field that is not itself a section."""
    for name, own in _units(type(section)):
        value, path = getattr(section, name), f"{prefix}{name}"
        unit = own if inside is None else (inside.part(name) or None)
        if isinstance(value, Section):
            yield from _leaves(value, f"{path}.", None if unit is None else In(unit))
        else:
            yield path, value, unit

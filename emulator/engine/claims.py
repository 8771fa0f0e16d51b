"""Which hardware fields each family of laws implements, and the one check that no field is set for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.laws import LAWS, Law, family_of
from hwmodels import HardwareModel
from hwmodels.model import Entry

#: what every law implements, or what does not act on waves; a claim is a field, or its beginning up to "." or "_"
SHARED = ("clock.", "energy.", "lines.delay_", "tiles.")


def claims(law: Law | type[Law]) -> tuple[str, ...]:
    """Beginnings of the fields that a law implements."""
    return (*SHARED, *family_of(law).claims)


def claimed(path: str, by: Sequence[str]) -> bool:
    """Whether a field is among these claims."""
    return any(path.startswith(one) if one[-1] in "._" else path == one or path.startswith(f"{one}.") for one in by)


def unclaimed(graph: ScatteringGraph, by: Sequence[str]) -> Iterator[tuple[str, object]]:
    """Fields of a graph's hardware that are not ideal and that nothing implements, with their values."""
    ideal = _ideal()
    for path, entry in graph.hardware.flat().items():
        if (path not in ideal or entry.value != ideal[path].value) and not claimed(path, by):
            yield path, entry.value


@cache
def _ideal() -> dict[str, Entry]:
    """All fields of ideal hardware."""
    return HardwareModel().flat()


def check_claims(graph: ScatteringGraph) -> None:
    """Refuse a hardware field that is set and that the law does not implement.

    Raises
    ------
    EngineError
        Naming the field, its value, why the law does without it if the law says, and the laws that would honour it.
    """
    for path, value in unclaimed(graph, claims(graph.law)):
        honouring = [name for name, law in LAWS.present.items() if claimed(path, claims(law))]
        told = f"; law {' or '.join(honouring)} has it" if honouring else ""
        reasons = family_of(graph.law).reasons
        why = next((f", since {reasons[field]}" for field in reasons if claimed(path, (field,))), "")
        raise EngineError(
            f"hardware.{path} is {value!r}; allowed with law {graph.law.name}: the ideal value{why}{told}"
        )

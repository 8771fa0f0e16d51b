"""A design and its cells as cards of ngspice, section by section; other dialects are translated from these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from emulator.export.cells import Cell
from emulator.export.design import TOP, Design, Instance, Subcircuit
from emulator.graph.names import printable

_WIDTH = 110
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


def card(words: str, ports: Iterable[str], rest: Iterable[str] = ()) -> Iterator[str]:
    """An instance, or the head of a subcircuit, on as many lines as it needs."""
    line = words
    for word in (*ports, *rest):
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "+"
        line += f" {word}"
    yield line


def library_text(cells: Iterable[Cell], prefix: str) -> Iterator[str]:
    """The section of cells."""
    yield from _section("cells")
    for cell in cells:
        name = f"{prefix}{cell.name}"
        settings = [f"{key}={value:g}" for key, value in cell.parameters]
        yield from card(f".subckt {name}", cell.pins, settings)
        for line in cell.spice:
            yield re.sub(r" (line|synapse)( |$)", rf" {prefix}\1\2", line) if line.startswith("X") else line
        yield f".ends {name}"
        yield ""


def design_text(design: Design) -> Iterator[str]:
    """Parameters, crossbars, lines, rows, and the network, each in its section."""
    yield from parameter_text(design)
    titles = {"tile": "crossbars", "row": "rows of neurons"}
    section = ""
    for part in design.parts:
        kind = next((title for start, title in titles.items() if part.name.startswith(start)), "bundles of lines")
        if kind != section:
            yield from _section(kind)
            section = kind
        yield from _subcircuit(part, design.prefix)
    yield from _section("network")
    top, prefix = design.top, design.prefix
    name = f"{prefix}{top.name}"
    if design.flat:
        yield "* more pins than a subcircuit can have: it is laid in the testbench itself"
        yield from (f".param {p.name}={{{prefix}{p.name}}}" for p in design.parameters)
    else:
        defaults = [f"{p.name}={{{prefix}{p.name}}}" for p in design.parameters]
        yield from card(f".subckt {name}", top.pins, defaults)
    for one in top.instances:
        yield from _instance(one, prefix)
    if not design.flat:
        yield f".ends {name}"


def parameter_text(design: Design) -> Iterator[str]:
    """The section of parameters: name, unit, meaning and default of each."""
    yield from _section("parameters: an instance, the testbench or a corner may set them anew")
    for p in design.parameters:
        unit = f" ({p.unit})" if p.unit else ""
        yield f"* parameter {p.name}: {one_line(p.meaning)}{unit}"
        yield f".param {design.prefix}{p.name}={p.value!r}"


def top_instance(design: Design) -> Iterator[str]:
    """The network in a testbench, at nodes of its pins' names."""
    if not design.flat:
        yield from card(f"X{TOP[1:]}", design.top.pins, [f"{design.prefix}{design.top.name}"])


def _subcircuit(part: Subcircuit, prefix: str) -> Iterator[str]:
    yield f"* {part.name}: {part.remark}"
    yield from card(f".subckt {prefix}{part.name}", part.pins, [f"{name}=1" for name, _ in part.parameters])
    for one in part.instances:
        yield from _instance(one, prefix)
    yield f".ends {prefix}{part.name}"
    yield ""


def _instance(one: Instance, prefix: str) -> Iterator[str]:
    settings = [f"{key}={value if _NUMBER.fullmatch(value) else f'{{{value}}}'}" for key, value in one.settings]
    yield from card(f"X{one.name}", one.nodes, [f"{prefix}{one.cell}", *settings])


def _section(title: str) -> Iterator[str]:
    yield f"* ==== {title}"
    yield ""


def one_line(text: str) -> str:
    """A text for a comment, whatever names are in it."""
    return printable(text.replace("µ", "u")).encode("ascii", "backslashreplace").decode("ascii")

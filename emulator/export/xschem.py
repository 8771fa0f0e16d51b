"""The network as schematics and symbols of xschem: a sheet per subcircuit, a symbol per subcircuit and per cell.

What is drawn are the statements of the netlist, one instance each, joined by net labels at its pins; the netlist that xschem
writes of them has the same elements. Cells of the library are symbols only: what is in them stands in ``lib.inc``, which the
sheet of the network includes. File format: https://xschem.sourceforge.io/stefan/xschem_man/developer_info.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path

from emulator.export.cells import library
from emulator.export.netlist import network
from emulator.export.options import Options
from emulator.export.penalties import refuse_penalties
from emulator.export.spice_text import design_text, library_text
from emulator.export.two_way import two_way
from emulator.graph import ScatteringGraph

#: the sheet of the network, the cells that it includes, and xschem's settings
TOP, LIBRARY, RC = "net", "lib.inc", "xschemrc"
#: between pins, half a box's width, and between boxes: units of xschem's grid
_PITCH, _HALF, _GAP = 20, 100, 260
_HEAD = "v {xschem version=2.8.1 file_version=1.0}"
_NAME = re.compile(r"X([a-z]+)(\d+)(?:_(\d+))?")
#: instances of the loss, which stand behind the last row
_LOSS = ("load", "top", "exp", "")
#: what xschem needs to know to write its netlist here: without ``netlist_dir`` 2.8.1 ends with a signal where it has no screen
_RC = (
    "set netlist_dir .",
    "set netlist_type spice",
    "set XSCHEM_LIBRARY_PATH .:${XSCHEM_SHAREDIR}/xschem_library",
)


@dataclass
class _Sheet:
    """One subcircuit: pins, defaults of parameters, and cards of instances, word by word."""

    name: str
    pins: list[str] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)
    cards: list[list[str]] = field(default_factory=list)


def write_xschem(graph: ScatteringGraph, folder: Path, options: Options | None = None) -> tuple[str, ...]:
    """Write sheets, symbols, the library of cells and settings; the names of the files, the network's sheet first.

    ``xschem -n -s -q -x -r --rcfile xschemrc net.sch`` in the folder writes ``net.spice``.

    Parameters
    ----------
    graph : ScatteringGraph
    folder : Path
        Where they are written.
    options : Options, optional
        The circuit.

    Raises
    ------
    ExportError
        If the graph has no such circuit.
    OSError
        If nothing can be written there.
    """
    options = options or Options()
    refuse_penalties(graph)
    if options.bilateral:
        graph = two_way(graph)
    cells = list(library_text(library(graph, options), options.prefix))
    design = network(graph, options, {})
    sheets, commands = _sheets(_statements(design_text(replace(design, flat=True))))
    symbols = {one.name: (one, "subcircuit") for one in sheets if one.name != TOP}
    symbols |= {one.name: (one, "primitive") for one in _sheets(_statements(cells))[0] if one.name != TOP}
    sheets[0].pins = list(design.top.pins)
    texts = {f"{one.name}.sch": _schematic(one, symbols, commands if one.name == TOP else []) for one in sheets}
    texts |= {f"{name}.sym": _symbol(one, kind) for name, (one, kind) in symbols.items()}
    texts |= {LIBRARY: iter(["* cells of the network", *cells]), RC: iter(_RC)}
    for name, lines in texts.items():
        with (folder / name).open("w", encoding="ascii", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
    return tuple(texts)


def _statements(lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    """Statements on one line each, without comments."""
    found = ""
    for line in lines:
        if line.startswith("+"):
            found += line[1:]
            continue
        if found:
            yield found
        found = "" if line.startswith("*") else line
    if found:
        yield found


def _sheets(statements: Iterator[str]) -> tuple[list[_Sheet], list[str]]:
    """The network's sheet and those of its subcircuits, and what else is said of the network."""
    top, commands = _Sheet(TOP), list[str]()
    sheets, now = [top], top
    for statement in statements:
        word, *words = statement.split()
        if word == ".subckt":
            ports = [text for text in words if "=" not in text]
            now = _Sheet(ports[0], ports[1:], words[len(ports) :])
            sheets.append(now)
        elif word == ".ends":
            now = top
        elif word.startswith("X"):
            now.cards.append([word, *words])
        elif now is top:
            commands.append(statement)
    return sheets, commands


def _places(pins: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Where a symbol's pins are: the first half on the left, the others on the right."""
    left = (len(pins) + 1) // 2
    for k, pin in enumerate(pins):
        yield pin, -_HALF if k < left else _HALF, _PITCH * (k % left if k < left else k - left)


def _symbol(one: _Sheet, kind: str) -> Iterator[str]:
    keys = [text.partition("=")[0] for text in one.defaults]
    format_ = " ".join(["@name", "@pinlist", "@symname", *(f"{key}=@{key}" for key in keys)])
    bottom = _PITCH * ((len(one.pins) + 1) // 2)
    yield _HEAD
    yield f'G {{type={kind}\nformat="{format_}"\ntemplate="{" ".join(["name=x1", *one.defaults])}"}}'
    yield from ("V {}", "S {}", "E {}")
    edge = _HALF - _PITCH
    corners = [(-edge, -_PITCH), (edge, -_PITCH), (edge, bottom), (-edge, bottom), (-edge, -_PITCH)]
    for (a, b), (c, d) in pairwise(corners):
        yield f"L 4 {a} {b} {c} {d} {{}}"
    for pin, x, y in _places(one.pins):
        inside = x - _PITCH if x > 0 else x + _PITCH
        yield f"L 4 {min(x, inside)} {y} {max(x, inside)} {y} {{}}"
        yield f"B 5 {x - 2.5} {y - 2.5} {x + 2.5} {y + 2.5} {{name={pin} dir=inout}}"
        yield f"T {{{pin}}} {inside - 5 if x > 0 else inside + 5} {y - 4} 0 {int(x > 0)} 0.2 0.2 {{}}"
    yield f"T {{@symname}} {-edge} {-2 * _PITCH} 0 0 0.3 0.3 {{}}"
    yield f"T {{@name}} {-edge} {bottom + 5} 0 0 0.2 0.2 {{}}"


def _schematic(sheet: _Sheet, symbols: dict[str, tuple[_Sheet, str]], commands: Sequence[str]) -> Iterator[str]:
    """Ports in a column on the left, and every instance in its place with a label at each pin."""
    yield _HEAD
    yield from ("G {}", "V {}", "S {}", "E {}")
    number = count(1)
    for k, pin in enumerate(sheet.pins):
        yield f"C {{devices/iopin.sym}} {-2 * _GAP} {_PITCH * k} 0 1 {{name=p{next(number)} lab={pin}}}"
    if commands:
        told = "\n".join([f".include {LIBRARY}", *commands])
        yield f'C {{devices/netlist.sym}} {-5 * _GAP} 0 0 0 {{name=PARAMETERS value="{_inside(told)}"}}'
    columns = _columns(sheet)
    free = dict.fromkeys(columns, 0)
    for (name, *words), column in zip(sheet.cards, columns, strict=True):
        settings = [text for text in words if "=" in text]
        *nodes, cell = words[: len(words) - len(settings)]
        x, y = 2 * _GAP * column, free[column]
        free[column] += _PITCH * ((len(nodes) + 1) // 2 + 4)
        yield f"C {{{cell}.sym}} {x} {y} 0 0 {{name={name} {_inside(' '.join(settings))}}}"
        for (_, dx, dy), node in zip(_places(symbols[cell][0].pins), nodes, strict=True):
            yield (
                f"C {{devices/lab_pin.sym}} {x + dx} {y + dy} 0 {int(dx > 0)} "
                f"{{name=p{next(number)} sig_type=std_logic lab={node}}}"
            )


def _columns(sheet: _Sheet) -> list[int]:
    """The column of every instance.

    On the network's sheet rows of neurons and what is between them take turns, and the loss is last; in a crossbar it is that
    of the synapse, elsewhere one for each kind.
    """
    named = [found.groups() if (found := _NAME.match(card[0])) else ("", "0", None) for card in sheet.cards]
    if sheet.name == TOP:
        last = 2 + max(2 * int(first) for kind, first, _ in named if kind == "row")
        return [last if kind in _LOSS else 2 * int(first) + (kind != "row") for kind, first, _ in named]
    kinds = {kind: k for k, kind in enumerate(dict.fromkeys(kind for kind, *_ in named))}
    return [kinds[kind] if second is None else int(second) for kind, _, second in named]


def _inside(text: str) -> str:
    """A text within a property of xschem, whose braces would end it."""
    return re.sub(r"([{}])", r"\\\1", text)

"""The text of an export in the dialects of other simulators than ngspice, card by card.

They differ in conditional expressions, in how parameters of subcircuits are passed, in the options of lines and solvers,
and in what is printed. ngspice reads the result in its modes of compatibility; LTspice, Xyce and HSPICE have not: its files
say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from emulator.export.design import WITHIN
from emulator.export.hspice import hspice_text

Dialect = Literal["ngspice", "ltspice", "xyce", "hspice"]
#: solver options of each dialect; Xyce's come in packages
_OPTIONS = {
    "ltspice": ".options reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=500 gmin=1e-20",
    "xyce": ".options nonlin maxstep=500\n.options timeint reltol=1e-6 abstol=1e-12\n.options device gmin=1e-20",
}
#: modes of ngspice that read them
_MODES = {"ltspice": "ltpsa", "xyce": "psa", "hspice": "hsa"}
_PARAMETER = re.compile(r"\s\w+=")


def read_by(dialect: Dialect) -> str:
    """Which simulators have read a dialect, and which have not."""
    if dialect == "ngspice":
        return "ngspice"
    return f"ngspice in its mode {_MODES[dialect]}, not by {dialect} itself: unread there"


def remark(dialect: Dialect) -> str:
    """What the head of every file says about its dialect."""
    return dialect if dialect == "ngspice" else f"{dialect}; read by {read_by(dialect)}"


def translate(lines: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """Cards of ngspice as those of another dialect."""
    if dialect == "ngspice":
        yield from lines
        return
    if dialect == "hspice":
        yield from hspice_text(lines)
        return
    printed = source = ""
    saving = False
    for line in lines:
        kind = line[:1].upper()
        saving = line.startswith(".save") or (saving and line.startswith("+"))
        if saving:
            if dialect == "xyce" and not line.startswith("+"):
                yield f".print {printed} format=raw v(*)"
        elif kind in "B." and WITHIN.search(line):
            continue
        elif line.startswith("+"):
            yield line
        elif line.startswith(".options temp"):
            if dialect == "ltspice":  # Xyce takes its temperature from a package of options, and 27 degC without
                yield line
        elif line.startswith(".options"):
            yield _OPTIONS[dialect]
        elif kind == "T":
            yield line.replace(" rel=10", "")
        elif kind == "B":
            head, expression = re.split(r"(?<= [VI])=", line, maxsplit=1)
            text = conditionals(expression)
            yield f"{head}={{{re.sub('[{}]', '', text)}}}" if dialect == "xyce" else f"{head}={text}"
        elif dialect == "xyce" and line == ".op":
            printed = "dc"
            yield f".dc {source} 1"
        elif dialect == "xyce" and (kind == "X" or line.startswith(".subckt")):
            yield _PARAMETER.sub(lambda found: f" PARAMS:{found.group()}", line, count=1)
        else:
            if line.startswith(".tran"):
                printed = "tran"
            elif line.startswith(".param") and "vdd=" in line:
                value = line.split("=")[1]
                source = f"Vvdd {value} {value}"
            yield line


def conditionals(expression: str) -> str:
    """Every ``(condition ? one : other)`` of an expression as ``if(condition,one,other)``."""
    pieces: list[list[str]] = [[""]]
    for letter in expression:
        if letter == "(":
            pieces.append([""])
        elif letter == ")":
            inside = pieces.pop()
            chosen = f"if({','.join(inside)})"
            called = pieces[-1][-1][-1:].isalnum()
            pieces[-1][-1] += f"({inside[0]})" if len(inside) == 1 else f"({chosen})" if called else chosen
        elif letter in "?:":
            pieces[-1][-1] = pieces[-1][-1].strip()
            pieces[-1].append("")
        else:
            pieces[-1][-1] += letter if pieces[-1][-1] or letter != " " else ""
    return pieces[0][0]

"""Cards of ngspice in the syntax of HSPICE.

Expressions stand in single quotes, sources given by formulas are controlled sources (``vol=``, ``cur=``), ``log`` is the
natural logarithm, the largest step is an option, `.temp` is a statement, and parameters of the same name in outer
subcircuits would win but for ``parhier=local``. ``.option post`` keeps the waveforms of every node: HSPICE's ``.save`` is
something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from emulator.export.design import WITHIN

_BRACES = re.compile(r"\{([^{}]*)\}")
_SOURCE = re.compile(r"(B\w+) (\S+) (\S+) ([VI])=(.*)")
#: about the accuracy that is asked of ngspice; gmin loads nodes in a transient, gmindc at rest
_OPTIONS = ".option post=1 parhier=local reltol=1e-9 abstol=1e-15 vntol=1e-12 itl1=500 gmin=1e-20 gmindc=1e-20"


def hspice_text(lines: Iterable[str]) -> Iterator[str]:
    """Cards of ngspice as those of HSPICE; what only ngspice asks for is left out."""
    saving = False
    for line in lines:
        saving = line.startswith(".save") or (saving and line.startswith("+"))
        if saving:
            continue
        if line[:1] in ("B", ".") and WITHIN.search(line):
            continue
        if line.startswith("*"):
            yield line
        elif found := _SOURCE.fullmatch(line):
            yield _controlled(*found.groups())
        elif line.startswith(".include"):
            yield f".include '{line.split()[1]}'"
        elif line.startswith(".options temp"):
            yield f".temp {_quoted(line.split('=')[1])}"
        elif line.startswith(".options"):
            yield _OPTIONS
        elif line.startswith(".tran"):
            step, stop, _, largest = line.split()[1:]
            yield f".option delmax={largest}"
            yield f".tran {step} {stop}"
        else:
            yield _quoted(line.replace(" rel=10", ""))


def _quoted(line: str) -> str:
    return _BRACES.sub(r"'\1'", line)


def _controlled(name: str, high: str, low: str, kind: str, formula: str) -> str:
    """A source given by a formula, in which parameters stand without braces."""
    formula = re.sub(r"\bln\(", "log(", re.sub(r"[{}]", "", formula))
    letter, word = ("E", "vol") if kind == "V" else ("G", "cur")
    return f"{letter}{name} {high} {low} {word}='{formula}'"

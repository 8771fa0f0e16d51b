"""Files of cells: subcircuits, parameters and models, read as data; whatever runs, reads or includes is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulator.errors import FileFormatError
from emulator.export.circuit import bytes_of, shown, statements_of
from emulator.export.corners import SETTING, number, settings_of
from emulator.export.statements import use

#: where bundled examples are
EXAMPLES = Path(__file__).parent / "examples"
#: bytes of a file of cells
_MOST = 4 << 20
_COMMANDS = (".subckt", ".ends", ".param", ".model")
#: where an element names its model: words from the end, or the number of its nodes
_MODELLED = {"m": 4, "j": 3, "d": 2}


@dataclass
class Body:
    """A subcircuit as the file has it, in lower case."""

    line: int
    pins: tuple[str, ...]
    formals: dict[str, str]
    statements: list[str] = field(default_factory=list)

    @property
    def models(self) -> dict[str, str]:
        """Models that it has for itself."""
        return {one.split(" ")[1]: one for one in self.statements if one.startswith(".model ")}


def cells_file(name: str | Path) -> Path:
    """The file of cells of a name: that of a bundled example, or a path."""
    bundled = {path.stem: path for path in EXAMPLES.glob("*.inc")}
    return bundled.get(str(name), Path(name))


def read_cells(path: Path) -> tuple[dict[str, Body], dict[str, str], dict[str, str]]:
    """Read a file of cells: subcircuits, parameters and models.

    Raises
    ------
    FileFormatError
        If it is none: it cannot be read, or has a statement that is no part of a cell; the message names the line.
    """
    data = bytes_of(path, f"file of cells '{path}'", _MOST)
    bodies: dict[str, Body] = {}
    constants: dict[str, str] = {}
    models: dict[str, str] = {}
    inner: Body | None = None
    for line, parts in statements_of(path, data, titled=False):
        whole = " ".join(parts)
        at = f"file of cells '{path}', line {line}: "
        text = _plain(whole)
        command = text.split(" ")[0]
        if command.startswith(".") and command not in _COMMANDS:
            raise FileFormatError(f"{at}{shown(whole)} is no part of a cell; allowed: elements, {', '.join(_COMMANDS)}")
        try:
            use(text)
        except ValueError as error:
            raise FileFormatError(f"{at}{shown(whole)} {error}") from None
        if command == ".subckt":
            if inner is not None:
                raise FileFormatError(
                    f"{at}{shown(whole)} stands within another subcircuit; allowed: one after the other"
                )
            name, inner = _head(text, line, at)
            if name in bodies:
                raise FileFormatError(f"{at}subcircuit {name!r} is there twice; allowed: once")
            bodies[name] = inner
        elif command == ".ends":
            if inner is None:
                raise FileFormatError(f"{at}'.ends' without a subcircuit; allowed: one for each")
            inner = None
        elif command == ".model" and text.split(" ")[1] in (models if inner is None else inner.models):
            raise FileFormatError(f"{at}model {text.split(' ')[1]!r} is there twice; allowed: once")
        elif inner is not None:
            inner.statements.append(text)
        elif command == ".param":
            constants |= settings_of(text, at, constants)
        elif command == ".model":
            models[text.split(" ")[1]] = text
        else:
            raise FileFormatError(f"{at}{shown(whole)} stands outside of a subcircuit; allowed: {', '.join(_COMMANDS)}")
    if inner is not None:
        raise FileFormatError(f"file of cells '{path}': its last subcircuit has no '.ends'; allowed: one for each")
    return bodies, constants, models


def scale_of(path: Path) -> dict[str, float]:
    """For which scale the cells of a file say that they are sized: the defaults of ``vfs`` and ``rref``."""
    bodies = read_cells(path)[0]
    helpers = {instance_of(one)[0][-1] for body in bodies.values() for one in body.statements if one[0] == "x"}
    found: dict[str, float] = {}
    for name, body in bodies.items():
        if name not in helpers:
            found = sized_for(body, f"file of cells '{path}'") | found
    return found


def sized_for(body: Body, file: str) -> dict[str, float]:
    """The scale that a subcircuit has for defaults; `file` is for errors."""
    return {
        key: number(body.formals[key], f"{file}, line {body.line}: default of {key!r}")
        for key in ("vfs", "rref")
        if key in body.formals
    }


def instance_of(text: str) -> tuple[list[str], list[str]]:
    """Words of an instance up to its subcircuit, and its settings."""
    settings = [f"{key}={value}" for key, value in SETTING.findall(text)]
    return [word for word in SETTING.sub("", text).split() if word != "params:"], settings


def model_of(text: str, models: Mapping[str, str]) -> str | None:
    """The model of an element, if it names one of these."""
    words = [word for word in SETTING.sub("", text).split() if word]
    letter = text[0]
    first = {"q": 4, "r": 3, "c": 3, "l": 3}.get(letter)  # before it may stand a substrate, or a value
    if first is not None:
        return next((word for word in words[first:] if word in models), None)
    if letter in _MODELLED:
        at = _MODELLED[letter] + 1
        return words[at] if len(words) > at and words[at] in models else None
    return None


def names_model(text: str) -> bool:
    """Whether an element names a model: all do but sources, and resistors and their like that have only a value."""
    return text[0] in "mjdq" or (
        text[0] in "rcl" and any(word[0].isalpha() for word in halves(SETTING.sub("", text))[1][2:])
    )


def halves(text: str) -> tuple[str, list[str]]:
    """A statement as its first word, and the others; expressions stay whole."""
    words = re.findall(r"[^\s{}]*\{[^{}]*\}|[^\s{}]+", text)
    return words[0], words[1:]


def _plain(whole: str) -> str:
    text = " ".join(whole.lower().split())
    return re.sub(r" ?= ?", "=", text) if "=" in text else text


def _head(text: str, line: int, at: str) -> tuple[str, Body]:
    words = [word for word in SETTING.sub("", text).split() if word != "params:"]
    if len(words) < 3:
        raise FileFormatError(f"{at}{shown(text)} has no pins; allowed: a name and pins")
    return words[1], Body(line, tuple(words[2:]), settings_of(text, at))

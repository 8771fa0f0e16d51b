"""Cells of one's own: a file of subcircuits that take the place of the library's, read as data and held to the contract.

What an export writes of them is a text of its own: every subcircuit under the export's prefix, with the parameters and the
models of the file inside it, so that several such files, or one file at several corners, stand side by side in a deck.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from emulator.errors import FileFormatError, suggest
from emulator.export.cells import Cell
from emulator.export.circuit import shown, statements_of
from emulator.export.contract import ACTIVATION, contract
from emulator.export.corners import number
from emulator.export.design import Design, Instance, Parameter, Subcircuit
from emulator.export.options import Options
from emulator.export.spice_text import card
from emulator.export.statements import use
from emulator.units import si
from hwmodels import doors

#: where bundled examples are
EXAMPLES = Path(__file__).parent / "examples"
#: bytes of a file of cells
_MOST = 4 << 20
_COMMANDS = (".subckt", ".ends", ".param", ".model")
#: parameters that cells may know, and need not
_OPTIONAL = ("vfs", "rref", "tgap")
#: names that a testbench gives its supplies
_RESERVED = ("vdd", "vss")
_SETTING = re.compile(r"(\w+)=(\{[^{}]*\}|[^\s{}]+)")
#: where an element names its model: words from the end, or the number of its nodes
_MODELLED = {"m": 4, "j": 3, "d": 2}


@dataclass
class _Body:
    """A subcircuit as the file has it, in lower case."""

    line: int
    pins: tuple[str, ...]
    formals: dict[str, str]
    statements: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class OwnCells:
    """Subcircuits of a file, checked.

    Parameters
    ----------
    file : str
        Its name.
    replaced : tuple of str
        Cells of the library whose place they take, without prefix.
    settings : dict of str to float
        Parameters of theirs that an instance, a testbench or a corner may set, and their values.
    sized : dict of str to float
        The scale for which it is sized: ``vfs`` in volts, ``rref`` in ohms, where its cells have defaults.
    bodies, constants, models
        What the file has: subcircuits, parameters that stay as they are, and models.
    """

    file: str
    replaced: tuple[str, ...]
    settings: Mapping[str, float]
    sized: Mapping[str, float]
    bodies: Mapping[str, _Body]
    constants: Mapping[str, str]
    models: Mapping[str, str]

    def swept(self, names: Iterable[str], place: str) -> OwnCells:
        """The same with parameters of the file that a corner sets among the settings.

        Raises
        ------
        FileFormatError
            If a parameter that is to be set is an expression.
        """
        settings, constants = dict(self.settings), dict(self.constants)
        for name in names:
            if name in constants:
                settings[name] = number(constants.pop(name), f"{place}sets {name!r}, which in '{self.file}'")
        return replace(self, settings=settings, constants=constants)

    def warnings(self, volts: float, ohms: float) -> Iterator[str]:
        """Where cells are sized for another scale than the circuit has."""
        for name, unit, value in (("vfs", "V", volts), ("rref", "ohm", ohms)):
            if name in self.sized and abs(self.sized[name] - value) > 1e-9 * value:
                yield (
                    f"cells: '{self.file}' is sized for {name} {si(self.sized[name], unit)}, whereas the circuit has "
                    f"{si(value, unit)}"
                )

    def text(self, prefix: str) -> Iterator[str]:
        """The file of an export that holds them."""
        for name, body in self.bodies.items():
            inside = {key: value for key, value in self.settings.items() if key not in body.formals}
            formals = [f"{key}={value}" for key, value in body.formals.items()]
            formals += [f"{key}={value!r}" for key, value in inside.items()]
            yield from card(f".subckt {self._named(name, prefix)}", body.pins, formals)
            yield from (f".param {key}={value}" for key, value in self.constants.items() if key not in body.formals)
            used = {model for one in body.statements if (model := _model(one, self.models))}
            yield from (self.models[model] for model in self.models if model in used)
            for one in body.statements:
                yield from self._statement(one, prefix)
            yield f".ends {self._named(name, prefix)}"
            yield ""

    def _named(self, name: str, prefix: str) -> str:
        """A cell under the export's prefix; helpers are set apart from the library's cells."""
        return f"{prefix}{name}" if name in self.replaced else f"{prefix}own_{name}"

    def _statement(self, text: str, prefix: str) -> Iterator[str]:
        if text[0] == "b":
            # ngspice puts an expression in braces into that of a source as it stands: V(x)/{8*vfs} would be V(x)/8*vfs
            text = text.replace("{", "({").replace("}", "})")
        if text[0] != "x":
            yield from card(*_halves(text))
            return
        nodes, settings = _instance(text)
        known = {key for key, _ in _SETTING.findall(text)} | set(self.bodies[nodes[-1]].formals)
        passed = [f"{key}={{{key}}}" for key in self.settings if key not in known]
        yield from card(nodes[0], [*nodes[1:-1], self._named(nodes[-1], prefix)], [*settings, *passed])


def cells_file(name: str | Path) -> Path:
    """The file of cells of a name: that of a bundled example, or a path."""
    bundled = {path.stem: path for path in EXAMPLES.glob("*.inc")}
    return bundled.get(str(name), Path(name))


def scale_of(path: Path) -> dict[str, float]:
    """For which scale the cells of a file say that they are sized: the defaults of ``vfs`` and ``rref``."""
    bodies = read_cells(path)[0]
    helpers = {_instance(one)[0][-1] for body in bodies.values() for one in body.statements if one[0] == "x"}
    return _sized(body for name, body in bodies.items() if name not in helpers)


def _sized(bodies: Iterable[_Body]) -> dict[str, float]:
    found: dict[str, float] = {}
    for body in bodies:
        for key in ("vfs", "rref"):
            if key in body.formals:
                found.setdefault(key, number(body.formals[key], f"default of {key!r}"))
    return found


def read_cells(path: Path) -> tuple[dict[str, _Body], dict[str, str], dict[str, str]]:
    """Read a file of cells: subcircuits, parameters and models.

    Raises
    ------
    FileFormatError
        If it is none: it cannot be read, or has a statement that is no part of a cell; the message names the line.
    """
    try:
        data = doors.read_bytes(path, _MOST)
    except doors.RefusedError as error:
        raise FileFormatError(f"file of cells '{path}' {error}") from None
    except OSError as error:
        raise FileFormatError(f"file of cells '{path}' cannot be read: {error.strerror}") from None
    bodies: dict[str, _Body] = {}
    constants: dict[str, str] = {}
    models: dict[str, str] = {}
    inner: _Body | None = None
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
        elif inner is not None:
            inner.statements.append(text)
        elif command == ".param":
            constants |= dict(_SETTING.findall(text))
        elif command == ".model":
            models[text.split(" ")[1]] = text
        else:
            raise FileFormatError(f"{at}{shown(whole)} stands outside of a subcircuit; allowed: {', '.join(_COMMANDS)}")
    if inner is not None:
        raise FileFormatError(f"file of cells '{path}': its last subcircuit has no '.ends'; allowed: one for each")
    return bodies, constants, models


def own_cells(path: Path, library: Iterable[Cell], options: Options, loss: str) -> OwnCells:
    """Read cells of one's own, and hold them to the contract.

    Parameters
    ----------
    path : Path
    library : iterable of Cell
        Those of the circuit.
    options : Options
    loss : str
        Of the network.

    Raises
    ------
    FileFormatError
        As for `read_cells`; or if a subcircuit is not used, unknown, or has other pins or parameters than the contract.
    """
    bodies, constants, models = read_cells(path)
    file = f"file of cells '{path}'"
    known = {}
    for cell in library:
        held = contract(cell.name, options.circuit, options.synapse, loss)
        if held is None and cell.pins[:4] == ("s", "x", "lam", "mu"):
            held = contract(ACTIVATION, options.circuit, options.synapse)
        if held is not None:
            known[cell.name] = held, dict(cell.parameters)
    bodies = _plainly_named(bodies, options.prefix.lower(), file)
    helpers = {
        nodes[-1]
        for body in bodies.values()
        for one in body.statements
        if one[0] == "x"
        for nodes in [_instance(one)[0]]
    }
    for name in sorted(helpers - set(bodies)):
        raise FileFormatError(f"{file}: no subcircuit {suggest(name, sorted(bodies))}")
    replaced = tuple(name for name in bodies if name in known)
    sized = _sized(bodies[name] for name in replaced)
    for name, body in bodies.items():
        at = f"{file}, line {body.line}: "
        if name not in known:
            if name not in helpers:
                raise FileFormatError(f"{at}this circuit has no cell {suggest(name, sorted(known))}")
            continue
        held, parameters = known[name]
        if body.pins != held.names:
            raise FileFormatError(
                f"{at}cell {name!r} has the pins {' '.join(body.pins)}; allowed: {' '.join(held.names)}, by the contract"
            )
        for key, value in parameters.items():
            if key not in body.formals:
                if key not in _OPTIONAL:
                    raise FileFormatError(
                        f"{at}cell {name!r} has no parameter {key!r}; allowed: {', '.join(parameters)}"
                    )
                body.formals[key] = f"{value:g}"
    if not replaced:
        raise FileFormatError(f"{file} has no cell of this circuit; allowed: {', '.join(sorted(known))}")
    settings: dict[str, float] = {}
    for name in replaced:
        own = {key: value for key, value in bodies[name].formals.items() if key not in known[name][1]}
        for key, default in own.items():
            settings.setdefault(key, number(default, f"{file}, line {bodies[name].line}: default of {key!r}"))
    taken = {*(key for _, parameters in known.values() for key in parameters), *_RESERVED}
    for key in [*settings, *constants]:
        if key in taken:
            raise FileFormatError(f"{file}: parameter {key!r} is one of the circuit's own; allowed: another name")
    _check_models(file, bodies, models)
    return OwnCells(path.name, replaced, settings, sized, bodies, constants, models)


def kept(library: Iterable[Cell], own: OwnCells) -> list[Cell]:
    """The cells of a library that are not replaced; those that have replaced ones inside hand on their settings."""
    found = []
    for cell in library:
        if cell.name in own.replaced:
            continue
        if _holds(cell, own):
            more = " ".join(f"{key}={{{key}}}" for key in own.settings)
            cards = tuple(
                f"{text} {more}" if text[0] == "X" and _inner(text) in own.replaced else text for text in cell.spice
            )
            cell = replace(cell, parameters=(*cell.parameters, *own.settings.items()), spice=cards)
        found.append(cell)
    return found


def _inner(text: str) -> str:
    return _SETTING.sub("", text).split()[-1]


def _holds(cell: Cell, own: OwnCells) -> bool:
    return any(text[0] == "X" and _inner(text) in own.replaced for text in cell.spice)


def place(design: Design, own: OwnCells, library: Iterable[Cell]) -> Design:
    """A design whose replaced cells get their own parameters, all the way down; they are parameters of the network."""
    names = [key for key in own.settings if all(key != p.name for p in design.parameters)]
    found = [Parameter(key, own.settings[key], "", f"of the cells in {own.file}") for key in names]
    passed = tuple((key, key) for key in own.settings)
    carrying = {*own.replaced, *(cell.name for cell in library if _holds(cell, own))}
    below = {part.name for part in design.parts if any(one.cell in carrying for one in part.instances)}

    def given(one: Instance) -> Instance:
        known = {key for key, _ in one.settings}
        more = tuple(pair for pair in passed if pair[0] not in known)
        return one._replace(settings=(*one.settings, *more)) if one.cell in below | carrying else one

    def wired(part: Subcircuit) -> Subcircuit:
        known = {key for key, _ in part.parameters}
        formals = (*part.parameters, *(pair for pair in passed if pair[0] not in known))
        return replace(
            part, parameters=formals if part.name in below else part.parameters,
            instances=[given(one) for one in part.instances],
        )  # fmt: skip

    return Design(
        design.prefix,
        [*design.parameters, *found],
        [wired(part) for part in design.parts],
        wired(design.top),
        design.flat,
    )


def _plain(whole: str) -> str:
    text = " ".join(whole.lower().split())
    return re.sub(r" ?= ?", "=", text) if "=" in text else text


def _head(text: str, line: int, at: str) -> tuple[str, _Body]:
    words = [word for word in _SETTING.sub("", text).split() if word != "params:"]
    if len(words) < 3:
        raise FileFormatError(f"{at}{shown(text)} has no pins; allowed: a name and pins")
    return words[1], _Body(line, tuple(words[2:]), dict(_SETTING.findall(text)))


def _instance(text: str) -> tuple[list[str], list[str]]:
    """Words of an instance up to its subcircuit, and its settings."""
    settings = [f"{key}={value}" for key, value in _SETTING.findall(text)]
    return [word for word in _SETTING.sub("", text).split() if word != "params:"], settings


def _plainly_named(bodies: Mapping[str, _Body], prefix: str, file: str) -> dict[str, _Body]:
    """Subcircuits without the export's prefix, which a file may write or not."""
    found: dict[str, _Body] = {}
    for name, body in bodies.items():
        if name.removeprefix(prefix) in found:
            raise FileFormatError(
                f"{file}, line {body.line}: subcircuit {name!r} is there twice; allowed: with or without prefix"
            )
        found[name.removeprefix(prefix)] = body
    return {name: _renamed(body, prefix, found) for name, body in found.items()}


def _renamed(body: _Body, prefix: str, bodies: Mapping[str, _Body]) -> _Body:
    """A body whose instances are those of subcircuits without the export's prefix."""

    def plain(text: str) -> str:
        if text[0] != "x":
            return text
        nodes, settings = _instance(text)
        name = nodes[-1].removeprefix(prefix)
        return " ".join([*nodes[:-1], name if name in bodies else nodes[-1], *settings])

    return replace(body, formals=dict(body.formals), statements=[plain(text) for text in body.statements])


def _model(text: str, models: Mapping[str, str]) -> str | None:
    """The model of an element, if it names one of these."""
    words = [word for word in _SETTING.sub("", text).split() if word]
    letter = text[0]
    if letter == "q":
        return next((word for word in words[4:] if word in models), None)
    if letter in _MODELLED:
        at = _MODELLED[letter] + 1
        return words[at] if len(words) > at and words[at] in models else None
    return next((word for word in words[3:] if word in models), None) if letter in "rcl" else None


def _check_models(file: str, bodies: Mapping[str, _Body], models: Mapping[str, str]) -> None:
    for body in bodies.values():
        inside = {one.split(" ")[1]: one for one in body.statements if one.startswith(".model ")}
        for one in body.statements:
            if one[0] in "mjdq" and _model(one, {**models, **inside}) is None:
                raise FileFormatError(
                    f"{file}: {shown(one)} has no model in the file; allowed: {', '.join({**models, **inside})}"
                )


def _halves(text: str) -> tuple[str, list[str]]:
    """A statement as its first word, and the others; expressions stay whole."""
    words = re.findall(r"[^\s{}]*\{[^{}]*\}|[^\s{}]+", text)
    return words[0], words[1:]

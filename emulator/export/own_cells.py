"""Cells of one's own: subcircuits of a file that take the place of the library's, held to the contract.

What an export writes of them is a text of its own: every subcircuit under the export's prefix, with the parameters and the
models of the file inside it, so that several such files, or one file at several corners, stand side by side in a deck.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from emulator.errors import FileFormatError, suggest
from emulator.export.cell_files import Body, halves, instance_of, model_of, names_model, read_cells, sized_for
from emulator.export.cells import Cell
from emulator.export.circuit import shown
from emulator.export.contract import ACTIVATION, contract
from emulator.export.corners import SETTING, number, plain
from emulator.export.options import Options
from emulator.export.spice_text import card
from emulator.graph.names import shorten
from emulator.units import si

#: parameters that cells may know, and need not
_OPTIONAL = ("vfs", "rref", "tgap")
#: names that a testbench gives its supplies
_RESERVED = ("vdd", "vss")
#: characters of a file's name that are shown
_SHOWN = 60


@dataclass(frozen=True)
class OwnCells:
    """Subcircuits of a file, checked.

    Parameters
    ----------
    file : str
        Its name, printable and short: it stands in comments and warnings.
    replaced : tuple of str
        Cells of the library whose place they take, without prefix.
    settings : dict of str to float
        Parameters of theirs that an instance, a testbench or a corner may set, and their values.
    sized : dict of str to dict of str to float
        The scale for which each cell is sized: ``vfs`` in volts, ``rref`` in ohms, where it has defaults.
    bodies, constants, models
        What the file has: subcircuits, parameters that stay as they are, and models.
    """

    file: str
    replaced: tuple[str, ...]
    settings: Mapping[str, float]
    sized: Mapping[str, Mapping[str, float]]
    bodies: Mapping[str, Body]
    constants: Mapping[str, str]
    models: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that a corner may set."""
        return (*self.settings, *self.constants)

    def swept(self, names: Iterable[str], place: str) -> OwnCells:
        """The same with parameters of the file that a corner sets among the settings.

        Raises
        ------
        FileFormatError
            If a parameter that is to be set is an expression, or also one of a subcircuit, which would not be set.
        """
        settings, constants = dict(self.settings), dict(self.constants)
        for name in names:
            if name in constants:
                hidden = next((body for body in self.bodies if name in self.bodies[body].formals), None)
                if hidden is not None:
                    raise FileFormatError(
                        f"{place}sets {name!r}, which in '{self.file}' is a .param and, in line {self.bodies[hidden].line}, a "
                        f"parameter of {hidden!r}; allowed: different names"
                    )
                settings[name] = number(constants.pop(name), f"{place}sets {name!r}, which in '{self.file}'")
        return replace(self, settings=settings, constants=constants)

    def warnings(self, volts: float, ohms: float) -> Iterator[str]:
        """Where cells are sized for another scale than the circuit has."""
        for name, unit, value in (("vfs", "V", volts), ("rref", "ohm", ohms)):
            found: dict[float, list[str]] = {}
            for cell, scale in self.sized.items():
                if name in scale:
                    found.setdefault(scale[name], []).append(cell)
            for sized, cells in found.items():
                if abs(sized - value) > 1e-9 * value:
                    where = f" in {', '.join(cells)}" if len(found) > 1 else ""
                    yield (
                        f"cells: '{self.file}' is sized for {name} {si(sized, unit)}{where}, whereas the circuit has "
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
            used = {model for one in body.statements if (model := model_of(one, self.models))} - set(body.models)
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
            yield from card(*halves(text))
            return
        nodes, settings = instance_of(text)
        known = {key for key, _ in SETTING.findall(text)} | set(self.bodies[nodes[-1]].formals)
        passed = [f"{key}={{{key}}}" for key in self.settings if key not in known]
        yield from card(nodes[0], [*nodes[1:-1], self._named(nodes[-1], prefix)], [*settings, *passed])


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
    bodies = _plainly_named(bodies, known, options.prefix, file)
    helpers = {
        nodes[-1]
        for body in bodies.values()
        for one in body.statements
        if one[0] == "x"
        for nodes in [instance_of(one)[0]]
    }
    for name in sorted(helpers - set(bodies)):
        raise FileFormatError(f"{file}: no subcircuit {suggest(name, sorted(bodies))}")
    try:
        TopologicalSorter(
            {
                name: [instance_of(one)[0][-1] for one in body.statements if one[0] == "x"]
                for name, body in bodies.items()
            }
        ).prepare()
    except CycleError as error:
        raise FileFormatError(
            f"{file}: subcircuit {' within '.join(error.args[1])}; allowed: none within itself"
        ) from None
    replaced = tuple(name for name in bodies if name in known)
    sized = {name: sized_for(bodies[name], file) for name in replaced}
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
            at = f"{file}, line {bodies[name].line}: "
            value = number(default, f"{at}default of {key!r}")
            if settings.setdefault(key, value) != value:
                raise FileFormatError(
                    f"{at}cell {name!r} has {key!r} {value:g}, another has {settings[key]:g}; allowed: one default, since it "
                    "becomes one parameter of the network"
                )
            if key in constants:
                raise FileFormatError(
                    f"{at}parameter {key!r} of cell {name!r} is also a .param of the file; allowed: different names"
                )
    taken = {*(key for _, parameters in known.values() for key in parameters), *_RESERVED}
    for key in [*settings, *constants]:
        if key in taken:
            raise FileFormatError(f"{file}: parameter {key!r} is one of the circuit's own; allowed: another name")
    _check_models(file, bodies, models)
    return OwnCells(shorten(path.name, _SHOWN), replaced, settings, sized, bodies, constants, models)


def _plainly_named(bodies: Mapping[str, Body], cells: Container[str], prefix: str, file: str) -> dict[str, Body]:
    """Subcircuits of which cells are without the export's prefix, which a file may write or not."""
    found: dict[str, Body] = {}
    for name, body in bodies.items():
        bare = plain(name, cells, prefix)
        if bare in found:
            raise FileFormatError(
                f"{file}, line {body.line}: subcircuit {name!r} is there twice; allowed: with or without prefix"
            )
        found[bare] = body
    return {name: _renamed(body, prefix, found) for name, body in found.items()}


def _renamed(body: Body, prefix: str, bodies: Mapping[str, Body]) -> Body:
    """A body whose instances are those of subcircuits as they are named here."""

    def renamed(text: str) -> str:
        if text[0] != "x":
            return text
        nodes, settings = instance_of(text)
        return " ".join([*nodes[:-1], plain(nodes[-1], bodies, prefix), *settings])

    return replace(body, formals=dict(body.formals), statements=[renamed(text) for text in body.statements])


def _check_models(file: str, bodies: Mapping[str, Body], models: Mapping[str, str]) -> None:
    for body in bodies.values():
        inside = body.models
        for one in body.statements:
            if names_model(one) and model_of(one, {**models, **inside}) is None:
                raise FileFormatError(
                    f"{file}: {shown(one)} has no model in the file; allowed: {', '.join({**models, **inside})}"
                )

"""``backwave export`` and ``backwave verify``: a substrate as a circuit for other tools, and proof that it agrees."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from emulator.export import Check
    from emulator.export.corner_checks import CornerCheck
    from emulator.export.predicted import Prediction
    from emulator.export.task import Task

#: cells that are named of a wrong circuit
_SUSPECTS = 10


def export(
    context: typer.Context,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name or TOML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; it must be new or empty.")],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            help="spice, vacask, spectre (unread), "
            "graphml, graphml-neurons, json, node-link, sax, verilog-a, xschem, touchstone or touchstone-network.",
        ),
    ] = "spice",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a key of the scenario; may be repeated."),
    ] = None,
    sample: Annotated[
        int, typer.Option(help="Which sample: circuits present it, sax and touchstone-network rest at it.")
    ] = 0,
    circuit: Annotated[
        str, typer.Option(help="spice, vacask, spectre, sax, verilog-a, xschem: directional or bilateral.")
    ] = "directional",
    synapse: Annotated[str, typer.Option(help="Circuits and verilog-a: gyrator or transformer.")] = "gyrator",
    termination: Annotated[
        str,
        typer.Option(help="spice, sax, verilog-a, bilateral: stub (brian2's waves) or lumped (capacitors, inductors)."),
    ] = "stub",
    hold: Annotated[
        float | None, typer.Option(help="spice, bilateral or with --cells: mean line delays that the transient lasts.")
    ] = None,
    buildable: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=LOW:HIGH", help="spice: warn outside a range, such as 'conductance=1 uS:1 mS'."),
    ] = None,
    volts: Annotated[
        float | None,
        typer.Option(help="Circuits: volts of a state of 1.", show_default="1, or what --cells are sized for"),
    ] = None,
    full_scale: Annotated[
        float | None, typer.Option(help="spice: volts of the largest state, in place of --volts.")
    ] = None,
    ohms: Annotated[
        float | None,
        typer.Option(
            help="Ohms of a state over costate of 1; touchstone: of the ports.",
            show_default="50, or what --cells are sized for",
        ),
    ] = None,
    mismatch: Annotated[bool, typer.Option("--mismatch", help="spice: weights with the hardware's spread.")] = False,
    seed: Annotated[int, typer.Option(help="spice: seed of what --mismatch or --cells draw.")] = 1,
    dialect: Annotated[
        str, typer.Option(help="spice: ngspice, or ltspice, xyce, hspice (read by ngspice).")
    ] = "ngspice",
    prefix: Annotated[
        str, typer.Option(help="Circuits and verilog-a: start of the names of cells, subcircuits and parameters.")
    ] = "bw_",
    cells: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="spice: subcircuits in place of cells, held to the contract; or ota, the example."
        ),
    ] = None,
    corner: Annotated[
        list[Path] | None,
        typer.Option(
            "--corner", metavar="FILE", help="spice: a set of .param, beside the typical one; may be repeated."
        ),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="touchstone and picture: the dense layer.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="spice: draw the circuit around one crossbar to this file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
) -> None:
    """Write the substrate of a scenario as a circuit, with testbenches and the values they must show.

    \b
    Examples:
      backwave export digits --out circuit
      backwave export digits --circuit bilateral --full-scale 0.5 --out circuit
      backwave export digits --format touchstone --layer s1 --out tile
      backwave export digits --cells ota --corner slow.inc --out transistors
    """  # noqa: D301
    from emulator.commands.console import console, progress
    from emulator.export import Options, schematic, spice
    from emulator.export.cell_files import cells_file, scale_of
    from emulator.export.compiled import COMPILED, export_compiled
    from emulator.export.expected import expect
    from emulator.export.formats import AT_REST, check_format, export_file
    from emulator.export.options import Buildable
    from emulator.export.picture import check_schematic
    from emulator.export.used import refuse_unused
    from emulator.export.warnings import CIRCUITS, left_out, still
    from emulator.scenario import load_scenario
    from emulator.scenario.build import prepare

    check_format(kind)
    refuse_unused(kind, typed(context))
    warnings: tuple[str, ...] = ()
    sized = {} if cells is None else scale_of(cells_file(cells))
    volts = sized.get("vfs", 1.0) if volts is None else volts
    ohms = sized.get("rref", 50.0) if ohms is None else ohms
    with progress() as tell:
        tell("preparing network and substrate", None)
        ready = prepare(load_scenario(scenario, overrides or []))
        if picture is not None:
            check_schematic(ready.graph, picture, layer)
        tell("writing", None)
        batch = ready.batch
        options = Options(
            circuit, synapse, volts, ohms, mismatch, seed, termination,  # type: ignore[arg-type]
            Buildable.of(buildable or []), dialect, prefix,  # type: ignore[arg-type]
        )  # fmt: skip
        if kind == "spice":
            written = spice(
                ready.graph, out, batch.inputs, batch.targets, options=options, sample=sample,
                full_scale=full_scale, hold=hold, force=force, command=shlex.join(["backwave", *sys.argv[1:]]),
                cells=cells, corners=corner or (),
            )  # fmt: skip
            files, warnings = written.files, written.warnings
            if picture is not None:
                schematic(ready.graph, picture, layer=layer, options=options, title=ready.scenario.title)
        elif kind in COMPILED:
            files, warnings = export_compiled(
                ready.graph, out, kind, batch.inputs, batch.targets, options=options, sample=sample, force=force
            )
        else:
            point = None
            if kind in AT_REST:
                point = expect(ready.graph, batch.inputs, batch.targets, sample, waves=False).exact
            files = export_file(
                ready.graph, out, kind, layer=layer, ohms=ohms, point=point, options=options, force=force
            )
            warnings = left_out(ready.graph, kind, options)
        if kind == "spice" or kind in COMPILED or kind in CIRCUITS:
            run = ready.scenario.config.run
            warnings = (*warnings, *still(run.ramp, run.threshold))
    screen = console()
    for text in warnings:
        screen.print(f"warning: {text}")
    screen.print(f"written to {out}: {', '.join(files)}", soft_wrap=True)


def typed(context: typer.Context) -> list[str]:
    """Parameters of a command that were given a value."""
    found = {key: context.get_parameter_source(key) for key in context.params}
    return [key for key, source in found.items() if source is not None and source.name != "DEFAULT"]


def verify(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that 'backwave export' wrote.")],
    limit: Annotated[float, typer.Option(help="Most seconds that each run of ngspice may take.")] = 300.0,
    memory: Annotated[float, typer.Option(help="Most gigabytes that each run of ngspice may use.")] = 4.0,
    tolerance: Annotated[
        float | None, typer.Option(help="Largest relative deviation that agrees.", show_default="1e-8 at rest")
    ] = None,
    samples: Annotated[int, typer.Option(help="Samples of the batch by which to judge the task, at most 20.")] = 0,
    hardware: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What the cells were fitted to: the circuit must lie among its chips."),
    ] = None,
    chips: Annotated[int, typer.Option(help="Chips to settle with --hardware.")] = 40,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Runs of ngspice at a time.")] = 1,
) -> None:
    """Run an exported circuit in ngspice and compare it with what it must show.

    The folder may be a stranger's: its netlists are read as data, anything but a plain circuit is refused with file and
    line, and ngspice gets a copy in a room of its own. The exit status is 0 if everything agrees, 1 if not, 2 for errors.

    \b
    Examples:
      backwave verify circuit
      backwave verify circuit --limit 900 --memory 8
      backwave verify transistors --hardware my-cells.toml --samples 20
    """  # noqa: D301
    from emulator.commands.console import console, progress, table
    from emulator.commands.console import verdict as line
    from emulator.commands.paths import refuse_other
    from emulator.errors import ExportError
    from emulator.export import verify as check_export
    from emulator.kinds import CIRCUIT

    if hardware is None and "chips" in typed(context):
        raise ExportError("--chips got no --hardware, whose chips they are; allowed: both")
    refuse_other(directory, CIRCUIT)
    with progress() as tell:
        tell("running ngspice", None)
        outcome = check_export(
            directory,
            limit=limit,
            memory=memory,
            tolerance=tolerance,
            samples=samples,
            hardware=hardware,
            chips=chips,
            workers=workers,
        )
    screen = console()
    heads = ("comparison", "values", "worst node", "at", "ngspice", "expected", "deviation", "allowed", "")
    screen.print(table(heads, [_row(check) for check in outcome.checks]))
    if outcome.cells:
        rows = [
            (
                one.cell,
                str(one.nodes),
                one.worst,
                f"{one.deviation:.2g}",
                f"{one.gain:.3g}",
                f"{one.allowed:g}",
                "keeps it" if one.keeps else "breaks it",
            )
            for one in outcome.cells
        ]
        screen.print(table(("cell", "nodes", "worst", "of full scale", "mean gain", "allowed", "its contract"), rows))
    if outcome.corners:
        titles = ("corner", "worst node", "deviation", "allowed", "output error", "settles in", "")
        screen.print(table(titles, [_corner(one) for one in outcome.corners]))
    if outcome.prediction is not None:
        _print_prediction(outcome.prediction, screen)
    if outcome.suspects:
        named = [
            (one.node, one.cell, f"{one.found:.6g}", f"{one.expected:.6g}", f"{one.deviation:.2g}")
            for one in outcome.suspects[:_SUSPECTS]
        ]
        more = len(outcome.suspects) - len(named)
        screen.print(f"cells whose own equations do not hold{f', and {more} more' if more > 0 else ''}:")
        screen.print(table(("node", "cell", "is", "its pins make", "times what is allowed"), named))
    if outcome.task is not None:
        screen.print(table(("the task", "circuit"), _task_rows(outcome.task)))
    for note in (f"network {outcome.network}", *outcome.notes):
        screen.print(note, soft_wrap=True)
    verdict = "the circuit agrees" if outcome.agrees else "the circuit does not agree"
    screen.print(line(outcome.agrees, verdict if outcome.known else "the circuit is not shown to agree"))
    if not outcome.agrees:
        raise typer.Exit(1)


def _task_rows(task: Task) -> list[tuple[str, str]]:
    from emulator.units import si

    def told(value: float | None, unit: str = "") -> str:
        return "unknown" if value is None else si(value, unit) if unit else f"{value:.6g}"

    return [
        ("samples", str(task.samples)),
        ("largest output error, of full scale", told(task.output_error)),
        ("same predictions", told(task.agreement)),
        ("least cosine of a gradient", told(task.gradient_cosine)),
        ("settling of the states, in the circuit", told(task.settling, "s")),
        ("settling of the states, predicted", told(task.predicted, "s")),
    ]


def _corner(one: CornerCheck) -> tuple[str, ...]:
    from emulator.units import si

    return (
        one.corner,
        one.check.worst,
        f"{one.check.deviation:.2g}",
        f"{one.check.allowed:.0e}",
        f"{one.output_error:.2g}",
        "does not" if one.settling is None else si(one.settling, "s"),
        "agrees" if one.check.agrees else "differs",
    )


def _print_prediction(found: Prediction, screen: Console) -> None:
    from emulator.commands.console import table

    screen.print(
        f"{found.share:.1%} of {found.compared} states and costates lie within 3 standard deviations of {found.chips} chips of "
        f"{found.hardware} (allowed: at least 95 %); deviations are {found.spread:.2f} of a standard deviation (rms)",
        soft_wrap=True,
    )
    rows = [(node, str(b), f"{x:.5g}", f"{mean:.5g}", f"{z:.2f}") for node, b, x, mean, z in found.worst]
    screen.print(table(("worst node", "sample", "circuit", "mean of the chips", "standard deviations"), rows))


def _row(check: Check) -> tuple[str, ...]:
    from emulator.units import apart, si

    values = check.found, check.expected
    found, expected = (si(value, "V") for value in values) if check.agrees else apart(*values, "V")
    return (
        check.name,
        str(check.compared),
        check.worst,
        "" if check.seconds is None else si(check.seconds, "s"),
        found,
        expected,
        f"{check.deviation:.2g}",
        f"{check.allowed:.0e}",
        "agrees" if check.agrees else "differs",
    )

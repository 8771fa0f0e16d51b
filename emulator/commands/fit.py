"""``backwave fit``: a hardware model from measurements of one's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def fit(
    measurements: Annotated[
        Path,
        typer.Argument(
            metavar="MEASUREMENTS",
            help="Device readings (.csv), a line measured as a two-port (.s2p), or the word cells.",
        ),
    ],
    cells: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="After cells: a file of cells, measured in ngspice; or ota.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Hardware file to write (.toml).")],
    name: Annotated[
        str | None, typer.Option(help="Name of the model.", show_default="name of the measurement file")
    ] = None,
    degree: Annotated[int, typer.Option(help="Degree of the spread's polynomial, 0 to 4 (.csv only).")] = 2,
    as_written: Annotated[
        bool,
        typer.Option(
            "--as-written",
            help="Believe conductances without a unit (S) or above 1 S, widths without one (s), and odd impedances.",
        ),
    ] = False,
    base: Annotated[
        str | None, typer.Option(help="Preset or hardware file to put the fitted part into.", show_default="ideal")
    ] = None,
    corner: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cells: a set of .param at which to measure, such as mm=1.")
    ] = None,
    draws: Annotated[int, typer.Option(help="cells: instances of each cell, which draw their own mismatch.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Fit a hardware model to measurements and write it as a hardware file.

    A .csv holds the columns target_conductance, measured_conductance and time,
    with units as in target_conductance_uS or time_ms, and perhaps device; its
    columns may be separated by commas, semicolons or tabs, and decimals have
    a comma. A .csv with the columns pulse, polarity and conductance, perhaps
    device, amplitude and width, becomes a law of what a pulse does, with a
    picture of what it leaves over beside --out. A .s2p or .ts file is Touchstone: S, Y, Z, G or H parameters.
    Measurements that the model does not describe are refused. 'cells FILE' measures a synapse and a neuron of one's own
    in ngspice (error, offset, gain and bandwidth) and makes a hardware model of them.

    \b
    Examples:
      backwave fit readings.csv --out my-device.toml
      backwave fit pulses.csv --out my-pulses.toml --base my-line.toml
      backwave fit line.s2p --out my-line.toml --name "10 mm of stripline"
      backwave fit cells my.inc --out my-cells.toml
      backwave run digits --set hardware=my-line.toml
    """  # noqa: D301
    from emulator.commands.console import console
    from emulator.commands.paths import refuse_other, toml_to_write
    from emulator.errors import BusyError, FileFormatError
    from emulator.kinds import LINE
    from hwmodels.fit_report import FitReport
    from hwmodels.pulse_curves import is_pulses

    toml_to_write("--out", out)
    ending = measurements.suffix.lower()
    single = str(measurements) == "cells"
    if not single and (cells is not None or corner is not None or draws != 1):
        raise FileFormatError(
            f"a second file, --corner or --draws got measurements '{measurements}'; allowed: after the word cells"
        )
    if single and (degree != 2 or as_written):
        raise FileFormatError("--degree or --as-written got cells; allowed: device readings and lines")
    readings, line = ending == ".csv", re.fullmatch(r"\.ts|\.[syzgh]\d+p", ending) is not None
    if not (readings or line or single):
        refuse_other(measurements, LINE)
        raise FileFormatError(
            f"measurement file '{measurements}' ends in {ending!r}; allowed: .csv (device readings), .s2p (a line)"
        )
    if out.exists() and not force:
        raise BusyError(f"'{out}': is there already; allowed: another name, or --force to replace it")
    under, picture = None, None
    if base is not None:
        from hwmodels import load

        under = load(base)
    report: FitReport
    if single:
        from emulator.export.corners import read_corner
        from emulator.export.measured_cells import measure
        from hwmodels.fit_cells import fit_cells

        settings = {} if corner is None else read_corner(corner).values
        report = fit_cells(measure(cells or "ota", settings, draws=draws), name)
    elif readings and is_pulses(measurements):
        from emulator.report.pulse_fit import pulse_fit_picture
        from hwmodels.fit_pulses import fit_pulses

        found = fit_pulses(measurements, name=name, as_written=as_written)
        picture, report = out.with_suffix(".png"), found
    elif readings:
        from hwmodels.fit_device import fit_device

        report = fit_device(measurements, degree=degree, name=name, as_written=as_written)
    else:
        from hwmodels.fit_line import fit_line

        report = fit_line(measurements, name=name, as_written=as_written)
    report.to_toml(out, under)
    screen = console()
    screen.print(report.summary(), soft_wrap=True)
    screen.print(f"written: {out}", soft_wrap=True)
    if picture is not None:
        pulse_fit_picture(found, picture)
        screen.print(f"written: {picture}", soft_wrap=True)

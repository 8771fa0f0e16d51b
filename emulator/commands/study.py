"""``backwave study``: many runs of a scenario, into a store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.study.load import StudyFile
    from emulator.study.run import StudyReport
    from emulator.study.store import Store, Tolerance

#: rows of a table at most
_MOST_ROWS = 8


def study(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Name of a bundled study, or path of a TOML file.")],
    store: Annotated[
        Path | None, typer.Option("--store", "-o", help="The SQLite file.", show_default="runs/<study>.sqlite")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Processes on this machine.", show_default="one per processor")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers run the points (tcp://host:port)."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a store that is there.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Run at most N points now.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Change a key of the study file or its base scenario; may be repeated.",
        ),
    ] = None,
) -> None:
    """Run a study: a scenario again and again, with other values, chips and noise.

    Every finished point goes into the store at once, so a study that was
    interrupted or killed goes on with --resume. The exit status is 0 if every
    point ran, 1 if some failed or did not settle, 2 for errors.

    \b
    Examples:
      backwave study robustness
      backwave study feasibility --workers 2 --store feasibility.sqlite
      backwave study robustness --set repeats.chips=4 --limit 100
      backwave study robustness --set hardware.noise.gain_mismatch_forward=0.01
      backwave study my.toml --resume
      backwave study my.toml --scheduler tcp://127.0.0.1:8786
    """  # noqa: D301
    from emulator.study.load import load_study

    loaded = load_study(file, overrides or ())
    path = store or Path("runs") / f"{loaded.name}.sqlite"
    if not carry_out(loaded, path, workers=workers, scheduler=scheduler, resume=resume, limit=limit):
        raise typer.Exit(1)


def carry_out(
    loaded: StudyFile,
    path: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = False,
    limit: int | None = None,
) -> bool:
    """Run a study and print what came of it; whether every point settled."""
    from emulator.commands.console import console, figures, progress, verdict, warn
    from emulator.study.run import run_study
    from emulator.study.store import Store

    try:
        with progress() as tell:
            report = run_study(
                loaded, path, workers=workers, scheduler=scheduler, resume=resume, limit=limit, progress=tell, warn=warn
            )
    except KeyboardInterrupt as stop:
        raise type(stop)(f"every finished point is in '{path}', and --resume goes on") from None
    screen = console()
    with Store(path) as reader:
        states = [record.status for record in reader.records()]
        screen.print(verdict(set(states) <= {"settled"} and report.complete, _verdict(report, states)))
        screen.print(figures(_rows(report, reader)))
    return not set(states) - {"settled"}


def _verdict(report: StudyReport, states: list[str]) -> str:
    counts = [(states.count(name), words) for name, words in (("unsettled", "did not settle"), ("failed", "failed"))]
    troubles = [f"{count:,} {words}" for count, words in counts if count]
    ended = "complete" if report.complete else "not complete, --resume goes on"
    if report.complete and report.done < report.planned:
        ended = "complete, the others were not needed"
    return f"{report.done:,} of {report.planned:,} points done ({ended}): " + (
        ", ".join(troubles) if troubles else "all settled"
    )


def _rows(report: StudyReport, reader: Store) -> Iterator[tuple[str, str]]:
    """What was found, row by row."""
    import numpy as np

    from emulator.study.margins import fails_as_it_is, first_to_break, margin, unknown
    from emulator.study.metrics import METRICS

    for name, column in reader.metrics().items():
        known = column[np.isfinite(column)]
        missing = f", missing in {len(column) - len(known):,}" if len(known) < len(column) else ""
        unit = METRICS[name].unit
        if len(known):
            low, middle, high = (_number(value, unit) for value in np.quantile(known, [0, 0.5, 1]))
            yield name, f"median {middle}, from {low} to {high}{missing}"
        else:
            yield name, "not known"
    yields = reader.yields()
    for one in yields[:_MOST_ROWS]:
        where = ", ".join(f"{key} = {value}" for key, value in one.axes.items()) or "everywhere"
        share = f"{one.met} of {one.total} chips meet the targets"
        yield "yield", f"{where}: {share}, {one.low:.1%} to {one.high:.1%} with {one.confidence:.0%} confidence"
    if len(yields) > _MOST_ROWS:
        yield "", f"and {len(yields) - _MOST_ROWS} more places"
    tolerances = reader.tolerances()
    for found in tolerances:
        yield "tolerance", _tolerance(found)
    for where, group in itertools.groupby(tolerances, lambda one: one.detail["where"]):
        found_here = list(group)
        breaking = first_to_break(found_here)
        at = "".join(f"{value}: " for value in where.values())
        if fails_as_it_is(found_here):
            yield "breaks first", f"{at}misses the targets before any knob is turned"
        elif breaking is not None:
            factor = margin(breaking)
            far = "it never holds" if factor is None else f"what is offered may get worse by a factor {factor:.3g}"
            yield "breaks first", f"{at}{breaking.detail['key']} ({far})"
        elif any(unknown(one, str) is not None for one in found_here):
            yield "breaks first", f"{at}cannot tell"
    reasons = [record.reason for record in reader.records() if record.reason]
    for reason in list(dict.fromkeys(reasons))[:3]:
        yield "reason", f"{reasons.count(reason):,} x {reason}"
    yield "store", str(report.path)


def _tolerance(found: Tolerance) -> str:
    from emulator.study.margins import unknown

    share, end = f"{found.detail['share']:.0%} of chips", found.detail["bad"]
    why = unknown(found, lambda value: _number(value, found.unit))
    if why is not None:
        return f"{found.knob}: {why}"
    if found.value is None:
        return f"{found.knob}: not even {_number(found.detail['good'], found.unit)} holds for {share}"
    bound = f"up to {_number(found.value, found.unit)}" if end > found.detail["good"] else (
        f"down to {_number(found.value, found.unit)}"
    )  # fmt: skip
    low, high = (None if one is None else _number(one, found.unit) for one in (found.low, found.high))
    offered = "none stated" if found.offered is None else _number(found.offered, found.unit)
    return (
        f"{found.knob}: {bound} for {share} (interval {low or 'none'} to {high or 'the end'}); the base has {offered}"
    )


def _number(value: float, unit: str) -> str:
    from emulator.units import si

    if unit in ("", "events", "state x costate"):
        return f"{value:.4g} {unit}".rstrip()
    return si(value, unit)

"""``backwave train``: let a scenario's network learn on its substrate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.scenario.train_run import TrainingRunReport
    from emulator.training import TrainResult


def train(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a TOML file.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the results.", show_default="runs/<scenario>")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a key of the scenario; may be repeated."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from what an interrupted training or comparison left; what is complete is only written anew.",
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where the checkpoint is kept while training.", show_default="beside --out")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", help="Processes of a comparison.", show_default="one per processor"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Dask scheduler whose workers make a comparison instead (tcp://host:port)."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write also into a folder with other files.")] = False,
) -> None:
    """Train a scenario's network on the substrate and write a report.

    Every weight and bias learns inside the simulated substrate, from the
    waves that reach it. The folder gets results.json, training.png,
    network.npz (for run, inspect and further training) and the last
    checkpoint. A training that was interrupted, even killed, goes on with
    --resume and ends with the same weights to the last bit; one that is
    complete in its folder is not trained again. The exit status
    is 0 if it went as asked, 1 if it diverged: weights or loss exploded (the
    last good network is written), or the loss ends above where it began; 2
    for errors. What is known to go wrong is said before the first sample.

    \b
    Examples:
      backwave train train-digits
      backwave train train-digits --set training.epochs=60 --out longer
      backwave train train-digits --resume
      backwave train unlocked
    """  # noqa: D301
    from emulator.commands.console import console, figures, progress, verdict
    from emulator.commands.run import experiment
    from emulator.errors import ScenarioError
    from emulator.scenario import load_scenario
    from emulator.scenario.train_run import train_scenario, training_of
    from emulator.scenario.training import OWN

    loaded = load_scenario(scenario, list(overrides or ()))
    folder = out or Path("runs") / loaded.name
    if training_of(loaded).compare is not None:
        experiment(loaded, folder, "comparison", workers=workers, scheduler=scheduler, resume=resume, force=force)
        return
    for option, given in (("--workers", workers), ("--scheduler", scheduler)):
        if given is not None:
            raise ScenarioError(f"scenario '{loaded.name}' is one training; allowed: {option} for comparisons")
    with progress() as tell:
        report = train_scenario(
            loaded, folder, force=force, resume=resume, checkpoint=checkpoint, progress=tell, warn=_warn
        )
    screen = console()
    screen.print(verdict(report.finished, _verdict(report.result, loaded.title)))
    own = "own, which is " * (training_of(loaded).port.name == OWN)
    screen.print(figures([("port", f"{own}{report.result.port}"), *_rows(report, report.result)]))
    if not report.finished:
        raise typer.Exit(1)


def _warn(text: str) -> None:
    """Say at once, above the progress, what is known to go wrong."""
    typer.echo(f"backwave: {text}", err=True)


def _verdict(result: TrainResult, title: str) -> str:
    start = f"{result.status}: '{title}' after {result.samples:,} samples"
    return start if result.reason is None else f"{start}; {result.reason}"


def _spent(result: TrainResult) -> Iterator[tuple[str, str]]:
    """What the training took of the substrate: energy, and what its devices went through."""
    from emulator.units import si

    spent = result.spent
    if spent is None:
        return
    if spent.joules is not None:
        pulses = "" if spent.pulse_joules is None else f", of which pulses {si(spent.pulse_joules, 'J')}"
        yield "energy", f"{si(spent.joules, 'J')}{pulses}; without programming and tests"
    if spent.at_bounds is None:
        return
    worn = "" if spent.worn is None else f", {spent.worn:.1%} worn out"
    yield (
        "devices",
        f"{spent.writes:,.4g} writes each in the mean{worn}; {spent.at_bounds:.1%} at an end of their range",
    )
    if spent.pulse_seconds is None:
        yield "pulse time", "missing: weights.update.pulse_time is not known"
    elif spent.pulse_seconds:
        yield "pulse time", f"{si(spent.pulse_seconds, 's')} in all, beside that of the waves"


def _rows(report: TrainingRunReport, result: TrainResult) -> Iterator[tuple[str, str]]:
    """The table, row by row."""
    from emulator.units import si

    history = result.history.columns()
    for warning in (*result.warnings, *report.troubles):
        yield "warning", warning
    if result.test_accuracy == result.test_accuracy:
        yield "test accuracy", f"{result.test_accuracy:.2%}, on the substrate"
    if result.test_r2 == result.test_r2:
        yield "test r2", f"{result.test_r2:.4g}, on the substrate (1 is perfect); rmse {result.test_rmse:.4g}"
    if result.test_loss == result.test_loss:
        yield "test loss", f"{result.test_loss:.4g} per sample"
    if len(history["loss"]) and history["loss"][-1] == history["loss"][-1]:
        yield "training loss", f"{history['loss'][-1]:.4g} per sample, at the end"
        yield (
            "port power",
            (
                f"{history['absorbed'][-1]:.3g} absorbed by moving parameters, {history['reflected'][-1]:.3g} reflected; "
                f"parameters that stand still would reflect {history['available'][-1]:.3g} (loss per hold, at the end)"
            ),
        )
    yield from _spent(result)
    hold = result.hold * result.step
    if result.clipping is not None:
        yield "clipped", result.clipping.text()
    yield "hold", f"{si(hold, 's')} ({result.hold} steps) per sample, {si(hold * result.samples, 's')} in all"
    yield "events", f"{result.events / max(result.samples, 1):,.0f} per sample, on lines of both directions"
    times = result.times
    here, before = times["learning"], "building" if result.target == "numpy" else "compiling"
    yield (
        "computed by",
        (
            f"{result.target}: {si(here, 's')} learning, {si(times['compile'], 's')} {before}, "
            f"{si(times['total'], 's')} in all"
        ),
    )
    yield "written to", str(report.out)
    yield "", ", ".join(report.files)

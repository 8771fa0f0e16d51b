"""``backwave run``: a scenario, from its file to a table and a folder of results."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.measure.energy import EnergyUse
    from emulator.scenario import RunReport, Scenario
    from emulator.scenario.scores import Fit, Scores


def run(
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
    target: Annotated[
        str | None, typer.Option(help="auto, numpy, cython or standalone; short for --set run.target=...")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the substrate and of the run; short for setting both.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-w",
            help="Programs or processes at a time.",
            show_default="of experiments one per processor, else an undivided run",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers do it instead (tcp://host:port)."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the finished points of an experiment that was interrupted; what is complete is only written anew.",
        ),
    ] = False,
    animate: Annotated[
        str | None,
        typer.Option("--animate", metavar="gif|mp4", help="Animate the last recorded sample: worldsheet.gif."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write also into a folder with other files.")] = False,
) -> None:
    """Run a scenario, compare it with exact backpropagation, and write a report.

    The folder gets results.json, network.npz and pictures; it appears complete
    or not at all. A warning comes first if the first sample is predicted not to
    settle, with a change that would help. A batch is divided among --workers, with results that do
    not depend on how many. An experiment of many runs
    (technologies, precision, atlas, questions) keeps its finished points and,
    interrupted, goes on with --resume. A control problem (lqr, pendulum) is solved and compared
    with its optimum. The exit status is 0 if every sample settled, 1 if not
    (the results are written all the same), 2 for errors; a comparison of
    technologies fails only if nothing settles on any of them.

    \b
    Examples:
      backwave run digits
      backwave run digits --set data.limit=20 --set run.threshold=1e-3
      backwave run digits --set hardware.lines.delay_forward="2 ns"
      backwave run residual --set law=matched --seed 7
      backwave run atlas --set atlas.grid=5
      backwave run digits --animate gif
      backwave run claims
      backwave run lqr
      backwave run open-questions
      backwave run my.toml --target standalone --out results
    """  # noqa: D301
    from emulator.commands.console import console, figures, progress, verdict
    from emulator.errors import ScenarioError
    from emulator.scenario import load_scenario, run_scenario

    changes = list(overrides or ())
    if target is not None:
        changes.append(f"run.target={json.dumps(target)}")
    if seed is not None:
        changes += [f"substrate.seed={seed}", f"run.seed={seed}"]
    loaded = load_scenario(scenario, changes)
    folder = out or Path("runs") / loaded.name
    if animate is not None:
        from emulator.report.animation import check_film

        check_film(Path(f"worldsheet.{animate}"))
        if loaded.config.experiment is not None:
            raise ScenarioError(f"scenario '{loaded.name}' is an experiment; allowed: --animate for single runs")
        if loaded.config.run.pictures == 0:
            raise ScenarioError("run.pictures is 0; allowed with --animate: at least 1, which is recorded for it")
    if loaded.config.experiment is not None:
        experiment(loaded, folder, workers=workers, scheduler=scheduler, resume=resume, force=force)
        return
    if resume:
        raise ScenarioError(
            f"scenario '{loaded.name}' is no experiment; allowed: --resume for experiments, studies and trainings"
        )
    with progress() as tell:
        report = run_scenario(
            loaded,
            folder,
            force=force,
            progress=tell,
            warn=_warn,
            animate=animate,
            workers=workers,
            scheduler=scheduler,
        )
    screen = console()
    screen.print(verdict(report.settled, _verdict(report)))
    screen.print(figures(_rows(report)))
    if not report.settled:
        raise typer.Exit(1)


def _warn(text: str) -> None:
    """Say at once, above the progress, what the prediction has against the run."""
    from emulator.streams import complain

    complain(f"predicted not to settle: {text}")


def experiment(
    scenario: Scenario,
    out: Path,
    kind: str | None = None,
    *,
    workers: int | None,
    scheduler: str | None,
    resume: bool,
    force: bool,
) -> None:
    """Make an experiment, and print its table."""
    from emulator.commands.console import console, figures, progress, table, verdict
    from emulator.experiments import run_experiment

    with progress() as tell:
        report = run_experiment(
            scenario, out, kind=kind, workers=workers, scheduler=scheduler, resume=resume, force=force, progress=tell
        )
    screen, found = console(), report.findings
    screen.print(verdict(found.good, found.verdict))
    if found.table:
        heads, *rows = found.table
        screen.print(table(heads, rows))
    screen.print(figures([*found.notes, *(("note", text) for text in report.troubles)]))
    screen.print(figures([("written to", str(report.out)), ("", ", ".join(report.files))]))
    if not found.good:
        raise typer.Exit(1)


def _verdict(report: RunReport) -> str:
    result = report.result
    if report.settled:
        return f"settled: all {len(result.settled)} samples of '{report.scenario.title}'"
    missed = int((~result.settled).sum())
    why = result.reason or f"{missed} of {len(result.settled)} samples did not settle"
    return f"{result.status}: {why}"


def _rows(report: RunReport) -> Iterator[tuple[str, str]]:
    """The table, row by row."""
    import numpy as np

    from emulator.measure.clipping import limited
    from emulator.units import si

    result, graph, errors = report.result, report.result.graph, report.errors
    if report.scores is not None:
        yield from _predictions(report.scores)
    if report.fits is not None:
        yield from _fits(report.fits, report.teacher)
    yield "state error", _number(errors["state"], "largest, against the exact forward pass")
    if result.held_costates:
        yield "costate error", _number(errors["costate"], "largest, against exact backpropagation")
        yield "gradient error", _number(errors["gradient"], "relative, against exact backpropagation")
        yield "gradient cosine", _cosine(errors["gradient_cosine"])
    if report.bias is not None:
        yield (
            "from its own rest",
            _number(float(result.deviation.max()), "largest, over a row's values: what settled means"),
        )
        bias = report.bias
        yield (
            "bias of that rest",
            (
                f"gradient error {_number(bias.gradient)}, cosine {_number(bias.cosine, digits=6)}  (computed, against exact "
                "backpropagation: the law does not rest there)"
            ),
        )
    if result.settled.any():
        steps = result.settling_steps[result.settled]
        parts = [
            f"{name} {_duration(graph.step, graph.transit, float(value))}"
            for name, value in (("median", np.median(steps)), ("worst", steps.max()))
        ]
        yield "settling time", ", ".join(parts)
    if report.contradiction is not None:
        yield "forewarning", report.contradiction
    if result.warning is not None:
        yield "warning", result.warning
    yield "hold", _duration(graph.step, graph.transit, result.hold)
    yield "longest round trip", _duration(graph.step, graph.transit, graph.longest_round_trip)
    yield "events", f"{result.events.mean():,.0f} per sample, on lines of both directions"
    energy = result.to_dict()["reflected_energy"]
    yield "reflected energy", _reflected(energy)
    if report.power is not None:
        yield "balance of power", report.power.text()
    yield "energy", _energy(result.energy)
    if limited(graph.hardware):
        yield "clipped", result.clipping.text()
    warning = result.clipping.warning(errors["gradient_cosine"] if result.held_costates else None)
    if warning is not None:
        yield "warning", warning
    for note in (*report.notes, *graph.notes, *report.troubles):
        yield "note", note
    settling = report.times["settling"]
    yield "computed by", f"{result.target} in {si(settling, 's')}, {si(sum(report.times.values()), 's')} with all else"
    yield "written to", str(report.out)
    yield "", ", ".join(report.files)


def _reflected(energy: float) -> str:
    """What nodes reflected; states and costates have no unit, so the energy has that of time."""
    if not math.isfinite(energy):
        return "not finite"
    return f"{energy:.3g} s  (state x costate, over time)" if energy else "none: every wave was absorbed"


def _predictions(scores: Scores) -> Iterator[tuple[str, str]]:
    if scores.substrate is not None and scores.digital is not None:
        parts = [f"substrate {scores.substrate:.2%}", f"digital network {scores.digital:.2%}"]
        if scores.teacher is not None:
            parts.append(f"{scores.teacher_name} {scores.teacher:.2%}")
        yield "accuracy", ", ".join(parts)
    same = [f"{scores.same_as_digital} of {scores.samples} as the digital network"]
    if scores.same_as_teacher is not None:
        same.append(f"{scores.same_as_teacher} of {scores.samples} as {scores.teacher_name}")
    yield "same predictions", ", ".join(same)


def _fits(found: dict[str, Fit], teacher: str | None) -> Iterator[tuple[str, str]]:
    """How well the outputs fit the targets."""
    sides = {"substrate": "substrate", "digital": "digital network", "teacher": str(teacher)}
    for name, meaning in (("loss", "mean"), ("rmse", "outputs against targets"), ("r2", "1 is perfect")):
        values = {side: getattr(one, name) for side, one in found.items()}
        if any(value is not None for value in values.values()):
            told = (
                f"{sides[side]} {'not known' if value is None else f'{value:.4g}'}" for side, value in values.items()
            )
            yield name, f"{', '.join(told)}  ({meaning})"


def _energy(use: EnergyUse) -> str:
    """Joules per sample as far as they are known."""
    from emulator.units import si

    if use.total is not None:
        return f"{si(float(use.total.mean()), 'J')} per sample"
    known = sum(float(part.mean()) for part in use.parts.values())
    start = f"{si(known, 'J')} per sample, without what is" if use.parts else "not known, because these are"
    return f"{start} missing of the hardware: {', '.join(use.missing)}"


def _duration(step: float, transit: float, steps: float) -> str:
    from emulator.units import si

    return f"{si(steps * step, 's')} ({steps / transit:.3g} transits)"


def _cosine(value: float) -> str:
    """To so many digits that what is missing to one is seen, up to twelve."""
    missing = abs(1 - value)
    return _number(value, digits=min(12, max(4, 2 - math.floor(math.log10(missing)))) if missing > 0 else 4)


def _number(value: float, meaning: str = "", digits: int = 3) -> str:
    """A figure, or that there is none because nothing settled."""
    if value != value:
        return "none: not settled"
    return f"{value:.{digits}g}" + (f"  ({meaning})" if meaning else "")

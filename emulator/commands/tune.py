"""``backwave tune``: settings of a scenario's law with which its substrate settles sooner."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.runs.tune import Trial, Tuning


class Aim(StrEnum):
    """What a law is tuned for."""

    settling = "settling"
    learning = "learning"


def tune(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="Name of a bundled scenario, or path of a TOML file.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the proposed section [law] to this TOML file.")
    ] = None,
    aim: Annotated[
        Aim, typer.Option("--for", help="Settle soonest, or learn while waves fly, with lines of little charge.")
    ] = Aim.settling,
    only: Annotated[
        str | None,
        typer.Option(help="Settings that may change, with commas, such as impedance,taper,far_end; default: all."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Tune for the first so many samples of the scenario.")] = 4,
    evaluations: Annotated[int, typer.Option(min=1, help="About how many predictions to spend.")] = 1200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    workers: Annotated[
        int, typer.Option("--workers", "-w", help="Processes that search; what they find does not depend on how many.")
    ] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a key of the scenario; may be repeated."),
    ] = None,
) -> None:
    """Propose settings of a law that shorten the settling time, and run both.

    Impedance, taper, bandwidth and terminations of two-way lines, beta, gamma
    and impedance of the worldsheet law, or nu, impedance and taper of the
    upwind law are chosen by the predicted settling time of the slowest sample; the
    substrate is then run with the law as it was and as proposed. With --for
    learning it is the settling time times the charge of two-way lines, which
    acts as a decay of weights that learn while waves fly. The exit
    status is 0 if that confirms the proposal, 1 if not, 2 for errors.

    \b
    Examples:
      backwave tune two-way --out law.toml
      backwave tune two-way --only bandwidth
      backwave tune unlocked-bilateral --for learning --set run.hold=60
      backwave tune residual --samples 2 --evaluations 300
    """  # noqa: D301
    from emulator.commands.console import console, figures, progress, table, verdict
    from emulator.commands.paths import toml_to_write
    from emulator.scenario import load_scenario
    from emulator.scenario.tuning import tune_scenario

    if out is not None:
        toml_to_write("--out", out)
    loaded = load_scenario(scenario, list(overrides or ()))
    names = None if only is None else [name.strip() for name in only.split(",")]
    with progress() as tell:
        tuning = tune_scenario(
            loaded,
            only=names,
            aim=aim.value,
            samples=samples,
            evaluations=evaluations,
            seed=seed,
            workers=workers,
            progress=tell,
        )
    screen = console()
    before, after = (_measured(trial) for trial in (tuning.before, tuning.after))
    slowest = f"the slowest of {len(tuning.after.predicted.steps)} samples"
    screen.print(verdict(tuning.better, f"{slowest}: settled in {after}, before: {before}"))
    screen.print(table(("", "before", "after"), _rows(tuning)))
    screen.print(figures([("search", f"{tuning.evaluations} predictions in {tuning.seconds:.1f} s")]))
    if out is not None:
        tuning.save(out)
        screen.print(f"written: {out}", soft_wrap=True)
    if not tuning.better:
        raise typer.Exit(1)


def _rows(tuning: Tuning) -> Iterator[tuple[str, str, str]]:
    for key, values in tuning.settings.items():
        yield key, _value(values[0]), _value(values[1])
    before, after = tuning.before, tuning.after
    yield "predicted settling time", _steps(before.predicted.worst), _steps(after.predicted.worst)
    yield "measured settling time", _measured(before), _measured(after)
    least, most = after.worst_decay, before.worst_decay
    if least is not None and most is not None:
        yield "charge of the lines, C", f"{most.charge:.3g}", f"{least.charge:.3g}"
        told = f"decay C/H in holds of {after.hold:.0f} steps, against the gradient"
        yield told, f"{most.share:.3g}", f"{least.share:.3g}"
    if before.predicted.margin or after.predicted.margin:
        yield "margin to one answer", f"{before.predicted.margin:.3g}", f"{after.predicted.margin:.3g} (below 1)"
        yield "steps with several answers", str(before.several), str(after.several)
    yield "spectral radius", f"{before.predicted.radius:.4g}", f"{after.predicted.radius:.4g}"


def _value(value: float | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _measured(trial: Trial) -> str:
    return f"{trial.steps:.0f} steps" if math.isfinite(trial.steps) else f"not in {trial.measured.hold} steps"


def _steps(steps: float) -> str:
    return f"{steps:.0f} steps" if math.isfinite(steps) else "never"

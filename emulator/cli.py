"""The command `backwave`: its commands are in `emulator.commands`; what they need is imported when they run."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from emulator.commands import (
    cache,
    compare,
    export,
    feasibility,
    fit,
    importing,
    inspect,
    presets,
    report,
    run,
    scenarios,
    study,
    train,
    tune,
    view,
)
from emulator.errors import BackwaveError
from emulator.interrupts import status_of
from emulator.streams import complain, flush, open_streams, silence

#: exit statuses; those of interrupts are 128 and the number of the signal
NOT_SETTLED, FAILED, FAULT = 1, 2, 70
#: what an option or argument that is none raises: click's, or that of the click that typer carries in itself
_MISUSED = [click.ClickException, *(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")]
_MEANT: tuple[type[BaseException], ...] = (typer.Exit, typer.Abort, *_MISUSED)
#: set to show the whole traceback of a fault
_TRACEBACK = "BACKWAVE_TRACEBACK"


class _Commands(TyperGroup):
    """Turns errors that a user can act on into one line and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except _MEANT:
            raise
        except KeyboardInterrupt as stop:
            complain(f"interrupted, {str(stop) or 'nothing was written'}")
            raise typer.Exit(status_of(stop)) from None
        except BrokenPipeError:  # whoever read the output has seen enough
            silence(sys.stdout)
            raise typer.Exit(0) from None
        except Exception as error:
            words = _words(error)
            if words is None and os.environ.get(_TRACEBACK):
                raise
            complain(_fault(error) if words is None else f"error: {' '.join(words.split())}")
            raise typer.Exit(FAULT if words is None else FAILED) from None


app = typer.Typer(
    cls=_Commands,
    name="backwave",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("study")(study.study)
app.command("feasibility")(feasibility.feasibility)
app.command("report")(report.report)
app.command("view")(view.view)
app.command("compare")(compare.compare)
app.command("import")(importing.import_)
app.command("inspect")(inspect.inspect)
app.command("scenarios")(scenarios.scenarios)
app.add_typer(presets.app, name="presets")
app.command("fit")(fit.fit)
app.command("export")(export.export)
app.command("verify")(export.verify)
app.command("cache")(cache.cache)


def _version(wanted: bool) -> None:
    if wanted:
        from emulator.versions import __version__

        typer.echo(f"backwave {__version__}")
        raise typer.Exit


@app.callback()
def backwave(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Can a physical substrate train neural networks by scattering waves?

    Backwave compiles a network into a graph of scattering elements, lets
    waves settle on it in an event-driven simulation, and compares states,
    costates and gradients with exact backpropagation.

    \b
    Examples:
      backwave scenarios                   what can be run
      backwave run digits                  run one; report in runs/digits
      backwave run digits --set run.hold=4 --out short
      backwave inspect digits --draw digits.png
      backwave presets show pcm-crossbar   a technology's numbers and sources
    """  # noqa: D301


def _words(error: Exception) -> str | None:
    """What to tell the user; None for an error that is this program's own."""
    if isinstance(error, BackwaveError):
        return error.for_command()
    if isinstance(error, OSError):
        place = f"'{error.filename}': " if error.filename else ""
        return f"{place}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return None


def _fault(error: Exception) -> str:
    """A fault of this program, with what a report of it needs."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:300]
    return (
        f"a fault of Backwave, not of yours: {type(error).__name__}: {said} (in {Path(last.filename).name}, line "
        f"{last.lineno}); please report it with this command and `backwave --version`, and with the output under "
        f"{_TRACEBACK}=1"
    )


def _quiet() -> None:
    """Draw to files only, whatever a notebook has set, and tell results and errors, not what Python warns programmers of."""
    os.environ["MPLBACKEND"] = "agg"
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        os.environ["PYTHONWARNINGS"] = "ignore"  # of workers
        warnings.simplefilter("ignore")


def main() -> None:
    """Entry point of the command `backwave`."""
    open_streams()
    _quiet()
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, int) and end.code > 128:
            logging.disable()  # a half-built simulation would complain about being thrown away
        raise
    finally:
        flush()

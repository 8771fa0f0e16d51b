"""``backwave compare``: two studies, or two technologies, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.study.comparison import Side

#: the study that is run of two technologies, and its axis
_STUDY, _AXIS = "pair", "hardware.model"


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Store of a study, preset, or hardware file (.toml).")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same kind of thing as A.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the table to this Markdown file too.")] = None,
    store: Annotated[
        Path | None, typer.Option(help="Where the study of two technologies is kept.", show_default="runs/A-B.sqlite")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="Change a key of that study or its base scenario; may be repeated."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Processes on this machine.", show_default="one per processor")
    ] = None,
) -> None:
    """Compare two studies, or two technologies, metric by metric, and say which differences are more than luck.

    Chips count, not runs. Where both sides have the same seeds they are
    compared chip by chip. Two technologies are run first, on the same chips
    (the bundled study 'pair'); what was run before is taken from the store,
    unless a hardware file has changed since: then both are run anew.

    \b
    Examples:
      backwave compare sfq pcm-crossbar
      backwave compare pcm-crossbar my.toml --set repeats.chips=40 --out better.md
      backwave compare runs/monday.sqlite runs/tuesday.sqlite
    """  # noqa: D301
    from emulator.commands.console import console, table, verdict
    from emulator.errors import StudyError
    from emulator.files import atomic_write
    from emulator.study.comparison import compare as compared
    from emulator.study.report.comparison import comparison_summary, comparison_table

    names = (first, second)
    technologies = [_is_technology(name) for name in names]
    if first == second:
        raise StudyError(f"compare was given {first!r} twice; allowed: two different stores or technologies")
    if technologies[0] != technologies[1]:
        kinds = [
            f"{name!r} is a {'technology' if one else 'store'}" for name, one in zip(names, technologies, strict=True)
        ]
        raise StudyError(f"{' and '.join(kinds)}; allowed: two stores, or two technologies")
    if technologies[0]:
        sides = _run(names, store, overrides or [], workers)
    elif store is not None or overrides or workers is not None:
        raise StudyError("--store, --set and --workers are for two technologies; allowed with two stores: --out")
    else:
        sides = _read(names)
    found = compared(*sides)
    made = comparison_table(found)
    different = [row for row in found.rows if row.different]
    screen = console()
    screen.print(verdict(True, f"{first} against {second}: {len(different)} of {len(found.rows)} metrics differ"))
    screen.print(table(made.heads, [[cell.text for cell in row] for row in made.rows], range(len(made.heads) - 1)))
    for text in (made.caption, *found.notes):
        screen.print(text)
    if out is not None:
        atomic_write(out, lambda file: file.write(comparison_summary(found).encode("utf-8", "replace")))
        screen.print(f"written to {out}")


def _is_technology(name: str) -> bool:
    """Whether a name stands for a technology rather than a store."""
    from emulator.errors import StudyError, suggest
    from hwmodels import presets

    if name in presets() or name.endswith(".toml"):
        return True
    if not Path(name).exists() and re.fullmatch(r"[\w-]+", name):
        raise StudyError(
            f"unknown technology {suggest(name, presets())}, a hardware file (.toml), or the store of a study"
        )
    return False


def _read(names: Sequence[str]) -> list[Side]:
    from emulator.study.comparison import Side
    from emulator.study.evidence import read_evidence

    short = [Path(name).stem for name in names]
    labels = short if short[0] != short[1] else names
    return [Side.whole(label, read_evidence(name)) for label, name in zip(labels, names, strict=True)]


def _run(names: Sequence[str], given: Path | None, overrides: Sequence[str], workers: int | None) -> list[Side]:
    """Run both technologies on the same chips; points that are in the store are not run again.

    Where a file has changed since, a store that was not given is set aside and begun anew.
    """
    from emulator.commands.console import progress, warn
    from emulator.errors import ChangedFileError
    from emulator.study.comparison import Side
    from emulator.study.evidence import read_evidence
    from emulator.study.load import load_study
    from emulator.study.run import run_study
    from hwmodels import load

    for name in names:
        load(name).require_complete()
    values = ", ".join(json.dumps(name) for name in names)
    axes = f'axes=[{{key = "{_AXIS}", label = "technology", values = [{values}]}}]'
    loaded = load_study(_STUDY, [axes, *overrides])
    store = given or Path("runs") / f"{'-'.join(map(_plain, names))}.sqlite"
    with progress() as tell:
        run = partial(run_study, loaded, store, workers=workers, progress=tell, warn=warn)
        try:
            run(resume=store.exists())
        except ChangedFileError as error:
            if given is not None:
                raise
            before = store.with_suffix(".before.sqlite")
            store.replace(before)
            warn(f"{str(error).partition('; allowed')[0]}; both are run anew, and what was there is now '{before}'")
            run()
    evidence = read_evidence(store)
    return [Side.at(evidence, _AXIS, name) for name in names]


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", Path(name).stem)

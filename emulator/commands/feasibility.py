"""``backwave feasibility``: can these technologies learn this network's task, in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

#: targets where the task is not known beforehand
_TARGETS = "{training_share = {min = 0.9}, output_error = {max = 0.2}, gradient_cosine = {min = 0.9}, settled_fraction = {min = 1.0}}"


def feasibility(
    network: Annotated[
        Path, typer.Argument(metavar="NETWORK", help="The network: .onnx, .pt2 or .npz.", show_default=False)
    ],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Samples with targets: .csv, .npz, ...", show_default=False)
    ],
    technology: Annotated[
        list[str] | None,
        typer.Option(
            "--technology",
            "-t",
            help="A preset or a hardware file; may be repeated.",
            show_default="every complete preset",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of the targets.", show_default="the last one")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="mse, or softmax_cross_entropy for a classifier that ends in logits.", show_default="the file's"
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", "-o", help="The SQLite file.", show_default="runs/feasibility-<network>.sqlite"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Processes on this machine.", show_default="one per processor")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a store that is there.")] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="Change a key of the study or its base; may be repeated."
        ),
    ] = None,
) -> None:
    """Find out whether technologies can learn a task, and write the page that says so.

    The network's own task is learned from scratch on sampled chips of every
    technology, with the devices that it has, beside exact descent from the same
    start: four fifths of the samples are learned from, the rest is tested. It is
    `backwave study feasibility` with this network and these data, whose settings
    --set changes. The exit status is that of a study.

    \b
    Examples:
      backwave feasibility my-network.onnx my-data.csv --technology my.toml
      backwave feasibility net.npz table.csv --target price -t loihi2 -t ideal
      backwave feasibility net.npz table.csv --set repeats.chips=8
    """  # noqa: D301
    from emulator.commands.report import told
    from emulator.commands.study import carry_out
    from emulator.study.load import load_study

    column = _column(data, target)
    asked = [
        f"study.title={_text(f'{network.name} on {data.name}: can it be learned?')}",
        f'network={{source = "file", path = {_text(str(network))}{_given(loss=loss)}}}',
        f"data={_data(data, column, 'test')}",
        f"training.data={_data(data, column, 'train')}",
        f"targets={_TARGETS}",
    ]
    if technology:
        listed = ", ".join(map(_text, technology))
        asked.append(f'axes=[{{key = "hardware.model", label = "technology", values = [{listed}]}}]')
    path = store or Path("runs") / f"feasibility-{network.stem}.sqlite"
    good = carry_out(load_study("feasibility", [*asked, *(overrides or ())]), path, workers=workers, resume=resume)
    told(path, None)
    if not good:
        raise typer.Exit(1)


def _column(data: Path, target: str | None) -> str | None:
    """The column of the targets: that which is named, of a table otherwise the last one."""
    from emulator.commands.console import warn
    from emulator.data.tables import read_table
    from emulator.kinds import TABLES

    if target is not None or data.suffix.lower() not in TABLES:
        return target
    names = list(read_table(data).columns)
    warn(f"targets are the last column of '{data}', {names[-1]} (--target names another)")
    return names[-1]


def _data(path: Path, column: str | None, part: str) -> str:
    return f'{{source = "file", path = {_text(str(path))}{_given(target=column)}, part = {_text(part)}}}'


def _given(**values: str | None) -> str:
    return "".join(f", {key} = {_text(value)}" for key, value in values.items() if value is not None)


def _text(value: str) -> str:
    """A text of TOML."""
    return json.dumps(value, ensure_ascii=False)

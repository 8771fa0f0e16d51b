"""The table of an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from emulator.experiments.atlas.cells import Cell, Map, agreement
from emulator.experiments.findings import Table


def atlas_table(maps: Sequence[tuple[Map, list[Cell]]], within: float) -> tuple[Table, list[tuple[str, str]]]:
    """A row per map and one for all; beside it every cell where prediction and measurement disagree."""
    every = [cell for _, cells in maps for cell in cells]
    biased = any(cell.biased for cell in every)
    table: Table = [("map", "cells", "settle", "boundary agrees", f"time within {within:.0%}", "median error of time",
                     *(("gradient error", "least cosine", "from the computed bias") if biased else ()))]  # fmt: skip
    notes: list[tuple[str, str]] = []
    for name, cells in (*((axes.name, cells) for axes, cells in maps), ("all", every)):
        found = agreement(cells, within)
        errors = [abs(cell.error) for cell in cells if cell.settled]
        middle = f"{median(errors):.1%}" if errors else "-"
        close = f"{found.close} of {found.settled} ({found.time_share:.1%})" if found.settled else "-"
        side = f"{found.same_side} of {found.cells} ({found.boundary_share:.1%})"
        table.append((name, str(found.cells), str(found.settled), side, close, middle,
                      *(_bias(cells) if biased else ())))  # fmt: skip
    for axes, cells in maps:
        for cell in agreement(cells, within).disagreeing:
            measured = f"measured {cell.measured:.0f} steps" if cell.settled else f"not settled in {cell.horizon} steps"
            notes.append((axes.name, f"{axes.place(cell)}: {measured}, predicted {cell.predicted:.0f} "
                                     f"(spectral radius {cell.radius:.4f})"))  # fmt: skip
    return table, notes


def _bias(cells: Sequence[Cell]) -> tuple[str, str, str]:
    """Of the cells that settled: the range of the gradient's error, its worst cosine, and what the bias leaves unexplained."""
    known = [cell for cell in cells if cell.settled and cell.biased]
    if not known:
        return "-", "-", "-"
    errors = [cell.gradient for cell in known]
    strayed = max(abs(cell.gradient - cell.bias) for cell in known)
    return f"{min(errors):.2g} to {max(errors):.2g}", f"{min(cell.cosine for cell in known):.3f}", f"{strayed:.1g}"

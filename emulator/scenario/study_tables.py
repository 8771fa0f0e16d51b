"""The tables that studies print."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from emulator.study.atlas import Cell, Map, agreement
from emulator.study.precision import QUANTITIES, Curve, PrecisionStudy
from emulator.study.technologies import Cost, TechnologyResult
from emulator.units import si

Rows = list[tuple[str, ...]]


def technologies_table(results: Sequence[TechnologyResult]) -> tuple[Rows, Rows]:
    """A row per technology that could be emulated; beside it what is not known of them, what others lack, roundings."""
    table: Rows = [
        (
            "technology",
            "accuracy",
            "cosine",
            "gradient error",
            "settles in (transits)",
            "events",
            "J per inference",
            "J per gradient",
        )
    ]
    notes: Rows = []
    for result in results:
        if not result.complete:
            notes.append(
                (
                    result.name,
                    f"not emulated, must be supplied: {', '.join(f'hardware.{path}' for path in result.lacks)}",
                )
            )
            continue
        table.append(
            (
                result.name,
                "-" if result.accuracy is None else f"{result.accuracy:.1%}",
                f"{result.gradient_cosine:.4f}",
                f"{result.gradient_error:.1e}",
                _settling(result),
                f"{result.events_gradient:,.0f}",
                joules(result.inference),
                joules(result.gradient),
            )
        )
        if result.gradient is not None and result.gradient.missing:
            notes.append((result.name, f"energy missing ({', '.join(result.gradient.missing)})"))
        notes += [(result.name, note) for note in result.notes]
    return table, notes


def joules(cost: Cost | None) -> str:
    """Energy of a sample: a sum, a lower bound, or that it is missing."""
    if cost is None or (cost.missing and cost.joules == 0):
        return "missing"
    return f"{'above ' if cost.missing else ''}{si(cost.joules, 'J')}"


def precision_table(study: PrecisionStudy) -> tuple[Rows, Rows]:
    """A row per word length and per noise; beside it the slopes."""
    table: Rows = [("waves", "noise, rms", *(f"error of {quantity}" for quantity in QUANTITIES))]
    for curve, noise in ((study.bits, "0"), (study.bits_with_noise, f"{study.floor:g}")):
        table += [(f"{bits:.0f} bits", noise, *_errors(curve, k)) for k, bits in enumerate(curve.x)]
    table += [("exact", f"{rms:g}", *_errors(study.noise, k)) for k, rms in enumerate(study.noise.x)]
    notes: Rows = [
        (quantity, f"x {2 ** study.bits.slope(quantity, True):.3f} per further bit (expected 0.5), proportional to "
                   f"noise^{study.noise.slope(quantity, False):.3f} (expected 1)")
        for quantity in QUANTITIES
    ]  # fmt: skip
    return table, notes


def _errors(curve: Curve, k: int) -> tuple[str, ...]:
    return tuple(f"{getattr(curve, quantity)[k]:.2e}" for quantity in QUANTITIES)


def _settling(result: TechnologyResult) -> str:
    if result.settling_seconds is None or result.settling_seconds != result.settling_seconds:
        return "never"
    missed = result.samples - result.settled
    rest = f", {missed} never" if missed else ""
    return f"{si(result.settling_seconds, 's')} ({result.settling_transits:.1f}{rest})"


def atlas_table(maps: Sequence[tuple[Map, list[Cell]]], within: float) -> tuple[Rows, Rows]:
    """A row per map and one for all; beside it every cell where prediction and measurement disagree."""
    table: Rows = [("map", "cells", "settle", "boundary agrees", f"time within {within:.0%}", "median error of time")]
    notes: Rows = []
    every = [cell for _, cells in maps for cell in cells]
    for name, cells in (*((axes.name, cells) for axes, cells in maps), ("all", every)):
        found = agreement(cells, within)
        errors = [abs(cell.error) for cell in cells if cell.settled]
        middle = f"{median(errors):.1%}" if errors else "-"
        close = f"{found.close} of {found.settled} ({found.time_share:.1%})" if found.settled else "-"
        side = f"{found.same_side} of {found.cells} ({found.boundary_share:.1%})"
        table.append((name, str(found.cells), str(found.settled), side, close, middle))
    for axes, cells in maps:
        for cell in agreement(cells, within).disagreeing:
            measured = f"measured {cell.measured:.0f} steps" if cell.settled else f"not settled in {cell.horizon} steps"
            notes.append((axes.name, f"{axes.place(cell)}: {measured}, predicted {cell.predicted:.0f} "
                                     f"(spectral radius {cell.radius:.4f})"))  # fmt: skip
    return table, notes

"""The table of technologies side by side."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.experiments.findings import Table
from emulator.experiments.technologies.result import Cost, TechnologyResult
from emulator.units import si


def technologies_table(results: Sequence[TechnologyResult]) -> tuple[Table, list[tuple[str, str]]]:
    """A row per technology that could be emulated; beside it what is not known of them, what others lack, roundings."""
    table: Table = [
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
    notes: list[tuple[str, str]] = []
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


def _settling(result: TechnologyResult) -> str:
    if result.settling_seconds is None or result.settling_seconds != result.settling_seconds:
        return "never"
    missed = result.samples - result.settled
    rest = f", {missed} never" if missed else ""
    return f"{si(result.settling_seconds, 's')} ({result.settling_transits:.1f}{rest})"

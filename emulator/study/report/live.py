"""The points of a study as a page to look into."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from emulator.report.live.page import write_page
from emulator.study.evidence import read_evidence


def view_store(store: Path, out: Path) -> None:
    """Write the live page of a study's store: every finished point, with its values on axes and its metrics.

    Raises
    ------
    FileFormatError
        If it is no store of a study, or damaged.
    """
    found = read_evidence(store)
    columns = {"chip": [int(one) for one in found.chip], "noise": [int(one) for one in found.noise]}
    tables: dict[str, list[Any]] = {
        **{name: [_plain(value) for value in values] for name, values in found.axes.items()},
        **columns,
        **{name: [_plain(value) for value in values] for name, values in found.metrics.items()},
    }
    points = [
        {"status": str(status), "reason": None if reason is None else str(reason)}
        for status, reason in zip(found.status, found.reason, strict=True)
    ]
    first = next(iter(found.metrics), "noise")
    data = {"columns": tables, "points": points, "x": next(iter(tables)), "y": first}
    write_page(out, "store", found.meta.get("title", store.name), f"{found.done} of {found.planned} points", data)


def _plain(value: Any) -> Any:
    """A value as JSON has it: a number, a text, or nothing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None

"""What a study of many runs hands back, and what it takes from its scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from emulator.scenario.study_tables import Rows

#: called with what is being done, and the fraction done where it is known
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Study:
    """What a study found.

    Parameters
    ----------
    good : bool
        Whether everything that ran settled, or what was to be shown was.
    verdict : str
        The outcome in a sentence.
    table : Rows
        Its first row are the heads.
    notes : list of (str, str)
        What needs to be said beside the table.
    data : dict
        The figures, in plain tables.
    figure : callable
        Draws the picture, after the figures have been written.
    files : dict
        Further pictures, drawn likewise, and texts by file name.
    """

    good: bool
    verdict: str
    table: Rows
    notes: Rows
    data: dict[str, Any]
    figure: Callable[[], Figure]
    files: dict[str, Callable[[], Figure] | str] = field(default_factory=dict)

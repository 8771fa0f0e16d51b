"""The claims as a picture, a panel each, and as a page of Markdown."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emulator.experiments.claims import Claim
from emulator.experiments.claims.base import Panel
from emulator.report.style import MARK, QUIET, letters, marks_along, new_figure, series

_COLUMNS = 2
#: of what is expected, all in black
_EXPECTED = ("--", ":", "-.")


def claims_figure(claims: Sequence[Claim], title: str) -> Figure:
    """A panel per claim: what was measured as points or full lines, what the equation says as dashed lines."""
    rows = -(-len(claims) // _COLUMNS)
    with letters():
        figure = new_figure(title, 12.0, 0.6 + 3.7 * rows)
        grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
        for axes, claim in zip(grid, claims, strict=False):
            draw_panel(axes, claim.panel)
            axes.set_title(f"{claim.name} ({claim.origin}): {'holds' if claim.holds else 'FAILS'}", loc="left")
        for axes in grid[len(claims) :]:
            axes.set_axis_off()
    return figure


def draw_panel(axes: Axes, panel: Panel) -> None:
    """What was measured as points or full lines, what is expected as dashed lines."""
    measured, expected = itertools.count(), itertools.cycle(_EXPECTED)
    for curve in panel.curves:
        if curve.expected:
            axes.plot(curve.x, curve.y, next(expected), color=MARK, linewidth=0.9, label=curve.label, zorder=3)
        else:
            style = series(next(measured))
            line = {"linestyle": "none"} if panel.points else {"markevery": marks_along(len(curve.x))}
            axes.plot(curve.x, curve.y, color=style.color, marker=style.marker, markersize=4, linewidth=1.4,
                      label=curve.label if np.isfinite(curve.y).any() else f"{curve.label}: none", **line)  # fmt: skip
    if panel.log:
        axes.set_yscale("log")
    if panel.categories:
        axes.set_xticks(range(len(panel.categories)), panel.categories, rotation=20, ha="right", fontsize=8)
        axes.set_xlim(-0.5, len(panel.categories) - 0.5)
    elif all(np.equal(np.mod(curve.x, 1), 0).all() for curve in panel.curves):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.grid(color=QUIET, alpha=0.25)
    axes.legend(loc="best")


def claims_text(claims: Sequence[Claim], title: str, picture: str) -> str:
    """The page: a table of all claims, then each with its equation, what was simulated, and the figure."""
    lines = [f"# {title}", "", f"![{title}]({picture})", ""]
    lines += ["| claim | who says so | measured | tolerance | holds |", "|---|---|---|---|---|"]
    lines += [
        f"| {claim.name} | {claim.origin} | {claim.measured:.3g} | {claim.tolerance:g} | {'yes' if claim.holds else '**no**'} |"
        for claim in claims
    ]
    for claim in claims:
        lines += ["", f"## {claim.name}", "", claim.statement, "", f"    {claim.equation}", ""]
        lines += [f"{_capital(claim.origin)}: {claim.source}.", ""]
        lines += [f"Simulated in brian2: {claim.setup}.", ""]
        lines += [f"{_capital(claim.measure)}: {claim.measured:.3g} (tolerance {claim.tolerance:g})."]
    return "\n".join([*lines, ""])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Symbols of a schematic: ports, wires, lines, terminations, amplifiers and boxes, on a sheet whose unit is a wire's width apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, Polygon, Rectangle

INK, STATE, COSTATE = "#222222", "#0072B2", "#D55E00"
#: inches of a unit
_SCALE = 0.82


class Sheet:
    """What symbols are drawn on.

    Parameters
    ----------
    left, right, bottom, top : float
        Its edges.
    """

    def __init__(self, left: float, right: float, bottom: float, top: float) -> None:
        size = _SCALE * (right - left), _SCALE * (top - bottom)
        self.ax = Figure(figsize=size, layout="constrained").add_subplot()
        self.ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        self.ax.set_axis_off()

    def wire(self, points: Sequence[tuple[float, float]], colour: str = STATE) -> None:
        """Straight pieces through `points`."""
        self.ax.plot(*zip(*points, strict=True), color=colour, lw=1.1, zorder=1)

    def text(self, x: float, y: float, text: str, colour: str = INK, **settings: Any) -> None:
        """Words about a point, or beside it with ``ha``."""
        given: dict[str, Any] = {"ha": "center", "va": "center", **settings}
        self.ax.text(x, y, text, fontsize=7, color=colour, parse_math=False, zorder=4, **given)

    def dot(self, x: float, y: float, colour: str) -> None:
        """Where wires join."""
        self.ax.plot([x], [y], "o", ms=3.5, color=colour, zorder=3)

    def port(self, x: float, y: float, name: str, colour: str) -> None:
        """A node with its name."""
        self.dot(x, y, colour)
        self.text(x - 0.12, y, name, colour, ha="right")

    def box(self, x: float, y: float, width: float, height: float, label: str) -> None:
        """A part with its name."""
        corner = (x - width / 2, y - height / 2)
        self.ax.add_patch(Rectangle(corner, width, height, fc="white", ec=INK, lw=1.0, zorder=2))
        self.text(x, y, label)

    def line(self, x: float, y: float, length: float, *, upright: bool = False) -> None:
        """A transmission line: a thin cylinder."""
        width, height = (0.24, length) if upright else (length, 0.24)
        box = FancyBboxPatch((x - width / 2 + 0.06, y - height / 2 + 0.06), width - 0.12, height - 0.12,
                             boxstyle="round,pad=0.06", fc="#f2f2f2", ec=INK, lw=1.0, zorder=2)  # fmt: skip
        self.ax.add_patch(box)

    def amplifier(self, x: float, y: float, colour: str, *, to: str) -> None:
        """A transconductor, pointing ``down``, ``left`` or ``right``; its tip is 0.16 from its centre."""
        ahead = {"down": (0.0, -1.0), "left": (-1.0, 0.0), "right": (1.0, 0.0)}[to]
        across = (-ahead[1], ahead[0])
        corners = [(0.16, 0.0), (-0.14, 0.16), (-0.14, -0.16)]
        points = [(x + a * ahead[0] + b * across[0], y + a * ahead[1] + b * across[1]) for a, b in corners]
        self.ax.add_patch(Polygon(points, fc=colour, ec="none"))

    def transformer(self, x: float, y: float, colour: str) -> None:
        """Two coils."""
        for side in (-0.1, 0.1):
            self.ax.add_patch(Ellipse((x + side, y), 0.22, 0.3, fill=False, ec=colour, lw=1.2))

    def termination(self, x: float, y: float, values: Sequence[str], *, right: bool = False) -> None:
        """From a point down to ground: a resistor and, with more values than one, a capacitor; the values beside them."""
        low = y - 0.3
        self.ax.add_patch(Rectangle((x - 0.08, low), 0.16, 0.3, fc="white", ec=INK, lw=1.0, zorder=2))
        if len(values) > 1:
            self.wire([(x, low), (x, low - 0.05)], INK)
            for plate in (0.05, 0.1):
                self.wire([(x - 0.12, low - plate), (x + 0.12, low - plate)], INK)
            low -= 0.1
        ground = low - 0.05 * len(values)
        self.wire([(x, low), (x, ground)], INK)
        for k, half in enumerate((0.14, 0.08, 0.03)):
            self.wire([(x - half, ground - 0.04 * k), (x + half, ground - 0.04 * k)], INK)
        side = 1.0 if right else -1.0
        self.text(x + side * 0.17, (y + low) / 2, "\n".join(values), ha="left" if right else "right")

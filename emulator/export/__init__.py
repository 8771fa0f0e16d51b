"""Scattering graphs as circuits for other tools, and the proof that they agree."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.export.compared import Check
from emulator.export.options import Buildable, Options
from emulator.export.spice_files import SpiceExport, spice
from emulator.export.verification import Verification, verify
from emulator.graph import ScatteringGraph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Buildable", "Check", "Options", "SpiceExport", "Verification", "schematic", "spice", "verify"]


def schematic(
    graph: ScatteringGraph,
    path: str | os.PathLike[str] | None = None,
    *,
    layer: str | None = None,
    options: Options | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the circuit around one crossbar with matplotlib; see `emulator.export.picture.schematic`."""
    from emulator.export.picture import schematic as draw

    return draw(graph, path, layer=layer, options=options, title=title)

"""A scattering graph as a picture: elements in columns from left to right, bundles as arrows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import FancyArrowPatch, PathPatch
from matplotlib.transforms import Affine2D

from emulator.errors import ExportError, suggest
from emulator.files import atomic_write
from emulator.graph.compiled import CompiledNetwork
from emulator.graph.elements import Bundle, Element, ElementKind
from emulator.graph.names import shorten
from emulator.graph.placement import RADIUS, Placement, place
from emulator.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: marker and colour of each kind of element; the colours keep apart for colour-blind readers (Okabe and Ito 2008)
_STYLES: dict[ElementKind, tuple[str, str]] = {
    "source": (">", "#009E73"),
    "crossbar": ("s", "#0072B2"),
    "activation": ("o", "#E69F00"),
    "adder": ("P", "#CC79A7"),
    "fanout": ("D", "#56B4E9"),
    "load": ("H", "#D55E00"),
}
_INK = "#222222"
_LINE: dict[str, Any] = {"color": _INK, "linestyle": "-"}
_JOINT: dict[str, Any] = {"color": "#777777", "linestyle": (0, (3, 2))}
#: inches per column, and dots per inch of a saved picture
_PITCH, _DPI = 1.2, 150
#: the longest side of a picture, in dots
_LONGEST = 30000
_NAME_WIDTH = 20
_FONT = 6.5


def draw(
    graph: CompiledNetwork,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw elements by kind, and between them bundles with their number of lines and mean delays.

    Parameters
    ----------
    graph : CompiledNetwork
        What to draw.
    path : str or path-like, optional
        Where to save the picture (atomically); the ending tells the format.
    ax : Axes, optional
        Where to draw; by default on a new figure, ``ax.figure``, that is as large as the graph needs.
    title : str, optional
        What the network is called, above its wiring, law and hardware.

    Returns
    -------
    Axes

    Raises
    ------
    ExportError
        If the ending of `path` is not that of a picture.
    """
    placement = place(graph)
    left, right, bottom, top = placement.bounds
    span = (left - 0.5, right + 0.5, bottom - 0.6, top + 0.5)
    width, height = span[1] - span[0], span[3] - span[2]
    scale = 1.0
    if ax is None:
        ax = Figure(figsize=(_PITCH * width, _PITCH * height + 0.9), layout="constrained").add_subplot()
    else:
        box = ax.get_window_extent()
        scale = min(1.0, min(box.width / width, box.height / height) / (_PITCH * ax.figure.dpi))
    ax.set(xlim=span[:2], ylim=span[2:], aspect="equal")
    ax.set_axis_off()
    _draw_bundles(graph, placement, ax, scale)
    _draw_elements(graph, placement, ax, scale)
    _explain(graph, ax, scale, title)
    if path is not None:
        _save(ax, Path(path))
    return ax


def _draw_bundles(graph: CompiledNetwork, placement: Placement, ax: Axes, scale: float) -> None:
    for bundle in graph.bundles:
        style = _LINE if bundle.is_line else _JOINT
        way = placement.bundles[bundle.name]
        ax.add_patch(FancyArrowPatch(path=way, arrowstyle="-|>", mutation_scale=8 * scale, lw=scale, zorder=1, **style))
        x, y = placement.labels[bundle.name]
        _write(ax, x, y + 0.04, _bundle_label(bundle, graph.step), scale, va="bottom", color=style["color"])


def _draw_elements(graph: CompiledNetwork, placement: Placement, ax: Axes, scale: float) -> None:
    for element in graph.elements:
        x, y = placement.elements[element.name]
        marker, colour = _STYLES[element.kind]
        style = MarkerStyle(marker)
        outline = style.get_path().transformed(style.get_transform())
        size = 2 * RADIUS / outline.get_extents().width
        outline = outline.transformed(Affine2D().scale(size).translate(x, y))
        ax.add_patch(PathPatch(outline, facecolor=colour, edgecolor=_INK, linewidth=0.8 * scale, zorder=2))
        _write(ax, x, y - RADIUS - 0.06, _element_label(element), scale, va="top", color=_INK)


def _write(ax: Axes, x: float, y: float, text: str, scale: float, va: str, color: str) -> None:
    """Write names as they are, without mathematics, readable on top of lines."""
    label = ax.text(x, y, text, fontsize=_FONT * scale, ha="center", va=va, color=color, parse_math=False, zorder=3)
    label.set(linespacing=1.05, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6 * scale})


def _explain(graph: CompiledNetwork, ax: Axes, scale: float, title: str | None) -> None:
    """Title and legend."""
    kinds = [kind for kind in _STYLES if any(element.kind == kind for element in graph.elements)]
    handles = [_handle(kind, 8 * scale) for kind in kinds]
    handles.append(Line2D([], [], label="lines: count, mean delay", **_LINE))
    handles.append(Line2D([], [], label="joints", **_JOINT))
    columns = max(2, int(ax.get_window_extent().width / (130 * scale)))
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": columns}
    ax.legend(handles=handles, frameon=False, fontsize=8 * scale, **place)
    named = [shorten(title, 80)] if title else []
    named.append(f"{graph.wiring} wiring, law {graph.law.name}, hardware {shorten(graph.hardware.name, 40)}")
    ax.set_title("\n".join(named), fontsize=9 * scale, parse_math=False)


def _handle(kind: ElementKind, size: float) -> Line2D:
    marker, colour = _STYLES[kind]
    return Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor=_INK, markersize=size, label=kind)


def _element_label(element: Element) -> str:
    """Name, and what it computes."""
    match element.kind:
        case "crossbar":
            what = f"{element.port('rows').width} to {element.port('columns').width}"
        case "activation":
            what = element.function
        case "fanout":
            return ""
        case _:
            what = element.kind
    return f"{shorten(element.name, _NAME_WIDTH)}\n{what}"


def _bundle_label(bundle: Bundle, step: float) -> str:
    """Number of lines, and mean delay of each direction."""
    means = {
        arrow: si(float(delay.mean()) * step, "s")
        for arrow, delay in (("→", bundle.delay_forward), ("←", bundle.delay_backward))
        if delay is not None
    }
    if len(means) == 2 and len(set(means.values())) == 1:
        means = {"⇄": next(iter(means.values()))}
    return "\n".join([str(bundle.count), *(f"{arrow} {mean}" for arrow, mean in means.items())])


def _save(ax: Axes, path: Path) -> None:
    figure = ax.figure.canvas.figure
    kind = path.suffix.removeprefix(".").lower()
    formats = figure.canvas.get_supported_filetypes()
    if kind not in formats:
        raise ExportError(f"file '{path}': no picture format {suggest(kind, formats)}")
    dpi = min(_DPI, _LONGEST / max(figure.get_size_inches()))
    atomic_write(path, lambda file: figure.savefig(file, format=kind, dpi=dpi))

"""What no picture may have: an axis without a name, a panel without data, room beyond 100 %, series that look alike, ..."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: share of an axis that may lie beyond the data on a side, but for one that begins at 0
_ROOM = 0.2


def faults(figure: Figure, substrate: bool = True) -> list[str]:
    """What is wrong with a picture, each in a few words."""
    figure.draw_without_rendering()
    found: list[str] = []
    if substrate:
        title = figure.get_suptitle()
        found += [f"title {title!r} does not name the {word}" for word in ("law", "hardware") if word not in title]
    bars = {id(axes) for axes in figure.axes if hasattr(axes, "_colorbar")}
    for number, axes in enumerate(axes for axes in figure.axes if axes.axison):
        found += [f"panel {number}: {what}" for what in (_of_bar(axes) if id(axes) in bars else _of_panel(axes))]
    found += [
        f"legend: {what}" for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)] if legend
        for what in _of_legend(legend)
    ]  # fmt: skip
    return found


def _of_bar(axes: Axes) -> Iterator[str]:
    if not (axes.get_xlabel() or axes.get_ylabel()):
        yield "colours without a name"


def _of_panel(axes: Axes) -> Iterator[str]:
    if not axes.has_data():
        yield "no data"
    for side in "xy":
        shared = [one for one in getattr(axes, f"get_shared_{side}_axes")().get_siblings(axes) if one.axison]
        named = [tick for one in shared for tick in getattr(one, f"{side}axis").get_ticklabels()]
        words = any(re.search("[A-Za-z]{2}", tick.get_text().replace("mathdefault", "")) for tick in named)
        if not words and not any(getattr(one, f"get_{side}label")() for one in shared):
            yield f"the {side} axis has no name"
        label = "".join(getattr(one, f"get_{side}label")() for one in shared)
        low, high = sorted(getattr(axes, f"get_{side}lim")())
        if "(%)" in label and (low < 0 or high > 100):
            yield f"the {side} axis of percents goes from {low:g} to {high:g}"
    yield from _of_ends(axes)
    labelled = [line for line in axes.lines if not line.get_label().startswith("_") and len(line.get_xdata()) > 1]
    for one, other in itertools.combinations(labelled, 2):
        if _look(one) == _look(other) or (
            to_hex(one.get_color()) == to_hex(other.get_color()) and _mark(one) == _mark(other)
        ):
            yield f"{one.get_label()!r} and {other.get_label()!r} look alike"
        elif _mark(one) == _mark(other) and len(labelled) <= 8:
            yield f"{one.get_label()!r} and {other.get_label()!r} differ in colour alone"


def _of_ends(axes: Axes) -> Iterator[str]:
    low, high = sorted(axes.get_xlim())
    columns = [np.asarray(line.get_xdata(), float) for line in axes.lines]
    known = np.concatenate([*columns, []])
    known = known[np.isfinite(known) & ((known > 0) | (axes.get_xscale() != "log"))]
    if len(known) < 3 or np.ptp(known) == 0:
        return
    scaled = np.log if axes.get_xscale() == "log" else np.asarray
    left, first, last, right = scaled([low, known.min(), known.max(), high])
    if (right - last) / (right - left) > _ROOM or ((first - left) / (right - left) > _ROOM and low != 0):
        yield f"the x axis goes from {low:g} to {high:g}, the data from {known.min():g} to {known.max():g}"


def _mark(line: Line2D) -> tuple[object, ...]:
    return line.get_marker(), str(line._dash_pattern if line.get_linestyle() != "None" else None)


def _look(line: Line2D) -> tuple[object, ...]:
    return to_hex(line.get_color()), *_mark(line)


def _of_legend(legend) -> Iterator[str]:
    texts = [text.get_text() for text in legend.get_texts()]
    if len(set(texts)) < len(texts):
        yield f"an entry stands there twice: {texts}"
    for handle, text in zip(legend.legend_handles, texts, strict=True):
        if isinstance(handle, Container) or not isinstance(handle, Line2D):
            continue
        drawn = handle.get_linestyle() != "None" or handle.get_marker() not in ("None", None)
        if drawn and not text.strip():
            yield "an entry without a text"

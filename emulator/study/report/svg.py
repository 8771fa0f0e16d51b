"""Pictures as SVG inside an HTML page: colours and letters are the page's own, for light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

#: what pictures are drawn in; the page replaces each by its colour of that name
INK, QUIET, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
#: one per curve
SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06", "#0a0a07")

_COLOURS = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    RULE: "var(--rule)",
    PAPER: "var(--card)",
    **{colour: f"var(--s{number})" for number, colour in enumerate(SERIES, 1)},
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "backwave",
    "text.parse_math": False,
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.title_fontsize": 9.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
#: what no XML file may hold
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@contextmanager
def page_style() -> Iterator[None]:
    """Draw in the style of the page; texts are taken literally."""
    with mpl.rc_context(_STYLE):
        yield


def literal(text: object) -> str:
    """`text` with what no page may hold replaced, so that names from a file can be shown as they are."""
    return _CONTROL.sub("\ufffd", str(text))


def inline_svg(figure: Figure, name: str, title: str) -> str:
    """A figure as an SVG element that fits into a page with others.

    Parameters
    ----------
    figure : Figure
        Drawn within `page_style`.
    name : str
        Letters, digits and hyphens; differs from picture to picture of a page.
    title : str
        Read aloud instead of the picture.
    """
    buffer = io.StringIO()
    with page_style():
        figure.savefig(buffer, format="svg", metadata=_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())
    _clean(root, name)
    width, height = (float(root.attrib.pop(side).removesuffix("pt")) for side in ("width", "height"))
    root.attrib |= {"role": "img", "aria-label": literal(title), "viewBox": f"0 0 {width:g} {height:g}"}
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _clean(root: ElementTree.Element, name: str) -> None:
    """Drop what the page does not need, make identifiers unique, and hand colours and letters over to the page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata"):
                parent.remove(child)
    used = {part for element in root.iter() for value in element.attrib.values() for part in _references(value)}
    for element in root.iter():
        here = element.attrib.pop("id", None)
        if here in used:
            element.set("id", f"{name}-{here}")
        for key, value in element.attrib.items():
            if key == _HREF:
                value = value.replace("#", f"#{name}-", 1)
            elif "url(#" in value:
                value = value.replace("url(#", f"url(#{name}-")
            elif key == "style":
                value = _themed(value)
            elif key == "d":
                value = " ".join(value.split())
            element.set(key, value)


def _references(value: str) -> list[str]:
    return [link or url for link, url in re.findall(r"^#(.+)$|url\(#([^)]+)\)", value)]


def _themed(style: str) -> str:
    style = re.sub(r"font-family: [^;]+;? ?", "", style)
    return re.sub("#[0-9a-f]{6}", lambda found: _COLOURS.get(found[0], found[0]), style)

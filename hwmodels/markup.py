"""Small tables for notebooks; whatever is shown is text, never markup."""

from __future__ import annotations

import html
from collections.abc import Iterable


def table(title: str, rows: Iterable[tuple[object, ...]]) -> str:
    """An HTML table with a caption, as ``_repr_html_`` gives it."""
    lines = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{html.escape(str(cell))}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table><caption style="text-align:left"><b>{html.escape(title)}</b></caption><tbody>{lines}</tbody></table>'
    )

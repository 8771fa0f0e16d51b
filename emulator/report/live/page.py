"""One self-contained page: its styles, its script and its numbers are in it, and it may load nothing else."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from emulator.files import atomic_write
from emulator.text import for_terminal


def write_page(path: Path, kind: str, title: str, about: str, data: dict[str, Any]) -> None:
    """Write a live page; `path` is replaced only once the new page is complete.

    Parameters
    ----------
    path : Path
    kind : {"run", "store"}
        Which script shows the numbers.
    title, about : str
        Of whoever made the run: they are shown as they are, and never as markup.
    data : dict
        What the script shows; plain tables.
    """
    # within a script element only "<" can end it or begin another
    numbers = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    parts = {
        "@TITLE@": html.escape(for_terminal(title)),
        "@ABOUT@": html.escape(for_terminal(about)),
        "@STYLE@": _part("page.css"),
        "@SCRIPT@": _part("shared.js") + _part(f"{kind}.js"),
        "@DATA@": numbers,
    }
    page = re.sub(
        "@[A-Z]+@", lambda mark: parts[mark[0]], _part("page.html")
    )  # in one pass: what is put in is not looked at
    atomic_write(path, lambda file: file.write(page.encode("utf-8")))


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

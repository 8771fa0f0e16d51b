"""The documents of the project and what is in them: blocks of code, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: every page that a reader is sent to, by its path in the project
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for folder in (".", "docs", "emulator", "hwmodels")
    for path in sorted((ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
}


def blocks(language: str, text: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    """Commands of Backwave in a block, without their comments."""
    lines = [line.split("#")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line.startswith("backwave ")]


def links(text: str) -> list[str]:
    """Files that a page links to or shows; addresses elsewhere are left out."""
    return re.findall(
        r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )

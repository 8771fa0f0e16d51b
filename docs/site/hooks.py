"""What MkDocs asks while it builds the site: pages made from the code, and pictures made by the commands they name."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
warnings.simplefilter("ignore")  # of libraries, to programmers; MkDocs would take them for faults of the site
for place in (ROOT, Path(__file__).parent):
    sys.path.insert(0, str(place))

from gallery import pictures  # noqa: E402
from reference import PAGES  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference, and the pictures of the gallery."""
    for name, write in PAGES.items():
        files.append(File.generated(config, f"docs/reference/{name}.md", content=write()))
    for name, picture in pictures().items():
        files.append(File.generated(config, f"docs/pictures/{name}", content=picture))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Blocks that only this project's tests and GitHub tell apart are coloured as shells."""
    return markdown.replace("```text\n$ ", "```console\n$ ")

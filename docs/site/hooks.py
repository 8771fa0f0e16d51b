"""What MkDocs asks while it builds the site: pages made from the code, and pictures made by the commands they name."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
warnings.simplefilter("ignore")  # of libraries, to programmers; MkDocs would take them for faults of the site
for place in (ROOT, Path(__file__).parent):
    sys.path.insert(0, str(place))

from gallery import pictures  # noqa: E402
from kept import differs, outdated  # noqa: E402
from reference import PAGES  # noqa: E402

#: kept pictures, and those of the gallery that they must be like
_FRESH = {"worldsheet.png": "digits/worldsheet.png", "circuit.png": "circuit.png"}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference, and the pictures of the gallery."""
    for name, write in PAGES.items():
        files.append(File.generated(config, f"docs/reference/{name}.md", content=write()))
    made = pictures()
    for name, picture in made.items():
        files.append(File.generated(config, f"docs/pictures/{name}", content=picture))
    found = outdated() + [words for name, fresh in _FRESH.items() if (words := differs(name, made[fresh]))]
    if found:
        raise PluginError("; ".join(found))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Blocks that only this project's tests and GitHub tell apart are coloured as shells."""
    return markdown.replace("```text\n$ ", "```console\n$ ")

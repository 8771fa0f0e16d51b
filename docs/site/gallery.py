"""The pictures of the gallery: made anew, while the site is built, by the commands that its page shows.

Every block ``sh`` of the page is run, and the pictures below it are taken from what it wrote: a picture that no command
makes any more fails the build. Pictures of commands that take minutes are kept in ``scenarios/pictures``.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tempfile
from pathlib import Path

from emulator.cli import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "gallery.md"
#: a block of commands, and the pictures after it up to the next block
_PART = re.compile(r"^```sh\n(.*?)^```(.*?)(?=^```|\Z)", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"\]\(pictures/([^)]+)\)")


def parts(text: str) -> list[tuple[list[str], list[str]]]:
    """Commands of the page, and the pictures that each group of them makes."""
    found = [(block.strip().splitlines(), _PICTURE.findall(after)) for block, after in _PART.findall(text)]
    return [(commands, names) for commands, names in found if names]


def pictures() -> dict[str, bytes]:
    """Every picture by its path below ``docs/pictures``."""
    made = parts(PAGE.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for commands, _ in made:
            for command in commands:
                _run(command)
        return {name: Path(folder, name).read_bytes() for _, names in made for name in names}


def _run(command: str) -> None:
    """A command as in a terminal, but in this process, which has imported everything already."""
    words = shlex.split(command, comments=True)[1:]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = app(words, standalone_mode=False)
    if status not in (None, 0, 1):
        raise RuntimeError(f"the gallery's command {command!r} ended with status {status}: {said.getvalue()[-500:]}")

"""Programs that are running on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def programs_in(folder: Path) -> list[str]:
    """The command lines of programs that name a folder, or something in it, or are at work there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(process / "cwd")
        except OSError:  # it has ended, or is another user's
            continue
        if str(folder) in f"{words} {place}" and int(process.name) != os.getpid():
            found.append(words)
    return found

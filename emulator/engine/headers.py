"""The standard headers of C++, parsed once per compiler and not again for every file of every program."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from brian2.codegen.cpp_prefs import get_compiler_and_args

_HEADERS = (
    "algorithm climits cmath csignal cstdio cstdlib ctime fstream iostream iterator limits map random set string tuple "
    "utility vector assert.h math.h stdint.h stdlib.h time.h"
)
#: characters that make and the shell leave alone
_PLAIN = re.compile(r"[\w./+-]+")


def make_arguments(cache: Path) -> list[str]:
    """Arguments for brian2's makefile that let g++ use precompiled headers, made here if they are not there yet.

    GCC ignores a precompiled header that does not fit its flags and reads the text instead, so that the program is the
    same in any case. With another compiler, or where the headers cannot be made, there are no such arguments.

    Parameters
    ----------
    cache : Path
        Directory in which they are kept.
    """
    if "CXX" in os.environ:
        return []
    _, flags = get_compiler_and_args()
    text = "".join(f"#include <{name}>\n" for name in _HEADERS.split())
    version = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False).stdout
    place = cache / "headers" / hashlib.sha256(repr((version, flags, text)).encode()).hexdigest()[:16]
    header = place / "standard.h"
    if not _PLAIN.fullmatch(str(header)):
        return []
    made = header.with_suffix(".h.gch")
    if not made.exists():
        place.mkdir(parents=True, exist_ok=True)
        header.write_text(text)
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            fresh = Path(scratch) / made.name
            command = ["g++", *flags, "-x", "c++-header", str(header), "-o", str(fresh)]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                return []
            fresh.replace(made)
    return [shlex.quote(f"CXX=g++ -include {header}")]

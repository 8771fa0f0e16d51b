"""The standard headers of C++, parsed once per compiler and not again for every file of every program."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from pathlib import Path
from typing import Any

from brian2.codegen.cpp_prefs import get_compiler_and_args

from emulator.engine.cache import KEEP_ENVIRONMENTS, forget_oldest, intact, making, write_manifest
from emulator.engine.compiler import environment
from emulator.engine.sources import ONCE
from emulator.locks import waited_for
from emulator.threads import output_of

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
    if os.environ.get("CXX"):
        return []
    _, flags = get_compiler_and_args()
    text = "".join(f"#include <{name}>\n" for name in _HEADERS.split())
    key = hashlib.sha256(repr((environment(), flags, text)).encode()).hexdigest()[:16]
    place = cache / "headers" / key
    header = place / "standard.h"
    if not _PLAIN.fullmatch(str(header)):
        return []
    place.parent.mkdir(parents=True, exist_ok=True)
    with waited_for(place.parent / f"{key[:2]}.lock"):
        if not (intact(place) or _make(text, flags, place))["made"]:
            return []
    return [shlex.quote(f"CXX=g++ $(if $(filter {ONCE}.o,$@),,-include {header})")]  # for one level of optimisation


def _make(text: str, flags: list[str], place: Path) -> dict[str, Any]:
    """Make an entry of the cache of the headers, or of the fact that they cannot be made; its content."""
    with making(place) as staging:
        header = staging / "standard.h"
        header.write_text(text)
        command = ["g++", *flags, "-x", "c++-header", str(header), "-o", f"{header}.gch"]
        content = {"made": output_of(command)[0] == 0}
        write_manifest(staging, content)
    forget_oldest(place.parent, KEEP_ENVIRONMENTS)
    return content

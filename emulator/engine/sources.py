"""The many files of a generated program, compiled as two: what runs in every step, and what runs once.

brian2 writes a file per piece of code, and nearly all the time of compiling one is that of reading the same headers again.
Joined they need a third of it. Names that a piece keeps to itself, in the unnamed namespace of its file, are in a
namespace of its own afterwards.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

#: reads and writes arrays, before and after the steps: not optimised, which would take as long as all the rest. It is linked
#: last, so that of what both define, such as growing lists, that of the steps counts
ONCE = "once"
_STEPS = "steps"
_RUN_ONCE = ("objects.cpp", "main.cpp")
#: what keeps a piece from defining something twice; the next piece has a namespace of its own, and defines it, too
_GUARD = re.compile(r"^\s*#define (BACKWAVE_\w+)\s*$", re.M)
_OWN, _SHARED = "\nnamespace {", "using namespace brian;"


def join_sources(directory: Path) -> list[str]:
    """Join the sources of a program that brian2 has written, and say so to its makefile.

    A piece that is not built as expected stays a file of its own.

    Parameters
    ----------
    directory : Path
        Where the program is; the joined files are added to it.

    Returns
    -------
    list of str
        Arguments for make, quoted for the shell.
    """
    own, joined = [], []
    for number, path in enumerate(sorted((directory / "code_objects").glob("*.cpp"))):
        text = path.read_text()
        if text.count(_OWN) == 1 and _SHARED in text:
            name = f"piece_{number}"
            text = text.replace(_OWN, f"\nnamespace {name} {{").replace(_SHARED, f"{_SHARED} using namespace {name};")
            joined.append(text + "".join(f"#undef {guard}\n" for guard in sorted(set(_GUARD.findall(text)))))
        else:
            own.append(path.relative_to(directory).as_posix())
    whole = sorted(path.name for path in directory.glob("*.cpp"))
    joined += [_include(name) for name in whole if name not in _RUN_ONCE]
    (directory / f"{_STEPS}.cpp").write_text("\n".join(joined))
    (directory / f"{ONCE}.cpp").write_text("".join(_include(name) for name in whole if name in _RUN_ONCE))
    less = f"$(if $(filter {ONCE}.o,$@),-O0)"
    return [
        shlex.quote(f"SRCS={' '.join((f'{_STEPS}.cpp', *own, f'{ONCE}.cpp'))}"),
        shlex.quote(f"CXXFLAGS=-c -Wno-write-strings $(OPTIMISATIONS) -I. {less}"),
    ]


def _include(name: str) -> str:
    return f'#include "{name}"\n'

"""The C++ compiler that makes programs and modules: which one, with which flags, for which processor."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path

from emulator.errors import EngineError

#: exact arithmetic: ``-ffast-math`` reorders sums, and flushes small numbers to zero in the whole process
FLAGS = ("-w", "-O3", "-fno-math-errno", "-march=native", "-std=c++11")


def flags() -> list[str]:
    """The flags of every compilation: ``$BACKWAVE_CXXFLAGS`` where it is set, else `FLAGS`."""
    chosen = os.environ.get("BACKWAVE_CXXFLAGS")
    try:
        return list(FLAGS) if chosen is None else shlex.split(chosen)
    except ValueError as error:
        raise EngineError(f"BACKWAVE_CXXFLAGS is {chosen!r}: {error}; allowed: flags of a C++ compiler") from None


def command() -> str:
    """The compiler to run: ``$CXX`` where it is set, else g++."""
    return os.environ.get("CXX") or "g++"


def have_compiler() -> bool:
    """Whether there are a compiler and a make that standalone programs could be built with."""
    return shutil.which("make") is not None and _version(command(), os.environ.get("PATH", "")) is not None


def require_compiler(target: str) -> None:
    """Check that a target finds what it compiles with.

    Raises
    ------
    EngineError
        If the compiler is missing or cannot be run, or make is missing.
    """
    instead = "or target='numpy'"
    path = os.environ.get("PATH", "")
    if _version(command(), path) is None:
        if os.environ.get("CXX"):
            raise EngineError(
                f"CXX is {command()!r}, which cannot be run as a C++ compiler; allowed: a command such as g++, {instead}"
            )
        raise EngineError(f"target {target} needs a C++ compiler and found none; allowed: install g++, {instead}")
    if target == "standalone" and shutil.which("make") is None:
        raise EngineError(f"target standalone needs make and found none; allowed: install make, {instead}")
    if target == "cython":
        one = os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc")
        if _version(one, path) is None:
            raise EngineError(f"target cython needs the C compiler {one!r}, which cannot be run; {_ALLOWED}, {instead}")


_ALLOWED = "allowed: install gcc, set CC to another"


def made_with() -> dict[str, str]:
    """The compiler and its flags, as results tell them."""
    return {
        "compiler": _version(command(), os.environ.get("PATH", "")) or command(),
        "compiler_flags": shlex.join(flags()),
    }


def environment() -> str:
    """A hash of all but the plan that a program or module depends on: compiler, flags, processor, and versions."""
    named = [f"{name} {metadata.version(name)}" for name in ("brian2", "numpy", "sympy", "jinja2")]
    text = [*named, platform.python_version(), *made_with().values(), *flags(), command(), _processor()]
    return hashlib.sha256("\0".join(text).encode()).hexdigest()[:32]


@cache
def _version(compiler: str, path: str) -> str | None:
    """The first line that a compiler says of its version; None if it cannot be run. `path` is what it is looked up in."""
    try:
        words = shlex.split(compiler)
        said = subprocess.run([*words, "--version"], capture_output=True, text=True, errors="replace", timeout=20)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return said.stdout.strip().split("\n")[0] or None if said.returncode == 0 else None


@cache
def _processor() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    told = ("model name", "cpu family", "model", "stepping", "flags", "Features", "CPU part", "CPU implementer")
    return "\n".join([platform.machine(), platform.processor(), *(x for x in lines if x.split("\t")[0].strip() in told)])

"""The C++ compiler that makes programs and modules: which one, with which flags, for which processor."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from emulator.errors import EngineError

#: exact arithmetic: ``-ffast-math`` reorders sums, and flushes small numbers to zero in the whole process. Nobody asks what
#: a comparison raised, so that both sides of a choice may be worked out
FLAGS = ("-w", "-O3", "-fno-math-errno", "-fno-trapping-math", "-march=native", "-std=c++11")


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
    """Whether there are a compiler and a make that standalone programs can be built with."""
    return shutil.which("make") is not None and _version(command(), "c++", _path()) is not None


def require_compiler(target: str) -> None:
    """Check that a target finds what it compiles with.

    Raises
    ------
    EngineError
        If a compiler is missing or cannot be run, or make is missing.
    """
    needed = [("CXX", command(), "c++")]
    if target == "cython":
        needed.append(("CC", os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc"), "c"))
    for name, words, language in needed:
        if _version(words, language, _path()) is not None:
            continue
        kind = language.upper()
        if os.environ.get(name):
            raise EngineError(
                f"{name} is {words!r}, which is no {kind} compiler that can be run; allowed: one that can"
            )
        raise EngineError(
            f"target {target} needs a {kind} compiler and found none; allowed: install {words}, or target='numpy'"
        )
    if target == "standalone" and shutil.which("make") is None:
        raise EngineError("target standalone needs make and found none; allowed: install make, or target='numpy'")


def linking() -> list[str]:
    """Arguments for brian2's makefile that put the library of C++ into a program: starting it takes half as long then.

    None where there is no such library to put in.
    """
    named = subprocess.run(
        [*shlex.split(command()), "-print-file-name=libstdc++.a"], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    found = Path(named.stdout.strip())
    return [shlex.quote("LFLAGS=-static-libstdc++ -static-libgcc")] if found.is_absolute() and found.exists() else []


def made_with() -> dict[str, str]:
    """The compiler and its flags, as results tell them."""
    return {"compiler": _version(command(), "c++", _path()) or command(), "compiler_flags": shlex.join(flags())}


def built_with(target: str) -> dict[str, str]:
    """What results add to their versions: `made_with` of a target that compiles, nothing of numpy."""
    return {} if target == "numpy" else made_with()


def environment() -> str:
    """A hash of all but the plan that a program or module depends on: compiler, flags, processor, and versions."""
    return _environment(command(), os.environ.get("CC", ""), *made_with().values())


@cache
def _environment(*made: str) -> str:
    named = [f"{name} {metadata.version(name)}" for name in ("brian2", "numpy", "sympy", "jinja2")]
    text = [*named, platform.python_version(), sys.prefix, *made, _processor()]
    return hashlib.sha256("\0".join(text).encode()).hexdigest()[:32]


@cache
def _version(compiler: str, language: str, path: str) -> str | None:
    """What a compiler says of its version; None if it cannot be run on a file. `path` is what it is looked up in."""
    try:
        words = shlex.split(compiler)
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60, "check": True}
        said = subprocess.run([*words, "--version"], **how).stdout.decode(errors="replace").strip().split("\n")[0]
        subprocess.run([*words, "-fsyntax-only", "-x", language, os.devnull], **how)
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
    return said or compiler


def _path() -> str:
    return os.environ.get("PATH", "")


@cache
def _processor() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    told = ("model name", "cpu family", "model", "stepping", "flags", "Features", "CPU part", "CPU implementer")
    return "\n".join(
        [platform.machine(), platform.processor(), *(x for x in lines if x.split("\t")[0].strip() in told)]
    )

"""Headers that are parsed once: used by the compiler, and never in the way."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from brian2.codegen.cpp_prefs import get_compiler_and_args

from emulator.engine.headers import make_arguments


@pytest.fixture
def compiler(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)


def compiler_of(folder, name):
    """What make would compile `name` with."""
    (argument,) = make_arguments(folder)
    makefile = folder / "makefile"
    makefile.write_text(f"{name}:\n\t$(CXX)\n")
    words = ["make", "-n", "-f", str(makefile), name, *shlex.split(argument)]
    return shlex.split(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_the_compiler_takes_the_precompiled_headers(tmp_path, compiler):
    command = compiler_of(tmp_path, "steps.o")
    assert compiler_of(tmp_path, "once.o") == ["g++"]  # headers parsed for one level of optimisation can crash another
    source = tmp_path / "empty.cpp"
    source.write_text("int main() { return 0; }\n")
    flags = ["-H", *get_compiler_and_args()[1], "-c", str(source), "-o", str(tmp_path / "empty.o")]
    said = subprocess.run([*command, *flags], capture_output=True, text=True, check=True).stderr
    assert said.startswith("! ")  # GCC's sign of a precompiled header that it used
    other = ["-O0" if flag == "-O3" else flag for flag in flags]
    said = subprocess.run([*command, *other], capture_output=True, text=True, check=True).stderr
    assert "! " not in said  # other flags: the text of the headers


def test_they_are_made_once(tmp_path, compiler):
    make_arguments(tmp_path)
    (made,) = tmp_path.rglob("*.gch")
    before = made.stat().st_mtime_ns
    make_arguments(tmp_path)
    assert made.stat().st_mtime_ns == before
    assert sorted(path.name for path in made.parent.iterdir()) == ["manifest.json", "standard.h", "standard.h.gch"]


def test_other_compilers_and_awkward_paths_do_without(tmp_path, monkeypatch, compiler):
    assert make_arguments(tmp_path / "a b") == []
    monkeypatch.setenv("CXX", "clang++")
    assert make_arguments(tmp_path) == []


def test_headers_that_cannot_be_made_are_done_without(tmp_path, monkeypatch, compiler):
    monkeypatch.setattr("emulator.engine.headers._HEADERS", "no_such_header")
    assert make_arguments(tmp_path) == []

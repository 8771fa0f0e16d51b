"""The files of a program as two: nothing is lost, names stay apart, and what cannot be joined is left alone."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from emulator.engine import standalone
from emulator.engine.sources import join_sources
from emulator.errors import EngineError

PIECE = """#include <cmath>
namespace {{
    #ifndef BACKWAVE_ONCE
    #define BACKWAVE_ONCE
    static double once(double x) {{ return x; }}
    #endif
    double kept() {{ return once({value}); }}
}}
namespace brian {{ double shared_{name}; }}
double run_{name}() {{
    using namespace brian;
    return kept();
}}
"""
MAKEFILE = """PROGRAM = main
SRCS = code_objects/a.cpp code_objects/b.cpp main.cpp
OBJS = ${SRCS:.cpp=.o}
OPTIMISATIONS = -O3
CXXFLAGS = -c $(OPTIMISATIONS) -I.
all: $(PROGRAM)
$(PROGRAM): $(OBJS)
\t$(CXX) $(OBJS) -o $(PROGRAM)
%.o : %.cpp
\t$(CXX) $(CXXFLAGS) $< -o $@
"""


@pytest.fixture
def written(tmp_path):
    """A program of two pieces that each keep a name to themselves, and define a function that neither may define twice."""
    pieces = tmp_path / "code_objects"
    pieces.mkdir()
    for name, value in (("a", 40), ("b", 2)):
        (pieces / f"{name}.cpp").write_text(PIECE.format(name=name, value=value))
    (tmp_path / "network.cpp").write_text("int network() { return 0; }\n")
    (tmp_path / "objects.cpp").write_text("int objects() { return 0; }\n")
    (tmp_path / "main.cpp").write_text(
        "double run_a(); double run_b(); int network(); int objects();\n"
        "int main() { return (int) (run_a() + run_b()) + network() + objects(); }\n"
    )
    (tmp_path / "makefile").write_text(MAKEFILE)
    return tmp_path


def made(folder):
    words = [word for argument in join_sources(folder) for word in shlex.split(argument)]
    said = subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert subprocess.run([folder / "main"], check=False).returncode == 42
    return [line.split() for line in said.splitlines() if " -c " in line]


def test_two_files_do_what_all_files_did(written):
    compiled = {words[-1]: words for words in made(written)}
    assert sorted(compiled) == ["once.o", "steps.o"]
    assert "-O0" in compiled["once.o"] and "-O0" not in compiled["steps.o"]


def test_a_piece_that_is_built_otherwise_stays_a_file_of_its_own(written):
    odd = written / "code_objects" / "b.cpp"
    odd.write_text(odd.read_text().replace("using namespace brian;", ""))
    assert sorted(words[-1] for words in made(written)) == ["code_objects/b.o", "once.o", "steps.o"]


def test_what_does_not_compile_in_one_file_is_compiled_piece_by_piece(tmp_path, monkeypatch):
    tried = []

    def make(directory, arguments):
        tried.append(len(arguments))
        if len(tried) == 1:
            raise EngineError("no")

    monkeypatch.setattr(standalone, "_make", make)
    monkeypatch.setattr(standalone, "join_sources", lambda directory: ["SRCS=one.cpp"])
    standalone._make_joined(tmp_path, ["-j2"])
    assert tried == [2, 1]

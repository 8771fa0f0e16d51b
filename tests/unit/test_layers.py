"""The order of the folders: each imports only from those before it, and no modules import each other in a circle.

Every import counts, wherever it stands: at the top, in a function, in a stub, and under ``TYPE_CHECKING``, for a type
that a module names is something that it knows. A new folder gets its place in `ORDER`.
"""

from __future__ import annotations

import ast

import networkx as nx
import pytest

from tests.support.imports import imports, modules

#: from the bottom to the top; those on one line know nothing of each other
ORDER = """
hwmodels
errors text versions interrupts units
threads
archives contents locks options plugins streams
files kinds processes
laws learning
network
data graph
compile
engine
measure
families
importers training
runs
control
export
report
scenario
study
experiments
commands
cli
__main__
"""
PLACES = {name: place for place, line in enumerate(ORDER.split("\n")) for name in line.split()}

#: modules that name others in texts, to import them when a part of theirs is asked for, as entry points do
BY_NAME = [
    "emulator.laws.base",
    "emulator.laws.bilateral",
    "emulator.laws.family",
    "emulator.laws.upwind",
    "emulator.laws.wave_pmp",
    "emulator.network.formats",
    "emulator.plugins",
]


def folder(module: str) -> str:
    """The folder of a module by which it has its place; files beside the folders are places of their own."""
    first, _, rest = module.partition(".")
    return first if first == "hwmodels" else rest.partition(".")[0]


OURS = [one for one in imports("emulator", "hwmodels") if one.imported.partition(".")[0] in ("emulator", "hwmodels")]


def test_every_folder_has_a_place() -> None:
    folders = {folder(name) for package in ("emulator", "hwmodels") for name in modules(package)} - {""}
    assert folders == set(PLACES)


def test_folders_import_only_from_those_before_them() -> None:
    upward = [
        one
        for one in OURS
        if one.importer != "emulator"
        and folder(one.importer) != folder(one.imported)
        and PLACES.get(folder(one.imported), len(PLACES)) >= PLACES[folder(one.importer)]
    ]
    assert [str(one) for one in upward] == []


def test_modules_name_others_in_texts_where_it_is_known() -> None:
    """What a text names is no import, and may stand above: for registries of parts, and for nothing else."""
    known = {name: file for package in ("emulator", "hwmodels") for name, file in modules(package).items()}
    naming = set()
    for module, file in known.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = node.value.partition(":")[0]
                if named in known and named.count(".") and not module.startswith(named):
                    naming.add(module)
    assert sorted(naming) == BY_NAME


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = nx.DiGraph((one.importer, one.imported) for one in OURS)
    circles = [sorted(ring) for ring in nx.strongly_connected_components(graph) if len(ring) > 1]
    assert circles == []


@pytest.mark.parametrize(
    "text", ["from .graph import draw", "def f():\n    import emulator.graph.draw", "from . import graph"]
)
def test_imports_are_found_wherever_they_stand(text: str, tmp_path, monkeypatch) -> None:
    from tests.support import imports as reader

    monkeypatch.setattr(reader, "ROOT", tmp_path)
    (tmp_path / "emulator" / "graph").mkdir(parents=True)
    for name in ("__init__", "graph/__init__", "graph/draw"):
        (tmp_path / "emulator" / f"{name}.py").write_text("")
    (tmp_path / "emulator" / "top.py").write_text(text)
    reader.modules.cache_clear()
    try:
        found = reader.imports.__wrapped__("emulator")
    finally:
        reader.modules.cache_clear()
    assert [(one.importer, one.imported) for one in found] == [
        ("emulator.top", "emulator.graph.draw" if "draw" in text else "emulator.graph")
    ]

"""A family of laws is one object: nothing outside its folder asks what kind of law, plan, layout or recording it has."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from emulator import EngineError, Network, compile_network, settle
from emulator.engine.plan import Plan, sources
from emulator.laws import LAWS, Law, family_of
from tests.refusals import refuses
from tests.support.imports import ROOT, modules

#: what is told apart by asking, and never by its class
ASKED = ("Law", "Plan", "Layout", "Recording", "Family", "LinearStep")


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in modules("emulator").items()}


def kinds(parsed: dict[str, ast.Module]) -> dict[str, str]:
    """Every class below one of `ASKED`, and the folder of its family; classes of laws belong to `emulator.laws`."""
    bases = {
        node.name: ([ast.unparse(base).partition("[")[0] for base in node.bases], module)
        for module, tree in parsed.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found: dict[str, str] = {}
    while True:
        more = {
            name: module
            for name, (above, module) in bases.items()
            if name not in found and any(base in ASKED or base in found for base in above)
        }
        if not more:
            return {name: ".".join(module.split(".")[:3]) for name, module in found.items()}
        found |= more


def asked(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Classes that a module tells things apart by, with lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            yield from ((name.id, node.lineno) for name in ast.walk(node.args[1]) if isinstance(name, ast.Name))
        elif isinstance(node, ast.MatchClass):
            yield ast.unparse(node.cls), node.lineno
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node):
            yield from ((name.id, node.lineno) for name in ast.walk(node) if isinstance(name, ast.Name))


def strangers(parsed: dict[str, ast.Module], known: dict[str, str]) -> list[str]:
    """Questions for a class outside the folder where it is known."""
    return [
        f"{module}:{line} asks for {name}"
        for module, tree in parsed.items()
        for name, line in asked(tree)
        if name in known
        and not module.startswith("emulator.laws.")
        and not (
            module.startswith("emulator.families.")
            and known[name].startswith(("emulator.laws", ".".join(module.split(".")[:3])))
        )
    ]


def test_nothing_outside_a_family_asks_for_its_classes() -> None:
    known = kinds(trees())
    assert {"Bilateral", "BilateralPlan", "BilateralRecording", "UpwindPlan", "NodeLaw", "NodeStep"} <= set(known)
    assert strangers(trees(), known) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("emulator.runs.other", "def f(law):\n    return isinstance(law, (int, Bilateral))"),
        ("emulator.families.node.other", "def f(plan):\n    return isinstance(plan, BilateralPlan)"),
        ("emulator.measure.other", "def f(law):\n    match law:\n        case Upwind(nu=1.0):\n            return 1"),
        ("emulator.engine.other", "def f(law):\n    return issubclass(type(law), NodeLaw)"),
        ("emulator.study.other", "def f(law):\n    return type(law) is Worldsheet"),
    ],
)
def test_such_a_question_is_found(module: str, text: str) -> None:
    assert len(strangers({module: ast.parse(text)}, kinds(trees()))) == 1


def test_every_law_has_a_family() -> None:
    claims = {name: family_of(law).claims for name, law in LAWS.items()}
    assert claims["matched"] == claims["worldsheet"] != claims["bilateral"] and claims["upwind"] == ()


@dataclass(frozen=True)
class Lost(Law):
    impedance: float = 1.0
    name = "lost"


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("", "law lost: family is ''; allowed: 'module:attribute' of a Family (ValueError"),
        (
            "nowhere:FAMILY",
            "law lost: family is 'nowhere:FAMILY'; allowed: 'module:attribute' of a Family (ModuleNotFoundError",
        ),
        (
            "emulator.laws:NOTHING",
            "law lost: family is 'emulator.laws:NOTHING'; allowed: 'module:attribute' of a Family (AttributeError",
        ),
        ("emulator.laws:LAWS", "law lost: family 'emulator.laws:LAWS' is "),
    ],
)
def test_a_law_without_a_family_is_refused(monkeypatch: pytest.MonkeyPatch, family: str, words: str) -> None:
    monkeypatch.setattr(Lost, "family", family)
    graph = compile_network(Network.mlp([np.ones((1, 1))]), law=Lost())
    refuses(words, lambda: settle(graph, [[1.0]], [[0.0]]), EngineError)


def test_a_program_is_of_the_code_of_its_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was compiled by other code, the engine's or the family's, is not used."""
    file = tmp_path / "plan_of_ones_own.py"
    file.write_text("from emulator.engine.plan import Plan\n\nclass Own(Plan):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = importlib.import_module("plan_of_ones_own").Own
    found = [sources(own), sources(Plan)]
    file.write_text(file.read_text() + "# other code\n")
    sources.cache_clear()
    assert sources(own) not in found and sources(Plan) == found[1] and found[0] != found[1]


def test_the_page_on_adding_a_family_is_true() -> None:
    """It names everything that may be written, and its code is that of the family in the plug-in of the tests."""
    from emulator.families.base import Family

    page = (ROOT / "emulator" / "laws" / "ADDING.md").read_text(encoding="utf-8")
    assert [name for name in vars(Family) if not name.startswith("_") and f"`{name}`" not in page] == []
    code = (ROOT / "tests" / "plugin" / "backwave_example" / "family.py").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(shown) >= 5 and [block for block in shown if block not in code] == []

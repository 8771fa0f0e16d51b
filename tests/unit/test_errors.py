"""Errors: one root, a place for each, and the same sentence in any process."""

from __future__ import annotations

import ast
import importlib
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.errors import BackwaveError, EngineError, HardwareError, ScenarioError, suggest, within
from hwmodels.doors import RefusedError
from tests.support.imports import ROOT, modules

#: what is raised for others who ask for it by their own protocols
PROTOCOLS = {
    "typer.Exit": "the status of a command",
    "Terminated": "SIGTERM, as KeyboardInterrupt is Ctrl-C",
    "KeyboardInterrupt": "Ctrl-C",
    "KeyError": "of a mapping",
    "PydanticCustomError": "of a validator",
    "subprocess.TimeoutExpired": "as subprocess itself raises it",
}


def raised() -> Iterator[tuple[str, int, str]]:
    """Module, line and name of every class that is raised by its name."""
    for name in (name for package in ("emulator", "hwmodels") for name in modules(package)):
        path = ROOT / Path(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                for one in (node.exc.body, node.exc.orelse) if isinstance(node.exc, ast.IfExp) else (node.exc,):
                    what = ast.unparse(one.func if isinstance(one, ast.Call) else one)
                    if what.rpartition(".")[2].lstrip("_")[:1].isupper():
                        yield name, node.lineno, what


def test_everything_raised_on_purpose_has_one_root() -> None:
    found, strangers = set(), []
    for name, line, what in raised():
        if what in PROTOCOLS:
            continue
        held = getattr(importlib.import_module(name), what, None)
        kind = held if held is not None else getattr(importlib.import_module("emulator.errors"), what, None)
        if isinstance(kind, type) and issubclass(kind, BackwaveError):
            found.add(kind)
        else:
            strangers.append(f"{name}, line {line}: {what}")
    assert strangers == []
    assert len(found) > 10


def test_places_are_noted_on_the_way_up_the_widest_first() -> None:
    with pytest.raises(EngineError) as caught, within("study 's'"), within("scenario 'a'"):
        raise EngineError("run.hold is 0; allowed: above 0")
    assert str(caught.value) == "study 's': scenario 'a': run.hold is 0; allowed: above 0"
    assert caught.value.__notes__ == ["scenario 'a'", "study 's'"]
    assert "study 's': scenario 'a': run.hold" in "".join(traceback.format_exception(caught.value))


def test_what_is_no_error_of_ours_passes_unnoted() -> None:
    with pytest.raises(ZeroDivisionError) as caught, within("here"):
        raise ZeroDivisionError
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    "error",
    [ScenarioError("x is 3"), HardwareError("lines.jiter", "unknown field", ("lines.jitter",)), RefusedError("no")],
)
def test_errors_cross_processes_with_their_places(error) -> None:
    before = str(error)
    with pytest.raises(type(error)), within("there"):
        raise error
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) == f"there: {before}"


def test_hardware_errors_are_of_the_root_and_value_errors() -> None:
    assert issubclass(HardwareError, BackwaveError) and issubclass(HardwareError, ValueError)


def test_suggest_names_the_nearest_first_and_not_too_many() -> None:
    assert suggest("hid3", ["a", "hid2"]) == "'hid3' (did you mean 'hid2'?); allowed: hid2, a"
    assert suggest("q", []) == "'q'; allowed: none"
    assert suggest("q", [f"n{k}" for k in range(25)]).endswith("n19 and 5 more")

"""What starting costs: modules are imported when something needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "scipy",
    "brian2",
    "sympy",
    "matplotlib",
    "sklearn",
    "networkx",
    "pydantic",
    "jinja2",
    "hwmodels.model",
)
#: what describing and analysing needs none of
SIMULATION = ("brian2", "sympy", "matplotlib", "sklearn", "jinja2")


def loaded_by(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules `names` a fresh process has after `code`."""
    told = f"{code}\nimport sys\nprint('loaded', *[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()[1:]


def command(*words: str) -> str:
    return f"from emulator.cli import app\ntry:\n    app({list(words)!r})\nexcept SystemExit:\n    pass"


@pytest.mark.parametrize("code", ["import emulator", "import emulator.cli", command("--version"), command("--help")])
def test_starting_imports_nothing_heavy(code: str) -> None:
    assert loaded_by(code, HEAVY) == []


@pytest.mark.parametrize(
    "code",
    [
        "from emulator import Network, Bilateral, Resistive",
        "from emulator import compile_network, reference",
        "from emulator.scenario import load_scenario\nload_scenario('digits')",
        command("presets"),
    ],
)
def test_describing_imports_no_simulator(code: str) -> None:
    assert loaded_by(code, SIMULATION) == []


def test_a_worker_starts_without_what_draws() -> None:
    """brian2 alone would import all of pylab; what is asked for afterwards is there."""
    code = "from emulator.runs.division import _run"
    assert loaded_by(code, ("brian2", "matplotlib", "pylab")) == ["brian2"]
    assert loaded_by(f"{code}\nimport pylab\nassert pylab.plot", ("matplotlib",)) == ["matplotlib"]


def test_every_public_name_is_there() -> None:
    import emulator

    assert set(emulator.__all__) <= set(dir(emulator))
    assert all(getattr(emulator, name) is not None for name in emulator.__all__)
    assert callable(emulator.settle) and callable(emulator.train) and callable(emulator.tune)

"""Every command and every piece of code in the README works, in the order in which a reader meets them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.laws import LAWS, Worldsheet

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "hwmodels" / "GUIDE.md").read_text()
#: exit status of the commands that show a failure
FAILS = {"backwave run digits --set run.hold=3 --out short": 1}


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line.startswith("backwave ")]


def test_the_readme_has_code_and_commands():
    assert sum(len(commands(block)) for block in blocks("sh")) >= 10
    assert len(blocks("python")) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in blocks("sh") if commands(block)])
def test_the_commands_of_a_block_work_in_their_order(block, tmp_path):
    for command in commands(block):
        done = subprocess.run(
            [sys.executable, "-m", "emulator", *shlex.split(command)[1:]],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == FAILS.get(command, 0), (command, done.stderr[-2000:])
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(LAWS, "resonator", Worldsheet)  # the README adds it; it goes again afterwards
    scope: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), scope)
    from emulator import compile_network, settle

    result = settle(compile_network(scope["network"], law=scope["Resonator"]()), scope["images"], scope["labels"])
    assert result.status == "settled"


def test_code_of_the_hardware_guide():
    scope: dict[str, object] = {}
    for block in blocks("python", GUIDE):
        exec(compile(block, "GUIDE.md", "exec"), scope)
    assert len(scope["result"].settled) == 20


def test_the_hardware_guide_knows_every_field_and_preset():
    from hwmodels import HardwareModel, presets

    for section in ("lines", "precision", "noise", "weights", "faults", "energy"):
        for name in HardwareModel.model_fields[section].annotation.model_fields:
            assert re.sub("_?(forward|backward)$", "", name) in GUIDE, f"{section}.{name}"
    for name in presets():
        assert f"`{name}`" in GUIDE


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_ci_installs_and_tests_as_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    (line,) = (line for line in README.splitlines() if "python -m pytest" in line and "venv" in line)
    command = line.split(" && ")[-1]
    assert command in script and f"{command} -m slow" in script
    assert 'pip install ".[test]"' in line and 'pip install --quiet ".[test]"' in script
    assert any("backwave run digits" in line for line in script)
    assert "pip install . && backwave run digits" in README

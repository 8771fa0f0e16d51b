"""What open projects have agrees with the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import emulator

ROOT = Path(__file__).parents[2]


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited and cited[1] == project["version"] == emulator.__version__


def test_other_systems_are_told_in_one_sentence(monkeypatch, capsys) -> None:
    import emulator.__main__ as command

    assert command.unsupported("linux") is command.unsupported("darwin") is None
    monkeypatch.setattr(command.sys, "platform", "win32")
    with pytest.raises(SystemExit) as left:
        command.main()
    assert left.value.code == 2
    assert capsys.readouterr().err.strip() == (
        "backwave: error: this system is 'win32'; allowed: Linux and macOS, or Linux in WSL or a container"
    )


def test_the_pythons_that_are_promised_are_those_that_are_tested() -> None:
    promised = set(re.findall(r'"(3\.\d+)"', (ROOT / "noxfile.py").read_text()))
    named = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert promised == set(named) == {"3.11", "3.12", "3.13"}
    assert all(version in (ROOT / ".ci" / "run").read_text() for version in promised - {"3.11"})


def test_folders_and_files_that_contributors_are_told_of_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:emulator|tests|\.ci)[\w./]*)`", text) + re.findall(r"\]\(([^)]+)\)", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
    tests = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert tests <= {name.split("/")[1] for name in named if name.startswith("tests/")}

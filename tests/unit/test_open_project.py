"""What open projects have agrees with the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import emulator

ROOT = Path(__file__).parents[2]


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited and cited[1] == project["version"] == emulator.__version__


def test_folders_and_files_that_contributors_are_told_of_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:emulator|tests|\.ci)[\w./]*)`", text) + re.findall(r"\]\(([^)]+)\)", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []
    tests = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))}
    assert tests <= {name.split("/")[1] for name in named if name.startswith("tests/")}

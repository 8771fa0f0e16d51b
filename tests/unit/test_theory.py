"""The table of the paper's equations: what it names is in the code, and in the tests."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THEORY = (ROOT / "emulator" / "laws" / "THEORY.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in THEORY.splitlines()
    if line.startswith("|") and "`tests/" in line
]


def test_the_table_has_the_paper():
    text = " ".join(row[0] for row in ROWS)
    assert all(
        name in text for name in ("(1)-(4)", "(15)", "(48)", "(50)-(52)", "(72)", "Algorithm 1", "Theorem 2.6", "4.4")
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_row_names_is_there(row):
    named, tests = re.findall(r"`(emulator\.[\w.]+)`", row[2]), re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[3])
    assert named and tests, row
    for name in named:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last) or importlib.import_module(name)
    for file, function in tests:
        assert f"def {function}(" in (ROOT / file).read_text()

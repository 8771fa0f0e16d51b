"""How many places know of a hardware effect: the row of its field, its code, and the guide."""

from __future__ import annotations

import re

import pytest

from tests.support.imports import ROOT

FILES = [
    file
    for package in ("emulator", "hwmodels")
    for pattern in ("*.py", "*.md")
    for file in (ROOT / package).rglob(pattern)
]


@pytest.mark.parametrize("field", ["stuck_port", "dropped_event", "duplicated_event", "open_line"])
def test_an_effect_is_in_three_places(field: str) -> None:
    naming = [file.relative_to(ROOT) for file in FILES if re.search(rf"\b{field}\b", file.read_text(encoding="utf-8"))]
    assert sorted(file.parts[0] for file in naming if file.suffix == ".py") == ["emulator", "hwmodels"]
    assert [str(file) for file in naming if file.suffix == ".md"] == ["hwmodels/GUIDE.md"]

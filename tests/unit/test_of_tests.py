"""What tests share stands in modules without tests, and each of these has a name of its own."""

from __future__ import annotations

from collections import Counter

from tests.support.imports import imports, modules

#: what is run or installed, and not shared
PROGRAMS = ("tests.benchmarks.", "tests.plugin.")


def test_no_test_is_imported() -> None:
    assert [str(one) for one in imports("tests") if "test_" in one.imported.rpartition("tests.")[2]] == []


def test_shared_modules_have_names_of_their_own() -> None:
    files = [file.stem for name, file in modules("tests").items() if not name.startswith(PROGRAMS)]
    shared = [name for name in files if not name.startswith(("test_", "__"))]
    assert [name for name, count in Counter(shared).items() if count > 1] == []
    assert not {"rig", "utils", "helpers", "common", "misc"} & set(shared)

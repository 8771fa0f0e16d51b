"""Which module imports which, read from their text: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Import(NamedTuple):
    """One import, wherever it stands: at the top, in a function, for type checkers only, or in a stub."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def modules(package: str) -> dict[str, Path]:
    """Module name -> file, of a package in this checkout; a stub stands beside its module under the same name."""
    files = sorted((ROOT / package).rglob("*.py"))
    return {".".join(_parts(file)): file for file in files}


@cache
def imports(*packages: str) -> tuple[Import, ...]:
    """All imports of packages: of modules of theirs by their full name, of strangers by what is imported from."""
    known = {name: file for package in packages for name, file in modules(package).items()}
    return tuple(
        Import(name, target if target in known else origin, line)
        for name, file in known.items()
        for origin, target, line in _imports(name, file)
        if (target if target in known else origin) != name
    )


def _imports(module: str, file: Path) -> Iterator[tuple[str, str, int]]:
    """What is imported from, what that would be if the imported name were a module, and the line."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for text in (file, file.with_suffix(".pyi")):
        for node in ast.walk(ast.parse(text.read_text(encoding="utf-8"))) if text.exists() else ():
            if isinstance(node, ast.Import):
                yield from ((alias.name, alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                origin = ".".join([*above, *filter(None, [node.module])])
                yield from ((origin, f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def _parts(file: Path) -> list[str]:
    parts = list(file.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts

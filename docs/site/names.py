"""Pages of names of the reference: commands, public names of Python, and messages."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import typer
from tables import code, table

import emulator
from emulator.cli import app

ROOT = Path(__file__).parents[2]


# ---- the command line


def command_line() -> str:
    """Every command with its options."""
    group = typer.main.get_command(app)
    parts = ["# Command line\n"]

    def write(name: str, command: Any) -> None:
        text = inspect.cleandoc(command.help or "")
        about, _, examples = text.partition("\b\n")
        parts.append(f"## {name}\n\n{about.strip()}\n")
        if examples:
            parts.append(
                "```console\n"
                + "\n".join(line.strip() for line in examples.splitlines() if line.startswith("  "))
                + "\n```\n"
            )
        rows = [
            [code(one.metavar or one.name.upper() if one.param_type_name == "argument" else ", ".join(one.opts)),
             getattr(one, "help", "") or ""]
            for one in command.params
            if getattr(one, "name", "") != "help"
        ]  # fmt: skip
        if rows:
            parts.append(table(["argument or option", "meaning"], rows))
        for sub, inner in getattr(command, "commands", {}).items():
            write(f"{name} {sub}", inner)

    write("backwave", group)
    return "\n".join(parts)


# ---- Python


def python() -> str:
    """Every public name, by its docstring."""
    parts = ["# Python\n\nThe names of `emulator` and of `hwmodels`, as `from emulator import settle` finds them.\n"]
    import hwmodels

    for package in (emulator, hwmodels):
        for name in sorted(package.__all__, key=str.lower):
            thing = getattr(package, name)
            module = getattr(thing, "__module__", None)
            if (inspect.isclass(thing) or inspect.isfunction(thing)) and module:
                parts.append(f"::: {module}.{thing.__qualname__}\n")
    return "\n".join(parts)


# ---- messages


def _sentence(node: ast.expr) -> str | None:
    """A text with an ellipsis for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _sentence(node.left), _sentence(node.right)
        return None if None in sides else "".join(side for side in sides if side)
    return None


def messages() -> str:
    """Every sentence with which something is refused, by the error it is told with."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path in sorted([*ROOT.glob("emulator/**/*.py"), *ROOT.glob("hwmodels/**/*.py")]):
        where = path.relative_to(ROOT).parent.as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                texts = [text for one in node.args if (text := _sentence(one))]
                if name.endswith("Error") and texts:
                    found.setdefault(name, set()).add((" ".join(" ".join(texts).split()), where))
    parts = [
        "# Messages\n\nEvery refusal is one sentence: the place, the value, what is allowed. `…` stands for what is filled in. The status "
        "of a command is 2; in Python the error named here is raised.\n"
    ]
    for name in sorted(found):
        rows = [[code(text.replace("`", "'")), where] for text, where in sorted(found[name])]
        parts.append(f"## {name}\n\n{table(['message', 'told by'], rows)}")
    return "\n".join(parts)

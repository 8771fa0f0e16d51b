"""Pictures that take minutes are kept in the project; each says what made it, and one that is outdated fails.

A kept picture carries its command and a digest of what decides how it looks: that command, the scenario, and the modules
that draw. ``python docs/site/kept.py`` tells which are outdated; ``python docs/site/kept.py NAME PATH`` takes the one at `PATH`,
which its command has just written, as the kept one. Those that are made in seconds are also compared with fresh ones
while the site is built.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).parents[2]
FOLDER = "scenarios/pictures"
#: what decides how each looks, besides its command
_STYLE = "emulator/report/style.py"
_MAPS = ("emulator/experiments/atlas/figure.py", _STYLE)
MADE_FROM: dict[str, tuple[str, ...]] = {
    "worldsheet.png": ("scenarios/digits.toml", "emulator/report/worldsheet.py", "emulator/report/samples.py", _STYLE),
    "circuit.png": ("scenarios/digits.toml", "emulator/export/picture.py", "emulator/export/symbols.py"),
    "atlas.png": ("scenarios/atlas.toml", *_MAPS),
    "atlas-wave-pmp.png": ("scenarios/atlas-wave-pmp.toml", *_MAPS),
    "unlocked-bilateral.png": ("scenarios/unlocked-bilateral.toml", "emulator/experiments/comparison/figure.py", _STYLE),
    "feasibility.png": (
        "scenarios/studies/feasibility.toml",
        *(f"emulator/study/report/{name}.py" for name in ("headline", "cards", "learning")),
    ),
}  # fmt: skip
#: how far a fresh picture may be from the kept one: mean over pixels and colours, of 255
_NEAR = 2.0
_ROW = re.compile(r"^\| \[([\w-]+\.png)\]\([^)]*\) \| `([^`]+)`", re.MULTILINE)


def commands() -> dict[str, str]:
    """The command of each kept picture, as the gallery names it."""
    return dict(_ROW.findall((ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")))


def digest(name: str, root: Path = ROOT) -> str:
    """Of what decides how a picture looks; comments do not count."""
    told = [commands()[name], *(_content(root / path) for path in MADE_FROM[name])]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _content(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return json.dumps(tomllib.loads(text), sort_keys=True, default=str)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def outdated(root: Path = ROOT) -> list[str]:
    """What is wrong with the kept pictures, a sentence each."""
    there, named = {path.name for path in (root / FOLDER).glob("*.png")}, commands()
    if there != set(named) or there != set(MADE_FROM):
        return [
            f"kept are {sorted(there)}, the gallery names {sorted(named)}, docs/site/kept.py {sorted(MADE_FROM)}; allowed: the same"
        ]
    found = []
    for name in sorted(there):
        with Image.open(root / FOLDER / name) as picture:
            made = picture.info.get("Made from")
        if made != digest(name, root):
            found.append(
                f"{name} is outdated; make it anew by `{named[name]}`, look at it, and keep it by `python docs/site/kept.py {name} PATH`"
            )
    return found


def keep(name: str, path: Path, root: Path = ROOT) -> None:
    """Take a picture as the kept one of that name."""
    told = PngInfo()
    told.add_text("Command", commands()[name])
    told.add_text("Made from", digest(name, root))
    with Image.open(path) as picture:
        picture.convert("RGB").save(root / FOLDER / name, pnginfo=told, optimize=True)


def differs(name: str, fresh: bytes, root: Path = ROOT) -> str | None:
    """How a fresh picture differs from the kept one of that name, in a sentence."""
    with Image.open(root / FOLDER / name) as kept, Image.open(io.BytesIO(fresh)) as new:
        if kept.size != new.size:
            return f"{name} is outdated: it has {kept.size} pixels, and its command draws {new.size}"
        far = float(np.abs(np.asarray(kept.convert("RGB"), float) - np.asarray(new.convert("RGB"), float)).mean())
    return (
        f"{name} is outdated: its command draws another picture ({far:.2g} of 255 on average)" if far > _NEAR else None
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        keep(sys.argv[1], Path(sys.argv[2]))
    sys.exit("\n".join(outdated()) or None)

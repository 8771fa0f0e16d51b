"""What a pickle would make, told from its opcodes; nothing of it is executed."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path

from hwmodels.doors import regular

#: bytes that are looked at
_MOST = 16 << 20
#: what PyTorch's weights consist of
_TENSORS = {"torch._utils", "torch", "collections", "torch.storage", "torch._tensor", "_codecs", "numpy"}


def pickled_classes(path: Path) -> list[str]:
    """The classes and functions that a pickle, or a zip archive of one, refers to; empty if it is neither.

    Raises
    ------
    OSError, RefusedError
        If the file cannot be opened.
    """
    with regular(path) as file:
        try:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    name = next((n for n in archive.namelist() if n.rpartition("/")[2] == "data.pkl"), None)
                    if name is None:
                        return []
                    with archive.open(name) as member:
                        text = member.read(_MOST)
            else:
                file.seek(0)
                text = file.read(_MOST)
        except Exception:  # whatever a parser of zip archives raises: what is damaged refers to nothing
            return []
    return _globals(text)


def weights_alone(classes: list[str]) -> bool:
    """Whether nothing but tensors in plain tables is referred to."""
    return bool(classes) and all(name.rpartition(".")[0] in _TENSORS for name in classes)


def _globals(text: bytes) -> list[str]:
    """In the order of the stream, each once; several pickles may follow each other."""
    found: dict[str, None] = {}
    strings: list[str] = []
    place = 0
    try:
        while place < len(text):
            for code, arg, at in pickletools.genops(text[place:]):
                if code.name == "GLOBAL":
                    found[str(arg).replace(" ", ".")] = None
                elif code.name == "STACK_GLOBAL" and len(strings) > 1:
                    found[".".join(strings[-2:])] = None
                elif isinstance(arg, str):
                    strings.append(arg)
                end = at or 0
            place += end + 1
    except Exception:  # the rest is no pickle: raw numbers, or damage
        pass
    return list(found)

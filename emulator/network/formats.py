"""Files that networks are read from, by their ending; what reads them stands above, and is imported when it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from emulator.errors import FileFormatError, NetworkError
from emulator.kinds import NETWORK, mistaken
from hwmodels.registry import Registry

GROUP = "backwave.importers"
#: a function of a path and a loss (None: the file's own) that gives an `emulator.importers.Imported`
Importer = Callable[[Path, str | None], Any]

_OWN = ".npz"
_TORCH = "emulator.importers.torch_file"
_BUILT_IN = {_OWN: "emulator.importers:read_npz", ".onnx": "emulator.importers.onnx_file:read_onnx"} | dict.fromkeys(
    (".pt2", ".pt", ".pth"), f"{_TORCH}:read_torch"
)
_PICKLED = (
    "a pickled model would be executed by reading it; allowed: export it where it was made (scikit-learn: "
    "Network.from_sklearn(model).save('net.npz'), or skl2onnx), and read that file"
)
_WEIGHTS = (
    "weights alone say nothing of the network; allowed: load them into their module, export it as .pt2, and read that"
)
#: what cannot be read without executing it, or says too little, and what to do instead
_REFUSED = (
    dict.fromkeys((".pkl", ".pickle", ".joblib"), _PICKLED)
    | dict.fromkeys(
        (".h5", ".keras"), "Keras files are not read; allowed: convert it with tf2onnx, and read the .onnx file"
    )
    | {".safetensors": _WEIGHTS}
)


def _checked_importer(name: str, read: Importer) -> Importer:
    if not (name.startswith(".") and name == name.lower() and callable(read)):
        raise NetworkError(
            f"importer {name!r} is {read!r}; allowed: a function of a path and a loss, under an ending as '.abc'"
        )
    return read


#: what reads a file, by its ending
FORMATS: Registry[Importer] = Registry(
    "importer", GROUP, {name: EntryPoint(name, value, GROUP) for name, value in _BUILT_IN.items()}, _checked_importer
)


def read(path: str | os.PathLike[str], loss: str | None = None) -> Any:
    """What the importer of a file's ending makes of it; `emulator.importers.import_network` says more."""
    place = Path(path)
    ending = place.suffix.lower()
    if ending in _REFUSED:
        raise FileFormatError(f"file '{place}': {_REFUSED[ending]}")
    importer = FORMATS[ending if ending in FORMATS else _OWN]
    try:
        return importer(place, loss)
    except FileFormatError as error:
        raise FileFormatError(mistaken(place, NETWORK) or str(error)) from error


def from_module(module: Any, example: Any, loss: str | None) -> Any:
    """What `Network.from_torch` makes of a module; `emulator.importers.torch_file` says more."""
    return EntryPoint("from_module", f"{_TORCH}:from_module", GROUP).load()(module, example, loss)

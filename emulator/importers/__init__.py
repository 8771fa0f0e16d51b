"""Networks from files and objects of other frameworks: one module each, behind one door."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from emulator.errors import FileFormatError, NetworkError
from emulator.importers.report import Imported
from emulator.kinds import NETWORK, mistaken
from emulator.network import storage
from emulator.network.network import Network
from hwmodels.registry import Registry

__all__ = ["FORMATS", "Imported", "import_network"]


def _onnx(path: Path, loss: str | None) -> Imported:
    from emulator.importers.onnx_file import read_onnx

    return read_onnx(path, loss)


def _npz(path: Path, loss: str | None) -> Imported:
    found = storage.read(path)
    try:
        return Imported(Network(found.layers, output=found.output, loss=loss or found.loss), str(path))
    except NetworkError as error:
        raise FileFormatError(f"file '{path}': {error}") from error


def _checked_importer(
    name: str, read: Callable[[Path, str | None], Imported]
) -> Callable[[Path, str | None], Imported]:
    if not (name.startswith(".") and name == name.lower() and callable(read)):
        raise NetworkError(
            f"importer {name!r} is {read!r}; allowed: a function of a path and a loss, under an ending as '.abc'"
        )
    return read


#: what reads a file, by its ending
FORMATS: Registry[Callable[[Path, str | None], Imported]] = Registry(
    "importer", "backwave.importers", {".npz": _npz, ".onnx": _onnx}, _checked_importer
)

#: what cannot be read without executing it, and what to do instead
_PICKLED = (
    "a pickled model would be executed by reading it; allowed: export it where it was made, "
    "model.eval(); torch.onnx.export(model, example, 'model.onnx'), and read model.onnx"
)
_REFUSED = dict.fromkeys((".pt", ".pth", ".pkl", ".pickle", ".joblib"), _PICKLED) | {
    ending: "Keras files are not read; allowed: convert it with tf2onnx, and read the .onnx file"
    for ending in (".h5", ".keras")
}


def import_network(path: str | os.PathLike[str], *, loss: str | None = None) -> Imported:
    """Read a network from a file of any known format.

    Parameters
    ----------
    path : path
        Its ending says what it is: ``.onnx``; anything else is taken for a file of our own (``.npz``).
    loss : str, optional
        ``mse`` or ``softmax_cross_entropy``; by default what the file says, and squared loss where it says nothing.

    Raises
    ------
    FileFormatError
        For a file that is not what it should be or has operators that are no network of waves.
    OSError
        If the file cannot be opened.
    """
    place = Path(path)
    ending = place.suffix.lower()
    if ending in _REFUSED:
        raise FileFormatError(f"file '{place}': {_REFUSED[ending]}")
    try:
        return FORMATS.get(ending, _npz)(place, loss)
    except FileFormatError as error:
        raise FileFormatError(mistaken(place, NETWORK) or str(error)) from error

"""Networks from files and objects of other frameworks: one module each, behind one door."""

from __future__ import annotations

import os
from pathlib import Path

from emulator.errors import FileFormatError, NetworkError
from emulator.importers.report import Imported
from emulator.network import storage
from emulator.network.formats import FORMATS, read
from emulator.network.network import Network

__all__ = ["FORMATS", "Imported", "import_network", "read_npz"]


def import_network(path: str | os.PathLike[str], *, loss: str | None = None) -> Imported:
    """Read a network from a file of any known format.

    Parameters
    ----------
    path : path
        Its ending says what it is: ``.onnx``, ``.pt2`` (a program of `torch.export`), or that of a plug-in; anything else is
        taken for a file of our own (``.npz``).
    loss : str, optional
        ``mse`` or ``softmax_cross_entropy``; by default what the file says, and squared loss where it says nothing.

    Raises
    ------
    FileFormatError
        For a file that is not what it should be or has operators that are no network of waves.
    OSError
        If the file cannot be opened.
    """
    found: Imported = read(path, loss)
    return found


def read_npz(path: Path, loss: str | None) -> Imported:
    """The network of a file that `Network.save` wrote; errors as for `import_network`."""
    found = storage.read(path)
    try:
        return Imported(
            Network(found.layers, **{**found.settings._asdict(), "loss": loss or found.settings.loss}), str(path)
        )
    except NetworkError as error:
        raise FileFormatError(f"file '{path}': {error}") from error

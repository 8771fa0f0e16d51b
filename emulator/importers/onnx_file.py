"""ONNX files: what they hold as data, and the network that their operators make.

The file is read by the package `onnx` (extra ``onnx``), which executes nothing. Operators on constants, and wiring, are
computed by its reference evaluator; so is what the file's own model answers to random inputs, against which the network
is compared. Equations: the ONNX operator specification, opset 13 and later.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import BackwaveError, FileFormatError, NetworkError
from emulator.importers.onnx_check import check_model, line
from emulator.importers.onnx_classes import class_names
from emulator.importers.onnx_ml import plain
from emulator.importers.onnx_ops import Converter
from emulator.importers.report import Imported
from emulator.measure.reference import reference
from emulator.network.network import Network
from hwmodels.doors import RefusedError, brief, read_bytes

#: bytes of a file
_LARGEST = 2 << 30
#: random inputs that the network is compared on
COMPARED = 8
_ROUND_OFF = {kind: float(np.finfo(name).eps) for kind, name in ((1, "f4"), (10, "f2"), (11, "f8"))}


def read_onnx(path: Path, loss: str | None = None) -> Imported:
    """The network of an ONNX file.

    Parameters
    ----------
    path : Path
    loss : str, optional
        By default cross-entropy where the model ends in a softmax, else squared loss.

    Raises
    ------
    FileFormatError
        If the package `onnx` is missing, the file is damaged or of an older opset, or an operator is no element.
    OSError
        If the file cannot be opened.
    """
    try:
        import onnx
    except ImportError as error:
        raise FileFormatError(
            f"file '{path}' needs the package 'onnx', which is not installed; allowed: pip install 'backwave[onnx]'"
        ) from error
    model = onnx.ModelProto()
    try:
        content = read_bytes(path, _LARGEST)
    except RefusedError as error:
        raise FileFormatError(f"file '{path}' {error}") from error
    try:
        model.ParseFromString(content)
    except Exception as error:  # whatever the parser of the format raises
        raise FileFormatError(f"file '{path}' is not an ONNX file or is damaged: {line(error)}") from error
    try:
        return import_model(model, str(path), loss)
    except (FileFormatError, NetworkError) as error:
        raise FileFormatError(f"file '{path}': {error}") from error


def import_model(model: Any, source: str, loss: str | None = None, *, checked: bool = False) -> Imported:
    """The network of an ONNX model that is in memory, `checked` or not yet; errors as for `read_onnx`."""
    if not checked:
        check_model(model)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _imported(model, source, loss)
    except BackwaveError:
        raise
    except MemoryError as error:
        raise FileFormatError(f"the model needs more memory than there is: {line(error)}") from error
    except Exception as error:  # operators whose inputs and attributes do not fit each other
        raise FileFormatError(f"the model cannot be computed: {type(error).__name__}: {line(error)}") from error


def _imported(model: Any, source: str, loss: str | None) -> Imported:
    told, model = model, plain(model)
    converter = Converter(model)
    output, found_loss = converter.convert()
    network = Network(converter.draft.layers.values(), output=output, loss=loss or found_loss or "mse")
    notes = list(converter.notes)
    names = class_names(told, network.size(output)) if network.loss == "softmax_cross_entropy" else None
    if names is not None:
        network = network.named({output: names})
        notes.append(("(classes)", ", ".join(brief(name, 40) for name in names[:10]) + ", ..." * (len(names) > 10)))
    if loss is None and found_loss is None:
        notes.append(
            (
                "(loss)",
                "the file ends without a softmax: squared loss; a classifier needs loss = 'softmax_cross_entropy'",
            )
        )
    kind = model.graph.output[0].type.tensor_type.elem_type
    deviation = _deviation(network, converter)
    precision = _ROUND_OFF.get(kind, _ROUND_OFF[1])
    return Imported(network, source, tuple(notes), deviation, precision, end=converter.end)


def _deviation(network: Network, converter: Converter) -> float:
    """Largest difference between the network's outputs and the file's own on random inputs, relative to the largest."""
    dice = np.random.default_rng(0)
    data = {name: dice.normal(size=(COMPARED, network.size(name))).astype(np.float32) for name in network.inputs}
    theirs = np.stack(
        [converter.evaluated_output({name: rows[k : k + 1] for name, rows in data.items()}) for k in range(COMPARED)]
    )
    ours = reference(network, {name: rows.astype(float) for name, rows in data.items()}).states[network.output]
    largest = float(np.abs(theirs).max(initial=0.0))
    return float(np.abs(ours - theirs).max(initial=0.0)) / (largest or 1.0)

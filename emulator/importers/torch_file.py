"""Networks from PyTorch: programs of `torch.export` in files, which are read as data, and modules in memory.

A file is read without PyTorch and without unpickling anything. A module is exported by the PyTorch that made it, read in
the same way, and compared with its own answers.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from emulator.archives import archive_of, open_archive
from emulator.errors import FileFormatError, NetworkError
from emulator.importers.onnx_file import COMPARED, import_model
from emulator.importers.pickles import pickled_classes, weights_alone
from emulator.importers.report import Imported
from emulator.importers.torch_ops import graph_of
from emulator.importers.torch_program import Program, is_program, read_program
from emulator.measure.reference import reference
from hwmodels.doors import RefusedError, brief, quietly

#: how a module becomes a file that can be read
EXPORT = (
    "export it where it was made, program = torch.export.export(model.eval(), (example,)); "
    "torch.export.save(program, 'model.pt2'), and read model.pt2"
)
#: by how many round-offs of its numbers a network may differ from its module, and by how much in any case: PyTorch takes a
#: softplus beyond 20 for its argument
_ROUND_OFFS, _ANYWAY = 1000, 1e-8


def read_torch(path: Path, loss: str | None = None) -> Imported:
    """The network of a file that PyTorch wrote.

    Raises
    ------
    FileFormatError
        If it is no program of `torch.export`, or an operator is no element of a substrate.
    OSError
        If the file cannot be opened.
    """
    try:
        with open_archive(path) as archive:
            program = read_program(archive) if is_program(archive) else None
    except FileFormatError as error:
        raise FileFormatError(f"file '{path}': {error}") from error
    except RefusedError as error:
        if not pickled_classes(path):
            raise FileFormatError(f"file '{path}' is no program of torch.export or is damaged: {error}") from error
        program = None
    if program is None:
        raise FileFormatError(f"file '{path}': {_pickled(path)}")
    try:
        return _network(program, str(path), loss)
    except (FileFormatError, NetworkError) as error:
        raise FileFormatError(f"file '{path}': {error}") from error


def _pickled(path: Path) -> str:
    classes = pickled_classes(path)
    if weights_alone(classes):
        return f"holds weights without the network that uses them; allowed: load them into their module and {EXPORT}"
    ours = [name for name in classes if not weights_alone([name])]
    what = f"a pickled {brief(ours[0], 80)}" if ours else "a pickled object"
    return f"holds {what}, which would be executed by reading it; allowed: {EXPORT}"


def from_module(module: Any, example: Any, loss: str | None) -> Imported:
    """The network of a module, or of an exported program.

    Parameters
    ----------
    module : torch.nn.Module or torch.export.ExportedProgram
    example : tensor or tuple of tensors
        What the module takes; the first sample of it is enough.
    loss : str, optional

    Raises
    ------
    NetworkError
        If PyTorch is missing, cannot export the module, or an operator is no element of a substrate.
    """
    try:
        import torch
    except ImportError as error:
        raise NetworkError("Network.from_torch needs the package 'torch', which is not installed; allowed: "
                           "pip install 'backwave[torch]'") from error  # fmt: skip
    exported = isinstance(module, torch.export.ExportedProgram)
    if not exported and not isinstance(module, torch.nn.Module):
        raise NetworkError(
            f"model is a {type(module).__name__}; allowed: a torch.nn.Module, or a program of torch.export"
        )
    given = () if exported else _samples(torch, example)
    modes = {} if exported else {one: one.training for one in module.modules()}
    try:
        if not exported:
            module.eval()
        with torch.no_grad(), quietly():
            program = _exported(torch, module, given)
            found = _network(program, type(module).__name__, loss)
            if not exported:
                found = _compared(torch, module, given, found, program.precision)
    except FileFormatError as error:
        raise NetworkError(str(error)) from error
    finally:
        for one, mode in modes.items():
            one.training = mode
    return found


def _samples(torch: Any, example: Any) -> tuple[Any, ...]:
    """The first sample of every input."""
    listed = tuple(example) if isinstance(example, tuple | list) else (example,)
    made = []
    for one in listed:
        tensor = one if isinstance(one, torch.Tensor) else None
        if tensor is None and isinstance(one, np.ndarray):
            tensor = torch.as_tensor(one, dtype=torch.get_default_dtype())
        if tensor is None or tensor.ndim < 2 or not len(tensor):
            told = f"shape {tuple(tensor.shape)}" if tensor is not None else f"type {type(one).__name__}"
            raise NetworkError(
                f"example has {told}; allowed: a tensor of a batch, then known sizes, or a tuple of such tensors"
            )
        made.append(tensor[:1].detach())
    return tuple(made)


def _exported(torch: Any, module: Any, given: tuple[Any, ...]) -> Program:
    buffer = io.BytesIO()
    try:
        program = module if isinstance(module, torch.export.ExportedProgram) else torch.export.export(module, given)
        torch.export.save(program.run_decompositions({}), buffer)
    except Exception as error:  # whatever tracing a module of a stranger raises
        raise NetworkError(
            f"torch.export cannot follow the model: {brief(' '.join(str(error).split()), 300)}"
        ) from error
    size = buffer.tell()
    buffer.seek(0)
    try:
        with archive_of(buffer, size) as archive:
            return read_program(archive)
    except RefusedError as error:
        raise NetworkError(f"what torch.export wrote cannot be read: {error}") from error


def _network(program: Program, source: str, loss: str | None) -> Imported:
    found = import_model(graph_of(program), source, loss, checked=True)
    return replace(found, precision=program.precision, compared="onnx's evaluator of the same operators")


def _compared(torch: Any, module: Any, given: tuple[Any, ...], found: Imported, precision: float) -> Imported:
    """The same, compared with the module on random inputs; a module that gives the place of the largest gives too little.

    Raises
    ------
    NetworkError
        If they differ.
    """
    network = found.network
    dice = np.random.default_rng(0)
    data = {name: dice.normal(size=(COMPARED, network.size(name))) for name in network.inputs}
    theirs = []
    for k in range(COMPARED):
        fed = [
            torch.as_tensor(rows[k]).reshape(one.shape).to(one) for rows, one in zip(data.values(), given, strict=True)
        ]
        (answer,) = torch.utils._pytree.tree_leaves(module(*fed))
        theirs.append(answer.detach().double().cpu().numpy().ravel())
    data = {name: rows.astype(np.float32) if precision > 1e-12 else rows for name, rows in data.items()}
    ours = reference(network, {name: rows.astype(float) for name, rows in data.items()}).states[network.output]
    ours, expected = _ended(ours, found.end), np.stack(theirs)
    if found.end and ours.shape != expected.shape:  # the module names the class alone
        return found
    deviation = float(np.abs(ours - expected).max(initial=0.0)) / (float(np.abs(expected).max(initial=0.0)) or 1.0)
    if not deviation <= max(_ROUND_OFFS * precision, _ANYWAY):
        raise NetworkError(
            f"the network made of {found.source} answers otherwise than it by {deviation:.2g} of the largest output; allowed: modules "
            "that compute the same each time, of operators that are read rightly; please report others"
        )
    return replace(found, deviation=deviation, compared="the module")


def _ended(outputs: np.ndarray, end: str) -> np.ndarray:
    """Outputs as the end of the module shows them."""
    shown = {"Softmax": special.softmax, "LogSoftmax": special.log_softmax}.get(end)
    return outputs if shown is None else np.asarray(shown(outputs, axis=1))

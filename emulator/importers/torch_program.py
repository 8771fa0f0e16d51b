"""Programs that `torch.export` wrote: operators, shapes and weights, read as data and without PyTorch.

A ``.pt2`` file is a zip archive: ``models/model.json`` describes the graph, every weight is a member of raw bytes, and
``data/weights/model_weights_config.json`` says which. Sample inputs are pickled beside them; nobody reads them here.
Sizes that only stand for the batch are 1: a network is described for one sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from emulator.archives import Archive, most_bytes
from emulator.errors import FileFormatError
from hwmodels.doors import MOST_BYTES, RefusedError, brief, parse_json

_MAJOR = 8
#: types of numbers, by the code that files have for them; bfloat16 is the upper half of a float32
_BFLOAT, _KINDS = 13, {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 12: "?", 13: "<u2"}
_FLOATS = {6, 7, 8, _BFLOAT}
_WEIGHTS = "the weights"
_SYMBOL = re.compile(r"(?:Symbol\('(\w+)'.*\)|(\w+))")


class Ref(NamedTuple):
    """A tensor, by its name."""

    name: str


class Kind(NamedTuple):
    """A type of numbers, by its code."""

    code: int

    @property
    def real(self) -> bool:
        """Whether it is a floating-point type."""
        return self.code in _FLOATS


@dataclass(frozen=True)
class Step:
    """One operator.

    Parameters
    ----------
    operator : str
        Its name, such as ``aten.linear``, and its overload.
    name : str
        What the program calls it.
    given : dict
        Its arguments by name: plain values, a `Ref` for a tensor, a `Kind` for a type.
    outputs : tuple of str
        Tensors that it gives, or one number.
    """

    operator: str
    overload: str
    name: str
    given: dict[str, Any]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A program of tensors.

    Parameters
    ----------
    inputs : dict of str to tuple of int
        Shapes of what is fed; the batch is 1.
    constants : dict of str to ndarray
        Weights and other tensors of the file by their names in the graph.
    origins : dict of str to str
        What the module called each weight, such as ``fc1.weight``.
    shapes : dict of str to (tuple of int) or None
        Of every tensor; None where it depends on more than the batch.
    steps : tuple of Step
        In their order.
    outputs : tuple of str
    precision : float
        Round-off of its numbers, relative.
    """

    inputs: dict[str, tuple[int, ...]]
    constants: dict[str, np.ndarray]
    origins: dict[str, str]
    shapes: dict[str, tuple[int, ...] | None]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    precision: float


def is_program(archive: Archive) -> bool:
    """Whether an archive was written by `torch.export.save`."""
    return any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in archive.names)


def read_program(archive: Archive) -> Program:
    """The program of an archive.

    Raises
    ------
    FileFormatError
        If it has another layout or version, or is damaged.
    RefusedError
        If a member is damaged or too large.
    """
    try:
        return _read(archive)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError) as error:
        if isinstance(error, RefusedError):
            raise
        raise FileFormatError(f"the program is damaged: {type(error).__name__} {brief(str(error), 80)}") from error


def _read(archive: Archive) -> Program:
    found = next((name for name in archive.names if name.endswith("/models/model.json")), None)
    if found is None:
        raise FileFormatError(
            "the program is in the layout of an older PyTorch, whose weights are pickled; allowed: one written by "
            "torch.export.save of PyTorch 2.9 or newer"
        )
    root = found.removesuffix("models/model.json")
    described = parse_json(archive.read_bytes(found, MOST_BYTES))
    major = described["schema_version"]["major"]
    if major != _MAJOR:
        raise FileFormatError(f"the program has schema version {brief(major)}; allowed: {_MAJOR}")
    module = described["graph_module"]
    graph, signature = module["graph"], module["signature"]
    tensors = _tensors(archive, root)
    constants, origins, fed = {}, {}, []
    kinds: set[int] = set()
    for spec in signature["input_specs"]:
        ((kind, value),) = spec.items()
        if kind == "user_input":
            fed += [ref.name for ref in flat(_value(value["arg"], {})) if isinstance(ref, Ref)]
            continue
        origin = next((value[key] for key in _NAMED if key in value), None)
        if origin is None:
            raise FileFormatError(f"the program takes {kind.replace('_', ' ')}s; allowed: tensors")
        name = value["arg"]["name"]
        if origin not in tensors:
            raise FileFormatError(f"the program has no numbers for {brief(origin)}; allowed: {_WEIGHTS} of every name")
        constants[name], code = tensors[origin]
        origins[name] = origin
        kinds |= {code} & _FLOATS
    shapes = {name: _shape(one["sizes"]) for name, one in graph["tensor_values"].items()}
    numbers: dict[str, Any] = {}
    steps = tuple(step for node in graph["nodes"] if (step := _step(node, shapes, numbers)) is not None)
    inputs = {}
    for name in fed:
        shape = shapes[name]
        if shape is None or len(shape) < 2:
            sizes = _told(graph["tensor_values"][name]["sizes"])
            raise FileFormatError(f"input {name!r} has shape {sizes}; allowed: a batch, then known sizes")
        if shape[0] != 1:
            raise FileFormatError(f"input {name!r} has batches of {shape[0]}; allowed: 1, or any number")
        inputs[name] = shape
        kinds |= {graph["tensor_values"][name]["dtype"]} & _FLOATS
    outputs = tuple(ref.name for one in graph["outputs"] for ref in flat(_value(one, numbers)) if isinstance(ref, Ref))
    mutated = [s for s in signature["output_specs"] if not {"user_output"} & set(s)]
    if mutated:
        what = next(iter(mutated[0])).replace("_", " ")
        raise FileFormatError(f"the program changes its own {what}; allowed: a module in model.eval()")
    return Program(inputs, constants, origins, shapes, steps, outputs, max(map(_round_off, kinds), default=2.0**-23))


_NAMED = ("parameter_name", "buffer_name", "tensor_constant_name")


def _round_off(code: int) -> float:
    return 2.0**-8 if code == _BFLOAT else float(np.finfo(_KINDS[code]).eps)


def _tensors(archive: Archive, root: str) -> dict[str, tuple[np.ndarray, int]]:
    """Weights and constants by what the module called them, with the codes of their types."""
    found: dict[str, tuple[np.ndarray, int]] = {}
    left = max(most_bytes(), archive.size)
    for kind, place in (("weights", "model_weights_config"), ("constants", "model_constants_config")):
        name = f"{root}data/{kind}/{place}.json"
        if name not in archive.names:
            continue
        for origin, one in parse_json(archive.read_bytes(name, MOST_BYTES))["config"].items():
            if one["use_pickle"]:
                raise FileFormatError(
                    f"{brief(origin)} is pickled, which would be executed by reading it; allowed: plain tensors"
                )
            meta, where = one["tensor_meta"], f"{root}data/{kind}/{one['path_name']}"
            if where not in archive.names:
                raise FileFormatError(f"the program has no member {brief(where)}")
            raw = archive.read_bytes(where, left)
            left -= len(raw)
            found[origin] = (_tensor(raw, meta, origin), meta["dtype"])
    return found


def _tensor(raw: bytes, meta: Mapping[str, Any], origin: str) -> np.ndarray:
    code = meta["dtype"]
    if code not in _KINDS:
        raise FileFormatError(f"{brief(origin)} has numbers of type {brief(code)}; allowed: real and whole numbers")
    sizes, strides = ([int(one["as_int"]) for one in meta[key]] for key in ("sizes", "strides"))
    start = int(meta["storage_offset"]["as_int"])
    flat = np.frombuffer(raw[: len(raw) - len(raw) % np.dtype(_KINDS[code]).itemsize], _KINDS[code])
    valid = len(sizes) == len(strides) <= 32 and start >= 0 and all(n >= 0 for n in (*sizes, *strides))
    last = start + sum((n - 1) * s for n, s in zip(sizes, strides, strict=False))
    count = math.prod(sizes)
    if not valid or count > len(flat) or (count and last >= len(flat)):
        raise FileFormatError(f"{brief(origin)} has shape {brief(sizes)} and holds {len(raw):,} bytes")
    if code == _BFLOAT:
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    steps = [s * flat.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(flat[start:], sizes, steps).copy() if count else np.empty(sizes, flat.dtype)


def _shape(sizes: list[Any]) -> tuple[int, ...] | None:
    """A shape whose batch is 1; None where another size is not known."""
    known = [one.get("as_int") for one in sizes]
    if sizes and known[0] is None and _SYMBOL.fullmatch(str(sizes[0]["as_expr"]["expr_str"])):
        known[0] = 1
    return None if None in known else tuple(int(n) for n in known)


def _told(sizes: list[Any]) -> list[Any]:
    return [one.get("as_int", "?") for one in sizes]


def _step(node: Mapping[str, Any], shapes: Mapping[str, Any], numbers: dict[str, Any]) -> Step | None:
    """An operator; None for one on sizes, whose answer is among the `numbers` from then on."""
    target = str(node["target"]).removeprefix("torch.ops.")
    given = {one["name"]: _value(one["arg"], numbers) for one in node["inputs"]}
    outputs = [_value(one, {}) for one in node["outputs"]]
    name = str(node.get("name") or target)
    plain = node["outputs"][0] if node["outputs"] else {}
    if "as_sym_int" in plain or "as_sym_bool" in plain or not outputs:
        made = next((str(one["as_name"]) for one in plain.values() if "as_name" in one), "")
        answer = _on_sizes(target, given, shapes)
        if made and answer is None:
            raise FileFormatError(
                f"operator {target} (node {name!r}) makes sizes that depend on the data; allowed: constants"
            )
        numbers[made] = answer
        return None
    space, operator, *overload = (*target.split("."), "", "")
    names = tuple(ref.name if isinstance(ref, Ref) else "" for ref in flat(outputs))
    return Step(f"{space}.{operator}", overload[0], name, given, names)


def _on_sizes(target: str, given: Mapping[str, Any], shapes: Mapping[str, Any]) -> int | None:
    values = list(given.values())
    if target.startswith("aten.sym_size"):
        shape = shapes.get(values[0].name)
        return None if shape is None else shape[int(values[1])]
    if not all(type(value) is int for value in values):
        return None
    match target.rpartition(".")[2]:
        case "mul":
            return math.prod(values)
        case "add":
            return sum(values)
        case "sub":
            return int(values[0] - values[1])
        case "floordiv" if values[1]:
            return int(values[0] // values[1])
    return None


def _value(arg: Mapping[str, Any], numbers: Mapping[str, Any]) -> Any:
    """An argument as a plain value."""
    ((kind, value),) = arg.items()
    if kind == "as_tensor":
        return Ref(value["name"])
    if kind == "as_none":
        return None
    if kind == "as_scalar_type":
        return Kind(value)
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        return _value({"as_number": value}, numbers) if "as_name" not in value else numbers.get(value["as_name"])
    if kind == "as_number":
        ((_, number),) = value.items()
        return number
    if kind == "as_optional_tensors":
        return [_value(one, numbers) for one in value]
    if kind == "as_tensors":
        return [Ref(one["name"]) for one in value]
    if kind in ("as_sym_ints", "as_sym_floats"):
        return [_value({"as_sym_int": one}, numbers) for one in value]
    if kind == "as_float" and isinstance(value, str):
        return float(value)
    return value


def flat(value: Any) -> list[Any]:
    """What lists in lists hold."""
    return [inner for one in value for inner in flat(one)] if isinstance(value, list) else [value]

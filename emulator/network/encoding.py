"""A network as one JSON header and a list of arrays, and back.

The header is derived from the fields of the layers, so that none can be forgotten. It refers to arrays by
number: ``{"array": 3, "shape": [10, 32]}``, with ``"type": "bool"`` where it holds truth values, or ``"int"``. Fields of `ADDED`
are left out where they have their default, and so are names and penalties if there are none, so that networks which do without them
keep their digests and files.
Both the digest and the files of a network are made from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from emulator.errors import FileFormatError, suggest
from emulator.network.arrays import BoolArray, FloatArray, IntArray
from emulator.network.layers import LAYER_KINDS, Layer
from emulator.network.penalties import Penalty
from emulator.network.scales import Scale
from hwmodels.doors import RefusedError, brief, parse_json

Array = FloatArray | BoolArray | IntArray

#: names of the components of layers, by layer
Names = Mapping[str, Sequence[str]]

#: fields that came later, by kind
ADDED = {"Dense": {"devices": None, "trainable": True, "kernel": None, "sharing": "free", "biased": True}}

#: types of arrays in headers, by the letter of NumPy's kind, and as they are hashed and stored
_NAMED = {"b": "bool", "i": "int"}
_STORED = {"": "<f8", "bool": "|b1", "int": "<i4"}

FORMAT = "backwave-network"
VERSION = 1


class Settings(NamedTuple):
    """The arguments of `emulator.network.Network` besides its layers."""

    output: str
    loss: str
    names: Names
    penalties: Mapping[str, Penalty]
    scales: Mapping[str, Scale]


def encode(layers: Iterable[Layer], settings: Settings) -> tuple[bytes, list[Array]]:
    """Return the canonical header (ASCII JSON) and the arrays it refers to."""
    arrays: list[Array] = []

    def plain(value: object) -> object:
        if not isinstance(value, np.ndarray):
            return value
        arrays.append(value)
        kind = {"type": _NAMED[value.dtype.kind]} if value.dtype.kind in _NAMED else {}
        return {"array": len(arrays) - 1, "shape": list(value.shape), **kind}

    described = []
    for layer in layers:
        kind, fields = type(layer).__name__, layer.values()
        for key, default in ADDED.get(kind, {}).items():
            if fields[key] is default or (isinstance(fields[key], str) and fields[key] == default):
                del fields[key]
        described.append({"kind": kind} | {key: plain(value) for key, value in fields.items()})
    kept = {"loss": settings.loss, "output": settings.output, "layers": described}
    header = {"format": FORMAT, "version": VERSION, **kept}
    if settings.names:
        header["names"] = dict(settings.names)
    if settings.penalties:
        header["penalties"] = {name: dataclasses.asdict(penalty) for name, penalty in settings.penalties.items()}
    if settings.scales:
        header["scales"] = {
            name: {key: part.tolist() for key, part in scale._asdict().items()}
            for name, scale in settings.scales.items()
        }
    return json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode("ascii"), arrays


def digest(layers: Iterable[Layer], settings: Settings) -> str:
    """Return the SHA-256 (hexadecimal) of a network's header and arrays."""
    header, arrays = encode(layers, settings)
    state = hashlib.sha256(header)
    for array in arrays:
        state.update(array.astype(stored_type(array)).tobytes())
    return state.hexdigest()


def stored_type(array: Array) -> np.dtype[Any]:
    """The type under which an array is hashed and stored."""
    return np.dtype(_STORED[_NAMED.get(array.dtype.kind, "")])


def parse_header(text: bytes) -> dict[str, Any]:
    """Read a header and check its format, version and keys.

    Raises
    ------
    FileFormatError
        If it is not such a header.
    """
    try:
        header = parse_json(text)
    except RefusedError as error:
        raise FileFormatError(f"header is not JSON: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FileFormatError(f"header has no format {FORMAT!r}; allowed: files written by Network.save")
    if header.get("version") != VERSION:
        raise FileFormatError(f"header has version {brief(header.get('version'))}; allowed: {VERSION}")
    later = {"names", "penalties", "scales"}
    _require_keys("header", header, {"format", "version", "loss", "output", "layers", *later}, optional=later)
    if not isinstance(header["layers"], list):
        raise FileFormatError(f"header: layers are {brief(header['layers'])}; allowed: a list")
    return header


def array_members(header: Mapping[str, Any]) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return the shapes and types of the arrays a header refers to, in the order of their numbers.

    Raises
    ------
    FileFormatError
        If a description of a layer or a reference to an array is malformed, or arrays are not numbered 0,
        1, ...
    """
    members: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
    for position, described in enumerate(header["layers"]):
        place = f"header: layers[{position}]"
        if not isinstance(described, dict):
            raise FileFormatError(f"{place} is {brief(described)}; allowed: an object")
        kind = described.get("kind")
        if kind not in tuple(LAYER_KINDS):
            raise FileFormatError(f"{place}: no kind {suggest(kind, LAYER_KINDS)}")
        keys = {"kind"} | {field.name for field in dataclasses.fields(LAYER_KINDS[kind])}
        _require_keys(place, described, keys, optional=set(ADDED.get(kind, ())))
        for key, value in described.items():
            if isinstance(value, dict):
                members.append(_array_member(f"{place}.{key}", value, len(members)))
    return members


def decode_layers(header: Mapping[str, Any], arrays: Sequence[Array]) -> list[Layer]:
    """Build the layers of a header whose references `array_members` has checked.

    Raises
    ------
    NetworkError
        If a layer refuses a value.
    """
    layers = []
    for described in header["layers"]:
        fields: dict[str, Any] = {
            key: arrays[value["array"]] if isinstance(value, dict) else value for key, value in described.items()
        }
        kind = LAYER_KINDS[fields.pop("kind")]
        layers.append(kind(**fields))
    return layers


def decode_settings(header: Mapping[str, Any]) -> Settings:
    """What a header says besides the layers.

    Raises
    ------
    FileFormatError
        If penalties or scales are not described as they should be.
    NetworkError
        If a penalty refuses a value.
    """
    keys = {field.name for field in dataclasses.fields(Penalty)}
    penalties = {name: Penalty(**fields) for name, fields in _described(header, "penalties", keys).items()}
    found = _described(header, "scales", set(Scale._fields))
    scales: dict[str, Any] = {name: tuple(fields[key] for key in Scale._fields) for name, fields in found.items()}
    return Settings(header["output"], header["loss"], header.get("names", {}), penalties, scales)


def _described(header: Mapping[str, Any], what: str, keys: set[str]) -> dict[str, dict[str, Any]]:
    """An object of objects with the same keys."""
    described = header.get(what, {})
    if not isinstance(described, dict):
        raise FileFormatError(f"header: {what} are {brief(described)}; allowed: an object")
    for name, fields in described.items():
        place = f"header: {what}[{brief(name)}]"
        if not isinstance(fields, dict):
            raise FileFormatError(f"{place} is {brief(fields)}; allowed: an object")
        _require_keys(place, fields, keys)
    return described


def _array_member(place: str, reference: Mapping[str, Any], number: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    _require_keys(place, reference, {"array", "shape", "type"}, optional={"type"})
    kind = reference.get("type", "")
    if kind not in tuple(_STORED) or ("type" in reference and not kind):
        raise FileFormatError(f"{place} has type {brief(kind)}; allowed: 'bool', 'int', or none for real numbers")
    if type(reference["array"]) is not int or reference["array"] != number:
        raise FileFormatError(f"{place} refers to array {brief(reference['array'])}; allowed: {number}")
    shape = reference["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise FileFormatError(f"{place} has shape {brief(shape)}; allowed: a list of positive whole numbers")
    return tuple(shape), np.dtype(_STORED[kind])


def _require_keys(
    place: str, found: Mapping[str, Any], expected: set[str], optional: set[str] | frozenset[str] = frozenset()
) -> None:
    if not expected - optional <= set(found) <= expected:
        raise FileFormatError(f"{place} has keys {sorted(found)}; allowed: {sorted(expected)}")

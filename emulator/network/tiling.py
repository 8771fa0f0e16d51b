"""Large crossbars as tiles of bounded size, joined by adders: the network that hardware of such tiles can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from emulator.errors import NetworkError
from emulator.network.arrays import FloatArray
from emulator.network.gradients import Gradient, Parameters
from emulator.network.layers import Activation, Add, Concat, Dense, Layer, Slice
from emulator.network.network import Network
from emulator.network.penalties import Penalty


class Tile(NamedTuple):
    """One tile of a dense layer: outputs `rows` and inputs `columns` of its weight."""

    name: str
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Tiling:
    """A network in tiles, and how it belongs to the one without.

    Parameters
    ----------
    whole : Network
        The one that was split.
    network : Network
        The one in tiles; it computes the same.
    tiles : dict of str to tuple of Tile
        By the dense layers that were split; where a part has no device, there is no tile.
    sides : dict of str to tuple of str
        Layers that are there no more, and those whose states, side by side, are theirs.
    """

    whole: Network
    network: Network
    tiles: dict[str, tuple[Tile, ...]]
    sides: dict[str, tuple[str, ...]]

    def gradients(self, found: Mapping[str, Gradient]) -> dict[str, Gradient]:
        """Derivatives in the layers as they were, from those in the tiles."""
        return {
            name: Gradient(*self._joined(name, lambda tile: found[tile])) if name in self.tiles else found[name]
            for name in self.whole.dense
            if name in found or name in self.tiles
        }

    def states(self, found: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """States or costates (B, n) of the layers as they were, and of the tiles."""
        joined = {name: np.concatenate([found[part] for part in parts], axis=1) for name, parts in self.sides.items()}
        return {**found, **joined} if found else {}

    def joined(self, network: Network) -> Network:
        """The network without tiles that holds the parameters of one in tiles."""
        parameters = {
            name: self._joined(name, lambda tile: network.parameters[tile])
            if name in self.tiles
            else network.parameters[name]
            for name in self.whole.dense
        }
        return self.whole.with_parameters(parameters)

    def _joined(self, name: str, part_of: Callable[[str], Parameters | Gradient]) -> Parameters:
        layer = self.whole.dense[name]
        weight, bias = np.zeros(layer.weight.shape), np.zeros(layer.bias.shape)
        for tile in self.tiles[name]:
            part = part_of(tile.name)
            weight[tile.rows, tile.columns] = part.weight
            if self.network.dense[tile.name].biased:
                bias[tile.rows] = part.bias
        return Parameters(weight, bias)


def tiled(network: Network, rows: int | None, columns: int | None) -> Tiling | None:
    """Split every dense layer that has more inputs than `rows`, or more outputs than `columns`; None where none has.

    The inputs that a tile reads are wiring; the partial sums of the tiles of one set of columns meet in an adder, and the
    activation behind stands where its columns end.

    Raises
    ------
    NetworkError
        If a layer whose places learn together would stand in several tiles.
    """
    work = _Work(network, rows, columns)
    for layer in network.layers.values():
        work.take(layer)
    if not work.tiles:
        return None
    settings: dict[str, Any] = {"output": network.output, "loss": network.loss, "penalties": work.penalties}
    settings["names"] = {name: held for name, held in network.names.items() if name in work.layers}
    return Tiling(network, Network(work.layers.values(), **settings), work.tiles, work.sides)


class _Work:
    """The layers of the network in tiles so far."""

    def __init__(self, network: Network, rows: int | None, columns: int | None) -> None:
        self.network, self.most = network, (columns, rows)
        self.layers: dict[str, Layer] = {}
        self.tiles: dict[str, tuple[Tile, ...]] = {}
        self.sides: dict[str, tuple[str, ...]] = {}
        self.penalties: dict[str, Penalty] = dict(network.penalties)
        self._parts: dict[str, tuple[str, ...]] = {}
        self._widths: dict[str, int] = {}

    def take(self, layer: Layer) -> None:
        """One layer, in their order."""
        if isinstance(layer, Dense) and any(
            most is not None and n > most for most, n in zip(self.most, layer.weight.shape, strict=True)
        ):
            self._split(layer)
        elif isinstance(layer, Activation) and layer.source in self._parts:
            self._beside(layer)
        else:
            self._add(layer)

    def _add(self, layer: Layer) -> str:
        self.layers[layer.name] = layer
        return layer.name

    def _fresh(self, name: str) -> str:
        while name in self.layers or name in self.network:
            name += "'"
        return name

    def _split(self, layer: Dense) -> None:
        if layer.tied and layer.trainable:
            raise NetworkError(
                f"{layer.place}: its places learn together by a bus within one crossbar, and it would stand in several tiles "
                f"({layer.weight.shape[1]} rows, "
                f"{layer.weight.shape[0]} columns); allowed: sharing = 'free', or larger hardware.tiles"
            )
        outputs, inputs = (_ranges(n, most) for n, most in zip(layer.weight.shape, self.most, strict=True))
        tiles: list[Tile] = []
        pieces = []
        for k, out in enumerate(outputs):
            own = [
                (j, into) for j, into in enumerate(inputs) if layer.devices is None or layer.devices[out, into].any()
            ] or [(0, inputs[0])]
            found = [Tile(self._fresh(f"{layer.name}.tile{j}.{k}"), out, into) for j, into in own]
            for number, tile in enumerate(found):
                self._tile(layer, tile, biased=layer.biased and number == 0)
            name = layer.name if len(outputs) == 1 else self._fresh(f"{layer.name}.sum{k}")
            if len(found) > 1:
                pieces.append(self._add(Add(name, tuple(tile.name for tile in found))))
            else:
                pieces.append(found[0].name)
            tiles += found
        self.tiles[layer.name] = tuple(tiles)
        penalty = self.penalties.pop(layer.name, None)
        if penalty is not None:
            self.penalties |= {tile.name: Penalty(weight=penalty.weight) for tile in tiles if penalty.weight}
            for piece, rows in zip(pieces, outputs, strict=True):
                if penalty.state:
                    state = penalty.part(rows.start, rows.stop).state
                    self.penalties[piece] = replace(self.penalties.get(piece, Penalty()), state=state)
        consumers = self.network.consumers(layer.name)
        fused = (
            layer.name != self.network.output
            and len(consumers) == 1
            and isinstance(self.network[consumers[0]], Activation)
        )
        if fused and (len(pieces) > 1 or pieces[0] != layer.name):
            self._parts[layer.name] = tuple(pieces)
            self._widths |= {piece: rows.stop - rows.start for piece, rows in zip(pieces, outputs, strict=True)}
            self.sides[layer.name] = tuple(pieces)
        elif pieces != [layer.name]:
            self._add(
                Concat(layer.name, tuple(pieces))
                if len(pieces) > 1
                else Slice(layer.name, pieces[0], 0, len(layer.bias))
            )

    def _tile(self, layer: Dense, tile: Tile, biased: bool) -> None:
        n = self.network.size(layer.source)
        into = tile.columns
        source = layer.source
        if into.stop - into.start < n:
            source = f"{layer.source}[{into.start}:{into.stop}]"
            if source not in self.layers:
                self._add(Slice(source, layer.source, into.start, into.stop))
        devices = None if layer.devices is None else layer.devices[tile.rows, into]
        bias = layer.bias[tile.rows] if biased else np.zeros(tile.rows.stop - tile.rows.start)
        weight = layer.weight[tile.rows, into]
        self._add(Dense(tile.name, source, weight, bias, devices, layer.trainable, biased=biased))

    def _beside(self, layer: Activation) -> None:
        """An activation at every piece of the layer in front of it."""
        pieces = self._parts[layer.source]
        names = [layer.name] if len(pieces) == 1 else [self._fresh(f"{layer.name}.part{k}") for k in range(len(pieces))]
        for name, piece in zip(names, pieces, strict=True):
            self._add(replace(layer, name=name, source=piece))
        if len(pieces) == 1:
            return
        self.sides[layer.name] = tuple(names)
        penalty = self.penalties.pop(layer.name, None)
        if penalty is not None:
            start = 0
            for name, piece in zip(names, pieces, strict=True):
                stop = start + self._widths[piece]
                self.penalties[name], start = penalty.part(start, stop), stop
        self._add(Concat(layer.name, tuple(names)))


def _ranges(n: int, most: int | None) -> list[slice]:
    """Ranges of at most so many."""
    step = n if most is None else most
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]

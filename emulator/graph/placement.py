"""Where a drawing puts elements and bundles: columns by topological generation, lanes by barycentre.

A bundle that spans several generations passes a waypoint in each one between, which has a lane of its own as
elements do (Sugiyama, Tagawa and Toda 1981). Long graphs are wrapped into rows, read like lines of text.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from matplotlib.path import Path

from emulator.graph.compiled import CompiledNetwork

Point = tuple[float, float]
#: an element's name, or a bundle's name with the generation it passes
Node = str | tuple[str, int]
#: a bundle's name, and two nodes that it passes in succession
Leg = tuple[str, Node, Node]

#: half the size of an element, in columns
RADIUS = 0.16
_MOST_COLUMNS = 12
_SWEEPS = 8
_LANE, _PARALLEL = 0.85, 0.7
#: where rows end: room beside, below and above them, and between turning bundles
_MARGIN, _BELOW, _ABOVE, _TURN = 0.85, 0.75, 0.55, 0.1
#: how far from an element's centre a bundle changes lane, and radius of corners
_RISER, _CORNER = 0.26, 0.1
#: how far labels stand below the middle of a bundle that changes lane on its way
_SINK = 0.12


@dataclass(frozen=True)
class Placement:
    """A drawing, in units of one column.

    Parameters
    ----------
    elements : dict of element name to its centre
    bundles : dict of bundle name to its path, from the side of one element to that of the next
    labels : dict of bundle name to the point above which its label belongs
    """

    elements: dict[str, Point]
    bundles: dict[str, Path]
    labels: dict[str, Point]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of everything but labels."""
        vertices = np.concatenate([list(self.elements.values()), *(path.vertices for path in self.bundles.values())])
        (left, bottom), (right, top) = vertices.min(axis=0), vertices.max(axis=0)
        return float(left), float(right), float(bottom), float(top)


def place(graph: CompiledNetwork) -> Placement:
    """Place the elements and bundles of a graph."""
    layers, chains = _layers(graph)
    _order(layers, chains)
    rows = math.ceil(len(layers) / _MOST_COLUMNS)
    columns = math.ceil(len(layers) / rows)
    points: dict[Node, Point] = {}
    turns: dict[Leg, list[Point]] = {}
    y = 0.0
    for start in range(0, len(layers), columns):
        row = layers[start : start + columns]
        lanes = [_lanes(layer) for layer in row]
        y -= max(lane[0] for lane in lanes)
        for x, (layer, lane) in enumerate(zip(row, lanes, strict=True)):
            points |= {node: (float(x), y + height) for node, height in zip(layer, lane, strict=True)}
        y += min(lane[-1] for lane in lanes) - _BELOW
        leaving = [leg for leg in _legs(chains) if leg[1] in row[-1]]
        leaving.sort(key=lambda leg: points[leg[1]][1])
        for k, leg in enumerate(leaving):
            right, left = columns - 1 + _MARGIN + _TURN * k, -_MARGIN - _TURN * (len(leaving) - 1 - k)
            turns[leg] = [(right, y - _TURN * k), (left, y - _TURN * k)]
        y -= _ABOVE + _TURN * len(leaving)
    bends = _bends(chains)
    ways = {name: _way(name, chain, points, turns, bends[name]) for name, chain in chains.items()}
    return Placement(
        elements={node: point for node, point in points.items() if isinstance(node, str)},
        bundles={name: path for name, (path, _) in ways.items()},
        labels={name: label for name, (_, label) in ways.items()},
    )


def _way(
    name: str, chain: Sequence[Node], points: Mapping[Node, Point], turns: Mapping[Leg, Sequence[Point]], bend: float
) -> tuple[Path, Point]:
    """Path of a bundle, and where its label belongs: at its middle, or, after a turn, before its head."""
    (x0, y0), (x1, y1) = points[chain[0]], points[chain[-1]]
    label = points[chain[len(chain) // 2]]
    if len(chain) == 2:
        sink = _SINK if abs(y0 - y1) > _LANE / 2 else -abs(y0 - y1) / 4
        label = ((x0 + x1) / 2, (y0 + y1) / 2 + bend - sink) if x0 < x1 else (x1 - 0.5, y1)
    pen = _Pen((x0 + RADIUS, y0))
    for tail, head in itertools.pairwise(chain):
        end = points[head] if isinstance(head, tuple) else (x1 - RADIUS, y1)
        if (name, tail, head) in turns:
            pen.turn(turns[name, tail, head], end)
        elif isinstance(tail, tuple) is isinstance(head, tuple):
            if bend:
                pen.curve(label)
            pen.curve(end)
        else:
            pen.step(x0 + _RISER if isinstance(head, tuple) else x1 - _RISER, end)
    return Path(pen.vertices, pen.codes), label


class _Pen:
    """Draws one bundle, from left to right."""

    def __init__(self, start: Point) -> None:
        self.vertices, self.codes = [start], [Path.MOVETO]

    def curve(self, end: Point) -> None:
        """Go to `end`, leaving and arriving horizontally."""
        (x0, y0), (x1, y1) = self.vertices[-1], end
        middle = (x0 + x1) / 2
        self.vertices += [(middle, y0), (middle, y1), end]
        self.codes += [Path.CURVE4] * 3

    def step(self, x: float, end: Point) -> None:
        """Go to `end`, changing lane at `x`."""
        self._corners([(x, self.vertices[-1][1]), (x, end[1])], end)

    def turn(self, gap: Sequence[Point], end: Point) -> None:
        """Go by way of the gap between two rows, given by its two ends, to `end`."""
        (right, middle), (left, _) = gap
        start = self.vertices[-1]
        self._corners([(right, start[1]), (right, middle), (left, middle), (left, end[1])], end)

    def _corners(self, corners: Sequence[Point], end: Point) -> None:
        """Go to `end` in straight lines with rounded corners."""
        way = [self.vertices[-1], *corners, end]
        for before, corner, after in zip(way, way[1:], way[2:], strict=False):
            if before[1] != after[1]:
                self.vertices += [_towards(corner, before), corner, _towards(corner, after)]
                self.codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
        self.vertices.append(end)
        self.codes.append(Path.LINETO)


def _towards(corner: Point, other: Point) -> Point:
    """The point where a rounded corner begins or ends."""
    share = min(0.5, _CORNER / math.dist(corner, other))
    return corner[0] + share * (other[0] - corner[0]), corner[1] + share * (other[1] - corner[1])


def _layers(graph: CompiledNetwork) -> tuple[list[list[Node]], dict[str, list[Node]]]:
    """Elements and waypoints by generation, and for each bundle what it passes from tail to head."""
    generations = list(nx.topological_generations(graph.nx))
    rank = {name: number for number, names in enumerate(generations) for name in names}
    layers: list[list[Node]] = [[] for _ in generations]
    chains: dict[str, list[Node]] = {}
    for bundle in graph.bundles:
        tail, head = bundle.tail[0], bundle.head[0]
        between = range(rank[tail] + 1, rank[head])
        chains[bundle.name] = [tail, *((bundle.name, number) for number in between), head]
        for number in between:
            layers[number].append((bundle.name, number))
    for layer, names in zip(layers, generations, strict=True):
        layer.extend(names)
    return layers, chains


def _order(layers: list[list[Node]], chains: Mapping[str, Sequence[Node]]) -> None:
    """Sort every layer by the mean lane of each node's neighbours, sweeping to and fro."""
    before: defaultdict[Node, list[Node]] = defaultdict(list)
    after: defaultdict[Node, list[Node]] = defaultdict(list)
    for _, tail, head in _legs(chains):
        after[tail].append(head)
        before[head].append(tail)
    for sweep in range(_SWEEPS):
        lane: dict[Node, float] = {}
        neighbours = after if sweep % 2 else before
        for layer in reversed(layers) if sweep % 2 else layers:
            own = dict(zip(layer, _lanes(layer), strict=True))
            means = {n: float(np.mean([lane[m] for m in neighbours[n]] or [own[n]])) for n in layer}
            layer.sort(key=lambda node: -means[node])
            lane |= dict(zip(layer, _lanes(layer), strict=True))


def _lanes(layer: Sequence[Node]) -> list[float]:
    """Heights of a layer's nodes from the top, with the elements centred."""
    elements = [k for k, node in enumerate(layer) if isinstance(node, str)]
    middle = float(np.mean(elements or range(len(layer))))
    return [_LANE * (middle - k) for k in range(len(layer))]


def _legs(chains: Mapping[str, Sequence[Node]]) -> list[Leg]:
    return [(name, tail, head) for name, chain in chains.items() for tail, head in itertools.pairwise(chain)]


def _bends(chains: Mapping[str, Sequence[Node]]) -> dict[str, float]:
    """How far to bend each bundle, so that those between the same neighbours stay apart."""
    alike: defaultdict[tuple[Node, ...], list[str]] = defaultdict(list)
    for name, chain in chains.items():
        alike[tuple(chain)].append(name)
    return {name: _PARALLEL * (k - (len(names) - 1) / 2) for names in alike.values() for k, name in enumerate(names)}

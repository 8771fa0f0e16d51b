"""Cells of one's own measured in ngspice, each by itself: how far they are from their law, and how fast they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from emulator.compile import compile_network
from emulator.errors import ExportError, FileFormatError
from emulator.export.cell_files import cells_file, read_cells, scale_of
from emulator.export.cells import Cell, activation_cell, activations, library
from emulator.export.circuit import Circuit
from emulator.export.confined import Limits
from emulator.export.corners import named
from emulator.export.ngspice import simulate
from emulator.export.options import Options
from emulator.export.own_cells import OwnCells, own_cells
from emulator.export.placing import kept
from emulator.export.spice_text import library_text
from emulator.export.testbench import SUPPLIES, own_accuracy
from emulator.network import ACTIVATIONS, NetworkBuilder, activation_function
from hwmodels.fit_cells import Measured

#: ranges of a state or costate at a synapse, of a pre-activation and of a costate at a neuron, in full scales
STATE, SUM, COSTATE = 1.0, 3.0, 1.0
#: the weights at which a synapse is measured
_WEIGHTS = (-1.0, -0.5, 0.5, 1.0)
#: volts of a state of 1 and ohms of state over costate, where neither file nor corner says more
_SCALE = {"vfs": 1.0, "rref": 50.0}
#: seconds in which a step of the input rises, over the length of a transient, and points of it
_RISE, _POINTS = 1e-3, 2000
_LENGTHS = tuple(10.0**k for k in range(-10, -2))
#: instances of each cell that are measured at most, side by side in one deck
MOST_DRAWS = 1000


def measure(
    name: str | Path, corner: Mapping[str, float], *, draws: int = 1, seed: int = 1, limit: float = 300.0
) -> Measured:
    """Measure a synapse and a neuron of the directional circuit with gyrators.

    Parameters
    ----------
    name : str or Path
        A file of cells, or the name of a bundled one; what it does not replace is the library's.
    corner : dict of str to float
        Parameters of the cells, ``vdd``, ``vss``, ``vfs`` and ``rref``.
    draws : int
        Instances of each, for cells that draw a mismatch where a parameter says so.
    seed : int
        Of those draws.
    limit : float
        Most seconds of each run.

    Raises
    ------
    FileFormatError
        If the file is none, or has neither a synapse nor a neuron.
    ExportError
        If no parameter is called as the corner says, ngspice is missing or fails, or the cells do not follow their inputs.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or not 1 <= draws <= MOST_DRAWS:
        raise ExportError(f"fit of cells: draws is {draws!r}; allowed: whole numbers from 1 to {MOST_DRAWS}")
    path, options = cells_file(name), Options()
    bodies = [cell.removeprefix(options.prefix) for cell in read_cells(path)[0]]
    functions = [one for one in ACTIVATIONS if activation_cell(one) in bodies] or ["tanh"]
    b = NetworkBuilder()
    h = b.input("x", 1)
    for function in functions:
        h = b.dense(h, [[1.0]], activation=function)
    graph = compile_network(b.build(output=h))
    cards, neurons = library(graph, options), activations(graph)
    own = own_cells(path, cards, options, graph.loss)
    neuron = next((one for one in neurons if one[0] in own.replaced), neurons[0])
    if not {neuron[0], "synapse"} & set(own.replaced):
        raise FileFormatError(
            f"file of cells '{path}' has {', '.join(own.replaced)}, and neither a synapse nor a neuron, which are measured; "
            "allowed: one of them, or both"
        )
    given = named(corner, [*own.names, *SUPPLIES, *_SCALE], options.prefix, "a corner")
    scale = _SCALE | scale_of(path) | {key: given[key] for key in _SCALE if key in given}
    options = replace(options, volts=scale["vfs"], ohms=scale["rref"])
    settings = {key: value for key, value in given.items() if key in own.names}
    own = own.swept(settings, "a corner ")
    texts, supplies = list(_texts(cards, own, options)), {**SUPPLIES, **given}
    return _Bench(path, own, texts, settings, supplies, options, neuron, draws, seed, limit).measured()


def _texts(cards: list[Cell], own: OwnCells, options: Options) -> Iterator[str]:
    yield from library_text(kept(cards, own), options.prefix)
    yield from own.text(options.prefix)


class _Bench:
    """Decks around single cells."""

    def __init__(
        self, path: Path, own: OwnCells, cells: list[str], settings: dict[str, float], supplies: Mapping[str, float],
        options: Options, neuron: tuple[str, str, float], draws: int, seed: int, limit: float,
    ) -> None:  # fmt: skip
        self.path, self.own, self.cells, self.draws = path, own, cells, draws
        self.neuron, function, slope = neuron
        self.law = activation_function(function, slope)
        self.volts, self.ohms, self.prefix, self.options = options.volts, options.ohms, options.prefix, options
        self.supplies, self.seed, self.limit = supplies, seed, limit
        self.settings = settings

    def measured(self) -> Measured:
        """All that the fit needs."""
        state, synapse = self._synapses()
        s, lam, x, mu = self._neurons()
        law, slope = self.law.phi(s), self.law.dphi(s) * lam
        return Measured(
            self.path.name, {"neuron forward": (law, x), "synapse forward": (state, synapse[0]),
            "neuron backward": (slope, mu), "synapse backward": (state, synapse[1])}, *self._times(),
        )  # fmt: skip

    def _cell(self, name: str, nodes: str, cell: str, **values: float) -> str:
        given = {**values, "vfs": self.volts, "rref": self.ohms}
        if cell in self.own.replaced:
            given |= self.settings
        words = " ".join(f"{key}={value!r}" for key, value in given.items())
        return f"X{name} {nodes} vdd vss {self.prefix}{cell} {words}"

    def _run(self, lines: list[str]) -> dict[str, np.ndarray]:
        temperature = self.settings.get("temp", 27.0)
        frame = [
            "* cells by themselves", *self.cells, own_accuracy(self.options), f".options temp={temperature!r} seed={self.seed}",
            *(f"V{name} {name} 0 DC {self.supplies[name]!r}" for name in SUPPLIES), *lines, ".end", "",
        ]  # fmt: skip
        return simulate(Circuit("\n".join(frame), {}), self.path, Limits(self.limit))

    def _synapses(self) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """States given, and what arrives over the weight, forward and backward."""
        lines, full = ["Vx x 0 DC 0"], self.volts * STATE
        named = [(f"{k}_{j}", w) for k in range(self.draws) for j, w in enumerate(_WEIGHTS)]
        for at, w in named:
            lines.append(self._cell(f"w{at}", f"x s{at} x l{at}", "synapse", w=w))
            lines += [f"Rs{at} s{at} 0 {self.ohms!r}", f"Rl{at} l{at} 0 {self.ohms!r}"]
        saved = " ".join(f"v(s{at}) v(l{at})" for at, _ in named)
        found = self._run([*lines, f".dc Vx {-full!r} {full!r} {full / 10!r}", f".save v(x) {saved}"])
        given = np.tile(found["v(x)"], len(named)) / self.volts
        ways = tuple(np.concatenate([found[f"v({way}{at})"] / w for at, w in named]) / self.volts for way in "sl")
        return given, (ways[0], ways[1])

    def _neurons(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Pre-activation and costate given; state and costate of the pre-activation found."""
        lines, s, lam = ["Vs s 0 DC 0", "Vl lam 0 DC 0"], self.volts * SUM, self.volts * COSTATE
        for k in range(self.draws):
            lines.append(self._cell(f"n{k}", f"s x{k} lam m{k}", self.neuron))
            lines += [f"Rx{k} x{k} 0 {self.ohms!r}", f"Rm{k} m{k} 0 {self.ohms!r}"]
        saved = " ".join(f"v(x{k}) v(m{k})" for k in range(self.draws))
        sweep = f".dc Vs {-s!r} {s!r} {s / 12!r} Vl {-lam!r} {lam!r} {lam / 2!r}"
        found = self._run([*lines, sweep, f".save v(s) v(lam) {saved}"])
        given = [np.tile(found[name], self.draws) / self.volts for name in ("v(s)", "v(lam)")]
        out = [np.concatenate([found[f"v({name}{k})"] for k in range(self.draws)]) / self.volts for name in "xm"]
        return given[0], given[1], out[0], out[1]

    def _times(self) -> tuple[float, float]:
        """Seconds in which a step gets through neuron and synapse to 1 - 1/e, forward and backward."""
        for length in _LENGTHS:
            rise, half = _RISE * length, self.volts / 2
            step = f"PWL(0 0 {rise!r} 0 {2 * rise!r} {half!r})"
            lines = [f"Vs s 0 DC 0 {step}", "Va a 0 DC 0", f"Vl lam 0 DC 0 {step}"]
            for k, (at, costate) in enumerate((("s", "a"), ("a", "lam"))):
                lines.append(self._cell(f"n{k}", f"{at} x{k} {costate} m{k}", self.neuron))
                lines.append(self._cell(f"w{k}", f"x{k} o{k} m{k} b{k}", "synapse", w=1.0))
                lines += [f"R{name}{k} {name}{k} 0 {self.ohms!r}" for name in "xmob"]
            fine = length / _POINTS
            found = self._run([*lines, f".tran {fine!r} {length!r} 0 {5 * fine!r}", ".save v(o0) v(b1)"])
            times = [_rise(found["time"], found[name]) for name in ("v(o0)", "v(b1)")]
            if None not in times:
                return tuple(max(float(t) - 2 * rise, rise) for t in times if t is not None)  # type: ignore[return-value]
        raise ExportError(
            f"cells of '{self.path}' do not follow a step of their inputs; allowed: cells that rest within 1 ms"
        )


def _rise(time: np.ndarray, wave: np.ndarray) -> float | None:
    """When a wave has gone 1 - 1/e of its way; None if it does not rest in the last half."""
    way = wave[-1] - wave[0]
    late = wave[time >= time[-1] / 2]
    if way == 0 or np.abs(late - wave[-1]).max() > 0.01 * abs(way):
        return None
    return float(time[np.flatnonzero((wave - wave[0]) / way >= 1 - np.exp(-1))[0]])

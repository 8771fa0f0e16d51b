"""Ports, lines and receivers of a hardware model, number by number in plain Python, for the transcription of Wave-PMP.

Every port sends an event when what it would send differs from what it sent last; every line keeps its events in order and
delivers each when it is due; every receiver counts what it got. Draws are those that the streams of the hardware model
name, so that noise, lost events and late ones are the very same.
"""

from __future__ import annotations

import numpy as np

from emulator.engine.effects import effects_of
from emulator.engine.layout import flatten
from emulator.engine.node_noise import noise_at_start
from emulator.engine.random import gauss, uniform
from emulator.engine.wiring import SECOND
from emulator.graph import ScatteringGraph
from hwmodels import quantize

ROOT2 = np.sqrt(2.0)


class Carrier:
    """All of a graph's lines in tile wiring; nodes and links are numbered as in the transcription."""

    def __init__(self, graph: ScatteringGraph, threshold: float) -> None:
        self.threshold = threshold
        self.graph, self.layout = graph, flatten(graph)
        self.effects = effects_of(graph, self.layout, 0)
        self.values, count, taps = self.effects.values, graph.neurons, len(self.layout.tap_port)
        self.count, self.taps, self.time = count, taps, 0
        self.sent = {name: np.zeros(count) for name in ("x", "mu", "a", "m", "c")}
        self.whole = {name: np.zeros(count) for name in self.sent}
        self.events = np.zeros(2 * count, int)
        self.queue: dict[tuple[str, int], list[tuple[int, float]]] = {}
        offset = np.broadcast_to(np.asarray(self.values.get("offset", 0.0)), taps)
        kinds = ("state", "wave")
        self.inbox = {kind: offset * np.ones(taps) for kind in kinds}
        self.raw, self.y = ({kind: np.zeros(taps) for kind in kinds} for _ in range(2))
        self.got = {kind: np.zeros(taps, int) for kind in kinds}
        self.last = {kind: np.full(taps, -1) for kind in kinds}
        noise = noise_at_start(self.effects.noise_poles, self.effects.values, count, 0)
        self.eta = [np.array(noise[f"eta{k}"]) for k in range(self.effects.noise_poles)]
        passed = [b.column_taps for b, c in zip(self.layout.blocks, graph.couplings, strict=True)
                  if graph.law.transport == "identity" and len(c.rows) == len(c.columns)]  # fmt: skip
        self.is_raw = np.isin(np.arange(taps), np.concatenate([np.zeros(0, int), *passed]))

    def forward_noise(self) -> np.ndarray:
        """Noise (N,) of all nodes in this step."""
        for k, eta in enumerate(self.eta):
            decay, drive, stream = (self.values[f"eta_{name}{k}"] for name in ("decay", "drive", "key"))
            eta[:] = decay * eta + drive * gauss(float(stream), np.arange(self.count), np.full(self.count, self.time))
        return np.sum(self.eta, axis=0) if self.eta else np.zeros(self.count)

    def put(self, **numbers: np.ndarray) -> None:
        """Let all neurons send numbers (N,) of one direction and kind: one event for all of them."""
        back = next(iter(numbers)) in ("mu", "m", "c")
        kind = "state" if next(iter(numbers)) in ("x", "mu") else "wave"
        port = np.arange(self.count) + self.count * back
        made = {name: self._rounded(name, wave, port, back) for name, wave in numbers.items()}
        before = self.whole if self.effects.dithered else self.sent
        after = numbers if self.effects.dithered else made
        moves = np.any([np.abs(after[name] - before[name]) >= self.threshold for name in made], axis=0)
        for name, wave in made.items():
            self.sent[name] = np.where(moves, wave, self.sent[name])
            self.whole[name] = np.where(moves, numbers[name], self.whole[name])
        self.events[port] += moves
        for tap in np.flatnonzero(
            moves[self.layout.tap_port % self.count] & ((self.layout.tap_port >= self.count) == back)
        ):
            name = next(iter(numbers)) if not (kind == "wave" and back) else "c" if self.is_raw[tap] else "m"
            self.queue.setdefault((kind, tap), []).append(
                (self.time, self.sent[name][self.layout.tap_port[tap] % self.count])
            )

    def _rounded(self, name: str, wave: np.ndarray, port: np.ndarray, back: bool) -> np.ndarray:
        precision = self.graph.hardware.precision
        how = (precision.forward, precision.backward)[back]
        if how.bits is not None and how.rounding == "stochastic":
            lsb = how.full_scale / (2 ** (how.bits - 1) - 1)
            element = port + 2 * self.count * (name == "c")
            wave = np.floor(wave / lsb + 1e-9 + uniform(self.values["round_key"], element, self.events[port])) * lsb
            wave = np.clip(wave, -how.full_scale, how.full_scale) if how.saturate else wave
        elif how.bits is not None:
            wave = quantize(wave, how.bits, how.full_scale, how.rounding, how.saturate)
        stuck = np.asarray(self.values.get("stuck", np.zeros(2 * self.count)))[port]
        return np.where(stuck > 0, np.asarray(self.values.get("stuck_at", np.zeros(2 * self.count)))[port], wave)

    def hear(self, kind: str, back: bool | None = None) -> None:
        """Let receivers take what is due, in one direction or both."""
        late = kind == "wave"
        falls = self.layout.tap_port >= self.count
        mine = np.flatnonzero(falls == back) if back is not None else np.arange(self.taps)
        for tap in mine:
            waiting = self.queue.get((kind, tap), [])
            if not waiting:
                continue
            element, number = tap + self.taps * late, self.got[kind][tap]
            due = waiting[0][0] + self.layout.tap_delay[tap] - 1 + late
            if self.effects.jitter:
                shift = self.values["jitter_sigma"] * self._draw(gauss, "jitter_key", element, number)
                due += int(np.clip(np.floor(shift + 0.5), -self.effects.jitter, self.effects.jitter))
                due = max(due, self.last[kind][tap] + 1)
            if due > self.time:
                continue
            self._receive(kind, tap, waiting.pop(0)[1], element, number)
        heard = self.inbox[kind].copy()
        victims, aggressors = self.effects.pairs
        np.add.at(heard, victims, float(np.asarray(self.values.get("spill", 0.0))) * self.raw[kind][aggressors])
        if self.effects.bandwidth:
            heard = self.y[kind] + self.values["pole"] * (heard - self.y[kind])
        self.y[kind][mine] = heard[mine]

    def _receive(self, kind: str, tap: int, wave: float, element: int, number: int) -> None:
        self.raw[kind][tap], self.last[kind][tap] = wave, self.time
        self.got[kind][tap] += 1
        fate = self._draw(uniform, "fate_key", element, number) if "fate_key" in self.values else 0.5
        if "drop" in self.values and fate < self.values["drop"][tap]:
            return
        again = "duplicate" in self.values and fate > 1 - self.values["duplicate"][tap]
        for name, what in (("gain", np.multiply), ("offset", np.add)):
            if name in self.values:
                wave = what(wave, self.values[name][tap])
        if "sigma" in self.values:
            wave += self.values["sigma"][tap] * self._draw(gauss, "noise_key", element, number + SECOND * again)
        self.inbox[kind][tap] = wave

    def _draw(self, stream, key: str, element: int, number: float) -> float:
        return float(stream(float(self.values[key]), np.array([element]), np.array([number]))[0])

    def held(self, kind: str, number: int, back: bool) -> np.ndarray:
        """What the receivers of a link hold in one direction."""
        block = self.layout.blocks[number]
        return self.y[kind][block.column_taps if back else block.row_taps]

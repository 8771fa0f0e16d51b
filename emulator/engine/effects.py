"""What a hardware model does to waves: code for brian2, and the numbers it works with.

Each effect sits where the physics puts it:

| effect                              | place                                                                     |
|-------------------------------------|---------------------------------------------------------------------------|
| precision of waves, stuck ports     | the port that sends: the wave is quantised before it is sent              |
| dead nodes                          | both ports of the neuron send 0                                           |
| attenuation, gain, offset, noise    | the receiver of each line direction, at every event                       |
| dropped and duplicated events       | likewise: one draw per event, low numbers lose it, high ones double it    |
| crosstalk, bandwidth, jitter        | the receiver: neighbouring lines leak in, a one-pole follows, events wait |
| node noise, 1/f noise               | the node's forward proposal, at every update                              |
| devices, precision of weights       | the weights, when they are programmed                                     |
| read noise of devices               | the weights, anew for every sample                                        |

Frozen properties are drawn from the chip's seed, noise from the run's seed, each under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emulator.engine.claims import check_claims
from emulator.engine.layout import Layout
from emulator.engine.node_noise import node_noise
from emulator.engine.places import facing, lines_at, neighbours, per_tap, ports_at, strikes
from emulator.engine.random import key
from emulator.engine.thermal import thermal_noise
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.learning.device_code import read_noise_code
from hwmodels import Fault, Quantizer
from hwmodels.faults import Faults

Value = NDArray[np.float64] | float

#: hardware fields that act where waves are sent, carried and received; families whose lines do all this claim them
CLAIMS = (
    "lines.impedance", "lines.impedance_tolerance", "lines.jitter", "lines.attenuation_", "lines.loss_per_length", "lines.temperature",
    "lines.bandwidth", "lines.crosstalk", "precision.", "noise.", "weights.", "faults.",
)  # fmt: skip

#: standard deviations at which jitter is cut
JITTER_CUT = 4.0

_NO_PAIRS = (np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Effects:
    """Code of the effects in use, and their numbers; an ideal substrate has none.

    Parameters
    ----------
    wave : str
        What a port sends, in terms of its wave `u`, its number `i` and its count of events `n_sent`.
    waves : (str, str)
        The same for ports that send forward, and for those that send backward.
    received : str
        What a receiver takes in, in terms of the amplitude `arriving`; ``{tap}`` stands for its number, ``{again}`` for
        what a second arrival adds to the count of events.
    port_variables, line_variables : tuple of str
        Names of the constants per port and per line direction.
    dithered : bool
        Whether waves are rounded stochastically (then a port sends whenever its wave moves).
    drops, duplicates, counts : bool
        Whether events may be lost or doubled, and whether receivers count them (noise needs it).
    noise_poles : int
        Number of one-pole noises per node.
    bandwidth, crosstalk, read_noise : bool
    read_sigma : str
        Standard deviation of one reading of a weight, in terms of its number `w_sigma` or, where weights move, of the
        weight `w` and the weight `w_top` of a device at `g_max`.
    read_variable : str
        That number's name.
    jitter : int
        Largest deviation of an arrival in steps; 0 without jitter.
    pairs : (victims, aggressors) int64
        Taps of the lines between which crosstalk leaks.
    values : dict
        Numbers of all these.
    """

    wave: str = "u"
    waves: tuple[str, str] = ("u", "u")
    received: str = "arriving"
    port_variables: tuple[str, ...] = ()
    line_variables: tuple[str, ...] = ()
    dithered: bool = False
    drops: bool = False
    duplicates: bool = False
    counts: bool = False
    noise_poles: int = 0
    bandwidth: bool = False
    crosstalk: bool = False
    read_noise: bool = False
    read_sigma: str = "w_sigma"
    read_variable: str = "w_sigma"
    jitter: int = 0
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]] = _NO_PAIRS
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def port_keys(self) -> tuple[str, ...]:
        """Numbers shared by all ports."""
        return ("round_key",) if self.dithered else ()

    @property
    def line_keys(self) -> tuple[str, ...]:
        """Numbers shared by all receivers."""
        keyed = {"sigma": "noise_key", "drop": "fate_key", "duplicate": "fate_key"}
        return tuple(dict.fromkeys(keyed[name] for name in self.line_variables if name in keyed))

    @property
    def node_variables(self) -> tuple[str, ...]:
        """Numbers shared by all nodes."""
        return tuple(f"eta_{what}{k}" for k in range(self.noise_poles) for what in ("decay", "drive", "key"))

    @property
    def code(self) -> str:
        """Everything that is compiled in, as text; the pairs are hashed by `Plan.key`."""
        return repr([getattr(self, name) for name in self.__dataclass_fields__ if name not in ("values", "pairs")])


#: nothing happens to a wave but its delay
IDEAL = Effects()


def effects_of(graph: ScatteringGraph, layout: Layout, seed: int) -> Effects:
    """The effects of a graph's hardware model for a run with this seed.

    Raises
    ------
    EngineError
        If a field is set that node laws do not implement.
    """
    check_claims(graph)
    waves, ports, dithered, values = _sending(graph, layout, seed)
    received, lines, flags, more = _receiving(graph, layout, seed)
    values |= more
    poles, noise = node_noise(graph, seed)
    values |= noise
    hardware = graph.hardware
    coefficient = hardware.lines.filter_coefficient(graph.step)
    if coefficient < 1:
        values["pole"] = coefficient
    if hardware.lines.crosstalk:
        values["spill"] = hardware.lines.crosstalk
    jitter = hardware.lines.jitter / graph.step
    if jitter:
        values |= {"jitter_sigma": jitter, "jitter_key": key(seed, "jitter")}
    reads, numbers = reading(graph, seed)
    values |= numbers
    return Effects(
        wave=_either_way(layout.neurons, *waves),
        waves=waves,
        received=received,
        port_variables=ports,
        line_variables=lines,
        dithered=dithered,
        noise_poles=poles,
        bandwidth=coefficient < 1,
        crosstalk=hardware.lines.crosstalk > 0,
        read_noise=reads,
        read_sigma="w_sigma",
        read_variable="w_sigma",
        jitter=int(np.ceil(JITTER_CUT * jitter)),
        pairs=neighbours(graph) if hardware.lines.crosstalk else _NO_PAIRS,
        values=values,
        **flags,
    )


def _sending(
    graph: ScatteringGraph, layout: Layout, seed: int
) -> tuple[tuple[str, str], tuple[str, ...], bool, dict[str, Value]]:
    """Quantisation at the port, and ports that are stuck or dead."""
    count = layout.neurons
    precision = graph.hardware.precision
    quantisers = (precision.forward, precision.backward)
    variables: list[str] = []
    values: dict[str, Value] = {}
    if any(q.bits is not None for q in quantisers):
        variables += ["lsb", "top"]
        values["lsb"] = np.repeat([lsb(q) for q in quantisers], count)
        values["top"] = np.repeat([q.full_scale for q in quantisers], count)
    forward, backward = (rounded(q) for q in quantisers)
    dithered = any(q.bits is not None and q.rounding == "stochastic" for q in quantisers)
    if dithered:
        values["round_key"] = key(seed, "stochastic rounding")
    stuck, level = stuck_ports(graph)
    if stuck.any():
        variables += ["stuck", "stuck_at"]
        values |= {"stuck": stuck.astype(float), "stuck_at": level}
        forward, backward = (f"(1 - stuck)*({wave}) + stuck*stuck_at" for wave in (forward, backward))
    return (forward, backward), tuple(variables), dithered, values


def _either_way(count: int, forward: str, backward: str) -> str:
    """What any port sends: states first, costates after them."""
    return forward if forward == backward else f"int(i < {count})*({forward}) + int(i >= {count})*({backward})"


def lsb(quantiser: Quantizer) -> float:
    """Distance of two levels; 1 where nothing is rounded."""
    return 1.0 if quantiser.bits is None else quantiser.full_scale / (2 ** (quantiser.bits - 1) - 1)


def rounded(quantiser: Quantizer) -> str:
    """The quantiser as code: the levels and modes of `hwmodels.rounding`."""
    if quantiser.bits is None:
        return "u"
    code = {
        "nearest": "sign(u)*floor(abs(u)/lsb + 0.5)*lsb",
        "magnitude_truncation": "sign(u)*floor(abs(u)/lsb + 1e-9)*lsb",
        "stochastic": "floor(u/lsb + 1e-9 + uniform(round_key, i, n_sent))*lsb",
    }[quantiser.rounding]
    return f"clip({code}, -top, top)" if quantiser.saturate else code


def stuck_ports(graph: ScatteringGraph) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Ports of neurons (2N,) that always send the same wave, states before costates, and which; those of dead nodes send 0."""
    faults, count = graph.hardware.faults, graph.neurons
    stuck, level = np.zeros(2 * count, bool), np.zeros(2 * count)
    port = strikes(faults.stuck_port, 2 * count, graph.seed, "stuck port")
    port[ports_at(graph, faults.stuck_port, "stuck_port")] = True
    port &= facing(faults.stuck_port.direction, np.arange(2 * count) < count)
    stuck[port], level[port] = True, faults.stuck_port.value
    dead = strikes(faults.dead_node, count, graph.seed, "dead node")
    dead[[p for p in ports_at(graph, faults.dead_node, "dead_node") if p < count]] = True
    both = np.concatenate([dead, dead])
    stuck[both], level[both] = True, 0.0
    return stuck, level


def broken_lines(graph: ScatteringGraph, tail: NDArray[np.int32], head: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Two-way lines (L,) from neurons `tail` to `head` that are broken: by the rate, or at neurons that are named.

    Raises
    ------
    EngineError
        If only one direction is to be.
    """
    fault = graph.hardware.faults.open_line
    if (fault.rate or fault.places) and fault.direction != "both":
        raise EngineError(
            f"hardware.faults.open_line.direction is {fault.direction!r}; allowed with law {graph.law.name}: 'both', since one "
            "conductor carries both directions, and a break ends both"
        )
    ports = ports_at(graph, fault, "open_line")
    named = ports[ports < graph.neurons]
    return strikes(fault, len(tail), graph.seed, "open line") | np.isin(tail, named) | np.isin(head, named)


def lasting_faults(faults: Faults) -> tuple[str, ...]:
    """Names of the faults that last and that lines can have which are one conductor for both directions."""
    return ("stuck_port", "dead_node", *(("open_line",) if faults.open_line.direction == "both" else ()))


def event_faults(graph: ScatteringGraph) -> tuple[tuple[str, str, Fault], ...]:
    """What may happen to events: the name of its rate, its field, and the fault."""
    faults = graph.hardware.faults
    return (
        ("drop", "dropped_event", faults.dropped_event),
        ("duplicate", "duplicated_event", faults.duplicated_event),
    )


def _receiving(
    graph: ScatteringGraph, layout: Layout, seed: int
) -> tuple[str, tuple[str, ...], dict[str, bool], dict[str, Value]]:
    """Loss, gain and offset errors, noise and event faults at the receiver of every line direction."""
    noise, faults, taps = graph.hardware.noise, graph.hardware.faults, len(layout.tap_port)
    forward = layout.tap_port < layout.neurons
    gain = per_tap(graph, layout, "gain")
    for name, sigma, chosen in (
        ("gain mismatch forward", noise.gain_mismatch_forward, forward),
        ("gain mismatch backward", noise.gain_mismatch_backward, ~forward),
    ):
        if sigma:
            gain = gain * np.where(chosen, 1 + sigma * per_tap(graph, layout, name), 1.0)
    offset = np.zeros(taps)
    for name, sigma, chosen in (
        ("offset mismatch forward", noise.offset_mismatch_forward, forward),
        ("offset mismatch backward", noise.offset_mismatch_backward, ~forward),
    ):
        if sigma:
            offset = offset + np.where(chosen, sigma * per_tap(graph, layout, name), 0.0)
    sigma_rx = np.sqrt(noise.receiver**2 + thermal_noise(graph))
    broken = strikes(faults.open_line, taps, graph.seed, "open line") & facing(faults.open_line.direction, forward)
    broken[lines_at(graph, layout, faults.open_line, "open_line")] = True
    gain, offset, sigma_rx = (np.where(broken, 0.0, array) for array in (gain, offset, sigma_rx))
    received, variables = "arriving", list[str]()
    values: dict[str, Value] = {}
    if (gain != 1).any():
        received, values["gain"] = "gain*arriving", gain
        variables.append("gain")
    if offset.any():
        received, values["offset"] = received + " + offset", offset
        variables.append("offset")
    if sigma_rx.any():
        received += " + sigma*gauss(noise_key, {tap}, n_got{again})"
        values |= {"sigma": sigma_rx, "noise_key": key(seed, "receiver noise")}
        variables.append("sigma")
    for name, kind, fault in event_faults(graph):
        if fault.rate > 0:
            where = facing(fault.direction, forward)
            if fault.places:
                named = np.zeros(taps, bool)
                named[lines_at(graph, layout, fault, kind)] = True
                where = where & named
            values |= {name: np.where(where, fault.rate, 0.0), "fate_key": key(seed, "fate of events")}
            variables.append(name)
    flags = {"drops": "drop" in values, "duplicates": "duplicate" in values}
    flags["counts"] = any(flags.values()) or "sigma" in values or graph.hardware.lines.jitter > 0
    return received, tuple(variables), flags, values


def check_jitter(graph: ScatteringGraph, layout: Layout, effects: Effects) -> None:
    """Refuse jitter that would let an event arrive before it was sent.

    Raises
    ------
    EngineError
    """
    if effects.jitter and layout.tap_delay.min() < 1 + effects.jitter:
        shortest, cut = layout.tap_delay.min() * graph.step, JITTER_CUT
        raise EngineError(
            f"hardware.lines.jitter is {graph.hardware.lines.jitter:g} s; allowed: at most a {cut:g}th of the shortest delay "
            f"{shortest:g} s less one step, since jitter is cut at {cut:g} standard deviations"
        )


def reading(graph: ScatteringGraph, seed: int) -> tuple[bool, dict[str, Value]]:
    """Whether weights are read with noise, and the key of its draws."""
    if graph.hardware.weights.read_noise is None:
        return False, {}
    return True, {"read_key": key(seed, "read noise")}


def moving(graph: ScatteringGraph, effects: Effects) -> Effects:
    """Effects that follow the weights as they move: what is read with noise is the weight as it then is."""
    law = graph.hardware.weights
    if law.read_noise is None:
        return effects
    sigma = f"int(plastic)*{read_noise_code(law, 'w', 'w_top')}"
    return replace(effects, read_sigma=sigma, read_variable="w_top")

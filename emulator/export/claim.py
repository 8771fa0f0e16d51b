"""What an exported folder claims, checked: a stranger's numbers are believed only where they can be worked out anew.

The rest of the sample follows from the network and the sample in the folder; the nodes follow from the network. Waveforms
are those that the export wrote if their digest is the one in the map. What is edited together with the map's digests and
seal is another export, and is taken for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np

from emulator.compile import compile_network
from emulator.errors import CompileError, ExportError, FileFormatError
from emulator.export.bundle import (
    EXPECTED,
    EXPECTED_FORMAT,
    NETWORK,
    OWN,
    VERSION,
    all_files,
    bundles,
    circuit_files,
    crossbars,
    file_digest,
    probed_bundles,
    seal,
    wave_digest,
)
from emulator.export.circuit import content, inside
from emulator.export.claimed_rest import claimed_rest
from emulator.export.corners import NAME as CORNER
from emulator.export.design import MOST_PINS, SUPPLY, TOP
from emulator.export.document import Document, read_document, shown
from emulator.export.expected import Sample
from emulator.export.folder import FORMAT, MAP
from emulator.export.held import replaceable
from emulator.export.netlist import interface
from emulator.export.options import Options, Synapse
from emulator.graph import ScatteringGraph
from emulator.measure.synapses import Floats
from emulator.network import Network

#: bytes of a map, of expected values, of a network, and of cells of somebody's own
_MOST_MAP, _MOST_EXPECTED, _MOST_NETWORK, _MOST_CELLS = 64 << 20, 128 << 20, 1 << 30, 16 << 20
#: warnings of an export that are repeated, and characters of each
_MOST_WARNINGS, _LONGEST = 10, 500
_CELL = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """What a circuit must show, in volts.

    Parameters
    ----------
    network : str
        Digest of the network.
    circuit : str
        ``directional`` or ``bilateral``.
    rows, probed : int
        Rows of neurons, and how many of them are compared.
    rest : dict of bundle to (n,)
        Worked out from network and sample.
    terms : dict of bundle to (n,)
        Magnitudes of what makes those values (see `emulator.export.rounding`).
    waves : dict of bundle to (hold, n), or None
    start, step : float
        Seconds of rest before the sample appears, and per step.
    stop : float
        Seconds that the transient lasts.
    digests : dict of file name to str
        Of the netlists as the export wrote them.
    warnings : tuple of str
        What was said against the circuit then.
    pins : frozenset of str, or None
        Of the network; None where it stands in the testbench itself.
    graph : ScatteringGraph
        Of the network, for its topology.
    sample, task : Sample, tuple of Sample
        The sample that the testbenches present, and others of its batch.
    kappa, volts : float, float
        What multiplies a squared loss's gradient, and volts of a state of 1.
    own_rest : bool
        Whether its lines move the rest: equations of cells alone do not hold then.
    cells : tuple of str
        Cells of the library whose place others take.
    corners : dict of str to float
        Volts of a state of 1 at every corner of the testbench that has them side by side.
    corners_stop : float
        Seconds that its transient lasts.
    """

    network: str
    circuit: str
    rows: int
    probed: int
    rest: dict[str, Floats]
    terms: dict[str, Floats]
    waves: dict[str, Floats] | None
    start: float
    step: float
    stop: float
    digests: dict[str, str]
    warnings: tuple[str, ...]
    pins: frozenset[str] | None
    graph: ScatteringGraph
    sample: Sample
    task: tuple[Sample, ...]
    kappa: float
    volts: float
    own_rest: bool
    cells: tuple[str, ...] = ()
    corners: dict[str, float] = field(default_factory=dict)
    corners_stop: float = 0.0

    def node(self, name: str) -> str:
        """What a testbench calls a node of the network."""
        return name if self.pins is None or name in self.pins else f"{TOP}.{name}"

    def corner_node(self, name: str, corner: str) -> str:
        """What the testbench of the corners calls a node of one of them."""
        return f"{name}_{corner}" if self.pins is None or name in self.pins else f"x{corner}.{name}"

    @property
    def settled(self) -> dict[str, Floats]:
        """States and costates at rest."""
        return {name: values for name, values in self.rest.items() if name.startswith(("x", "lam"))}


def read_claim(folder: Path) -> Claim:
    """Read what an export says of itself.

    Raises
    ------
    FileFormatError
        If a file is missing, damaged, edited, or contradicts another; the message names place and value.
    ExportError
        If it is written for another simulator.
    """
    described = read_document(folder, MAP, _MOST_MAP, FORMAT, VERSION)
    if described.content.get("kind") != "spice":
        raise FileFormatError(f"export '{folder}' is of kind {shown(described.content.get('kind'))}; allowed: spice")
    described.check_version()
    if described.text("dialect") != "ngspice":
        raise ExportError(
            f"export '{folder}' is in dialect {described['dialect']!r}; allowed: ngspice, which runs here"
        )
    graph = _graph(folder, described)
    rows = _check_map(described, graph)
    expected = read_document(folder, EXPECTED, _MOST_EXPECTED, EXPECTED_FORMAT, VERSION)
    expected.check_version()
    rest, magnitudes = claimed_rest(expected, described, graph, rows)
    start, step, hold, stop = _transient(expected)
    waves = _waves(expected, described, graph, rows, hold)
    digests = _digests(folder, described)
    return Claim(
        graph.network.digest, described.text("circuit"), len(graph.sites), len(rows), rest, magnitudes, waves,
        start, step, stop, digests, _warnings(described), _pins(graph, described.text("circuit")),
        graph, _sample(expected, graph), _task(expected, graph), described.positive("kappa"),
        described.positive("volts_per_state"), described.content.get("lines") is not None,
        *_others(folder, described, graph),
    )  # fmt: skip


def _others(
    folder: Path, described: Document, graph: ScatteringGraph
) -> tuple[tuple[str, ...], dict[str, float], float]:
    """Replaced cells, and corners with their scale."""
    cells, corners = described.content.get("cells", []), described.content.get("corners", {})
    if not isinstance(cells, list) or any(type(name) is not str or not _CELL.fullmatch(name) for name in cells):
        raise FileFormatError(f"{described.at('cells')} is {shown(cells)}; allowed: names of cells")
    if cells:
        known = sorted(replaceable(graph, described.text("circuit"), described.choice("synapse", get_args(Synapse))))
        for k, name in enumerate(cells):
            if name not in known or name in cells[:k]:
                raise FileFormatError(
                    f"{described.at('cells')}[{k}] is {name!r}; allowed: {', '.join(known)}, each once, as the circuit has"
                )
        held = content(folder, OWN, _MOST_CELLS).decode("ascii", "replace").lower()
        for k, name in enumerate(cells):
            if not re.search(
                rf"^\.subckt {re.escape((described.text('prefix') + name).lower())}\s", held, re.MULTILINE
            ):
                raise FileFormatError(
                    f"{described.at('cells')}[{k}] is {name!r}, which is not among the subcircuits of {OWN}; allowed: those that are"
                )
    if not isinstance(corners, dict) or any(not CORNER.fullmatch(name) for name in corners):
        raise FileFormatError(
            f"{described.at('corners')} is {shown(corners)}; allowed: names of corners and their volts"
        )
    section = Document(corners, described.place, "corners.")
    volts = {name: section.positive(name) for name in corners}
    return tuple(cells), volts, described.positive("corners_stop") if corners else 0.0


def _sample(expected: Document, graph: ScatteringGraph) -> Sample:
    network, section = graph.network, expected.section("sample", {"inputs", "targets"})
    given = section.section("inputs", set(network.inputs))
    inputs = [given.array(name, (network.size(name),)) for name in network.inputs]
    return Sample(np.concatenate(inputs), section.array("targets", (network.size(network.output),)))


def _task(expected: Document, graph: ScatteringGraph) -> tuple[Sample, ...]:
    network, found = graph.network, expected.part("task", list)
    sizes = sum(map(network.size, network.inputs)), network.size(network.output)
    pairs = [Document({"in": one[0], "out": one[1]}, expected.place, f"task[{k}].") for k, one in enumerate(found)
             if isinstance(one, list) and len(one) == 2]  # fmt: skip
    if len(pairs) != len(found):
        raise FileFormatError(f"{expected.at('task')} is {shown(found)}; allowed: what the export wrote")
    return tuple(Sample(one.array("in", sizes[:1]), one.array("out", sizes[1:])) for one in pairs)


def _pins(graph: ScatteringGraph, circuit: str) -> frozenset[str] | None:
    inputs, targets, outputs = interface(graph, Options("bilateral" if circuit == "bilateral" else "directional"))
    found = frozenset([*inputs, *targets, *outputs, *SUPPLY])
    return found if len(found) <= MOST_PINS else None


def _warnings(described: Document) -> tuple[str, ...]:
    """What was said against the circuit when it was exported."""
    return tuple(text[:_LONGEST] for text in described.part("warnings", list)[:_MOST_WARNINGS] if isinstance(text, str))


def _graph(folder: Path, described: Document) -> ScatteringGraph:
    wiring = described.choice("wiring", ("tile", "synapse"))
    described.choice("circuit", ("directional", "bilateral"))
    if inside(folder, NETWORK).stat().st_size > _MOST_NETWORK:
        raise FileFormatError(
            f"file '{folder / NETWORK}' is larger than {_MOST_NETWORK} bytes; allowed: at most so many"
        )
    network = Network.load(folder / NETWORK)
    described.same("network", network.digest)
    described.same("loss", network.loss)
    try:
        return compile_network(network, wiring=wiring)
    except CompileError as error:
        raise FileFormatError(f"file '{folder / NETWORK}': {error}") from error


def _check_map(described: Document, graph: ScatteringGraph) -> tuple[int, ...]:
    """Compare a map with the network that it is of; numbers of the rows that are probed."""
    described.same("files", list(all_files(*_more(described))))
    described.same("bundles", bundles(graph))
    described.same("crossbars", crossbars(graph))
    rows = described.part("probed", list)
    if (
        not rows
        or any(type(row) is not int or not 0 <= row < len(graph.sites) for row in rows)
        or len(set(rows)) < len(rows)
    ):
        raise FileFormatError(
            f"{described.at('probed')} is {shown(rows)}; allowed: numbers of rows, 0 to {len(graph.sites) - 1}, each once"
        )
    if described.text("seal") != seal(described.content):
        raise FileFormatError(
            f"{described.place} is edited: its seal is not that of its content; allowed: what the export wrote"
        )
    return tuple(rows)


def _transient(expected: Document) -> tuple[float, float, int, float]:
    section = expected.section("transient", {"start", "step", "hold", "stop"})
    start, step, stop = (section.positive(name) for name in ("start", "step", "stop"))
    hold = section.positive("hold")
    if hold != int(hold) or not np.isclose(stop, start + hold * step, rtol=1e-9, atol=0):
        raise FileFormatError(f"{section.at('stop')} is {stop!r}; allowed: start and a whole number of steps, {hold:g}")
    return start, step, int(hold), stop


def _waves(
    expected: Document, described: Document, graph: ScatteringGraph, rows: tuple[int, ...], hold: int
) -> dict[str, Floats] | None:
    named = probed_bundles(graph, rows, ("x", "lam"))
    if expected["waves"] is None and described.text("circuit") == "bilateral":
        described.section("waves", set())
        return None
    section, digests = expected.section("waves", set(named)), described.section("waves", set(named))
    found = {}
    for name, neurons in named.items():
        found[name] = section.array(name, (hold, neurons.stop - neurons.start))
        if wave_digest(found[name]) != digests[name]:
            raise FileFormatError(
                f"{section.at(name)} is edited: its digest is not that in {MAP}; allowed: what the export wrote"
            )
    return found


def _digests(folder: Path, described: Document) -> dict[str, str]:
    """Digests of the netlists; network and expected values must have theirs."""
    own = _more(described)
    section = described.section("digests", set(all_files(*own)) - {MAP})
    for name in (EXPECTED, NETWORK):
        if file_digest(inside(folder, name)) != section[name]:
            raise FileFormatError(
                f"file '{folder / name}' is edited: its digest is not that in {MAP}; allowed: what the export wrote"
            )
    return {name: section.text(name) for name in circuit_files(*own)}


def _more(described: Document) -> tuple[bool, bool]:
    """Whether an export has cells of somebody's own, and corners."""
    return bool(described.content.get("cells")), bool(described.content.get("corners"))

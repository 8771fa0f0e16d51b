"""The rest that an exported folder claims, worked out anew from its network and its sample."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from emulator.compile import compile_network
from emulator.errors import CompileError, FileFormatError, NetworkError
from emulator.export.bundle import probed_bundles
from emulator.export.document import Document
from emulator.export.expected import SIGNALS
from emulator.export.rounding import ROUNDING, terms
from emulator.families.bilateral.lines import Passes, lines_of
from emulator.families.bilateral.mishaps import Mishaps
from emulator.families.bilateral.rest import rests_of
from emulator.graph import ScatteringGraph
from emulator.laws import Bilateral
from emulator.measure.reference import reference
from emulator.measure.rest import first_slopes, neuron_values
from emulator.measure.synapses import Floats
from hwmodels import load

#: of the terms of a rest that is solved for, what may be off
_SOLVED = 1e-9


def claimed_rest(
    expected: Document, described: Document, graph: ScatteringGraph, rows: tuple[int, ...]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """The rest of the sample, worked out anew, which is what the file must say; and the magnitudes of its terms.

    Parameters
    ----------
    expected, described : Document
        Expected values, and the map.
    graph : ScatteringGraph
    rows : tuple of int
        Numbers of the rows that are probed.

    Returns
    -------
    (dict of bundle to (n,), dict of bundle to (n,))
        In volts.

    Raises
    ------
    FileFormatError
        If a value is none, or another than follows from network and sample; the message names place and value.
    """
    network, volts = graph.network, described.positive("volts_per_state")
    kappa = described.positive("kappa")
    sample = expected.section("sample", {"inputs", "targets"})
    given = sample.section("inputs", set(network.inputs))
    inputs = {name: given.array(name, (network.size(name),)) for name in network.inputs}
    targets = sample.array("targets", (network.size(network.output),))
    try:
        exact = reference(network, inputs, targets[np.newaxis])
    except NetworkError as error:
        raise FileFormatError(f"{expected.at('sample')}: {error}") from error
    x, s, lam = (values[0] for values in neuron_values(graph, exact))
    lam, exactly = kappa * lam, ROUNDING
    if described.content.get("lines") is not None:
        exactly = _SOLVED
        data = np.concatenate([inputs[name] for name in network.inputs])
        s, lam, x = _own_rest(described, graph, kappa, (s, lam), data, targets)
    found = {"x": x, "s": s, "lam": lam, "mu": first_slopes(graph, s) * lam}
    magnitudes = terms(graph, exact, targets, kappa)
    named = probed_bundles(graph, rows, SIGNALS)
    section = expected.section("rest", set(named))
    rest, behind = {}, {}
    for name, neurons in named.items():
        signal = name.rstrip("0123456789")
        rest[name], behind[name] = found[signal][neurons] * volts, magnitudes[signal][neurons] * volts
        stated = section.array(name, rest[name].shape)
        wrong = np.flatnonzero(~(np.abs(stated - rest[name]) <= exactly * behind[name]))
        if wrong.size:
            k = int(wrong[0])
            raise FileFormatError(
                f"{section.at(name)}[{k}] is {float(stated[k])!r}, whereas network and sample give "
                f"{float(rest[name][k])!r}; allowed: what the export wrote"
            )
    return rest, behind


def _own_rest(
    described: Document,
    graph: ScatteringGraph,
    kappa: float,
    near: tuple[Floats, Floats],
    data: Floats,
    targets: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Pre-activations, costates and states at rest between the lines that the map tells of."""
    try:
        law = Bilateral(1.0, kappa=kappa)
        two_way = compile_network(graph.network, law=law, hardware=load("ideal"), rounding="nearest")
    except CompileError as error:
        raise FileFormatError(f"{described.at('lines')}: {error}; allowed: what the export wrote") from error
    lines = lines_of(two_way)
    passes = [field.name for field in fields(Passes)]
    section = described.section("lines", {"impedance", *passes, *(field.name for field in fields(Mishaps))})
    values = {name: section.array(name, (lines.count,)) for name in ("impedance", *passes)}
    for name in ("impedance", "gain_forward", "gain_backward"):
        if not (values[name] > 0).all():
            raise FileFormatError(f"{section.at(name)} has {float(values[name].min())!r}; allowed: numbers above 0")
    lines = replace(
        lines,
        impedance=values["impedance"],
        passes=Passes(*(values[name] for name in passes)),
        mishaps=_mishaps(section, lines.count),
    )
    with np.errstate(all="ignore"):
        s, lam, given, wanted = (one[np.newaxis] for one in (*near, data, targets))
        found = rests_of(two_way, s, lam, given, wanted, True, lines)
    if not found.found[0]:
        raise FileFormatError(f"{described.at('lines')} have no rest that is found; allowed: what the export wrote")
    return found.s[0], found.lam[0], found.x[0]


def _mishaps(section: Document, count: int) -> Mishaps:
    """What befalls so many lines."""
    flags = {name: section.array(name, (count,)) for name in ("broken", "stuck_near", "stuck_far")}
    for name, values in flags.items():
        if not np.isin(values, (0.0, 1.0)).all():
            raise FileFormatError(f"{section.at(name)} has {float(values.max())!r}; allowed: 0 and 1")
    spill = float(section.array("spill", ()))
    if not 0 <= spill <= 0.5:
        raise FileFormatError(f"{section.at('spill')} is {spill!r}; allowed: 0 to 0.5")
    near, far = (section.array(name, (count,)) for name in ("near_at", "far_at"))
    broken, stuck_near, stuck_far = (values > 0 for values in flags.values())
    return Mishaps(broken, stuck_near, stuck_far, near, far, spill)

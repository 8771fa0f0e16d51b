"""From a network to a scattering graph: `PASSES`, top to bottom, is the compiler."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from emulator.compile.check import check_draft
from emulator.compile.draft import Draft
from emulator.compile.elements import add_fanouts, attach_load, join_elements, place_elements
from emulator.compile.impedances import taper_impedances
from emulator.compile.lines import assign_delays, lay_lines
from emulator.compile.outline import outline_of
from emulator.compile.sites import form_sites
from emulator.errors import CompileError, NetworkError, suggest
from emulator.graph import ScatteringGraph
from emulator.graph.penalties import check_penalties
from emulator.laws import LAWS, Law, Matched
from emulator.network import LOSSES, Network, tiled
from emulator.options import CompileOptions
from hwmodels import HardwareModel, load

#: The compiler: each pass changes the draft, and the draft is checked after each.
PASSES: tuple[Callable[[Draft], None], ...] = (
    place_elements,  # layers -> sources, crossbars, activations, adders
    join_elements,  # who reads whom; concatenations become wiring
    attach_load,  # the output meets its loss
    add_fanouts,  # ports read more than once
    lay_lines,  # which joints are lines: tile or synapse wiring
    assign_delays,  # from the hardware model, in whole steps
    taper_impedances,  # of two-way lines, towards the output
    form_sites,  # rows of neurons for the node law
)


@CompileOptions.shown
def compile_network(
    network: Network,
    *,
    hardware: HardwareModel | str = "ideal",
    law: Law | None = None,
    loss: str | None = None,
    **options: Any,
) -> ScatteringGraph:
    """Compile a network for a substrate.

    Parameters
    ----------
    network : Network
        What to compile.
    hardware : HardwareModel or str
        The substrate, or the name of a preset or a TOML file.
    law : Law
        How nodes answer waves; `Matched()` by default. What it leaves open (`Bilateral()` its impedances and terminations) is
        chosen for the network and told in `notes`; the graph has the law so chosen.
    loss : str
        ``mse`` or ``softmax_cross_entropy``; the network's own by default.
    **options
        ``substrate=SubstrateOptions(...)``, or its fields: `wiring`, `seed`, `rounding` (see
        `emulator.SubstrateOptions`). With ``rounding="nearest"`` the largest change is in `notes`.

    Raises
    ------
    CompileError
        For an unknown name, or a delay that is negative, not finite, finer than the clock, or not a whole
        number of steps; or a penalty of states that the substrate has no place for.
    HardwareError
        For an unknown preset, or one that lacks a required field.
    OptionError
        For an unknown option.
    """
    if not isinstance(network, Network):
        raise CompileError(f"network is a {type(network).__name__}; allowed: an emulator.Network")
    loss = network.loss if loss is None else loss
    if loss not in LOSSES:
        raise CompileError(f"unknown loss {suggest(loss, LOSSES)}")
    chosen = CompileOptions.of(compile_network, options).substrate
    law = Matched() if law is None else law
    if not isinstance(law, Law):
        raise CompileError(f"law is {law!r}; allowed: an instance of a law ({', '.join(sorted(LAWS))})")
    model = load(hardware) if isinstance(hardware, str) else hardware
    if not isinstance(model, HardwareModel):
        raise CompileError(f"hardware is a {type(hardware).__name__}; allowed: a HardwareModel or a preset's name")
    model.require_complete()
    interval = model.clock.node_update_interval
    if interval is None:
        raise CompileError("hardware.clock.node_update_interval is missing; allowed: a time above 0 s")
    if loss != network.loss:
        network = network.altered(loss=loss)
    try:
        tiling = tiled(network, model.tiles.rows, model.tiles.columns)
    except NetworkError as error:
        raise CompileError(str(error)) from error
    network = network if tiling is None else tiling.network
    given, outline = law, outline_of(network) if law.chooses else None
    law = given if outline is None else _differing(given, given.chosen(outline))[0]
    draft = Draft(network, model, interval, law, loss, chosen.wiring, chosen.seed, chosen.rounding)
    for step in PASSES:
        step(draft)
        check_draft(draft, after=step.__name__)
    graph = ScatteringGraph(
        **{f.name: getattr(draft, f.name) for f in dataclasses.fields(draft) if f.name in _SHARED},
        sites=tuple(draft.sites),
        tiling=tiling,
    )
    if law.by_cells and outline is not None:
        law = _differing(given, given.chosen(dataclasses.replace(outline, cells=graph.cells.count)))[0]
    graph = dataclasses.replace(graph, law=law, notes=(*_told(given, law, graph), *draft.notes))
    check_penalties(graph)
    return graph


def _told(given: Law, law: Law, graph: ScatteringGraph) -> list[str]:
    """What was chosen for the network, and how much of it a step evaluates where that is more than a level."""
    found = []
    if given.chooses:
        _, chosen = _differing(given, law)
        told = ", ".join(
            f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in chosen
        )
        found.append(f"law {law.name}: chosen for this network: {told}")
    if law.by_cells and graph.cells.levels > 1:
        count = f"{graph.cells.count} cell{'s' * (graph.cells.count > 1)}"
        found.append(f"law {law.name}: {count}, of up to {graph.cells.levels} levels each evaluated within a step")
    return found


def _differing(given: Any, law: Any) -> tuple[Any, list[tuple[str, Any]]]:
    """The fields in which a dataclass differs from what was given, those of its parts included, and it with these rounded.

    Ten digits are the same whichever processor worked them out.
    """
    if not dataclasses.is_dataclass(law) or isinstance(law, type):
        return law, []
    changed: dict[str, Any] = {}
    told: list[tuple[str, Any]] = []
    for name in (field.name for field in dataclasses.fields(law) if field.init):
        before, value = getattr(given, name, None), getattr(law, name)
        if value is before or value == before:
            continue
        if dataclasses.is_dataclass(value):
            changed[name], inner = _differing(before, value)
            told += [(f"{name}.{key}", entry) for key, entry in inner]
            continue
        changed[name] = _rounded(value)
        told.append((name, changed[name]))
    return dataclasses.replace(law, **changed), told


def _rounded(value: Any) -> Any:
    """A number, or numbers, to ten digits."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    return tuple(map(_rounded, value)) if type(value) is tuple else value


def with_law(graph: ScatteringGraph, law: Law) -> ScatteringGraph:
    """The same network on the same substrate under another law."""
    return compile_network(
        graph.whole,
        hardware=graph.hardware,
        law=law,
        loss=graph.loss,
        wiring=graph.wiring,
        seed=graph.seed,
        rounding="nearest",
    )


_SHARED = {"nx", "network", "law", "loss", "wiring", "hardware", "step", "seed", "layer_sites"}

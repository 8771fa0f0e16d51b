"""``backwave inspect``: a network and its substrate, without running anything."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.graph import ScatteringGraph
    from emulator.options import RunOptions


def inspect(
    what: Annotated[
        str, typer.Argument(metavar="SCENARIO|FILE", help="A scenario's name or TOML file, or a network (.npz, .onnx).")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a key of the scenario; may be repeated."),
    ] = None,
    draw: Annotated[Path | None, typer.Option("--draw", help="Draw the substrate to this PNG file.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the substrate, with every delay, as JSON.")] = None,
    graphml: Annotated[Path | None, typer.Option("--graphml", help="Write the substrate as GraphML.")] = None,
) -> None:
    """Show the network and substrate of a scenario, or of a network file on an ideal substrate.

    \b
    Examples:
      backwave inspect digits
      backwave inspect digits --set substrate.wiring=synapse --draw digits.png
      backwave inspect runs/digits/network.npz --graphml digits.graphml
    """  # noqa: D301
    from emulator.commands.console import console, progress

    with progress() as tell:
        tell("preparing network and substrate", None)
        graph, port, title, held = _prepared(what, overrides or [])
    screen = console()
    screen.print(graph.whole.summary(), soft_wrap=True)
    screen.print()
    screen.print(graph.summary(), soft_wrap=True)
    for line in held:
        screen.print(line, soft_wrap=True)
    if port is not None:
        screen.print(f"\nparameter ports: {port}", soft_wrap=True)
    for path, write in ((draw, partial(graph.draw, title=title)), (json, graph.to_json), (graphml, graph.to_graphml)):
        if path is not None:
            write(path)
            screen.print(f"written: {path}", soft_wrap=True)


def _prepared(what: str, overrides: list[str]) -> tuple[ScatteringGraph, str | None, str, list[str]]:
    """The substrate of a scenario, with its parameter ports if it learns, or of a network file; what it is called, and how held."""
    if what.endswith((".npz", ".onnx")):
        from emulator.commands.paths import refuse_other
        from emulator.compile import compile_network
        from emulator.errors import ScenarioError
        from emulator.kinds import NETWORK
        from emulator.network import Network

        if overrides:
            raise ScenarioError(f"--set changes scenarios, and '{what}' is a network file; allowed: no --set")
        refuse_other(Path(what), NETWORK)
        graph = compile_network(Network.load(what))
        return graph, None, Path(what).stem, []
    from emulator.scenario import load_scenario
    from emulator.scenario.build import prepare

    scenario = load_scenario(what, overrides)
    training = scenario.config.training
    graph = prepare(scenario).graph
    port = None if training is None else training.port.told_of(graph.hardware, scenario.sums(graph.network))
    return graph, port, scenario.title, _held(graph, scenario.config.run, learns=training is not None)


def _held(graph: ScatteringGraph, run: RunOptions, learns: bool) -> list[str]:
    """For how long a sample is presented, and what its tolerance asks of numbers, if that is too much."""
    from emulator.measure.dynamic_range import lost_in_rounding
    from emulator.options import HoldOptions
    from emulator.runs.holds import steps_of_hold

    fields = {name: getattr(run, name) for name in HoldOptions.model_fields}
    hold = steps_of_hold(graph, HoldOptions(**fields) if learns else run)
    lines = [f"hold                {hold:,} steps, {hold / graph.transit:,.4g} transits"]
    lost = lost_in_rounding(graph, run.tolerance)
    return lines if lost is None else [*lines, f"warning: {lost}"]

"""From a checked scenario to a compiled substrate and its data."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.data.batch import Batch
from emulator.graph import ScatteringGraph
from emulator.scenario.networks import Built
from emulator.scenario.scenario import Scenario


@dataclass(frozen=True)
class Prepared:
    """A scenario ready to run."""

    scenario: Scenario
    built: Built
    graph: ScatteringGraph
    batch: Batch


def prepare(scenario: Scenario) -> Prepared:
    """Make the network (training it where the source does), load the samples, and compile.

    Raises
    ------
    ScenarioError
        If hardware, network, substrate or data cannot be made as described; the message names the scenario.
    FileFormatError
        If a file that the scenario names is damaged.
    """
    with scenario.named():
        built, batch = scenario.read()
        return Prepared(scenario, built, scenario.compile(built.network, batch), batch)

"""From a checked scenario to a compiled substrate and its data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emulator.compile import compile_network
from emulator.data.batch import Batch
from emulator.errors import BackwaveError
from emulator.graph import ScatteringGraph
from emulator.measure import reference
from emulator.measure.ranges import fitted, ranges
from emulator.network import Network
from emulator.scenario.datasets import DataSource
from emulator.scenario.load import Scenario
from emulator.scenario.networks import Built
from hwmodels import HardwareModel


@dataclass(frozen=True)
class Prepared:
    """A scenario ready to run."""

    scenario: Scenario
    built: Built
    graph: ScatteringGraph
    batch: Batch


def prepare(scenario: Scenario) -> Prepared:
    """Make the network (training it where the source does), compile it, and load the samples.

    Raises
    ------
    ScenarioError
        If hardware, network, substrate or data cannot be made as described; the message names the scenario.
    FileFormatError
        If a file that the scenario names is damaged.
    """
    config = scenario.config
    with _named(scenario):
        hardware = config.hardware.build(scenario.folder)
        built = config.network.build(scenario.folder)
        batch = config.data.load(built.network, scenario.folder)
        hardware = suiting(hardware, scenario, built.network, batch)
        graph = compile_network(
            built.network,
            hardware=hardware,
            law=config.law.build(),
            wiring=config.substrate.wiring,
            seed=config.substrate.seed,
            rounding=config.substrate.rounding,
        )
    return Prepared(scenario, built, graph, batch)


@dataclass(frozen=True)
class Lessons:
    """A network before a training, with the names that its samples have; what it learns from, and what it is tested on."""

    network: Network
    samples: Batch
    tested: Batch


def lessons(scenario: Scenario, data: DataSource) -> Lessons:
    """Make the network, and read the samples to learn from (`data`) and to test on.

    Raises
    ------
    BackwaveError
        As for `prepare`.
    """
    network = scenario.config.network.build(scenario.folder).network
    samples = data.load(network, scenario.folder)
    network = samples.named(network)
    return Lessons(network, samples, scenario.config.data.load(network, scenario.folder))


def suiting(hardware: HardwareModel, scenario: Scenario, network: Network, batch: Batch) -> HardwareModel:
    """The hardware with the full scales that the scenario asks for: its own, or those of the network on these samples."""
    if scenario.config.substrate.full_scale == "given":
        return hardware
    return fitted(hardware, ranges(network, reference(network, batch.inputs, batch.targets)))


@contextmanager
def _named(scenario: Scenario) -> Iterator[None]:
    try:
        yield
    except BackwaveError as error:
        raise type(error)(f"scenario '{scenario.name}': {error}") from error

"""A scenario as an object: checked, and ready to be compiled, settled and trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.compile import compile_network
from emulator.contents import contents_of
from emulator.data.batch import Batch
from emulator.errors import ScenarioError, within
from emulator.graph import ScatteringGraph
from emulator.laws import family_of
from emulator.measure import Reference, reference
from emulator.measure.ranges import CALIBRATION, Ranges, carried_by, fitted, ranges
from emulator.network import Network
from emulator.network.scratch import from_scratch
from emulator.options import CheckpointOptions
from emulator.scenario.config import Config
from emulator.scenario.network_base import NetworkSource
from emulator.scenario.networks import Built
from emulator.scenario.training import TrainingConfig
from hwmodels import HardwareModel

if TYPE_CHECKING:
    from emulator.measure import SettleResult
    from emulator.training import TrainResult
    from emulator.training.loop import TrainingReport


@dataclass(frozen=True)
class Scenario:
    """A checked scenario and where it came from.

    Parameters
    ----------
    name : str
        Name of the file without its ending.
    source : str
        The path or name it was asked for by.
    folder : Path
        Where relative paths start.
    overrides : tuple of str
        ``key=value`` texts that were applied.
    config : Config
    """

    name: str
    source: str
    folder: Path
    overrides: tuple[str, ...]
    config: Config

    @property
    def title(self) -> str:
        """What it is called in lists and reports: its title, or else its name."""
        return self.config.title or self.name

    @property
    def substrate(self) -> str:
        """Law and hardware as a picture names them."""
        model = self.config.hardware.model
        return f"law {self.config.law.name}, hardware {Path(model).stem if model.endswith('.toml') else model}"

    def named(self) -> AbstractContextManager[None]:
        """Let errors from inside name the scenario."""
        return within(f"scenario '{self.name}'")

    def read(self) -> tuple[Built, Batch]:
        """The network (trained where its source does that) and the samples.

        Raises
        ------
        ScenarioError, FileFormatError
            If they cannot be made as described, or a file is damaged.
        """
        built = self.config.network.build(self.folder)
        return built, self.config.data.load(built.network, self.folder)

    @property
    def training(self) -> TrainingConfig:
        """The section `training`.

        Raises
        ------
        ScenarioError
            If there is none.
        """
        if self.config.training is None:
            raise ScenarioError(f"scenario '{self.name}' has no section training; allowed: one with it")
        return self.config.training

    @property
    def described(self) -> Network:
        """The network before a training; one that is trained to be made is made once in a process."""
        network = self.config.network
        read = json.dumps(contents_of(network.model_dump(mode="json"), self.folder), sort_keys=True)
        return _built(self.folder, type(network), network.model_dump_json(), read)

    def lessons(self) -> tuple[Network, Batch, Batch]:
        """The network before a training, with the names that its samples have; what it learns from, what it is tested on.

        Raises
        ------
        ScenarioError, FileFormatError
            If they cannot be made as described, or a file is damaged.
        """
        network = self.described
        samples = self.training.data.load(network, self.folder)
        network = samples.named(network)
        tested = self.config.data.load(network, self.folder)
        if self.training.start == "scratch":
            network = from_scratch(network, float(self.training.start_scale), self.config.run.seed)
        return network, samples, tested

    def _learning_ranges(self, start: Network, samples: Batch, biases: bool = False) -> Ranges:
        """Ranges that a training needs: of the network that it starts with, and where that is new of the one that is described.

        With `biases`, these count as weights.
        """
        networks = [start]
        if self.training.start == "scratch":
            networks.append(self.described)
        found = [ranges(one, reference(one, samples.inputs, samples.targets)) for one in networks]
        needed = Ranges(*map(max, *found)) if len(found) > 1 else found[0]
        if not biases:
            return needed
        largest = max(float(np.abs(p.bias).max(initial=0.0)) for one in networks for p in one.parameters.values())
        return needed._replace(weights=max(needed.weights, largest))

    def hardware(self, network: Network, batch: Batch) -> HardwareModel:
        """The hardware, with its own full scales or those of a network on these samples, as the scenario asks."""
        model = self.config.hardware.build(self.folder)
        if self.config.substrate.full_scale == "given":
            return model
        if self.config.substrate.full_scale == "calibrate":
            batch = batch.first(CALIBRATION)
        exact = reference(network, batch.inputs, batch.targets)
        return self.fitted(model, network, batch, ranges(network, exact), exact)

    def fitted(
        self, model: HardwareModel, network: Network, batch: Batch, needed: Ranges, exact: Reference | None = None
    ) -> HardwareModel:
        """A hardware model with the full scales that a network needs on these samples, and what the law's lines carry of it.

        Parameters
        ----------
        model, network, batch
        needed : Ranges
            Of states, costates and weights.
        exact : Reference, optional
            Of the batch, if it is known.
        """
        law = self.config.law.build()
        if law.carries_waves:
            graph = _calibrated(compile_network(network, law=law, substrate=self.config.substrate), batch)
            exact = reference(network, batch.inputs, batch.targets) if exact is None else exact
            needed = carried_by(graph, exact, needed)
        return fitted(model, needed)

    def compile(
        self, network: Network | None = None, batch: Batch | None = None, hardware: HardwareModel | None = None
    ) -> ScatteringGraph:
        """The network on its substrate.

        Parameters
        ----------
        network : Network, optional
            In place of the scenario's own.
        batch : Batch, optional
            Samples that full scales, or a metric, follow where the scenario asks for that, in place of its own.
        hardware : HardwareModel, optional
            In place of the scenario's own; its full scales stay as they are.

        Raises
        ------
        ScenarioError, CompileError, HardwareError, FileFormatError
            If the scenario cannot be compiled as described.
        """
        if network is None:
            network = self.config.network.build(self.folder).network
        law = self.config.law.build()
        if batch is None and (hardware is None or law.at_batch):
            batch = self.config.data.load(network, self.folder)
        if hardware is None:
            assert batch is not None
            hardware = self.hardware(network, batch)
        graph = compile_network(network, hardware=hardware, law=law, substrate=self.config.substrate)
        return _calibrated(graph, batch)

    def settle(self, graph: ScatteringGraph | None = None, batch: Batch | None = None, **changes: Any) -> SettleResult:
        """Present samples to the substrate, one after another.

        Parameters
        ----------
        graph : ScatteringGraph, optional
            From `compile`, which makes it by default.
        batch : Batch, optional
            In place of the scenario's own samples.
        **changes
            For `emulator.settle`, in place of what the scenario says.

        Raises
        ------
        BackwaveError
            If the scenario cannot be run as described. That samples do not settle is a result, not an error.
        """
        from emulator.runs.settle import settle

        network = self.config.network.build(self.folder).network if graph is None else graph.network
        batch = batch or self.config.data.load(network, self.folder)
        graph = graph or self.compile(network, batch)
        return settle(graph, batch.inputs, batch.targets, **{"run": self.config.run, **changes})

    def sums(self, network: Network) -> bool:
        """Whether what a parameter is asked for is a sum: over a mini-batch, over places of a kernel, or with a penalty."""
        tied = any(one.tied for one in network.dense.values())
        return self.training.batch > 1 or bool(network.penalties) or tied

    def train(
        self,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Callable[[TrainingReport], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> TrainResult:
        """Let the network learn on its substrate, once, as section `training` says.

        Parameters
        ----------
        checkpoint : Path, optional
            Where it is kept what has been reached.
        resume : bool
            Go on from there.
        progress, warn : callable, optional
            As for `emulator.train`.

        Raises
        ------
        BackwaveError
            If the scenario cannot be trained as described. That a training diverges is a result, not an error.
        """
        from emulator.runs.train import train

        training, config = self.training, self.config
        network, samples, tested = self.lessons()
        if training.start == "scratch" and config.substrate.full_scale == "network":
            model = config.hardware.build(self.folder)
            hardware = self.fitted(model, network, samples, self._learning_ranges(network, samples))
        else:
            hardware = self.hardware(network, samples)
        return train(
            network,
            samples.inputs,
            samples.targets,
            test=None if tested.targets is None else (tested.inputs, tested.targets),
            port=training.port.build(
                hardware, partial(self._learning_ranges, network, samples, biases=True), self.sums(network)
            ),
            rate_schedule=training.rates(training.total(samples)),
            law=config.law.build(),
            hardware=hardware,
            progress=progress,
            warn=warn,
            training=training,
            run=config.run,
            substrate=config.substrate,
            checkpoint=CheckpointOptions(path=checkpoint, resume=resume),
        )


@lru_cache(maxsize=8)
def _built(folder: Path, source: type[NetworkSource], section: str, _read: str) -> Network:
    """The network of a section, when the files that it reads have these contents."""
    return source.model_validate_json(section).build(folder).network


def _calibrated(graph: ScatteringGraph, batch: Batch | None) -> ScatteringGraph:
    """The graph with what its law takes from a batch: from its first samples."""
    if batch is None or not graph.law.at_batch:
        return graph
    return family_of(graph.law).calibrated(graph, batch.first(CALIBRATION).inputs)

"""What a family of laws supplies: how its substrates are laid out, run, read, and what is known of their rest.

A family is one object without state. `emulator.runs.settle`, training, the prediction, tuning and export ask it, and
nothing else asks what kind of law a graph has. `emulator/laws/ADDING.md` walks through one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np

from emulator.engine import Fabric, Layout, Plan, Recording, WaveTraces
from emulator.engine.plan import Values
from emulator.engine.thermal import thermal_noise
from emulator.errors import EngineError
from emulator.graph import ScatteringGraph
from emulator.learning import Learning
from emulator.measure.bias import Bias
from emulator.measure.bounds import held_back
from emulator.measure.deviation import Deviation, deviation
from emulator.measure.fields import Fields
from emulator.measure.linear_step import LinearStep
from emulator.measure.noise_floor import Disturbance, noise_of_sums
from emulator.measure.passage import plain_passage
from emulator.measure.power import PowerAccount, PowerBalance
from emulator.measure.reference import Reference
from emulator.measure.reflections import Reflections
from emulator.measure.rest import OperatingPoint, exact_point, first_slopes, neuron_values
from emulator.measure.result import Floats, SettleResult

P = TypeVar("P", bound=Plan)


class Family(ABC, Generic[P]):
    """One family of laws; `P` is its kind of plan.

    Five methods have to be written: `plan`, `values`, `objects`, `collect` and `linearised`. The others suit a substrate
    of one-way lines that rests at exact backpropagation.
    """

    #: hardware fields that it implements besides those that every law does: a field, or its beginning up to "." or "_"
    claims: tuple[str, ...] = ()
    #: why it does without other fields, as clauses by field or beginning of one
    reasons: Mapping[str, str] = MappingProxyType({})
    #: the default hold, in longest round trips, of laws that do not settle on arrival
    patience: int = 10
    #: whether its compiled programs find out when neurons came to stay also where they come to rest by and by
    tells: bool = False
    #: circuits of `emulator.export` that are its substrate as it is; others are laid out anew for the export
    circuits: tuple[str, ...] = ()

    @abstractmethod
    def plan(
        self,
        graph: ScatteringGraph,
        hold: int,
        samples: int,
        *,
        seed: int = 0,
        traces: bool = False,
        learning: Learning | None = None,
    ) -> P:
        """Lay a graph out, and say what runs: what is compiled in, but no numbers.

        Parameters
        ----------
        graph : ScatteringGraph
        hold, samples : int
            Steps per sample, and number of samples.
        seed : int
            Of the random draws of the hardware's effects.
        traces : bool
            Record everything at every step.
        learning : Learning, optional
            How the parameters move; then outputs and port powers are recorded, and nothing else.

        Raises
        ------
        EngineError
            If the graph has something that laws of this family cannot do, such as to learn.
        """

    @abstractmethod
    def values(
        self,
        graph: ScatteringGraph,
        plan: P,
        *,
        loaded: bool,
        threshold: float = 0.0,
        resolution: float = 0.0,
        seed: int = 0,
        age: float | None = None,
        weight: Floats | None = None,
    ) -> Values:
        """The numbers of a run, but for data, rates and the numbers of ports: ``bias`` (N,), ``w``, ``line_delay``, ...

        Parameters
        ----------
        graph, plan
            What runs.
        loaded : bool
            Whether the load answers (with targets) or is off.
        threshold : float
            Send-on-change threshold.
        resolution : float
            Relative movements below this are not recorded.
        seed : int
            Of the run.
        age : float, optional
            Seconds since the weights were programmed.
        weight : (S,), optional
            Weights that have moved since; by default those programmed.
        """

    @abstractmethod
    def objects(self, plan: P, feed: np.ndarray, rates: np.ndarray | None = None) -> Fabric:
        """The brian2 objects of a plan, as many whatever the depth of the network.

        Parameters
        ----------
        plan
        feed : (samples, inputs + outputs) float64
            Data and targets, one row per sample.
        rates : (samples, 3) float64, optional
            How fast the parameters move, if the plan learns; see `emulator.engine.learning`.
        """

    @abstractmethod
    def collect(
        self, plan: P, values: Values, outputs: Mapping[str, np.ndarray], times: dict[str, float], target: str
    ) -> Recording:
        """What the recorded arrays of `objects` say, neuron by neuron."""

    @abstractmethod
    def linearised(self, graph: ScatteringGraph, point: Reference | OperatingPoint) -> LinearStep:
        """One engine step for small deviations from a rest.

        Raises
        ------
        EngineError
            If the point does not suit the graph, or the law cannot be linearised.
        """

    def rest(self, graph: ScatteringGraph, reference: Reference, sample: int = 0) -> OperatingPoint:
        """Where a substrate rests: of laws that rest there, at exact backpropagation."""
        return exact_point(graph, reference, sample)

    def sent(self, graph: ScatteringGraph, reference: Reference) -> tuple[Floats, Floats]:
        """What lines carry forward, and backward, of an exact pass, (B, K) and (B, L)."""
        x, s, lam = neuron_values(graph, reference)
        return x, lam * first_slopes(graph, s)

    def calibrated(self, graph: ScatteringGraph, inputs: Any) -> ScatteringGraph:
        """The graph with whatever its law takes from a batch of inputs (`emulator.laws.Law.at_batch`)."""
        return graph

    def bias(self, graph: ScatteringGraph, reference: Reference) -> Bias | None:
        """How far the rest of a batch is from backpropagation; None of laws that rest there."""
        return None

    def deviation(
        self, graph: ScatteringGraph, plan: P, values: Values, recording: Recording, feed: Floats, loaded: bool
    ) -> Iterable[Deviation]:
        """How far the substrate was from its rest at the end of each hold, of one run of samples after another."""
        return deviation(graph, plan.layout, recording, plain_passage(graph), feed, loaded)

    def noise(self, graph: ScatteringGraph, layout: Layout, held: Fields, by: Disturbance, feed: Floats) -> Fields:
        """Standard deviation that noise causes in every neuron's fields, (B, N) each, with data and targets `feed`."""
        return noise_of_sums(graph, layout, held, by)

    def thermal(self, graph: ScatteringGraph) -> Floats:
        """Variance of the thermal noise of lines, at every tap."""
        return thermal_noise(graph)

    def held_back(self, graph: ScatteringGraph, rest: Fields, q: float, loaded: bool) -> Fields | None:
        """What a send-on-change threshold may hold back of every field, (B, N) each; None where nothing bounds it."""
        return Fields(*held_back(graph, rest.s, rest.lam, q, loaded))

    def margin(self, graph: ScatteringGraph, points: Sequence[OperatingPoint]) -> float:
        """The largest of any neuron at any of these rests: below 1 its equation surely has a single answer."""
        return 0.0

    def impedance_range(self, graph: ScatteringGraph) -> float | None:
        """The largest impedance of any wave over the smallest, where costates are differences of waves; None where they are not."""
        return None

    def charges(self, graph: ScatteringGraph) -> tuple[Floats, Floats] | None:
        """Charge per unit of state of the lines that end at every neuron, and that begin there, (N,); None where none is stored."""
        return None

    def foreseen(self, graph: ScatteringGraph, point: OperatingPoint) -> str | None:
        """What else there is to say of a rest before a run, as a sentence."""
        return None

    def changes(self, graph: ScatteringGraph, point: OperatingPoint) -> dict[str, Sequence[Any]]:
        """Values to try where a substrate does not settle, by field of its law, mildest first."""
        return dict(graph.law.changes())

    def power_balance(self, graph: ScatteringGraph, waves: WaveTraces) -> PowerBalance:
        """The power of recorded waves at every step; of families that record any."""
        raise EngineError(f"law {graph.law.name}: no balance of power is known; allowed: law bilateral")

    def power_account(self, result: SettleResult) -> PowerAccount | None:
        """Where the energy of a run with recorded waves came from; None where no balance is known."""
        return None

    def reflections(self, graph: ScatteringGraph, waves: WaveTraces, part: slice) -> Reflections:
        """Reflection coefficients and residual reflections in some steps; of families that record waves."""
        raise EngineError(f"law {graph.law.name}: no reflections are known; allowed: law bilateral")

"""The section of a scenario file that says how its network is trained on the substrate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from emulator.data.batch import Batch
from emulator.errors import EngineError, ScenarioError, suggest
from emulator.learning import (
    Adaptive,
    Coincidence,
    Device,
    GaussNewton,
    Inductive,
    MixedPrecision,
    Newton,
    ParameterPort,
    RateSchedule,
    Resistive,
    SymmetricPair,
    TikiTaka,
    Written,
    device_weights,
)
from emulator.measure.ranges import Ranges
from emulator.options import Count, TrainingOptions
from emulator.scenario.datasets import TrainingData
from emulator.scenario.own_port import fitting_port
from emulator.scenario.section import Section
from hwmodels import HardwareModel
from hwmodels.registry import Registry
from hwmodels.validation import not_together


def _checked_port(name: str, port: type[ParameterPort]) -> type[ParameterPort]:
    if not (isinstance(port, type) and issubclass(port, ParameterPort) and dataclasses.is_dataclass(port)):
        raise EngineError(f"parameter port {name!r} is {port!r}; allowed: a dataclass that is a ParameterPort")
    return port


#: parameter ports by the name a scenario uses
PORTS: Registry[type[ParameterPort]] = Registry(
    "parameter port",
    "backwave.ports",
    {
        "resistive": Resistive,
        "inductive": Inductive,
        "newton": Newton,
        "gauss-newton": GaussNewton,
        "adaptive": Adaptive,
        "device": Device,
        "mixed-precision": MixedPrecision,
        "coincidence": Coincidence,
        "symmetric-pair": SymmetricPair,
        "tiki-taka": TikiTaka,
    },
    _checked_port,
)


#: name of the port that the hardware has of itself (`emulator.learning.own_port`)
OWN = "own"


class PortConfig(Section):
    """The parameter port by its name in `PORTS`; the other keys are that port's parameters.

    Ports that write devices (``device`` or ``mixed-precision``, ``coincidence``, ``symmetric-pair``, ``tiki-taka``) write into the
    devices, or the weight memory, of the scenario's hardware; ``own`` is the port that the hardware has of itself.
    """

    model_config = ConfigDict(extra="allow")
    #: how messages name it
    place: ClassVar[str] = "training.port"

    name: str = "resistive"

    @model_validator(mode="after")
    def _known(self) -> PortConfig:
        if self.name == OWN:
            return self._of_hardware()
        if self.name not in PORTS:
            raise ScenarioError(f"{self.place}.name is {suggest(self.name, [*PORTS, OWN])}")
        fields = dataclasses.fields(PORTS[self.name])  # type: ignore[arg-type]
        known = [f.name for f in fields if f.name not in ("name", "weights", "variables")]
        for key in self.parameters:
            if key not in known:
                raise ScenarioError(
                    f"unknown key {suggest(f'{self.place}.{key}', [f'{self.place}.{k}' for k in known])}"
                )
        for field in fields:
            needed = field.name in known and field.default is dataclasses.MISSING
            if needed and field.name not in self.parameters:
                raise ScenarioError(f"{self.place}.{field.name} is missing; it must be given")
        return self

    def _of_hardware(self) -> PortConfig:
        """The hardware's own port takes what all ports have in common."""
        for key in self.parameters:
            if key not in ("rate", "w_max"):
                raise ScenarioError(
                    f"unknown key '{self.place}.{key}' (known: {self.place}.rate, {self.place}.w_max for the hardware's own port)"
                )
        if "rate" not in self.parameters:
            raise ScenarioError(f"{self.place}.rate is missing; it must be given")
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The port's own parameters, those that are given."""
        return dict(self.model_extra or {})

    @property
    def told(self) -> str:
        """The port and what it is, for tables."""
        rule = "what the hardware has of itself" if self.name == OWN else PORTS[self.name].rule
        return f"{self.name}: {rule}" if rule else self.name

    def told_of(self, hardware: HardwareModel, summed: bool = False) -> str:
        """The same of this hardware: of its own port, which one that is."""
        if self.name != OWN:
            return self.told
        port = self.build(hardware, summed=summed)
        return f"{OWN}, which is {port.name}: {port.rule}"

    def build(
        self, hardware: HardwareModel, needed: Callable[[], Ranges] | None = None, summed: bool = False
    ) -> ParameterPort:
        """The port itself.

        Parameters
        ----------
        hardware : HardwareModel
        needed : callable, optional
            Of the hardware's own port: ranges of states and weights that are needed.
        summed : bool
            Likewise: whether efforts are added up before anything is written.

        Raises
        ------
        ScenarioError
            If a parameter is out of range, or the hardware has no devices for a port that writes them.
        """
        try:
            if self.name == OWN:
                return fitting_port(hardware, self.parameters, needed, summed)
            port = PORTS[self.name]
            held = {"weights": device_weights(hardware, self.name)} if issubclass(port, Written) else {}
            return port(**held, **self.parameters)
        except EngineError as error:
            raise ScenarioError(f"{self.place}: {error}") from error


class Variant(Section):
    """One of several trainings to compare.

    Parameters
    ----------
    name : str
        Name in tables and pictures.
    x : float, optional
        Where it stands on the horizontal axis, if all have a place there.
    series : str
        Name of the line that joins it with others in the picture; with a place each.
    set : dict
        Keys of the scenario to change, dotted.
    """

    name: Annotated[str, Field(min_length=1)]
    x: float | None = None
    series: str = ""
    set: dict[str, Any] = Field(default_factory=dict)


class ComparisonConfig(Section):
    """Several trainings, each repeated with other seeds, in one picture.

    Parameters
    ----------
    variants : list of Variant
    repeats : int
        Trainings of each, with network and run seeds 0, 1, ... added to those of the scenario.
    baselines : list
        What to compute in NumPy beside them: exact online gradient descent, and pipelined backpropagation whose
        layers use the weights they have when a sample passes.
    x_label : str
        What the horizontal axis shows.
    pairs : list of (str, str)
        Series to compare where both have a place: which is better there, and where that changes.
    """

    variants: Annotated[list[Variant], Field(min_length=1)]
    repeats: Count = 1
    baselines: list[Literal["descent", "pipelined"]] = Field(default_factory=list)
    x_label: str = ""
    pairs: list[tuple[str, str]] = Field(default_factory=list)

    @field_validator("pairs", mode="before")
    @classmethod
    def _as_pairs(cls, given: Any) -> Any:
        """Lists of a file as pairs."""
        return [tuple(one) if isinstance(one, list) else one for one in given] if isinstance(given, list) else given

    @model_validator(mode="after")
    def _placed(self) -> Self:
        known = list(dict.fromkeys(variant.series for variant in self.variants))
        for variant in self.variants:
            if variant.series and variant.x is None:
                raise ScenarioError(
                    f"training.compare.variants: {variant.name!r} has a series and no x; allowed: a place on the axis"
                )
        for name in (name for pair in self.pairs for name in pair):
            if name not in known:
                raise ScenarioError(f"training.compare.pairs: no series {suggest(name, known)}")
        return self


class TrainingConfig(TrainingOptions):
    """How the network learns.

    Parameters
    ----------
    schedule, epochs, samples, batch, order, evaluate_every, patience, test_hold, chunk
        See `emulator.TrainingOptions`; 10 epochs by default.
    port : PortConfig
    data : source of samples
        What it learns from; the scenario's own `data` are what it is tested on.
    start : {"network", "scratch"}
        Whether it begins with the parameters that the network has, or with new ones that have learned nothing: weights
        N(0, start_scale^2 / fan-in) by the seed of the run, biases 0. Full scales then suit both.
    start_scale : float
    warm_up : int
        Samples over which the rate rises.
    decay : bool
        Whether the rate falls along half a cosine, to `floor` at the end.
    floor : float
        Factor on the rate that is left then.
    compare : ComparisonConfig, optional
    """

    port: PortConfig = PortConfig(name="resistive", rate=0.05)  # type: ignore[call-arg]
    data: TrainingData
    start: Literal["network", "scratch"] = "network"
    start_scale: Annotated[float, Field(gt=0)] = 1.0
    epochs: Count | None = 10
    warm_up: Annotated[int, Field(ge=0)] = 0
    decay: bool = True
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    compare: ComparisonConfig | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.samples is not None and "epochs" not in self.model_fields_set:
            self.__dict__["epochs"] = None
        not_together(self, "epochs", "samples")
        return self

    def total(self, batch: Batch) -> int:
        """How many samples of this batch are presented."""
        return self.samples or (self.epochs or 0) * batch.size

    def rates(self, samples: int) -> RateSchedule:
        """The rate schedule of a training of this many samples."""
        if not self.decay:
            return RateSchedule(self.warm_up)
        if self.warm_up >= samples:
            raise ScenarioError(
                f"training.warm_up is {self.warm_up}; allowed: below the {samples} samples of the training"
            )
        return RateSchedule(self.warm_up, samples, float(self.floor))

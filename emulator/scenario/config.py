"""The sections of a scenario file. A new kind of work gets a section of its own here, and a default that is off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, create_model, model_serializer, model_validator

from emulator.errors import CompileError, ScenarioError, suggest
from emulator.kinds import HARDWARE, mistaken
from emulator.laws import LAWS, Law
from emulator.options import Count, RunOptions, Schedule, SubstrateOptions
from emulator.scenario.datasets import AnyData
from emulator.scenario.experiments import (
    AtlasConfig,
    ClaimsConfig,
    DepthConfig,
    PrecisionConfig,
    QuestionsConfig,
    TechnologiesConfig,
)
from emulator.scenario.files import find_file
from emulator.scenario.networks import AnyNetwork, ControlNetwork
from emulator.scenario.section import Section
from emulator.scenario.training import PortConfig, TrainingConfig
from hwmodels import SECTIONS, HardwareError, HardwareModel, scaled
from hwmodels import load as load_hardware
from hwmodels.validation import first_problem


class LawConfig(Section):
    """The node law by its name in `emulator.laws.LAWS`; the other keys are that law's parameters."""

    model_config = ConfigDict(extra="allow")

    name: str = "matched"

    @model_validator(mode="after")
    def _known(self) -> LawConfig:
        if self.name not in LAWS:
            raise ScenarioError(f"law.name is {suggest(self.name, LAWS)}")
        law = LAWS[self.name]
        known = [f"law.{field.name}" for field in dataclasses.fields(law) if field.init]  # type: ignore[arg-type]
        for key in self.parameters:
            if f"law.{key}" not in known:
                raise ScenarioError(f"unknown key {suggest(f'law.{key}', known)}")
        try:
            self.build()
        except CompileError as error:
            raise ScenarioError(str(error)) from error
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The law's own parameters, those that are given."""
        return dict(self.model_extra or {})

    def build(self) -> Law:
        """The law itself."""
        return LAWS[self.name](**self.parameters)


#: a table of changes for every section of a hardware model
_TABLES: dict[str, Any] = {name: (dict[str, Any], Field(default_factory=dict)) for name in SECTIONS}
_Changes = create_model("_Changes", __base__=Section, **_TABLES)


class HardwareConfig(_Changes):  # type: ignore[misc, valid-type]
    """A hardware model, a preset or TOML file, and below the names of its sections what to change in it.

    Parameters
    ----------
    model : str
        Name of a preset, or path of a file ending in ``.toml`` (beside the scenario or in the current directory).
    clock, lines, precision, ... : dict
        New values of fields, as for `hwmodels.HardwareModel.replace`: the key of one is ``hardware.noise.receiver``.
    scale : dict
        Factors for all errors of a part together, as for `hwmodels.scaled`: the key of one is ``hardware.scale.weights.update``.
    """

    model: Annotated[str, Field(min_length=1)] = "ideal"
    scale: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _spelling(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "set" in given:
            field = _first(given["set"])
            raise ScenarioError(
                f"hardware.set{field} is an old spelling; allowed: hardware{field or '.noise.receiver, say'}"
            )
        whole = given if isinstance(given, Mapping) else {}
        for place, table in (("hardware", whole), *((f"hardware.{name}", whole.get(name)) for name in SECTIONS)):
            if isinstance(table, Mapping) and "base" in table:
                raise ScenarioError(
                    f"{place}.base is a key of hardware files, at their top; allowed here: hardware.model, and fields of it to change"
                )
        return given

    @model_serializer(mode="wrap")
    def _given(self, dump: Callable[[HardwareConfig], dict[str, Any]]) -> dict[str, Any]:
        """Sections in which nothing is changed are left out."""
        return {name: value for name, value in dump(self).items() if value != {}}

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """What is changed in the model, by section."""
        return {name: found for name in SECTIONS if (found := getattr(self, name))}

    def build(self, folder: Path) -> HardwareModel:
        """The model with all changes; relative paths start at `folder`.

        Raises
        ------
        ScenarioError
            For an unknown preset, file or field, a value out of range, or a required field that is not known.
        """
        model = self.read(folder)
        if model.missing():
            lacking = ", ".join(f"hardware.{path}" for path in model.missing())
            supplied = " ".join(f"--set hardware.{path}=..." for path in model.missing())
            raise ScenarioError(
                f"hardware.model {self.model!r} lacks what must be supplied: {lacking} (in one go: {supplied}, with units)"
            )
        return model

    def read(self, folder: Path) -> HardwareModel:
        """The same, even where a required field is not known."""
        name: str | Path = self.model
        if self.model.endswith(".toml"):
            name = find_file(self.model, folder, "hardware.model")
            other = mistaken(name, HARDWARE)
            if other is not None:
                raise ScenarioError(other)
        try:
            model = load_hardware(name)
        except HardwareError as error:
            raise ScenarioError(f"hardware.model: {error}") from error
        try:
            model = model.replace(_fields(model, self.changes))
        except HardwareError as error:
            raise ScenarioError(str(error.under("hardware"))) from error
        try:
            return scaled(model, self.scale)
        except HardwareError as error:
            raise ScenarioError(str(error.under("hardware.scale"))) from error


class SubstrateConfig(SubstrateOptions):
    """How the network is laid out.

    Parameters
    ----------
    wiring, seed, rounding
        See `emulator.SubstrateOptions`.
    full_scale : {"given", "network", "calibrate"}
        Whether every quantiser has the full scale that the hardware says, the range of the network's own states,
        costates and weights on all its data, or that on the first 16 samples, forward and backward, as a chip would be
        calibrated: what is larger later is cut off, and counted.
    """

    full_scale: Literal["given", "network", "calibrate"] = "given"


class RunConfig(RunOptions):
    """How samples are presented.

    Parameters
    ----------
    hold, hold_seconds, threshold, target, seed, tolerance, age
        See `emulator.RunOptions`.
    pictures : int
        Number of samples that are presented once more and recorded at every step, for the pictures.
    """

    pictures: Annotated[int, Field(ge=0)] = 3


class ComparedLaw(Section):
    """Another law that solves the same problem.

    Parameters
    ----------
    law : LawConfig
    hold : float, optional
        Transits between two updates, in place of ``run.hold``.
    """

    law: LawConfig
    hold: Annotated[float, Field(gt=0)] | None = None


class ControlPort(PortConfig):
    """How a control answers its effort; see `PortConfig`."""

    place = "control.port"


class ControlConfig(Section):
    """How a control problem (``network.source = "control"``) is solved, and what with.

    Parameters
    ----------
    updates : int
        Most updates of the controls.
    tolerance : float
        Effort at which they count as resting, relative to that at first.
    within : float
        How far above the optimum, relative to it, a cost may be that counts as right.
    schedule : {"settled", "unlocked"}
    port : PortConfig, optional
        By default momentum made for the curvature of the objective.
    compare : list of ComparedLaw
        Further laws, beside the scenario's own.
    """

    updates: Count = 5000
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-9
    within: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    schedule: Schedule = "settled"
    port: ControlPort | None = None
    compare: list[ComparedLaw] = Field(default_factory=list)


SECTIONS_OF_EXPERIMENTS = ("technologies", "precision", "atlas", "claims", "depth", "control", "questions")


class Config(Section):
    """Everything in a scenario file; without a `title` it is called by its name."""

    title: Annotated[str, Field(min_length=1)] | None = None
    description: str = ""
    network: AnyNetwork
    data: AnyData
    law: LawConfig = LawConfig()
    hardware: HardwareConfig = HardwareConfig()
    substrate: SubstrateConfig = SubstrateConfig()
    run: RunConfig = RunConfig()
    training: TrainingConfig | None = None
    technologies: TechnologiesConfig | None = None
    precision: PrecisionConfig | None = None
    atlas: AtlasConfig | None = None
    claims: ClaimsConfig | None = None
    depth: DepthConfig | None = None
    control: ControlConfig | None = None
    questions: QuestionsConfig | None = None

    @property
    def experiment(self) -> str | None:
        """The section that makes an experiment of it, or None."""
        return next((name for name in SECTIONS_OF_EXPERIMENTS if getattr(self, name) is not None), None)

    @model_validator(mode="after")
    def _one_driver(self) -> Config:
        """What is presented, in whatever way, comes from the drivers of section `data`."""
        if self.training is not None and self.training.data.ramp is not None:
            raise ScenarioError("training.data.ramp is given; allowed: data.ramp, since the same drivers present both")
        if self.data.ramp is not None and self.experiment is not None:
            raise ScenarioError(f"data.ramp is given; allowed: without section {self.experiment}, whose samples jump")
        self.__dict__["run"] = self.run.model_copy(update={"ramp": self.data.ramp})
        return self

    @model_validator(mode="before")
    @classmethod
    def _ramp_of_drivers(cls, given: Any) -> Any:
        run = given.get("run") if isinstance(given, Mapping) else None
        if isinstance(run, Mapping) and "ramp" in run:
            raise ScenarioError("run.ramp is given; allowed: data.ramp, the key of the drivers")
        return given

    @model_validator(mode="after")
    def _one_experiment(self) -> Config:
        given = [name for name in SECTIONS_OF_EXPERIMENTS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ScenarioError(f"{' and '.join(given)} are both given; allowed: one of them")
        if given and not self.data.targets:
            raise ScenarioError(f"data.targets is false; allowed with section {given[0]}: true")
        if self.control is not None and not isinstance(self.network, ControlNetwork):
            raise ScenarioError(f"network.source is {self.network.source!r}; allowed with section control: 'control'")
        if self.technologies is not None and "hardware" in self.model_fields_set:
            raise ScenarioError(
                "hardware is given beside technologies; allowed: technologies.models and technologies.set"
            )
        return self


#: sections that may be written as a text, and the key that it stands for: ``law = "matched"``
SHORT = {"law": "name", "hardware": "model"}


def expand(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with every section that is written as a text turned into a table; a control problem has its data and is solved."""
    tables = {
        section: {SHORT[section]: value} if section in SHORT and isinstance(value, str) else value
        for section, value in data.items()
    }
    network = tables.get("network")
    if isinstance(network, Mapping) and network.get("source") == "control":
        tables = {"data": {"source": "control"}, **tables}
        if not any(name in tables for name in SECTIONS_OF_EXPERIMENTS):
            tables["control"] = {}
    return tables


def validate(data: Mapping[str, Any]) -> Config:
    """Check the tables of a scenario file.

    Raises
    ------
    ScenarioError
        One sentence that names the first wrong key, its value, and what is allowed.
    """
    try:
        return Config.model_validate(expand(data))
    except ValidationError as error:
        raise ScenarioError(first_problem(Config, error).sentence) from None


def _first(table: Any) -> str:
    """The first dotted key in nested tables, with a dot before each of its parts; empty if there is none."""
    if not isinstance(table, Mapping) or not table or "kind" in table:
        return ""
    name, value = next(iter(table.items()))
    return f".{name}{_first(value)}"


def _fields(model: HardwareModel, changes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables of changes as one value per field; a distribution (a table with a `kind`) is one value."""
    flat: dict[str, Any] = {}
    for key, value in changes.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and "kind" not in value and hasattr(model.value(path), "model_fields"):
            flat |= _fields(model, value, f"{path}.")
        else:
            flat[path] = value
    return flat

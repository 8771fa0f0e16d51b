"""The sections of a study file: a base scenario, axes, repeats, metrics, targets, and tolerances to look for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, ValidationError, model_validator

from emulator.errors import ScenarioError, StudyError, suggest
from emulator.scenario.axes import AxisConfig, Scale, Text
from emulator.scenario.section import Section
from emulator.study.design import Method
from emulator.study.metrics import METRICS
from emulator.study.tolerance import check
from hwmodels.validation import first_problem

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(gt=0, lt=1)]


class AboutConfig(Section):
    """What the study is about.

    Parameters
    ----------
    title, description : str
        Shown in lists and reports; without a title, the study's name.
    confidence : float
        Of all intervals that are stated.
    """

    title: Text | None = None
    description: str = ""
    confidence: Share = 0.95


class BaseConfig(Section):
    """The scenario of which every point is a variant; ``base = "digits"`` is short for its name alone.

    Parameters
    ----------
    scenario : str
        Name of a bundled scenario, or path of a TOML file (beside the study or in the current directory).
    overrides : dict
        Keys of the scenario, or of its hardware (``hardware.noise.receiver``), that are other than there. A table that
        says of what kind it is replaces the whole; with ``hardware.model``, no field of the scenario's own hardware stays.
    full_scale : {"network", "calibrate", "given"}
        Whether every quantiser gets the network's own range as full scale, that on its first 16 samples, or what the
        hardware says.
    rate : {"given", "best"}
        Whether trainings have the rate of the base, or the one with which exact descent, from the base's start, learns its own
        samples best in as many steps.
    """

    scenario: Text
    overrides: dict[str, Any] = Field(default_factory=dict)
    full_scale: Literal["network", "calibrate", "given"] = "network"
    rate: Literal["given", "best"] = "given"


class SamplingConfig(Section):
    """How sampled axes are drawn: independently, as a Latin hypercube, or as a Sobol sequence (a power of two)."""

    method: Method = "grid"
    points: Count = 64
    seed: Annotated[int, Field(ge=0)] = 0


class RepeatsConfig(Section):
    """How often every place is visited.

    Parameters
    ----------
    chips : int
        Chips that are sampled: frozen properties of the hardware.
    noise : int
        Runs on each chip: what is drawn anew in every run.
    images : int, optional
        Samples that are presented in each run; by default as many as the base scenario has.
    trained : int, optional
        Chips of every place whose network is trained, where metrics of a training are asked for; by default all.
    tested : int, optional
        Samples that a training is tested on; by default all of the base scenario.
    sequential : bool
        Whether a place is left as soon as its chips tell, with the stated confidence however often they are looked at (after
        every `look` of them), whether at least a `share` of them are good; `chips` are then sampled at most.
    look : int
    share : float
    """

    chips: Count = 1
    noise: Count = 1
    images: Count | None = 16
    trained: Count | None = None
    tested: Count | None = None
    sequential: StrictBool = False
    look: Count = 8
    share: Share = 0.9

    @model_validator(mode="after")
    def _looks(self) -> RepeatsConfig:
        for name in ("look", "share"):
            if name in self.model_fields_set and not self.sequential:
                raise ScenarioError(f"repeats.{name} is given; allowed: with repeats.sequential = true")
        return self


class TargetConfig(Section):
    """What a metric must be: at least `min`, at most `max`.

    With `task`, only networks for this task are held against it: classifiers (cross-entropy), or regressions (squared
    error).
    """

    min: float | None = None
    max: float | None = None
    task: Literal["classification", "regression"] | None = None


class KnobConfig(Section):
    """A key, from the value where all should be well to the one where it should not.

    Parameters
    ----------
    key : str
    also : list of str
        Further keys that get the same value.
    label : str
        What it is called in reports; by default its key.
    good, bad : float
    scale : {"linear", "log"}
    whole : bool
        Whether only whole numbers are tried.
    """

    key: Text
    also: list[Text] = Field(default_factory=list)
    label: str = ""
    good: float
    bad: float
    scale: Scale = "linear"
    whole: bool = False

    @model_validator(mode="after")
    def _ends(self) -> KnobConfig:
        if self.good == self.bad:
            raise ScenarioError(f"tolerance.knobs: {self.key!r} has equal ends {self.good!r}; allowed: two values")
        if self.scale == "log" and min(self.good, self.bad) <= 0:
            raise ScenarioError(
                f"tolerance.knobs: {self.key!r} has an end of {min(self.good, self.bad)!r}; allowed with scale log: above 0"
            )
        return self


class ToleranceConfig(Section):
    """How far knobs may go before fewer than a share of the chips meet the targets.

    Parameters
    ----------
    share : float
        Share of the chips that must meet all targets.
    chips : int
        Chips that are sampled at every value that is tried, or with `sequential` at most.
    sequential : bool
        Whether a value is left as soon as its chips tell, with the stated confidence however often they are looked at (after
        every `look` of them), whether enough of them are good.
    look : int
        With `sequential`: after how many chips one looks.
    halvings : int
        How often the range of a knob is halved.
    per : str, optional
        Key of an axis with listed values: each of them gets a search of its own.
    trains : bool
        Whether the network is trained at every value that is tried, where a target is of a training; without, such targets
        are not asked there.
    knobs : list of KnobConfig
    """

    share: Share = 0.9
    chips: Count = 40
    sequential: StrictBool = False
    look: Count = 8
    halvings: Annotated[int, Field(ge=1, le=30)] = 6
    per: Text | None = None
    trains: StrictBool = True
    knobs: Annotated[list[KnobConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _looks(self) -> ToleranceConfig:
        if "look" in self.model_fields_set and not self.sequential:
            raise ScenarioError("tolerance.look is given; allowed: with tolerance.sequential = true")
        return self


class StudyConfig(Section):
    """Everything in a study file."""

    study: AboutConfig = AboutConfig()
    base: BaseConfig
    axes: list[AxisConfig] = Field(default_factory=list)
    sampling: SamplingConfig = SamplingConfig()
    repeats: RepeatsConfig = RepeatsConfig()
    metrics: Annotated[list[Text], Field(min_length=1)]
    targets: dict[str, TargetConfig] = Field(default_factory=dict)
    tolerance: ToleranceConfig | None = None

    @model_validator(mode="after")
    def _consistent(self) -> StudyConfig:
        for name in self.metrics:
            if name not in METRICS:
                raise ScenarioError(f"metrics names {suggest(name, METRICS)}")
        for name, target in self.targets.items():
            _possible(name, target, self.metrics)
        keys = [key for axis in self.axes for key in (axis.key, *axis.also)]
        for key in keys:
            if keys.count(key) > 1:
                raise ScenarioError(f"axes: {key!r} is on two axes; allowed: one")
        if not self.axes and self.repeats.chips * self.repeats.noise == 1 and self.tolerance is None:
            raise ScenarioError(
                "axes is empty; allowed: at least one axis, several repeats, or a tolerance to look for"
            )
        if self.repeats.sequential:
            _tellable(self)
        if self.tolerance is not None:
            if not self.targets:
                raise ScenarioError("tolerance is given without targets; allowed: at least one target to hold")
            if not self.tolerance.trains and all(METRICS[name].trained for name in self.targets):
                raise ScenarioError(
                    "tolerance.trains is false and every target is of a training; allowed: true, or another target"
                )
            listed = [axis.key for axis in self.axes if axis.values is not None]
            if self.tolerance.per is not None and self.tolerance.per not in listed:
                raise ScenarioError(f"tolerance.per is {suggest(self.tolerance.per, listed)} (axes with listed values)")
        return self


def _tellable(study: StudyConfig) -> None:
    """Refuse chips that are sampled until they tell where there is nothing to tell, or no order in which to sample them."""
    repeats = study.repeats
    if not study.targets:
        raise ScenarioError("repeats.sequential is true without targets; allowed: at least one target to tell of")
    for axis in study.axes:
        if axis.values is None and axis.linear is None and axis.log is None:
            raise ScenarioError(
                f"repeats.sequential is true and axis {axis.key!r} is drawn; allowed: axes with values, linear or log"
            )
    some = repeats.trained is not None and repeats.trained < repeats.chips
    if some and all(METRICS[name].trained for name in study.targets):
        raise ScenarioError(
            f"repeats.sequential is true, every target is of a training and only {repeats.trained} of {repeats.chips} chips are "
            "trained; allowed: no repeats.trained, or another target"
        )
    try:
        check(repeats.share, study.study.confidence, repeats.chips, True, "repeats.chips")
    except StudyError as error:
        raise ScenarioError(str(error)) from error


def with_base(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with a base that is a text turned into a table."""
    base = data.get("base")
    return {**data, "base": {"scenario": base}} if isinstance(base, str) else dict(data)


def validate(name: str, data: Mapping[str, Any]) -> StudyConfig:
    """Check the tables of a study file.

    Raises
    ------
    StudyError
        One sentence that names the first wrong key, its value, and what is allowed.
    """
    try:
        return StudyConfig.model_validate(with_base(data))
    except ValidationError as error:
        raise StudyError(f"study '{name}': {first_problem(StudyConfig, error).sentence}") from None
    except ScenarioError as error:
        raise StudyError(f"study '{name}': {error}") from error


def _possible(name: str, target: TargetConfig, metrics: list[str]) -> None:
    """Refuse a target that nothing can meet."""
    if name not in METRICS:
        raise ScenarioError(f"targets names {suggest(name, METRICS)}")
    if name not in metrics:
        raise ScenarioError(f"targets.{name} is no metric of this study; allowed: {', '.join(metrics)}")
    if target.min is None and target.max is None:
        raise ScenarioError(f"targets.{name} is empty; allowed: min, max, or both")
    metric = METRICS[name]
    low = metric.low if target.min is None else target.min
    high = metric.high if target.max is None else target.max
    if low > high or low > metric.high or high < metric.low:
        raise ScenarioError(
            f"targets.{name} cannot be met: from {low:g} to {high:g}; "
            f"possible values: {metric.low:g} to {metric.high:g}"
        )

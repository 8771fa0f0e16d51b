"""An axis as files write it: a key of the scenario, and the values that it takes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, model_validator

from emulator.errors import ScenarioError
from emulator.scenario.section import Section

Text = Annotated[str, Field(min_length=1)]
Scale = Literal["linear", "log"]

B = TypeVar("B", "Bell", "LogBell")

#: stands for every preset that lacks nothing
COMPLETE = "complete presets"
#: the ways to say which values an axis takes
_RANGES = ("values", "linear", "log", "uniform", "loguniform", "normal", "lognormal")


class Interval(Section):
    """Two ends, between which samples are drawn."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Interval:
        if not self.low < self.high:
            raise ScenarioError(f"axes: low is {self.low!r} and high is {self.high!r}; allowed: low below high")
        return self


class Steps(Interval):
    """Two ends, and so many values from one to the other; an atlas says by itself how many."""

    points: Annotated[int, Field(ge=2, le=1_000_000)] | None = None


class Bell(Section):
    """A normal distribution, cut off at `low` and `high` where they are given.

    Parameters
    ----------
    mean : float
    deviation : float
        Standard deviation, above 0.
    low, high : float, optional
    """

    mean: float
    deviation: Annotated[float, Field(gt=0)]
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _about_the_middle(self) -> Bell:
        return _around(self, self.mean)


class LogBell(Section):
    """A lognormal distribution, cut off at `low` and `high` where they are given.

    Parameters
    ----------
    median : float
        Above 0.
    deviation : float
        Standard deviation of the natural logarithm, above 0.
    low, high : float, optional
    """

    median: Annotated[float, Field(gt=0)]
    deviation: Annotated[float, Field(gt=0)]
    low: Annotated[float, Field(gt=0)] | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _about_the_middle(self) -> LogBell:
        return _around(self, self.median)


def _around(bell: B, middle: float) -> B:
    """The same distribution, if its middle is left of it."""
    low, high = -math.inf if bell.low is None else bell.low, math.inf if bell.high is None else bell.high
    if not low < middle < high:
        raise ScenarioError(
            f"axes: low is {bell.low!r}, high {bell.high!r}; allowed: below and above the middle, {middle!r}"
        )
    return bell


class AxisConfig(Section):
    """An axis: a key of the scenario or its hardware, and exactly one of the seven ways to say which values it takes.

    Parameters
    ----------
    key : str
        Such as ``hardware.noise.receiver`` or ``run.threshold``.
    also : list of str
        Further keys that get the same value.
    label : str
        What the axis is called in reports; by default its key.
    values : list or str
        The values themselves; ``"complete presets"`` is allowed for ``hardware.model``.
    ticks : list of str, optional
        What to write at each of them.
    linear, log : table
        Equal differences, or equal ratios, from `low` to `high`: so many `points`.
    uniform, loguniform : table
        Samples between `low` and `high`, drawn as ``sampling`` says.
    normal, lognormal : table
        Samples with a `mean` (`median`) and `deviation` (of the logarithm), perhaps cut off at `low` and `high`, likewise.
    scale : {"linear", "log"}
        How listed values are drawn and compared.
    whole : bool
        Whether values of a range are rounded to whole numbers.
    """

    key: Text
    also: list[Text] = Field(default_factory=list)
    label: str = ""
    values: list[Any] | str | None = None
    ticks: list[str] | None = None
    linear: Steps | None = None
    log: Steps | None = None
    uniform: Interval | None = None
    loguniform: Interval | None = None
    normal: Bell | None = None
    lognormal: LogBell | None = None
    scale: Scale = "linear"
    whole: bool = False

    @model_validator(mode="after")
    def _one_range(self) -> AxisConfig:
        given = [name for name in _RANGES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ScenarioError(
                f"axes: {self.key!r} has {' and '.join(given) or 'no values'}; allowed: exactly one of {', '.join(_RANGES)}"
            )
        bounds = self.log or self.loguniform
        if bounds is not None and bounds.low <= 0:
            raise ScenarioError(f"axes: {self.key!r} has a low of {bounds.low!r}; allowed with {given[0]}: above 0")
        if self.values is None and "scale" in self.model_fields_set:
            raise ScenarioError(
                f"axes: {self.key!r} has a scale beside {given[0]}; allowed: a scale of listed values, or another way than {given[0]}"
            )
        if self.values == []:
            raise ScenarioError(f"axes: {self.key!r} has an empty list of values; allowed: at least one")
        listed = self.values if isinstance(self.values, list) else ()
        if self.ticks is not None and len(self.ticks) != len(listed):
            raise ScenarioError(
                f"axes: {self.key!r} has {len(self.ticks)} ticks for {len(listed)} values; allowed: one for each"
            )
        if isinstance(self.values, str) and (self.values, self.key) != (COMPLETE, "hardware.model"):
            raise ScenarioError(
                f"axes: {self.key!r} has values {self.values!r}; allowed: a list, or {COMPLETE!r} with key hardware.model"
            )
        return self

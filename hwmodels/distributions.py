"""Distributions of line delays and lengths over the lines of a chip.

No sample is ever negative. The normal law is truncated at four standard deviations on each side, rescaled so
that its mean and standard deviation are exactly those asked for, and allowed only while the mean is at least
four standard deviations; wider spreads belong to the lognormal law.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema
from scipy.special import ndtr, ndtri

from hwmodels.errors import HardwareError
from hwmodels.fields import Quantity, Section
from hwmodels.units import parse

Array: TypeAlias = npt.NDArray[np.float64]
NonNegative = Annotated[float, Quantity("1", low=0)]
Positive = Annotated[float, Quantity("1", low=0, above=True)]

_CUT = 3.9978405908
"""A unit normal truncated at this value has its bounds at exactly four of its standard deviations."""


class Law(Section):
    """A distribution of a non-negative quantity, in the SI unit of the field it stands in.

    Every law has a `mean` and a `std` (exact mean and standard deviation of its samples).
    """

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""


class Constant(Law):
    """The same value for every line."""

    kind: Literal["constant"] = "constant"
    """Name of the law."""
    value: NonNegative
    """The value."""

    @property
    def mean(self) -> float:
        """Mean."""
        return self.value

    @property
    def std(self) -> float:
        """Standard deviation."""
        return 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return self.value, self.value

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        return np.full(n, self.value)


class Normal(Law):
    """Normal law, truncated at four standard deviations."""

    kind: Literal["normal"] = "normal"
    """Name of the law."""
    mean: Positive
    """Mean."""
    std: Positive
    """Standard deviation, at most a quarter of the mean."""

    @model_validator(mode="after")
    def _narrow(self) -> Normal:
        if 4 * self.std > self.mean:
            allowed = f"at most a quarter of the mean {self.mean:g} (the lognormal law may be wider)"
            raise HardwareError("std", f"{self.std:g} is out of range, allowed: {allowed}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return self.mean - 4 * self.std, self.mean + 4 * self.std

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        outside = float(ndtr(-_CUT))
        scores = ndtri(outside + (1 - 2 * outside) * rng.random(n))
        low, high = self.bounds
        return np.asarray(np.clip(self.mean + self.std * (4 / _CUT) * scores, low, high), dtype=np.float64)


class LogNormal(Law):
    """Lognormal law, given by the mean and standard deviation of the quantity itself."""

    kind: Literal["lognormal"] = "lognormal"
    """Name of the law."""
    mean: Positive
    """Mean of the quantity."""
    std: Positive
    """Standard deviation of the quantity."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return 0.0, math.inf

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        variance = math.log1p((self.std / self.mean) ** 2)
        return self.mean * np.exp(math.sqrt(variance) * rng.standard_normal(n) - variance / 2)


class Uniform(Law):
    """Uniform law on [low, high]."""

    kind: Literal["uniform"] = "uniform"
    """Name of the law."""
    low: NonNegative
    """Smallest value."""
    high: Positive
    """Largest value."""

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.low > self.high:
            raise HardwareError("low", f"{self.low} exceeds high = {self.high}, allowed: at most high")
        return self

    @property
    def mean(self) -> float:
        """Mean."""
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        """Standard deviation."""
        return (self.high - self.low) / math.sqrt(12)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return self.low, self.high

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        return rng.uniform(self.low, self.high, n)


class Steps(Law):
    """Whole multiples of a step, each from `fewest` to `most` equally likely (programmable delays)."""

    kind: Literal["steps"] = "steps"
    """Name of the law."""
    step: Positive
    """Size of one step."""
    fewest: Annotated[int, Quantity("1", low=0, whole=True)]
    """Smallest number of steps."""
    most: Annotated[int, Quantity("1", low=0, whole=True)]
    """Largest number of steps."""

    @model_validator(mode="after")
    def _ordered(self) -> Steps:
        if self.fewest > self.most:
            raise HardwareError("fewest", f"{self.fewest} exceeds most = {self.most}, allowed: at most that")
        return self

    @property
    def mean(self) -> float:
        """Mean."""
        return self.step * (self.fewest + self.most) / 2

    @property
    def std(self) -> float:
        """Standard deviation."""
        return self.step * math.sqrt(((self.most - self.fewest + 1) ** 2 - 1) / 12)

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return self.step * self.fewest, self.step * self.most

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        return self.step * rng.integers(self.fewest, self.most, n, endpoint=True).astype(np.float64)


LengthLaw = Annotated[Constant | Normal | LogNormal | Uniform | Steps, Field(discriminator="kind")]


class PerLength(Law):
    """A rate per length times a distribution of lengths."""

    kind: Literal["per_length"] = "per_length"
    """Name of the law."""
    per_length: Positive
    """Amount per metre of line."""
    length: LengthLaw
    """Distribution of the line lengths, in metres."""

    @property
    def mean(self) -> float:
        """Mean."""
        return self.per_length * self.length.mean

    @property
    def std(self) -> float:
        """Standard deviation."""
        return self.per_length * self.length.std

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        low, high = self.length.bounds
        return self.per_length * low, self.per_length * high

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """`n` independent samples, shape (n,)."""
        return self.per_length * self.length.sample(n, rng)


Distribution: TypeAlias = Constant | Normal | LogNormal | Uniform | Steps | PerLength


@dataclass(frozen=True)
class In:
    """Annotation of a distribution: the SI unit of its samples.

    A number or a text such as ``"1.2 ns"`` is read as a constant.
    """

    unit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def read(self, value: object) -> object:
        """`value` with every text replaced by its SI number."""
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return {"kind": "constant", "value": self._number("", value)}
        if isinstance(value, Mapping):
            return {key: self._entry(str(key), entry) for key, entry in value.items()}
        if isinstance(value, Law):
            return value
        raise HardwareError("", f"{value!r} is no distribution, allowed: a quantity or a table with a 'kind'")

    def part(self, key: str) -> str:
        """SI unit of the parameter `key` of a distribution in this unit."""
        special = {"kind": "", "per_length": f"{self.unit}/m", "length": "m", "fewest": "1", "most": "1"}
        return special.get(key, self.unit)

    def _entry(self, key: str, value: object) -> object:
        if key == "length":
            try:
                return In("m").read(value)
            except HardwareError as error:
                raise error.under(key) from None
        return value if key == "kind" else self._number(key, value)

    def _number(self, key: str, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return parse(value, self.part(key))
        except HardwareError as error:
            raise error.under(key) from None


Delay = Annotated[Distribution, Field(discriminator="kind"), In("s")]

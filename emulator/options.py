"""What can be chosen when something is compiled, settled or trained: small frozen groups of options.

The sections of a scenario file are the same groups, so a key means the same there and in Python, and is checked by the
same line. A function that takes groups also takes their fields as keywords of its own, so that short calls stay short:
``train(network, images, labels, epochs=10)`` is ``train(network, images, labels, training=TrainingOptions(epochs=10))``.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from emulator.errors import BackwaveError, CompileError, EngineError, OptionError, suggest
from hwmodels.validation import first_problem, not_together

Seed = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1, le=10**9)]
Positive = Annotated[float, Field(gt=0)]
Tolerance = Annotated[float, Field(gt=0, lt=1)]
Target = Literal["auto", "numpy", "cython", "standalone"]
Order = Literal["epochs", "replacement"]
Schedule = Literal["settled", "unlocked"]
TARGETS: tuple[str, ...] = get_args(Target)
F = TypeVar("F", bound=Callable[..., Any])


class Options(BaseModel):
    """A frozen group of options. Unknown names, and values of another type or out of range, are errors of one sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    #: what is raised where a group is made in Python
    refusal: ClassVar[type[BackwaveError]] = EngineError

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            found = first_problem(type(self), error)
            named = f"unknown {found.path} {found.told.removeprefix('is ')}" if found.choice else found.sentence
            raise self.refusal(named) from None

    # pydantic calls this only for the outermost table, whose report then has whole paths
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def changed(self, **changes: Any) -> Self:
        """The same with other values."""
        return type(self)(**{**dict(self), **changes})


class SubstrateOptions(Options):
    """How a network is laid out.

    Parameters
    ----------
    wiring : {"tile", "synapse"}
        One line per neuron, or one per synapse.
    seed : int
        Seeds what is drawn once per substrate, such as line delays, each under its own name.
    rounding : {"error", "nearest"}
        What to do with delays that are not whole node update intervals.
    """

    refusal = CompileError

    wiring: Literal["tile", "synapse"] = "tile"
    seed: Seed = 0
    rounding: Literal["error", "nearest"] = "error"


class Ramp(Options):
    """How long drivers take from one sample to the next, in one of three units.

    Parameters
    ----------
    steps : int, optional
        Steps of the engine.
    seconds : float, optional
        Rounded up to whole steps.
    share : float, optional
        Of the hold, rounded to whole steps; 1 at most.
    """

    steps: Count | None = None
    seconds: Positive | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        not_together(self, *type(self).model_fields)
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise PydanticCustomError("no_unit", "one of steps, seconds and share")
        return self

    def of(self, hold: int, step: float) -> int:
        """Steps of the ramp in a hold of so many steps that take `step` seconds each.

        Raises
        ------
        EngineError
            If it is longer than the hold.
        """
        if self.share is not None:
            return max(1, round(self.share * hold))
        steps = self.steps if self.steps is not None else math.ceil((self.seconds or 0.0) / step - 1e-9)
        if steps > hold:
            raise EngineError(
                f"ramp takes {steps} steps and the hold {hold}, so that no sample would ever be reached; allowed: up to the hold"
            )
        return max(1, steps)

    def beside(self, needed: int, step: float) -> int:
        """A hold, in steps, that leaves so many after the ramp."""
        if self.share is not None:
            return math.ceil(needed / (1.0 - self.share) - 1e-9) if self.share < 1 else 2 * needed
        return needed + self.of(10**9, step)


def in_steps(given: Any) -> Any:
    """A ramp that is a number is one of so many steps."""
    return {"steps": given} if isinstance(given, int) and not isinstance(given, bool) else given


class HoldOptions(Options):
    """How samples are presented to a substrate.

    Parameters
    ----------
    hold : float, optional
        How long each sample is presented, in transits (mean line delays), rounded up to whole steps; by default long
        enough for the law.
    hold_seconds : float, optional
        The same in seconds.
    threshold : float
        Send-on-change threshold `q`: a port emits when its wave has moved by at least this much. 0 is exact.
    target : {"auto", "numpy", "cython", "standalone"}
        brian2 target; by default numpy for short runs and a compiled, re-usable C++ program for long ones.
    seed : int
        Root of every random draw of the run, such as noise, each under its own name.
    ramp : int or Ramp, optional
        Steps in which the drivers of inputs and targets move evenly from one sample to the next, or
        ``Ramp(seconds=...)`` or ``Ramp(share=...)`` of the hold; by default they jump. Every step of a ramp sends events.
    """

    hold: Positive | None = None
    hold_seconds: Positive | None = None
    threshold: Annotated[float, Field(ge=0)] = 0.0
    target: Target = "auto"
    seed: Seed = 0
    ramp: Annotated[Ramp | None, BeforeValidator(in_steps)] = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _one_hold(self) -> Self:
        not_together(self, "hold", "hold_seconds")
        return self


class RunOptions(HoldOptions):
    """How samples are presented and when they count as settled.

    Parameters
    ----------
    hold, hold_seconds, threshold, target, seed, ramp
        See `HoldOptions`.
    tolerance : float
        Relative settling tolerance.
    age : float, optional
        Seconds since the weights were programmed into devices; by default they have just been.
    """

    tolerance: Tolerance = 1e-3
    age: Annotated[float, Field(ge=0)] | None = None


class TrainingOptions(Options):
    """How a network learns.

    Parameters
    ----------
    schedule : {"settled", "unlocked"}
        Learn at the end of every hold, or at every step from whatever has arrived.
    epochs, samples : int, optional
        How long to train, one of them: passes over the data, or samples.
    batch : int
        Samples whose efforts are averaged before the parameters move.
    order : {"epochs", "replacement"}
        A new order in every epoch, or samples drawn with replacement.
    evaluate_every : int, optional
        Samples between evaluations, rounded up to whole stretches; by default an epoch.
    opening : float
        Of unlocked learning: how ports open within a hold. Their conductance rises as this power of the time since it
        began, with the mean that it has otherwise; 0 by default, open all the time.
    patience : int, optional
        Stop after this many evaluations without a lower test loss, and keep the best.
    test_hold : float, optional
        How long a test sample is presented before its answer is read, in transits, rounded up to whole holds; by
        default as long as a settled sample would be.
    chunk : int, optional
        Most samples per stretch, after which a checkpoint is written, rounded up to whole mini-batches; by default an
        epoch, at most 4096.
    """

    schedule: Schedule = "settled"
    epochs: Count | None = None
    samples: Count | None = None
    batch: Count = 1
    order: Order = "epochs"
    evaluate_every: Count | None = None
    opening: Annotated[float, Field(ge=0, le=100)] = 0.0
    patience: Count | None = None
    test_hold: Positive | None = None
    chunk: Count | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        not_together(self, "epochs", "samples")
        return self


class TuningOptions(Options):
    """How the settings of a law are searched for.

    Parameters
    ----------
    aim : {"settling", "learning"}
        The least settling time, or its least product with the charge of the lines, which is a decay of weights that learn
        while waves fly.
    evaluations : int
        About how many predictions to spend.
    tolerance : float
        Relative settling tolerance.
    seed : int
        Of the search.
    target : {"auto", "numpy", "cython", "standalone"}
        brian2 target of the confirming runs.
    """

    aim: Literal["settling", "learning"] = "settling"
    evaluations: Count = 1200
    tolerance: Tolerance = 1e-3
    seed: Seed = 0
    target: Target = "auto"


class CheckpointOptions(Options):
    """Where a training keeps what it has reached.

    Parameters
    ----------
    path : path, optional
        The file; by default nothing is kept.
    resume : bool
        Go on from the file if it is there; otherwise one that is there is an error.
    """

    path: Annotated[Path, Field(strict=False)] | None = None
    resume: bool = False


@dataclass(frozen=True)
class Groups:
    """Base of what a function takes: groups of options, each also by the names of its fields."""

    #: names of fields that go by another keyword, since two groups have them or alone they say too little
    spelt: ClassVar[Mapping[str, str]] = types.MappingProxyType({})

    @classmethod
    def of(cls, function: Callable[..., Any], given: dict[str, Any]) -> Self:
        """The groups that keywords of a function choose: whole ones, then single fields.

        Raises
        ------
        OptionError
            For an unknown keyword, or a group of another kind.
        EngineError, CompileError
            For a value that is not allowed.
        """
        groups, places = cls(), cls._places()
        changes: dict[str, dict[str, Any]] = {group.name: {} for group in fields(cls)}
        for name, value in given.items():
            if name in places:
                group, key = places[name]
                changes[group][key] = value
            elif name not in changes:
                known = [p.name for p in inspect.signature(function).parameters.values() if p.default is not p.empty]
                raise OptionError(f"{function.__name__} got unknown keyword {suggest(name, known)}")
            elif not isinstance(value, kind := type(getattr(groups, name))):
                raise OptionError(f"{function.__name__}: {name} is {value!r}; allowed: {kind.__name__}(...)")
        groups = replace(groups, **{name: given[name] for name in changes if name in given})
        return replace(groups, **{name: getattr(groups, name).changed(**new) for name, new in changes.items() if new})

    @classmethod
    def shown(cls, function: F) -> F:
        """Let the keywords of a function that takes them as ``**options`` be seen in its signature, and by `help`."""
        signature, groups = inspect.signature(function), cls()
        defaults = {name: getattr(getattr(groups, group), key) for name, (group, key) in cls._places().items()}
        defaults |= {group.name: getattr(groups, group.name) for group in fields(cls)}
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=d) for name, d in defaults.items()]
        function.__signature__ = signature.replace(parameters=[*own, *taken])  # type: ignore[attr-defined]
        return function

    @classmethod
    def _places(cls) -> dict[str, tuple[str, str]]:
        """Group and field of every keyword."""
        return {
            cls.spelt.get(f"{group.name}.{key}", key): (group.name, key)
            for group in fields(cls)
            for key in type(getattr(cls(), group.name)).model_fields
        }


@dataclass(frozen=True)
class CompileOptions(Groups):
    """What `emulator.compile_network` takes."""

    substrate: SubstrateOptions = field(default_factory=SubstrateOptions)


@dataclass(frozen=True)
class SettleOptions(Groups):
    """What `emulator.settle` takes."""

    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class TuneOptions(Groups):
    """What `emulator.tune` takes."""

    tuning: TuningOptions = field(default_factory=TuningOptions)


@dataclass(frozen=True)
class TrainOptions(Groups):
    """What `emulator.train` takes."""

    spelt = types.MappingProxyType({"substrate.seed": "hardware_seed", "checkpoint.path": "checkpoint_path"})

    training: TrainingOptions = field(default_factory=TrainingOptions)
    run: HoldOptions = field(default_factory=HoldOptions)
    substrate: SubstrateOptions = field(default_factory=SubstrateOptions)
    checkpoint: CheckpointOptions = field(default_factory=CheckpointOptions)

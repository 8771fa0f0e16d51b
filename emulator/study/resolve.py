"""From the sections of a study file to axes, knobs and targets, every value tried on the base scenario."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emulator.errors import ScenarioError, StudyError
from emulator.scenario.axes import COMPLETE, AxisConfig, Bell, Scale
from emulator.scenario.scenario import Scenario
from emulator.study.config import KnobConfig, StudyConfig
from emulator.study.design import Axis
from emulator.study.keys import MODEL, offered, reached, scales_nothing, settable, stored, under, unit_of
from emulator.study.metrics import Target
from emulator.study.tolerance import Knob, check
from hwmodels import HardwareModel, load, presets


@dataclass(frozen=True)
class StudyAxis:
    """An axis with what it changes.

    Parameters
    ----------
    axis : Axis
    keys : tuple of str
        Dotted keys of the scenario that get its value.
    label, unit : str
    """

    axis: Axis
    keys: tuple[str, ...]
    label: str
    unit: str


@dataclass(frozen=True)
class StudyKnob:
    """A knob with what it changes.

    Parameters
    ----------
    knob : Knob
    keys : tuple of str
        Dotted keys of the scenario that get its value.
    changes : dict
        What else is changed in the scenario while it is turned.
    label : str
    """

    knob: Knob
    keys: tuple[str, ...]
    changes: dict[str, Any]
    label: str


def axes_of(config: StudyConfig, base: Scenario) -> tuple[StudyAxis, ...]:
    """The axes of a study.

    Raises
    ------
    ScenarioError
        If a key or one of its values is not possible on the base.
    """
    hardware = base.config.hardware.build(base.folder)
    return tuple(_axis(f"axes[{k}] {one.key}", one, base, hardware, config) for k, one in enumerate(config.axes))


def knobs_of(config: StudyConfig, base: Scenario, axes: Sequence[StudyAxis]) -> tuple[StudyKnob, ...]:
    """The knobs of the tolerance search, each once for every value of the axis that has searches of its own.

    There a factor of errors that the hardware does not have is not turned, and one that it does not allow ends where it does.

    Raises
    ------
    ScenarioError
        If a key or one of its ends is not possible, or so few chips can show nothing.
    """
    section = config.tolerance
    if section is None:
        return ()
    try:
        check(section.share, config.study.confidence, section.chips, section.sequential)
    except StudyError as error:
        raise ScenarioError(str(error)) from error
    apart = next((one for one in axes if one.axis.key == section.per), None)
    found = []
    for value in (None,) if apart is None else apart.axis.values:
        changes = {} if apart is None else dict.fromkeys(apart.keys, value)
        where = {} if apart is None else {apart.axis.key: value}
        scenario = under(f"tolerance.per {section.per}", base, changes)
        hardware = scenario.config.hardware.build(scenario.folder)
        for number, one in enumerate(section.knobs):
            keys = (one.key, *one.also)
            place = f"tolerance.knobs[{number}] {one.key}"
            settable(place, keys, config)
            knob = _knob(one, keys[0], where, scenario, hardware)
            if apart is not None:
                keys = tuple(key for key in keys if not scales_nothing(key, scenario))
                if not keys:
                    continue
                knob = replace(knob, bad=min(reached(key, knob.bad, scenario) for key in keys))
            for end in (0.0, 1.0):
                stored(place, keys, knob.at(end), scenario)
            found.append(StudyKnob(knob, keys, changes, one.label or one.key))
    return tuple(found)


def _with_errors(keys: Sequence[str], base: Scenario, study: StudyConfig) -> Scenario:
    """The base on which values of keys are tried: with the first of its technologies that has what a factor among them scales."""
    listed = next((one.values for one in study.axes if one.key == MODEL and one.values is not None), None)
    if listed is None or not any(scales_nothing(key, base) for key in keys):
        return base
    names = complete() if listed == COMPLETE else listed
    tried = (under("axes", base, {MODEL: name}) for name in names)
    return next((one for one in tried if not any(scales_nothing(key, one) for key in keys)), base)


def targets_of(config: StudyConfig) -> tuple[Target, ...]:
    """The targets, open at the ends that are not given."""
    return tuple(Target.of(name, one.model_dump()) for name, one in config.targets.items())


def spread_over(config: AxisConfig, points: int) -> list[Any]:
    """The values of an axis with equal steps: so many, unless the file says how many."""
    steps = config.linear or config.log
    if steps is None:
        raise ScenarioError(f"axes: {config.key!r} has values that are drawn; allowed here: values, linear, log")
    line = Axis(config.key, (), steps.low, steps.high, "log" if config.log else "linear", config.whole)
    return list(line.at(np.linspace(0, 1, steps.points or points)))


def complete() -> list[Any]:
    """Presets that lack nothing."""
    return [name for name in presets() if not load(name).missing()]


def _axis(place: str, config: AxisConfig, base: Scenario, hardware: HardwareModel, study: StudyConfig) -> StudyAxis:
    keys = (config.key, *config.also)
    settable(place, keys, study)
    base = _with_errors(keys, base, study)
    steps = config.linear or config.log
    scale: Scale = "log" if config.log or config.loguniform or config.lognormal else config.scale
    values: list[Any]
    if config.values == COMPLETE:
        values = complete()
    elif config.values is not None:
        values = list(config.values)
    elif steps is not None:
        if steps.points is None:
            raise ScenarioError(f"{place}: {scale}.points is missing; it must be given")
        values = list(dict.fromkeys(spread_over(config, steps.points)))
    elif (drawn := _drawn(config, scale)) is not None:
        for value in drawn.at(np.array([0.0, 1.0])):
            stored(place, keys, value, base)
        return StudyAxis(drawn, keys, config.label or config.key, unit_of(keys[0], hardware))
    found = tuple(stored(place, keys, value, base) for value in values)
    twice = next((value for k, value in enumerate(found) if value in found[:k]), None)
    if twice is not None:
        raise ScenarioError(f"{place} has {twice!r} twice; allowed: every value once")
    return StudyAxis(Axis(config.key, found, scale=scale), keys, config.label or config.key, unit_of(keys[0], hardware))


def _drawn(config: AxisConfig, scale: Scale) -> Axis | None:
    """An axis whose values are samples; None if they are listed."""
    ends, bell = config.uniform or config.loguniform, config.normal or config.lognormal
    if ends is not None:
        return Axis(config.key, (), ends.low, ends.high, scale, config.whole)
    if bell is None:
        return None
    low = (0.0 if config.lognormal else -math.inf) if bell.low is None else bell.low
    high, middle = math.inf if bell.high is None else bell.high, bell.mean if isinstance(bell, Bell) else bell.median
    return Axis(config.key, (), low, high, scale, config.whole, middle, bell.deviation)


def _knob(config: KnobConfig, key: str, where: dict[str, Any], scenario: Scenario, hardware: HardwareModel) -> Knob:
    place = "".join(f" [{name}={value}]" for name, value in where.items())
    return Knob(
        name=f"{config.key}{place}",
        key=config.key,
        good=config.good,
        bad=config.bad,
        scale=config.scale,
        whole=config.whole,
        unit=unit_of(key, hardware),
        offered=offered(key, scenario, hardware),
        where=where,
    )

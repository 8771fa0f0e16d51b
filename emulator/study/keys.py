"""The keys of a study: which key of the base scenario or of its hardware they are, what is there, and trying a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.errors import BackwaveError, ScenarioError, within
from emulator.scenario.load import changed, leaves, load_scenario
from emulator.scenario.scenario import Scenario
from emulator.study.config import StudyConfig
from emulator.study.metrics import METRICS
from hwmodels import HardwareError, HardwareModel, can_scale, reach

_HARDWARE, MODEL, _SCALE = "hardware.", "hardware.model", "hardware.scale."
#: unit of a factor
TIMES = "\N{MULTIPLICATION SIGN}"
#: units of keys of a scenario that have one
_UNITS = {"run.hold": "transits", "run.hold_seconds": "s", "run.age": "s"}
#: keys that the study sets itself, and where
_TAKEN = {
    "substrate.seed": "repeats.chips",
    "run.seed": "repeats.noise",
    "data.limit": "repeats.images",
    "run.target": "base.overrides",
}


def base_of(config: StudyConfig, folder: Path) -> Scenario:
    """The base scenario with its overrides, and as many samples as are presented in each run.

    Raises
    ------
    ScenarioError
        If there is no such scenario, it cannot be overridden so, or it does not have what the metrics need.
    """
    name = config.base.scenario
    beside = folder / name
    scenario = load_scenario(beside if beside.is_file() else name)
    kind = scenario.config.experiment
    if kind is not None:
        raise ScenarioError(f"base.scenario {name!r} has a section {kind}; allowed: a scenario that is a single run")
    changes = dict(leaves(config.base.overrides))
    if config.repeats.images is not None:
        changes["data.limit"] = config.repeats.images
    scenario = under("base.overrides", scenario, changes)
    for metric in ("gradient_cosine", "gradient_error"):
        if metric in config.metrics and not scenario.config.data.targets:
            raise ScenarioError(f"metrics names {metric!r} and data.targets is false; allowed with it: true")
    for metric in config.metrics:
        if METRICS[metric].trained and scenario.config.training is None:
            raise ScenarioError(
                f"metrics names {metric!r} and scenario {name!r} has no section training; allowed: one that has"
            )
    return scenario


def under(place: str, scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with changes; what is wrong with them names the place in the study file."""
    with within(place):
        return changed(scenario, changes)


def settable(place: str, keys: tuple[str, ...], config: StudyConfig) -> None:
    """Refuse keys that the study itself sets."""
    for key in keys:
        if key in _TAKEN:
            raise ScenarioError(f"{place}: {key} is set by the study; allowed: {_TAKEN[key]}")
        if key.endswith(".full_scale") and config.base.full_scale != "given":
            raise ScenarioError(f"{place}: full scales follow the network; allowed with base.full_scale = 'given'")


def stored(place: str, keys: tuple[str, ...], value: Any, base: Scenario) -> Any:
    """A value as the store has it, after it has been tried on the base: a quantity of the hardware in SI units."""
    tried = under(place, base, dict.fromkeys(keys, value))
    try:
        model = tried.config.hardware.read(tried.folder)
    except BackwaveError as error:
        raise ScenarioError(f"{place}: {error}") from error
    if _is_field(keys[0]):
        read = model.value(keys[0].removeprefix(_HARDWARE))
        return read if isinstance(read, int | float | str) else value
    return value


def unit_of(key: str, hardware: HardwareModel) -> str:
    """SI unit of what is under a key of the scenario; empty for a pure number."""
    if key.startswith(_SCALE):
        return TIMES
    entry = hardware.flat().get(key.removeprefix(_HARDWARE))
    if entry is not None and entry.unit is not None:
        return "" if entry.unit == "1" else entry.unit
    return _UNITS.get(key, "")


def offered(key: str, scenario: Scenario, hardware: HardwareModel) -> float | None:
    """What the base has under a key of the scenario, if it is a number."""
    value: Any = scenario.config
    if _is_field(key):
        try:
            value = hardware.value(key.removeprefix(_HARDWARE))
        except HardwareError:
            return None
    else:
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    if value is None and key.startswith(_SCALE):
        return 1.0
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def scales_nothing(key: str, scenario: Scenario) -> bool:
    """Whether a key is a factor of a part in which the scenario's hardware has no errors."""
    if not key.startswith(_SCALE):
        return False
    try:
        return not can_scale(_unscaled(scenario), key.removeprefix(_SCALE))
    except HardwareError as error:
        raise ScenarioError(str(error.under("hardware.scale"))) from error


def heeded(changes: Mapping[str, Any], base: Scenario) -> dict[str, Any]:
    """The changes without factors of parts in which the hardware that they make has no errors: such a part stays as it is."""
    factors = {key for key in changes if key.startswith(_SCALE)}
    try:
        made = changed(base, {key: value for key, value in changes.items() if key not in factors}) if factors else base
        idle = {key for key in factors if scales_nothing(key, made)}
    except BackwaveError:  # the point tells what is wrong with it
        return dict(changes)
    return {key: value for key, value in changes.items() if key not in idle}


def reached(key: str, end: float, scenario: Scenario) -> float:
    """The end of a range of a factor, or the largest that the scenario's hardware allows; of another key, its end as it is."""
    return reach(_unscaled(scenario), key.removeprefix(_SCALE), end) if key.startswith(_SCALE) else end


def _unscaled(scenario: Scenario) -> HardwareModel:
    return scenario.config.hardware.model_copy(update={"scale": {}}).read(scenario.folder)


def _is_field(key: str) -> bool:
    """Whether a key is that of a field of the hardware model."""
    return key.startswith(_HARDWARE) and key != MODEL and not key.startswith(_SCALE)

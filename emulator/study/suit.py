"""Fitting a study to the network and hardware that it is about: what cannot be measured there is refused, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from emulator.errors import StudyError
from emulator.measure.energy import unpriced
from emulator.network import Network
from emulator.scenario.load import changed
from emulator.scenario.scenario import Scenario
from emulator.study.load import StudyFile
from emulator.study.metrics import METRICS, TASKS, unmeasurable
from emulator.study.resolve import targets_of
from emulator.study.writer import canonical

#: metrics that tell whether full scales suit the network, measured wherever the study does not choose them itself
CLIPPED = ("clipped_forward", "clipped_backward", "clipped_weights")


def suited(study: StudyFile, network: Network, targets: bool, warn: Callable[[str], None]) -> StudyFile:
    """The study with the targets and metrics that its base network has.

    Targets for another task are left out with their metrics, and so are metrics that nothing is asked of.

    Parameters
    ----------
    study : StudyFile
    network : Network
        Of the base.
    targets : bool
        Whether its samples have targets.
    warn : callable
        Called with what is left out.

    Raises
    ------
    StudyError
        If a target, or every metric, cannot be measured for the network, the data, or a hardware model of the study.
    """
    config, task = study.config, TASKS[network.loss]
    wanted = {name: one for name, one in config.targets.items() if one.task in (None, task)}
    have = [name for name in METRICS if unmeasurable(name, network.loss, targets) is None]
    for name in wanted:
        for loss in _losses(study, network):
            why = unmeasurable(name, loss, targets)
            if why is not None:
                raise StudyError(f"targets.{name} cannot be met: {why}; metrics that can be had: {', '.join(have)}")
    if "energy" in wanted:
        _priced(study, [name for name in have if name != "energy"])
    if config.targets and not wanted:
        raise StudyError(f"targets are for another task than {task}; allowed: at least one for it, or none at all")
    kept = [name for name in config.metrics if name in have and (name in wanted or name not in config.targets)]
    if not kept:
        raise StudyError(f"metrics has nothing that can be measured; metrics that can be had: {', '.join(have)}")
    left = [name for name in config.metrics if name not in have]
    if left and len({METRICS[name].loss for name in config.metrics} - {""}) < 2:  # else it is a study for both tasks
        warn(f"not measured: {'; '.join(str(unmeasurable(name, network.loss, targets)) for name in left)}")
    if config.base.full_scale != "network":
        kept += [name for name in CLIPPED if name in have and name not in kept]
    turned = {one.knob.key for one in study.knobs}
    idle = [one.key for one in (config.tolerance.knobs if config.tolerance else ()) if one.key not in turned]
    if idle:
        warn(f"not turned, since no hardware of the study has such errors: {', '.join(idle)}")
    plain = {name: one.model_copy(update={"task": None}) for name, one in wanted.items()}
    fitting = config.model_copy(update={"metrics": kept, "targets": plain})
    return replace(study, config=fitting, targets=targets_of(fitting))


def _losses(study: StudyFile, network: Network) -> set[str]:
    """The losses of all networks of a study."""
    found = {network.loss}
    for scenario in _variants(study, "network"):
        section = scenario.config.network
        known = getattr(section, "loss", None)
        found.add(known or section.build(scenario.folder).network.loss)
    return found


def _priced(study: StudyFile, have: list[str]) -> None:
    """Refuse a target for the energy of hardware whose figures are not known."""
    for scenario in [*_variants(study, "hardware")] or [study.scenario]:
        hardware = scenario.config.hardware.build(scenario.folder)
        missing = unpriced(hardware)
        if missing:
            raise StudyError(
                f"targets.energy cannot be met: hardware {scenario.config.hardware.model!r} has no figures for energy "
                f"{', '.join(missing)}; metrics that can be had: {', '.join(have)}"
            )


def _variants(study: StudyFile, section: str) -> Iterator[Scenario]:
    """The base with everything that the axes change in one section; nothing if they change nothing there."""
    axes = [(one.axis.key, [key for key in one.keys if key.partition(".")[0] == section]) for one in study.axes]
    seen: set[str] = set()
    for place in study.places:
        changes: dict[str, Any] = {key: place.axes[name] for name, keys in axes for key in keys}
        if changes and (text := canonical(changes)) not in seen:
            seen.add(text)
            yield changed(study.scenario, changes)

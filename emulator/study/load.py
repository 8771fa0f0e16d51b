"""Reading study files: bundled or one's own, with single keys overridden, and checked against their base scenario."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from emulator.errors import ScenarioError, StudyError
from emulator.scenario.load import find_file, merged, parse_override, read_toml
from emulator.scenario.scenario import Scenario
from emulator.study.config import StudyConfig, validate, with_base
from emulator.study.design import Place, places
from emulator.study.keys import base_of
from emulator.study.metrics import Target
from emulator.study.resolve import StudyAxis, StudyKnob, axes_of, knobs_of, targets_of
from hwmodels import markup

#: sections of a scenario, whose keys stand in a study file below these
_SECTIONS = ("network", "data", "law", "hardware", "substrate", "run", "training")
_OF_THE_BASE = ("base", "overrides")


@dataclass(frozen=True)
class StudyFile:
    """A checked study.

    Parameters
    ----------
    name : str
        Name of the file without its ending.
    source : str
        The path or name it was asked for by.
    overrides : tuple of str
        ``key=value`` texts that were applied.
    config : StudyConfig
    scenario : Scenario
        The base.
    axes : tuple of StudyAxis
    knobs : tuple of StudyKnob
    targets : tuple of Target
    places : tuple of Place
        All points, in order.
    """

    name: str
    source: str
    overrides: tuple[str, ...]
    config: StudyConfig
    scenario: Scenario
    axes: tuple[StudyAxis, ...]
    knobs: tuple[StudyKnob, ...]
    targets: tuple[Target, ...]
    places: tuple[Place, ...]

    @property
    def title(self) -> str:
        """What it is called in lists and reports: its title, or else its name."""
        return self.config.study.title or self.name

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows: list[tuple[object, ...]] = [
            ("base", self.scenario.title),
            *(("axis", axis.key) for axis in self.config.axes),
            *(("target", name) for name in self.config.targets),
            ("chips", self.config.repeats.chips),
            ("places", len(self.places)),
            ("metrics", ", ".join(self.config.metrics)),
        ]
        return markup.table(f"Study: {self.title}", rows)


def bundled_studies() -> dict[str, Path]:
    """Studies that come with the project, by name."""
    folder = Path(str(resources.files("scenarios"))) / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_study(path_or_name: str | os.PathLike[str], overrides: Sequence[str] = ()) -> StudyFile:
    """Read and check a study.

    Parameters
    ----------
    path_or_name : str or path-like
        Path of a TOML file, or the name of a bundled study.
    overrides : sequence of str
        Each ``key=value`` with a dotted key of the study file, such as ``repeats.chips=4``, or of its base scenario, such
        as ``hardware.noise.receiver=0.01``.

    Raises
    ------
    StudyError
        If there is no such study, it is not TOML, or a key or value is wrong; the message names the key.
    """
    source = os.fspath(path_or_name)
    try:
        path = find_file("study", source, bundled_studies())
        data = read_toml("study", path)
    except ScenarioError as error:
        raise StudyError(str(error)) from error
    try:
        data = with_base(data)
        for text in overrides:
            parts, value = parse_override(text)
            data = merged(data, (*_OF_THE_BASE, *parts) if parts[0] in _SECTIONS else parts, value)
        config = validate(path.stem, data)
        return _resolved(path, source, tuple(overrides), config)
    except ScenarioError as error:
        raise StudyError(f"study '{path.stem}': {error}") from error


def _resolved(path: Path, source: str, overrides: tuple[str, ...], config: StudyConfig) -> StudyFile:
    scenario = base_of(config, path.parent)
    axes = axes_of(config, scenario)
    knobs = knobs_of(config, scenario, axes)
    sampling, repeats = config.sampling, config.repeats
    planned = places(
        [one.axis for one in axes],
        method=sampling.method,
        points=sampling.points,
        seed=sampling.seed,
        chips=repeats.chips,
        noise=repeats.noise,
    )
    return StudyFile(path.stem, source, overrides, config, scenario, axes, knobs, targets_of(config), tuple(planned))

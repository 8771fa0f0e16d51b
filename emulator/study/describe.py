"""The network of a study and its substrate in figures, and the brian2 target that suits so many runs."""

from __future__ import annotations

from typing import Any

from emulator.engine.cost import expected_cost, suitable_target
from emulator.runs.holds import coarse, steps_of_hold
from emulator.study.load import StudyFile
from emulator.study.metrics import of_training
from emulator.study.work import Material

#: samples of an epoch, where nobody has counted them
_EPOCHS = 500


def describe(study: StudyFile, material: Material) -> tuple[dict[str, Any], str]:
    """The network and its substrate in figures, and the brian2 target that suits so many points."""
    config, network = study.scenario.config, material.network
    graph = study.scenario.compile(network, hardware=config.hardware.build(study.scenario.folder))
    samples = len(next(iter(material.exact.states.values())))
    facts = {
        **facts_of(material),
        "neurons": graph.neurons,
        "lines": sum(bundle.count for bundle in graph.bundles if bundle.is_line),
        "law": graph.law.name,
        "wiring": graph.wiring,
        "notes": list(graph.notes),
    }
    target: str = config.run.target
    if target == "auto":
        hold = coarse(steps_of_hold(graph, config.run))
        section = study.config.tolerance
        trials = 0 if section is None else len(study.knobs) * section.chips * section.halvings
        runs = len(study.places) + trials
        presented = samples * runs + _learned(study, trials)
        target = suitable_target(expected_cost(presented, hold, sum(c.size for c in graph.couplings)))
    return facts, target


def _learned(study: StudyFile, trials: int) -> int:
    """Samples that trainings present, about."""
    training, repeats = study.scenario.config.training, study.config.repeats
    if training is None or not any(of_training(name) for name in study.config.metrics):
        return 0
    chips = repeats.chips if repeats.trained is None else min(repeats.trained, repeats.chips)
    section = study.config.tolerance
    runs = len(study.places) * chips // repeats.chips + (trials if section is not None and section.trains else 0)
    return runs * (training.samples or _EPOCHS * (training.epochs or 1))


def facts_of(material: Material) -> dict[str, Any]:
    """A network and its samples in figures."""
    network = material.network
    return {
        "digest": network.digest,
        "layers": {name: network.size(name) for name in network.layers},
        "parameters": network.parameter_count,
        "loss": network.loss,
        "samples": len(next(iter(material.exact.states.values()))),
        "data": material.batch.digest,
    }

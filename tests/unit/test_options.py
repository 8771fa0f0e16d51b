"""Options: one definition of every key, for Python and for scenarios, whole groups or single keywords."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from emulator import (
    CheckpointOptions,
    HoldOptions,
    Network,
    OptionError,
    RunOptions,
    SubstrateOptions,
    TrainingOptions,
    compile_network,
    settle,
    train,
)
from emulator.errors import CompileError, EngineError
from emulator.options import SettleOptions, TrainOptions
from emulator.scenario import load_scenario
from emulator.scenario.config import RunConfig, SubstrateConfig
from emulator.scenario.load import changed
from emulator.scenario.training import TrainingConfig
from tests.refusals import refuses

RNG = np.random.default_rng(0)
NETWORK = Network.mlp([RNG.normal(size=(3, 4))], loss="softmax_cross_entropy")
X, Y = RNG.normal(size=(6, 4)), RNG.integers(3, size=6)
GRAPH = compile_network(NETWORK)


def test_keywords_and_groups_choose_the_same() -> None:
    single = {"epochs": 2, "batch": 3, "seed": 5, "hardware_seed": 7, "checkpoint_path": "here", "hold": 3}
    whole = {
        "training": TrainingOptions(epochs=2, batch=3),
        "run": HoldOptions(hold=3, seed=5),
        "substrate": SubstrateOptions(seed=7),
        "checkpoint": CheckpointOptions(path="here"),
    }
    assert TrainOptions.of(train, single) == TrainOptions.of(train, whole)
    mixed = TrainOptions.of(
        train, {"run": HoldOptions(hold=3, seed=1), "seed": 5, "training": TrainingOptions(epochs=2)}
    )
    assert (mixed.run.hold, mixed.run.seed, mixed.training.epochs) == (
        3,
        5,
        2,
    )  # a keyword changes one field of a group
    assert SettleOptions.of(settle, {}).run == RunOptions()


def test_a_training_and_a_run_go_by_groups() -> None:
    few = TrainingOptions(samples=4)
    one = train(NETWORK, X, Y, samples=4, seed=2, target="numpy")
    two = train(NETWORK, X, Y, training=few, run=HoldOptions(seed=2, target="numpy"))
    assert one.network.digest == two.network.digest != NETWORK.digest
    run = settle(GRAPH, X, Y, run=RunOptions(hold=4, target="numpy"), tolerance=1e-2)
    assert (run.hold, run.tolerance) == (4 * GRAPH.transit, 1e-2)


@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("train got unknown keyword 'epoch' (did you mean 'epochs'?); ", lambda: train(NETWORK, X, Y, epoch=3)),
        ("train got unknown keyword 'hardwar' (did you mean 'hardware'?); ", lambda: train(NETWORK, X, Y, hardwar="ideal")),
        ("train got unknown keyword 'checkpoint_pth' (did you mean 'checkpoint_path'?)", lambda: train(NETWORK, X, Y, checkpoint_pth="a")),
        ("train got unknown keyword 'tolerance'; allowed: ", lambda: train(NETWORK, X, Y, tolerance=1e-3)),
        ("settle got unknown keyword 'trace' (did you mean 'traces'?); ", lambda: settle(GRAPH, X, Y, trace=True)),
        ("settle got unknown keyword 'holds' (did you mean 'hold'?); ", lambda: settle(GRAPH, X, Y, holds=2)),
        ("compile_network got unknown keyword 'wirings' (did you mean 'wiring'?)", lambda: compile_network(NETWORK, wirings="tile")),
        ("train: run is 3; allowed: HoldOptions(...)", lambda: train(NETWORK, X, Y, run=3)),
        ("settle: run is HoldOptions(", lambda: settle(GRAPH, X, Y, run=HoldOptions())),
    ],
)  # fmt: skip
def test_unknown_keywords_are_told_the_nearest(words, action) -> None:
    refuses(words, action, OptionError)
    with pytest.raises(TypeError):  # as of any function of Python
        action()


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (TrainingOptions, {"batch": 0}, "batch is 0; allowed: whole numbers from 1"),
        (TrainingOptions, {"epochs": 1, "samples": 2}, "epochs and samples are both given; allowed: one of them"),
        (TrainingOptions, {"epoch": 1}, "unknown key 'epoch' (did you mean 'epochs'?); allowed: schedule, "),
        (HoldOptions, {"hold": True}, "hold is True; allowed: a finite number above 0"),
        (HoldOptions, {"hold": 1.0, "hold_seconds": 1.0}, "hold and hold_seconds are both given; allowed: one of them"),
        (RunOptions, {"tolerance": float("nan")}, "tolerance is nan; allowed: above 0 and below 1"),
        (RunOptions, {"age": -1}, "age is -1; allowed: a finite number, at least 0"),
        (RunOptions, {"target": "gpu"}, "unknown target 'gpu'; allowed: auto, numpy, cython, standalone"),
        (CheckpointOptions, {"resume": 1}, "resume is 1; allowed: true or false"),
    ],
)
def test_values_are_refused_in_a_sentence(kind, given, words) -> None:
    refuses(words, lambda: kind(**given), EngineError)


def test_what_compiling_refuses_is_its_own_error() -> None:
    refuses("unknown wiring 'tilde' (did you mean 'tile'?)", lambda: SubstrateOptions(wiring="tilde"), CompileError)
    refuses("seed is -1; allowed: whole numbers from 0", lambda: compile_network(NETWORK, seed=-1), CompileError)


def test_groups_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RunOptions().hold = 3.0  # type: ignore[misc]


@pytest.mark.parametrize("function", [train, settle, compile_network])
def test_signatures_show_every_keyword(function) -> None:
    shown = inspect.signature(function).parameters
    assert not any(p.kind is p.VAR_KEYWORD for p in shown.values())
    assert {"train": "hardware_seed", "settle": "tolerance", "compile_network": "wiring"}[function.__name__] in shown
    assert all(p.default is not p.empty for p in shown.values() if p.kind is p.KEYWORD_ONLY)


@pytest.mark.parametrize(
    ("section", "group"),
    [(RunConfig, RunOptions), (SubstrateConfig, SubstrateOptions), (TrainingConfig, TrainingOptions)],
)
def test_sections_of_scenarios_are_the_groups_and_define_none_of_their_keys_again(section, group) -> None:
    assert issubclass(section, group)
    again = set(section.__annotations__) & set(group.model_fields)
    assert again == ({"epochs"} if section is TrainingConfig else set())  # only the default of a scenario is its own


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    path = Path(tmp_path_factory.mktemp("options")) / "small.toml"
    path.write_text(
        'hardware = "loihi2"\n[network]\nsource = "random-mlp"\nsizes = [4, 3]\nloss = "softmax_cross_entropy"\n'
        '[data]\nsource = "random"\nsamples = 5\n[law]\nname = "worldsheet"\nbeta = 0.9\n'
        '[substrate]\nwiring = "synapse"\nrounding = "nearest"\nseed = 3\n[run]\nhold = 30\ntolerance = 1e-2\n'
        'target = "numpy"\nseed = 4\n[training]\nbatch = 2\n[training.data]\nsource = "random"\nsamples = 4\nseed = 9\n'
    )
    return load_scenario(path)


def test_a_scenario_compiles_settles_and_trains_as_it_says(scenario) -> None:
    config = scenario.config
    built, batch = scenario.read()
    graph = compile_network(
        built.network, hardware=config.hardware.build(scenario.folder), law=config.law.build(),
        wiring="synapse", rounding="nearest", seed=3,
    )  # fmt: skip
    assert scenario.compile().summary() == graph.summary()
    ours = scenario.settle()
    theirs = settle(graph, batch.inputs, batch.targets, hold=30, tolerance=1e-2, target="numpy", seed=4)
    for name, states in theirs.held_states.items():
        np.testing.assert_array_equal(ours.held_states[name], states)
    assert (ours.tolerance, ours.seeds) == (1e-2, {"run": 4, "hardware": 3})
    shorter = scenario.settle(graph, batch.first(2), hold=5)
    assert (shorter.hold, len(shorter.settled)) == (5 * graph.transit, 2)
    trained = changed(scenario, {"training.samples": 3}).train()
    assert (trained.samples, trained.settings["batch"], trained.settings["wiring"]) == (3, "2", "synapse")
    assert trained.settings["seeds"] == "4 3"


def test_full_scales_follow_the_network_where_the_scenario_asks(scenario) -> None:
    base = {"hardware.precision.forward.bits": 8}
    given = changed(scenario, base).compile().hardware.precision.forward.full_scale
    own = changed(scenario, {**base, "substrate.full_scale": "network"}).compile().hardware.precision.forward.full_scale
    assert own != given


def test_ten_epochs_are_the_default_of_a_scenario_unless_samples_are_asked_for(scenario) -> None:
    assert (scenario.config.training.epochs, scenario.config.training.samples) == (10, None)
    some = changed(changed(scenario, {"training.samples": 5}), {"run.seed": 1}).config.training
    assert (some.epochs, some.samples) == (None, 5)
    refuses(
        "scenario 'small': training.epochs and training.samples are both given; allowed: one of them",
        lambda: changed(scenario, {"training.samples": 5, "training.epochs": 1}),
        Exception,  # type: ignore[arg-type]
    )

"""Scenarios: reading, overriding, their sources, and what a run leaves behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator import Network, NetworkBuilder, ScenarioError, Upwind, Worldsheet, compile_network, reference
from emulator.data.digits import split_digits
from emulator.families.upwind import lay_out_stack
from emulator.scenario import RunReport, load_scenario, run_scenario
from emulator.scenario.build import prepare
from emulator.scenario.config import validate
from emulator.scenario.load import parse_override
from emulator.scenario.outdir import staged
from emulator.scenario.scores import scores
from hwmodels import HardwareModel, Uniform

SMALL = """
title = "Small"
[network]
source = "random-mlp"
sizes = [3, 5, 2]
loss = "softmax_cross_entropy"
[data]
source = "random"
samples = 3
[hardware]
lines.delay_forward = { kind = "steps", step = "1 ns", fewest = 1, most = 3 }
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunReport, dict[str, Any]]:
    """A finished run and its results file."""
    folder = tmp_path_factory.mktemp("scenario")
    (folder / "small.toml").write_text(SMALL)
    stages: list[str] = []
    loaded = load_scenario(folder / "small.toml", ["run.tolerance=1e-4", "run.seed=5"])
    report = run_scenario(loaded, folder / "out", progress=lambda stage, _: stages.append(stage))
    assert stages[0] == "preparing network and substrate" and stages[-1] == "drawing"
    return report, json.loads((folder / "out" / "results.json").read_text())


def config_of(network: dict[str, Any], data: dict[str, Any], **other: Any) -> Any:
    return validate({"title": "t", "network": network, "data": data, **other})


def test_defaults(small: Path) -> None:
    config = load_scenario(small).config
    assert (config.law.name, config.hardware.model, config.run.tolerance, config.run.pictures) == (
        "matched", "ideal", 1e-3, 3,
    )  # fmt: skip
    assert config.substrate.wiring == "tile" and config.data.targets and config.data.limit is None


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("run.seed=3", ("run", "seed"), 3),
        ("run.hold = 2.5", ("run", "hold"), 2.5),
        ("data.targets=false", ("data", "targets"), False),
        ("network.hidden=[8, 4]", ("network", "hidden"), [8, 4]),
        ("title=a=b", ("title",), "a=b"),
        ("hardware.lines.jitter=2 ps", ("hardware", "lines", "jitter"), "2 ps"),
        ('law={name="worldsheet"}', ("law",), {"name": "worldsheet"}),
        ('"a.b".c=""', ("a.b", "c"), ""),
        ("title=1\nrun.seed=2", ("title",), "1\nrun.seed=2"),
    ],
)
def test_overrides_are_toml_or_text(text: str, key: tuple[str, ...], value: Any) -> None:
    assert parse_override(text) == (key, value)


def test_overrides_reach_into_tables_and_replace_them(small: Path) -> None:
    config = load_scenario(
        small, ["law=worldsheet", "law.gamma=0.25", "hardware.lines.delay_forward.most=7", "network.sizes=[2,2]"]
    ).config
    assert config.law.build() == Worldsheet(beta=1.0, gamma=0.25)
    delay = config.hardware.build(small.parent).lines.delay_forward
    assert (delay.fewest, delay.most) == (1, 7)
    assert config.network.sizes == [2, 2]  # type: ignore[union-attr]


def test_later_overrides_win(small: Path) -> None:
    assert load_scenario(small, ["run.seed=1", "run.seed=2"]).config.run.seed == 2


def test_hardware_by_file_beside_the_scenario_with_changes(small: Path) -> None:
    model = HardwareModel().replace({"lines.delay_forward": Uniform(low=1e-9, high=2e-9), "noise.receiver": 0.5})
    model.to_toml(small.parent / "mine.toml")
    config = load_scenario(small, ["hardware=mine.toml", "hardware.noise={receiver=0.25, node={rms=0.1}}"]).config
    built = config.hardware.build(small.parent)
    assert built.lines == model.lines and built.noise.receiver == 0.25
    assert built.noise.node is not None and built.noise.node.rms == 0.1


def test_digits_network_is_scikit_learns(tmp_path: Path) -> None:
    config = config_of({"source": "digits-mlp", "hidden": [5], "iterations": 5, "seed": 2}, {"source": "digits"})
    built = config.network.build(tmp_path)
    pixels = split_digits().test_inputs
    assert pixels.shape == (360, 64) and pixels.min() == 0 and pixels.max() == 1
    assert built.network.parameters["s1"].weight.shape == (5, 64)
    ours = reference(built.network, pixels).states[built.network.output].argmax(axis=1)
    assert built.predict is not None and np.array_equal(built.predict(pixels), ours)
    assert config.network.build(tmp_path).network == built.network
    other = config.network.model_copy(update={"seed": 3}).build(tmp_path)
    assert other.network != built.network


def test_residual_network_is_its_readout(tmp_path: Path) -> None:
    source = {"source": "digits-residual", "blocks": 2, "width": 6, "activation": "relu", "scale": 0.25}
    built = config_of(source, {"source": "digits"}).network.build(tmp_path)
    assert [name for name in built.network if name.startswith("block2")] == [
        "block2_h_s", "block2_h", "block2_f", "block2",
    ]  # fmt: skip
    pixels = split_digits().test_inputs[:50]
    ours = reference(built.network, pixels).states["logits"].argmax(axis=1)
    assert built.predict is not None and np.array_equal(built.predict(pixels), ours)
    spread = [built.network.parameters[name].weight.std() for name in ("block1_h_s", "block1_f")]
    assert spread[1] < 0.5 * spread[0], "branches are scaled"


def test_random_network_draws_every_layer_on_its_own(tmp_path: Path) -> None:
    def weights(sizes: list[int], scale: float = 1.0) -> Any:
        source = {"source": "random-mlp", "sizes": sizes, "scale": scale}
        return config_of(source, {"source": "random"}).network.build(tmp_path).network.parameters

    base, longer = weights([4, 300, 2]), weights([4, 300, 2, 5])
    assert np.array_equal(base["s1"].weight, longer["s1"].weight)
    assert base["s1"].weight.std() == pytest.approx(0.5, rel=0.1)
    assert np.allclose(weights([4, 300, 2], 3.0)["s2"].weight, 3 * base["s2"].weight)


def test_random_stack_is_nothing_but_residual_blocks(tmp_path: Path) -> None:
    def stack(**changes: Any) -> Network:
        source = {"source": "random-stack", "blocks": 4, "width": 60, **changes}
        return config_of(source, {"source": "random"}).network.build(tmp_path).network

    network, stronger = stack(), stack(scale=1.5)
    first, second = (network.parameters[f"block2_{name}"].weight for name in ("h_s", "f"))
    assert first.std() == pytest.approx(0.5 * 60**-0.5, rel=0.05)
    assert second.std() == pytest.approx(0.5 * 60**-0.5, rel=0.05), "2/blocks"
    assert np.allclose(stronger.parameters["block2_h_s"].weight, 3 * first)
    assert np.array_equal(stack(blocks=8).parameters["block2_h_s"].weight, first)
    assert network.output == "block4" and network.loss == "mse"
    graph = compile_network(network, law=Upwind())
    assert lay_out_stack(graph)[1].level.max() == 2


def test_network_and_data_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network.mlp([[[1.0, 2.0]]])
    net.save(tmp_path / "net.npz")
    inputs, targets = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5], [0.25]])
    elsewhere = tmp_path / "cwd"
    elsewhere.mkdir()
    np.savez(elsewhere / "data.npz", inputs=inputs, targets=targets)
    monkeypatch.chdir(elsewhere)
    config = config_of({"source": "file", "path": "net.npz"}, {"source": "file", "path": "data.npz", "limit": 1})
    assert config.network.build(tmp_path).network == net
    batch = config.data.load(net, tmp_path)
    assert np.array_equal(batch.inputs, inputs[:1]) and np.array_equal(batch.targets, targets[:1])


def test_data_of_several_inputs_by_name(tmp_path: Path) -> None:
    b = NetworkBuilder()
    net = b.build(output=b.add(b.input("left", 2), b.input("right", 2)))
    np.savez(tmp_path / "d.npz", left=[[1.0, 2.0]], right=[3.0, 4.0])
    batch = config_of({"source": "file", "path": "x"}, {"source": "file", "path": "d.npz"}).data.load(net, tmp_path)
    assert isinstance(batch.inputs, dict) and np.array_equal(batch.inputs["right"], [[3.0, 4.0]])
    assert batch.targets is None
    drawn = config_of({"source": "file", "path": "x"}, {"source": "random", "samples": 4}).data.load(net, tmp_path)
    assert {name: rows.shape for name, rows in drawn.inputs.items()} == {"left": (4, 2), "right": (4, 2)}
    assert drawn.targets is not None and drawn.targets.shape == (4, 2)
    assert drawn.first(3).inputs["left"].shape == (3, 2)


def test_labels_stay_known_without_targets(tmp_path: Path) -> None:
    net = Network.mlp([np.ones((3, 2))], loss="softmax_cross_entropy")
    np.savez(tmp_path / "rows.npz", inputs=np.ones((2, 2)), targets=np.eye(3)[[2, 0]])
    source = {"source": "file", "path": "rows.npz", "targets": False}
    batch = config_of({"source": "file", "path": "x"}, source).data.load(net, tmp_path)
    assert batch.targets is None and batch.labels is not None and list(batch.labels) == [2, 0]


def test_substrate_follows_the_file(small: Path) -> None:
    ready = prepare(load_scenario(small, ["substrate.wiring=synapse", "substrate.seed=4", "data.limit=2"]))
    assert (ready.graph.wiring, ready.graph.seed, ready.graph.law.name) == ("synapse", 4, "matched")
    assert len(ready.batch.targets) == 2  # type: ignore[arg-type]


def test_results_hold_figures_configuration_and_how_to_repeat(done: tuple[RunReport, dict[str, Any]]) -> None:
    report, results = done
    assert results["format"] == "backwave-results" and results["result"]["status"] == "settled"
    assert results["result"]["tolerance"] == 1e-4 and results["result"]["samples"] == 3
    assert results["command"] == f"backwave run {report.scenario.source} --set run.tolerance=1e-4 --set run.seed=5"
    assert results["configuration"]["network"]["sizes"] == [3, 5, 2]
    assert results["configuration"]["law"] == {"name": "matched"}
    assert results["substrate"]["law"] == "matched"
    assert results["substrate"]["law_settings"].items() >= {"beta": 1.0, "gamma": 0.0}.items()
    assert results["hardware"]["lines.delay_forward.most"] == 3
    assert results["seeds"] == {"run": 5, "hardware": 0, "network": 0, "data": 0}
    assert {"backwave", "brian2", "numpy", "python", "scikit-learn"} <= set(results["versions"])
    assert results["times"]["settling"] > 0
    assert results["errors_against_backpropagation"]["state"] == report.errors["state"] < 1e-12
    assert results["predictions"]["same_as_digital"] == 3 and results["predictions"]["same_as_teacher"] is None


def test_files_of_a_run_are_those_it_lists(done: tuple[RunReport, dict[str, Any]]) -> None:
    report, results = done
    assert names(report.out) == sorted(results["files"]) == sorted(report.files)
    assert Network.load(report.out / "network.npz") == report.result.graph.network
    assert names(report.out.parent) == ["out", "small.toml"]


def test_a_sample_without_prediction_counts_as_different(done: tuple[RunReport, dict[str, Any]]) -> None:
    report, _ = done
    ready = prepare(report.scenario)
    missed = dataclasses.replace(report.result, settled=np.array([True, False, True]))
    compared = scores(missed, report.exact, ready.built, ready.batch)
    assert compared is not None and compared.same_as_digital == 2
    labels = np.array([report.exact.states["x2"][k].argmax() for k in range(3)])
    all_right = dataclasses.replace(ready.batch, labels=labels)
    shares = scores(missed, report.exact, ready.built, all_right)
    assert shares is not None and (shares.substrate, shares.digital) == (pytest.approx(2 / 3), 1.0)


def test_inference_has_no_costates(small: Path) -> None:
    report = run_scenario(load_scenario(small, ["data.targets=false", "run.pictures=1"]), small.parent / "out")
    assert report.settled and not report.result.held_costates and np.isnan(report.errors["costate"])
    assert (report.out / "worldsheet.png").exists()


def test_no_pictures_on_request(small: Path) -> None:
    report = run_scenario(load_scenario(small, ["run.pictures=0"]), small.parent / "out")
    assert report.files == ("results.json", "network.npz", "predictions.csv", "settling_times.png")


def write_some(out: Path, name: str, force: bool = False) -> None:
    with staged(out, force) as staging:
        (staging / name).write_text(name)
        (staging / "results.json").write_text(json.dumps({"format": "backwave-results", "files": [name]}))


def test_results_replace_earlier_results_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    write_some(out, "first")
    write_some(out, "second")
    assert names(out) == ["results.json", "second"]
    assert names(out.parent) == ["out"]


def test_foreign_files_are_refused_and_kept_with_force(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ScenarioError, match="holds other files"):
        write_some(tmp_path, "a")
    assert names(tmp_path) == ["mine"]
    write_some(tmp_path, "a", force=True)
    assert names(tmp_path) == ["a", "mine", "results.json"]
    with pytest.raises(ScenarioError, match="holds other files"):
        write_some(tmp_path, "b")


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write_some(tmp_path, "a")
    assert names(tmp_path) == ["a", "results.json"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failure(tmp_path: Path, failure: type[BaseException]) -> None:
    out = tmp_path / "deep" / "out"
    with pytest.raises(failure), staged(out) as staging:
        (staging / "half").write_text("half")
        raise failure
    assert names(tmp_path) == []


def test_a_failed_swap_brings_earlier_results_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write_some(out, "first")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".out.staging-") and Path(target) == out:
            raise OSError("disk trouble")
        return rename(self, target)

    monkeypatch.setattr("emulator.files._exchange", lambda one, other: False)  # a system that cannot exchange folders
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="disk trouble"):
        write_some(out, "second")
    assert names(out) == ["first", "results.json"] and names(tmp_path) == ["out"]

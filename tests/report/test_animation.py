"""The worldsheet in motion, and what notebooks show of results."""

from __future__ import annotations

import dataclasses
import html
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from emulator import Network, compile_network, settle, train
from emulator.cli import app
from emulator.errors import EngineError, ExportError
from emulator.report.animation import animate, animate_weights
from emulator.study import load_study
from hwmodels import load
from tests.refusals import refuses


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(5, 4)), rng.normal(size=(2, 5))])
    inputs, targets = rng.normal(size=(2, 4)), rng.normal(size=(2, 2))
    return settle(compile_network(network), inputs, targets, hold=6, traces=True, target="numpy")


def test_a_film_has_a_picture_for_every_step_and_they_move(result, tmp_path):
    path = animate(result, tmp_path / "waves.gif")
    assert [one.name for one in tmp_path.iterdir()] == ["waves.gif"]
    with Image.open(path) as film:
        assert film.n_frames == result.hold
        shown = []
        for frame in range(film.n_frames):
            film.seek(frame)
            shown.append(np.asarray(film.convert("RGB"), dtype=int))
    body = slice(80, None)  # below the title, where the clock is
    assert abs(shown[0][body] - shown[2][body]).max() > 50  # waves
    assert abs(shown[-2][body] - shown[-1][body]).max() < 50  # rest


def test_films_that_cannot_be_written_are_refused(result, tmp_path, monkeypatch):
    with pytest.raises(ExportError, match=r"a name that ends in \.gif or \.mp4"):
        animate(result, tmp_path / "waves.avi")
    monkeypatch.setattr("emulator.report.animation.FFMpegWriter.isAvailable", lambda: False)
    with pytest.raises(ExportError, match=r"there is no ffmpeg here; allowed: \.gif"):
        animate(result, tmp_path / "waves.mp4")
    silent = settle(result.graph, np.zeros((1, 4)), np.zeros((1, 2)), hold=6, target="numpy")
    with pytest.raises(EngineError, match="the result has no traces"):
        animate(silent, tmp_path / "waves.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["digits", "--animate", "avi"], "allowed: a name that ends in .gif or .mp4"),
        (["claims", "--animate", "gif"], "is an experiment; allowed: --animate for single runs"),
        (["digits", "--animate", "gif", "--set", "run.pictures=0"], "run.pictures is 0; allowed with --animate"),
    ],
)
def test_what_the_command_refuses(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["run", *words])
    assert done.exit_code == 2 and told in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []


def test_notebooks_show_tables_of_texts(result):
    assert re.search("settled</td>.*2 of 2 samples", result._repr_html_())
    assert "longest round trip" in result.graph._repr_html_()
    study = load_study("pair")
    assert "settled_fraction" in study._repr_html_() and study.title in html.unescape(study._repr_html_())
    model = load("ideal").replace({"name": "<script>", "noise.receiver": 0.25})
    shown = model._repr_html_()
    assert "noise.receiver" in shown and "0.25" in shown and "&lt;script&gt;" in shown and "<script>" not in shown
    assert "every field" in load("ideal")._repr_html_() or "clock" in load("ideal")._repr_html_()


def test_weights_move(tmp_path):
    rng = np.random.default_rng(0)
    networks = [Network.mlp([(k + 1) * rng.normal(size=(3, 2)), rng.normal(size=(2, 3))]) for k in range(3)]
    with Image.open(animate_weights(networks, tmp_path / "weights.gif", layer="s2")) as film:
        assert film.n_frames == 3
    refuses(
        "the animation got no networks; allowed: at least one",
        lambda: animate_weights([], tmp_path / "a.gif"),
        ExportError,
    )
    with pytest.raises(ExportError, match="no dense layer 's3'"):
        animate_weights(networks, tmp_path / "a.gif", layer="s3")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.gif"]


def test_notebooks_show_trainings():
    network = Network.mlp([np.ones((2, 3))], loss="softmax_cross_entropy")
    result = train(network, np.ones((4, 3)), [0, 1, 0, 1], test=(np.ones((2, 3)), [0, 1]), epochs=1, target="numpy")
    shown = result._repr_html_()
    assert "Training: " in shown and '<td style="text-align:left">samples</td>' in shown and "test accuracy" in shown
    assert "&lt;b&gt;" in dataclasses.replace(result, warnings=("<b>",))._repr_html_()

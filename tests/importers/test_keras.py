"""Real files of Keras 3.15 (`model.export`, through tf2onnx 1.17): images with their channels last, as Keras has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator import FileFormatError, Network, reference
from tests.refusals import refuses

GOLDEN = Path(__file__).parents[1] / "golden" / "keras"


@pytest.mark.parametrize("name", ["cnn", "cnn1"])
def test_a_model_of_keras_answers_as_it_does_there(name: str) -> None:
    """Convolutions in one and two dimensions, pools, batch normalisation: inputs and `model.predict` beside the file."""
    with np.load(GOLDEN / f"{name}.npz") as kept:
        inputs, answers = kept["x"], kept["y"]
    network = Network.load(GOLDEN / f"{name}.onnx")
    found = reference(network, inputs.reshape(len(inputs), -1).astype(float)).states[network.output]
    assert np.abs(found - answers).max() < 1e-6 * np.abs(answers).max()


def test_a_constant_whose_value_was_not_written_is_named() -> None:
    """tf2onnx turns mean and spread of a Normalization layer into inputs, one of which nothing reads."""
    refuses(
        f"file '{GOLDEN / 'normalization.onnx'}': input 'sequential_1/normalization_1/Sqrt/x:0' is read by no operator, as one "
        "that stands for a constant whose value was not written; allowed: inputs that operators read",
        lambda: Network.load(GOLDEN / "normalization.onnx"),
        FileFormatError,
    )

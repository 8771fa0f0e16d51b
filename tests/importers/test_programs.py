"""Files that PyTorch wrote, read where there is no PyTorch: programs as data, pickles not at all."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Network, reference
from emulator.cli import app
from emulator.errors import FileFormatError
from emulator.network import Dense
from tests.refusals import refuses

SMALL = Path(__file__).parent.parent / "golden" / "torch" / "small.pt2"


def test_a_program_answers_as_pytorch_did() -> None:
    """Conv2d, BatchNorm2d, ReLU, MaxPool2d, Linear, LogSoftmax; the answers are those of the module that was exported."""
    network = Network.load(SMALL)
    assert network.loss == "softmax_cross_entropy"
    assert [layer.count for layer in network.layers.values() if isinstance(layer, Dense) and layer.trainable] == [
        1452,
        240,
    ]
    x = np.linspace(-1, 1, 128).reshape(2, 64) ** 3
    z = reference(network, x).states[network.output]
    z = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    expected = [[-2.1329398, -1.9022825, -1.5777215, -1.3301326, -1.3417161],
                [-1.5340853, -1.6163235, -1.6790280, -1.5796520, -1.6444558]]  # fmt: skip
    np.testing.assert_allclose(z, expected, atol=3e-7)


def test_the_command_reads_it() -> None:
    done = CliRunner().invoke(app, ["import", str(SMALL)])
    assert done.exit_code == 0 and "winner-take-all of relu comparators" in done.output
    assert "largest difference from onnx's evaluator of the same operators" in " ".join(done.output.split())


def _changed(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of the program some of whose members are changed, or left out."""
    with zipfile.ZipFile(SMALL) as given, zipfile.ZipFile(path, "w") as made:
        for name in given.namelist():
            value = change(name, given.read(name))
            if value is not None:
                made.writestr(name, value)
    return path


def _in_json(member: str, *keys: Any, to: Any) -> Callable[[str, bytes], bytes]:
    def change(name: str, value: bytes) -> bytes:
        if not name.endswith(member):
            return value
        whole = inner = json.loads(value)
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to
        return json.dumps(whole).encode()

    return change


_WEIGHT = ("model_weights_config.json", "config", "0.weight")
_GRAPH = ("model.json", "graph_module", "graph")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_in_json(*_WEIGHT, "use_pickle", to=True), "'0.weight' is pickled, which would be executed by reading it; allowed: plain tensors"),
        (_in_json(*_WEIGHT, "tensor_meta", "sizes", to=[{"as_int": 2**40}] * 4), "'0.weight' has shape [1099511627776, "),
        (_in_json(*_WEIGHT, "tensor_meta", "strides", to=[{"as_int": 2**40}] * 4), "'0.weight' has shape [3, 1, 3, 3] and holds 108 bytes"),
        (_in_json(*_WEIGHT, "tensor_meta", "storage_offset", to={"as_int": -1}), "'0.weight' has shape"),
        (_in_json(*_WEIGHT, "tensor_meta", "dtype", to=99), "'0.weight' has numbers of type 99; allowed: real and whole numbers"),
        (_in_json(*_WEIGHT, "path_name", to="../../secret"), "the program has no member 'small/data/weights/../../secret'"),
        (_in_json("model.json", "schema_version", "major", to=9), "the program has schema version 9; allowed: 8"),
        (_in_json(*_GRAPH, "nodes", 0, "target", to="torch.ops.aten.fft_fft.default"), "operator aten.fft_fft (node"),
        (_in_json(*_GRAPH, "nodes", 0, "target", to="torch.ops.mine.conv.default"), "operator mine.conv (node"),
        (_in_json(*_GRAPH, "nodes", to=[]), "tensor 'log_softmax' is made by no operator; allowed: a whole program"),
        (_in_json(*_GRAPH, "outputs", to=[]), "the model has outputs ; allowed: one that depends on the input"),
        (_in_json(*_GRAPH, "nodes", to=3), "the program is damaged: TypeError"),
        (_in_json(*_WEIGHT, "tensor_meta", "sizes", to=[{"as_int": float("inf")}]), "the program is damaged: OverflowError"),
        (_in_json("model.json", "graph_module", to={}), "the program is damaged: KeyError"),
        (lambda name, value: None if name.endswith("weight_0") else value, "the program has no member 'small/data/weights/weight_0'"),
        (lambda name, value: None if name.endswith("model.json") else value, "in the layout of an older PyTorch, whose weights are pickled; "
         "allowed: one written by torch.export.save of PyTorch 2.9 or newer"),
        (lambda name, value: value[:-9] if name.endswith("weight_0") else value, "'0.weight' has shape [3, 1, 3, 3] and holds 99 bytes"),
        (lambda name, value: b"{" if name.endswith("model.json") else value, "is no program of torch.export or is damaged: Expecting"),
    ],
)  # fmt: skip
def test_a_changed_program_is_refused(tmp_path: Path, change: Callable[[str, bytes], bytes | None], words: str) -> None:
    path = _changed(tmp_path / "m.pt2", change)
    with pytest.raises(FileFormatError) as told:
        Network.load(path)
    assert str(told.value).startswith(f"file '{path}'") and words in str(told.value)


class Trap:
    """Says so if it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (trap, ())


def trap() -> None:
    pytest.fail("a pickle was executed")


def test_a_pickle_is_refused_by_what_it_names_and_never_executed(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "m.pt", tmp_path / "m.pth"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps(Trap(), protocol=2))
    for protocol in range(6):
        plain.write_bytes(pickle.dumps(Trap(), protocol=protocol))
        for path in (plain, zipped):
            refuses(
                f"file '{path}': holds a pickled '{__name__}.trap', which would be executed by reading it; allowed: export it "
                "where it was made, program = torch.export.export(model.eval(), (example,)); torch.export.save(program, 'model.pt2'), "
                "and read model.pt2",
                lambda path=path: Network.load(path),
                FileFormatError,
            )


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"is no program of torch\.export or is damaged"):
        Network.load(path)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(FileFormatError, match="holds a pickled object, which would be executed"):
        Network.load(path)
    (tmp_path / "w.safetensors").write_bytes(io.BytesIO().getvalue())
    with pytest.raises(FileFormatError, match="weights alone say nothing of the network"):
        Network.load(tmp_path / "w.safetensors")

"""Walking synapses in contiguous runs changes the order in which they are taken, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import Device, Network, Resistive, train
from emulator.engine import standalone
from emulator.engine.contiguous import in_runs

_HEAD = """void _run()
{
    const int _N = _array_xbar_N[0];
    
    for(int _idx=0; _idx<_N; _idx++)
    {
"""  # noqa: W293 - as brian2 writes it
_LOADS = """        const int32_t neuron = _ptr_array_xbar_neuron[_idx];
        const int32_t to = _ptr_array_xbar_to_costate[_idx];
        double w = _ptr_array_xbar_w[_idx];
"""
_TAIL = """
    }

}
"""


def test_runs_share_the_end_in_the_row_and_step_through_the_columns() -> None:
    body = _LOADS + "        double sum = _ptr_sum[neuron];\n        sum += w;\n        _ptr_sum[neuron] = sum;\n"
    text = in_runs(_HEAD + body + _TAIL)
    assert "const int64_t neuron = _neuron_0 + _k;" in text
    assert "const int64_t to = _to_3;" in text, "each of the runs side by side has its own"
    assert text.count("auto _held_ptr_sum = _ptr_sum[_neuron_0 + _k];") == 2, "once for all of them"
    assert "#pragma GCC ivdep" in text


@pytest.mark.parametrize(
    "body",
    [
        "        _ptr_sum[to] = w;\n",
        "        double seen = _ptr_sum[to];\n        _ptr_sum[neuron] = seen + w;\n",
        "        const int32_t member = _ptr_array_xbar_member[_idx];\n        _ptr_array_xbar_w[_idx] = member;\n",
        "        const double unused = w;\n",
    ],
    ids=["a number that all of a run change", "one that others change", "an index of another kind", "nothing stored"],
)
def test_where_synapses_of_a_run_may_meet_the_code_stays(body: str) -> None:
    text = _HEAD + _LOADS + body + _TAIL
    assert in_runs(text) == text


def test_what_is_rare_is_kept_for_a_second_walk() -> None:
    body = _LOADS + "        const int64_t rare = w > 1;\n        w += rare;\n        _ptr_array_xbar_w[_idx] = w;\n"
    text = in_runs(_HEAD + body + _TAIL)
    assert "_asks_now = w > 1;" in text
    assert "const int64_t rare = 0;" in text
    assert "_ptr_array_xbar_w[_idx] = _asks_now ? _ptr_array_xbar_w[_idx] : w;" in text
    assert text.count("const int64_t rare = w > 1;") == 2, "in the second walk, and in the plain loop of short runs"


@pytest.mark.slow
@pytest.mark.parametrize("port", [Resistive(0.05), Device(0.05)], ids=["moving", "written"])
def test_runs_learn_what_the_plain_loop_learns(
    port: Resistive | Device, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(19, 13)) / 4, rng.normal(size=(5, 19)) / 4]
    network, x, y = (
        Network.mlp(weights, loss="softmax_cross_entropy"),
        rng.normal(size=(60, 13)),
        rng.integers(5, size=60),
    )
    learned = []
    for walk in (standalone.walk_in_runs, lambda directory: []):
        monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path_factory.mktemp("cache")))
        monkeypatch.setattr(standalone, "walk_in_runs", walk)
        hardware = "rram-crossbar" if isinstance(port, Device) else "ideal"
        learned.append(train(network, x, y, port=port, hardware=hardware, target="standalone", epochs=2).network)
    for found, plain in zip(*(one.parameters.values() for one in learned), strict=True):
        assert np.abs(found.weight - plain.weight).max() <= 1e-12

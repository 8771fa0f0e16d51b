"""What a run takes and leaves behind: records as long as they will be, nothing of brian2's, and devices that exist alone."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from emulator import Network, compile_network, settle
from emulator.engine import runtime
from emulator.families.node import NodeFamily
from emulator.measure.deviation import Deviation, Deviations
from tests.benchmarks.sparse import measured


@pytest.fixture
def ran(monkeypatch):
    """Outputs of a run of 9 samples, and a reference to what it made in brian2."""
    made, outputs = [], []
    objects, collect = NodeFamily.objects, NodeFamily.collect
    monkeypatch.setattr(runtime, "_LARGE", 0)

    def seen(self, *args):
        fabric = objects(self, *args)
        made.append(weakref.ref(fabric.network))
        return fabric

    def kept(self, plan, values, out, *args):
        outputs.append(out)
        return collect(self, plan, values, out, *args)

    monkeypatch.setattr(NodeFamily, "objects", seen)
    monkeypatch.setattr(NodeFamily, "collect", kept)
    graph = compile_network(Network.mlp([np.eye(3), np.ones((2, 3))]))
    gc.disable()
    try:
        result = settle(graph, np.ones((9, 3)), np.zeros((9, 2)), target="numpy")
    finally:
        gc.enable()
    assert result.settled.all()
    return made[-1], outputs[-1], result.hold


def test_what_a_run_made_in_brian2_is_gone_when_it_ends(ran):
    assert ran[0]() is None


def test_a_record_has_no_rows_to_spare(ran):
    _, outputs, hold = ran
    for name, rows in (("end.u", 10), ("end.lam", 10), ("end.n_sent", 10), ("power", 9 * hold + 1)):
        record = outputs[name]
        assert len(record) == rows and record.base.shape == record.shape


def test_distances_from_rest_are_worked_out_when_they_are_asked_for():
    parts, asked = (slice(0, 2), slice(2, 3)), []
    found = Deviations(parts, lambda rows: asked.append(rows) or Deviation(*[None] * 4))
    assert not asked
    first = iter(found)
    next(first)
    assert asked == [slice(0, 2)] and len(list(found)) == 2


@pytest.mark.slow
def test_a_convolution_takes_at_most_as_much_and_a_third_as_a_full_crossbar_of_as_many_devices():
    """With about as many neurons; of 20 times as many per device what they record is more than all devices take."""
    full, wide = measured("dense"), measured("wide")
    assert wide["peak"] / wide["devices"] <= 1.3 * full["peak"] / full["devices"]
    assert wide["rate"] >= full["rate"] / 1.3

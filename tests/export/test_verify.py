"""Exports verified in ngspice: waves, arrival times, settled values; and changes that verification must see."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from emulator import (
    Bilateral,
    ExportError,
    FileFormatError,
    NetworkBuilder,
    ParallelRL,
    SeriesRC,
    compile_network,
    settle,
)
from emulator.export import Buildable, Options, spice, verify
from emulator.export.ngspice import read_raw, run_ngspice
from emulator.export.two_way import with_two_way_lines
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, node, random_case, sample

__all__ = ["ngspice"]


@pytest.fixture
def exported(tmp_path):
    graph = chain()
    spice(graph, tmp_path / "out", *sample(graph))
    return tmp_path / "out"


def edit(path, pattern, text):
    before = path.read_text()
    after = re.sub(pattern, text, before, count=1, flags=re.M)
    assert after != before
    path.write_text(after)


@pytest.mark.parametrize("seed", range(6))
def test_directional_waves_equal_brian2s(ngspice, tmp_path, seed):
    graph, inputs, targets = random_case(seed, ["tile", "synapse"][seed % 2])
    synapse = ["gyrator", "transformer"][seed // 2 % 2]
    spice(graph, tmp_path / "out", inputs, targets, options=Options(synapse=synapse))
    outcome = verify(tmp_path / "out", limit=60)
    assert outcome.agrees
    assert [check.name for check in outcome.checks] == ["operating point", "waveforms", "settled values"]


def test_runs_at_a_time_change_nothing(ngspice, exported):
    alone, together = (verify(exported, samples=1, workers=workers) for workers in (1, 2))
    assert together == alone and alone.agrees
    for workers in (0, 1.5, True):
        refuses(
            f"workers is {workers!r}; allowed: whole numbers from 1",
            lambda n=workers: verify(exported, workers=n),
            ExportError,
        )


def test_waves_arrive_after_the_sum_of_the_line_delays(ngspice, tmp_path):
    graph = chain((3, 4, 4, 2), low=2, high=7)
    spice(graph, tmp_path / "out", *sample(graph))
    saved = run_ngspice(tmp_path / "out" / "tb_tran.cir", 60)
    time, start, fine = saved["time"], graph.step, 0.1 * graph.step
    for signal, first, last in (
        ("x", graph.arrival.first_state, graph.arrival.state),
        ("lam", graph.arrival.first_costate, graph.arrival.costate),
    ):
        for row, site in enumerate(graph.sites):
            for k in range(site.size):
                wave = node(saved, f"{signal}{row}_{k}")
                size, neuron = np.abs(wave).max(), site.start + k
                began = time[np.flatnonzero(np.abs(wave - wave[0]) > 1e-6 * size)[0]] - start
                ended = time[np.flatnonzero(np.abs(wave - wave[-1]) > 1e-6 * size)[-1]] - start
                # an edge lasts the rise time; one print step before and after it
                assert first[neuron] * graph.step - fine <= began <= first[neuron] * graph.step + 2 * fine
                assert last[neuron] * graph.step - fine <= ended <= last[neuron] * graph.step + 2 * fine


SMALL = (5, 4, 3)
FAR = SeriesRC()
TWO_WAY = {
    "recommended": ({"high": 1}, "gyrator"),
    "transformers": ({"high": 1}, "transformer"),
    "delays of their own": ({"high": 3, "loss": "softmax_cross_entropy"}, "gyrator"),
    "source ends": ({"high": 1, "law": Bilateral(0.5, taper=2.0, source_end=ParallelRL())}, "gyrator"),
    "low-passes": ({"high": 2, "law": Bilateral(0.6, taper=3.0, bandwidth=0.7, far_end=FAR)}, "transformer"),
    "loads and lines": (
        {"high": 1, "law": Bilateral(0.4, far_end=FAR, kappa=1.7), "hardware": {"lines.impedance_tolerance": 0.2}},
        "gyrator",
    ),
}


@pytest.mark.parametrize("case", TWO_WAY)
def test_waves_on_two_way_lines_equal_brian2s(ngspice, tmp_path, case):
    settings, synapse = TWO_WAY[case]
    graph = chain(SMALL, low=1, **settings)
    done = spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral", synapse), hold=40)
    assert not [text for text in done.warnings if text.startswith("waves")]
    rest, waves, settled = verify(tmp_path / "out", limit=60).checks
    assert rest.agrees and rest.compared == 4 * 7 + 2 * 5
    assert waves.agrees and waves.name == "waveforms"
    assert settled.deviation < 0.1  # not yet at rest after 40 transits


def test_a_neuron_rests_at_the_kink_where_its_lines_leave_it_no_other_answer(ngspice, tmp_path):
    graph = chain(SMALL, high=1, activation="relu")
    inputs, targets = sample(graph)
    run = settle(with_two_way_lines(graph), np.vstack([0 * inputs, inputs]), np.vstack([0 * targets, targets]), hold=100,
                 traces=True, target="numpy", diagnose=False)  # fmt: skip
    between = (run.waves.s == 0) & (run.waves.mu != 0)
    assert between[100:].any()
    spice(graph, tmp_path / "out", inputs, targets, options=Options("bilateral"), hold=100)
    assert verify(tmp_path / "out", limit=60).agrees


def test_terminations_of_capacitors_settle_to_the_same_rest(ngspice, tmp_path):
    graph = chain(SMALL, loss="softmax_cross_entropy", high=1)
    spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral", termination="lumped"))
    outcome = verify(tmp_path / "out", limit=60)
    assert outcome.agrees and [check.name for check in outcome.checks] == ["operating point", "settled values"]


@pytest.mark.slow
def test_the_bilateral_circuit_of_64_32_10_settles_as_brian2_does(ngspice, tmp_path):
    graph = chain((64, 32, 10), loss="softmax_cross_entropy", low=1, high=1)
    spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral"))
    outcome = verify(tmp_path / "out", limit=120)
    assert outcome.agrees and outcome.checks[2].compared == 2 * graph.neurons


def test_without_a_termination_it_rings(ngspice, tmp_path):
    graph = chain(SMALL, high=1, law=Bilateral(0.5))
    done = spice(graph, tmp_path / "out", *sample(graph), options=Options("bilateral"), hold=60)
    assert [text.split(":")[0] for text in done.warnings] == ["spectrum", "waves"]
    rest, settled = verify(tmp_path / "out", limit=60).checks
    assert rest.agrees and not settled.agrees


def test_a_changed_weight_is_found_and_its_worst_node_named(ngspice, exported):
    edit(exported / "net.cir", r"^(Xw3_1 .* w=)\S+", r"\g<1>0.9")
    rest = verify(exported).checks[0]
    assert not rest.agrees and rest.worst == "lam1_3"  # what the synapse sends back
    assert abs(rest.found - rest.expected) > 1e-3


def test_a_changed_delay_leaves_the_rest_and_changes_the_waves(ngspice, exported):
    edit(exported / "net.cir", r"^(Xl0 .* td=)\S+", r"\g<1>9e-9")
    rest, waves, _ = verify(exported).checks
    assert rest.agrees and not waves.agrees and waves.seconds is not None


def test_ngspice_that_is_missing_slow_or_failing_is_told(ngspice, exported, monkeypatch, tmp_path):
    refuses(
        f"ngspice on '{exported / 'tb_op.cir'}' took more than 0.0001 s",
        lambda: verify(exported, limit=1e-4),
        ExportError,
    )
    edit(exported / "lib.inc", r"^B1 x 0 V=.*", "B1 x 0 V=V(nowhere)*nothing")
    refuses(f"ngspice on '{exported / 'tb_op.cir'}' failed with status", lambda: verify(exported), ExportError)
    monkeypatch.setenv("PATH", str(tmp_path))
    words = "ngspice is not installed or not on the PATH; install it with the system's package manager"
    refuses(words, lambda: verify(exported), ExportError)


def test_a_probe_that_is_not_saved_is_told(ngspice, exported):
    edit(exported / "tb_op.cir", r"v\(xnet.x1_0\)", "v(xnet.x1_1)")
    refuses("ngspice saved no v(xnet.x1_0)", lambda: verify(exported), ExportError)


def test_a_simulator_that_prints_nonsense_is_told(exported, monkeypatch, tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "ngspice").write_text('#!/bin/sh\necho "all is well"\necho rubbish > "$4"\n')
    (fake / "ngspice").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:/usr/bin:/bin")
    refuses(
        f"ngspice on '{exported / 'tb_op.cir'}': the raw file has no readable header; allowed: a raw file of ngspice; "
        "it said: all is well",
        lambda: verify(exported),
        ExportError,
    )


HEAD = b"Title: t\nFlags: real\nNo. Variables: 2\nNo. Points: 1\nVariables:\n\t0\tV(a)\tvoltage\n\t1\tb\tvoltage\n"
HEAD += b"Binary:\n"


def test_raw_files_are_read_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(HEAD + np.array([1.5, 2.5]).tobytes())
    assert {name: values.tolist() for name, values in read_raw(path).items()} == {"v(a)": [1.5], "b": [2.5]}
    path.write_bytes(HEAD + b"12345678")
    refuses("the raw file holds 8 bytes for 1 points of 2 values; it is cut short", lambda: read_raw(path), ExportError)
    path.write_bytes(HEAD.replace(b"real", b"complex") + bytes(16))
    refuses("the raw file is not what was asked for", lambda: read_raw(path), ExportError)


def test_folders_that_are_no_export_are_refused(exported, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    refuses(f"folder '{empty}' has no map.json", lambda: verify(empty), FileFormatError)
    refuses("limit is -1", lambda: verify(exported, limit=-1), ExportError)
    for name, content, words in (
        ("map.json", "{", f"file '{exported / 'map.json'}' is not JSON"),
        ("map.json", "{}", f"file '{exported / 'map.json'}' is not of format 'backwave-export' and version 4"),
        (
            "map.json",
            json.dumps({"format": "backwave-export", "version": 1, "kind": "sax"}),
            f"export '{exported}' is of kind 'sax'; allowed: spice",
        ),
    ):
        kept = (exported / name).read_text()
        (exported / name).write_text(content)
        refuses(words, lambda: verify(exported), FileFormatError)
        (exported / name).write_text(kept)


def test_waves_that_grow_beyond_all_numbers_are_not_exported(tmp_path):
    b = NetworkBuilder()
    graph = compile_network(b.build(output=b.dense(b.dense(b.input("x", 1), [[1e200]]), [[1e200]])))
    with np.errstate(all="ignore"):
        refuses(
            "the matched run is partly settled", lambda: spice(graph, tmp_path / "out", [[1.0]], [[0.0]]), ExportError
        )
    assert list(tmp_path.iterdir()) == []


def test_a_simulator_that_gives_up_is_reported_with_what_the_export_had_warned_of(ngspice, tmp_path):
    options = Options(buildable=Buildable.of(["conductance=1 kS:2 kS"]))
    done = spice(chain(), tmp_path / "out", *sample(chain()), options=options)
    assert done.warnings
    with pytest.raises(ExportError, match=r"took more than .*; the export warned: conductance: "):
        verify(tmp_path / "out", limit=0.001)

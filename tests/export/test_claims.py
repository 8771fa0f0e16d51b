"""What an exported folder says it must show: every number, node and count is checked, and an edited one is named."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil

import numpy as np
import pytest

from emulator import FileFormatError, Network, compile_network
from emulator.export import Options, claim, spice, verify
from emulator.export.bundle import file_digest, seal, wave_digest
from emulator.export.claim import read_claim
from emulator.export.warnings import MOST_SYNAPSES
from tests.refusals import refuses
from tests.support.circuits import chain, ngspice, random_case, sample

__all__ = ["ngspice"]


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    graph, out = chain(), tmp_path_factory.mktemp("honest") / "out"
    spice(graph, out, *sample(graph))
    return out


@pytest.fixture
def exported(honest, tmp_path):
    shutil.copytree(honest, tmp_path / "out")
    return tmp_path / "out"


def change(folder, name, edit, *, consistent=False):
    """Edit a JSON file; `consistent`: with all digests and the seal of the map made anew."""
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))
    if consistent:
        described = json.loads((folder / "map.json").read_text())
        waves = json.loads((folder / "expected.json").read_text())["waves"]
        with contextlib.suppress(TypeError, ValueError):
            described["waves"] = {key: wave_digest(np.array(wave)) for key, wave in (waves or {}).items()}
        described["digests"] = {key: file_digest(folder / key) for key in described["digests"]}
        described["seal"] = seal(described)
        (folder / "map.json").write_text(json.dumps(described))


def put(*path, value):
    """An edit that sets what stands at a path; a function gets what was there."""

    def edit(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value(content[path[-1]]) if callable(value) else value

    return edit


def drop(*path):
    """An edit that removes what stands at a path."""

    def edit(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return edit


#: edits of expected.json -> what the refusal says after the file
EDITS = {
    "infinity": (put("rest", "x1", 2, value=math.inf), "rest.x1[2] is inf; allowed: a finite number"),
    "infinity in every bundle": (
        lambda content: [put(0, value=-math.inf)(values) for values in content["rest"].values()],
        "rest.x0[0] is -inf; allowed: a finite number",
    ),
    "no number": (put("rest", "lam1", 0, value=math.nan), "rest.lam1[0] is nan; allowed: a finite number"),
    "text": (put("rest", "mu2", 1, value="0.5"), "rest.mu2[1] is '0.5'; allowed: a finite number"),
    "nothing": (put("rest", "mu2", 1, value=None), "rest.mu2[1] is None; allowed: a finite number"),
    "yes": (put("rest", "mu2", 1, value=True), "rest.mu2[1] is True; allowed: a finite number"),
    "list": (put("rest", "mu2", 1, value=[1.0]), "rest.mu2[1] is a list of 1; allowed: a finite number"),
    "bundle as text": (put("rest", "x2", value="all"), "rest.x2 is 'all'; allowed: 2, as the network has"),
    "bundle removed": (drop("rest", "lam2"), "rest lacks 'lam2'; allowed: all that the network has"),
    "bundle added": (put("rest", "lam7", value=[0.0]), "rest: no 'lam7'"),
    "value removed": (drop("rest", "x1", 3), "rest.x1 has 3 entries; allowed: 4, as the network has"),
    "value added": (put("rest", "x1", value=lambda v: [*v, 0.0]), "rest.x1 has 5 entries; allowed: 4"),
    "value edited": (put("rest", "x2", 1, value=lambda v: v * (1 + 1e-9)), "rest.x2[1] is "),
    "sample edited": (put("sample", "inputs", "x", 0, value=lambda v: v + 0.1), "rest.x0[0] is "),
    "target edited": (put("sample", "targets", 0, value=lambda v: v + 0.1), "rest."),
    "sample removed": (drop("sample"), "sample is missing; allowed: what the export wrote"),
    "input removed": (drop("sample", "inputs", "x"), "sample.inputs lacks 'x'"),
    "no rest": (put("rest", value={}), "rest lacks 'lam0'"),
    "rest as list": (put("rest", value=[]), "rest is a list of 0; allowed: a dict"),
    "wave infinite": (put("waves", "x1", 3, 1, value=math.inf), "waves.x1[3][1] is inf; allowed: a finite number"),
    "wave as text": (put("waves", "x1", 3, 1, value="0"), "waves.x1[3][1] is '0'; allowed: a finite number"),
    "wave removed": (drop("waves", "lam1"), "waves lacks 'lam1'"),
    "waves removed": (put("waves", value=None), "waves is None; allowed: a dict"),
    "step of waves removed": (drop("waves", "x1", 0), "waves.x1 has "),
    "no time": (put("transient", "step", value=0), "transient.step is 0.0; allowed: a finite number above 0"),
    "longer": (put("transient", "hold", value=1e300), "transient.stop is "),
    "longer by a little": (put("transient", "hold", value=lambda v: v + 1), "transient.stop is "),
    "later": (put("transient", "stop", value=1.0), "transient.stop is 1.0; allowed: start and a whole number of steps"),
}


@pytest.mark.parametrize("consistent", [False, True])
@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_expectation_is_named_even_if_its_digest_is_made_anew(exported, kind, consistent):
    edit, words = EDITS[kind]
    change(exported, "expected.json", edit, consistent=consistent)
    refuses(f"file '{exported / 'expected.json'}', {words}", lambda: verify(exported), FileFormatError)


def test_an_edited_wave_is_named(exported):
    change(exported, "expected.json", put("waves", "lam1", 2, 0, value=lambda v: v + 1e-12))
    words = f"file '{exported / 'expected.json'}', waves.lam1 is edited: its digest is not that in map.json"
    refuses(words, lambda: verify(exported), FileFormatError)


def test_an_expectation_that_is_written_otherwise_is_edited(exported):
    change(exported, "expected.json", put("transient", "comment", value="mine"))
    refuses(f"file '{exported / 'expected.json'}', transient: no 'comment'", lambda: verify(exported), FileFormatError)
    change(exported, "expected.json", drop("transient", "comment"))
    (exported / "expected.json").write_text((exported / "expected.json").read_text() + " ")
    words = f"file '{exported / 'expected.json'}' is edited: its digest is not that in map.json"
    refuses(words, lambda: verify(exported), FileFormatError)


#: edits of map.json -> what the refusal says after the file
MAPS = {
    "bundle removed": (drop("bundles", 3), "bundles[3].nodes is "),
    "last bundle removed": (drop("bundles", -1), "bundles has 9 entries; allowed: 10, from a dict of 6 on, as the network"),
    "count": (put("bundles", 2, "count", value=3), "bundles[2].count is 3; allowed: 4"),
    "layer": (put("bundles", 0, "layers", value=["y"]), "bundles[0].layers[0] is 'y'; allowed: 'x'"),
    "key": (drop("bundles", 0, "role"), "bundles[0].role is missing"),
    "crossbar": (put("crossbars", 0, "rows", value=2), "crossbars[0].rows is 2; allowed: 3"),
    "file": (put("files", 0, value="../lib.inc"), "files[0] is '../lib.inc'; allowed: 'lib.inc'"),
    "network": (put("network", value="0" * 64), "network is '0000"),
    "loss": (put("loss", value="softmax_cross_entropy"), "loss is 'softmax_cross_entropy'; allowed: 'mse'"),
    "wiring": (put("wiring", value="mesh"), "wiring is 'mesh'; allowed: tile, synapse"),
    "circuit": (put("circuit", value="none"), "circuit is 'none'; allowed: directional, bilateral"),
    "scale": (put("volts_per_state", value=-1), "volts_per_state is -1.0; allowed: a finite number above 0"),
    "no probes": (put("probed", value=[]), "probed is a list of 0; allowed: numbers of rows, 0 to 2, each once"),
    "probe twice": (put("probed", value=[0, 0]), "probed is a list of 2; allowed: numbers of rows"),
    "probe beyond": (put("probed", value=[3]), "probed is a list of 1; allowed: numbers of rows"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MAPS)
def test_an_edited_map_is_named_even_if_its_seal_is_made_anew(exported, kind):
    edit, words = MAPS[kind]
    change(exported, "map.json", edit, consistent=True)
    refuses(f"file '{exported / 'map.json'}', {words}", lambda: verify(exported), FileFormatError)


def test_what_else_is_edited_in_a_map_breaks_its_seal(exported):
    for edit in (
        put("circuit", value="bilateral"),
        put("probed", value=[2]),
        put("digests", "net.cir", value="0" * 64),
    ):
        kept = (exported / "map.json").read_text()
        change(exported, "map.json", edit)
        words = f"file '{exported / 'map.json'}' is edited: its seal is not that of its content"
        refuses(words, lambda: verify(exported), FileFormatError)
        (exported / "map.json").write_text(kept)


def test_a_network_in_the_place_of_another_is_refused_or_found(ngspice, exported):
    graph = chain((3, 4, 2), activation="relu")
    graph.network.save(exported / "network.npz")
    refuses(f"file '{exported / 'map.json'}', network is ", lambda: verify(exported), FileFormatError)
    # with the map made to suit, its values are not those of the file
    change(exported, "map.json", put("network", value=graph.network.digest), consistent=True)
    refuses(f"file '{exported / 'expected.json'}', rest.", lambda: verify(exported), FileFormatError)
    # and with these made to suit as well, the circuit is not that network
    spice(graph, exported.parent / "other", *sample(graph))
    for name in ("map.json", "expected.json", "network.npz"):
        shutil.copy(exported.parent / "other" / name, exported / name)
    outcome = verify(exported)
    assert not outcome.agrees and outcome.network == graph.network.digest
    assert outcome.notes[0] == "edited since the export: lib.inc, net.cir, tb_op.cir, tb_tran.cir"


def test_files_that_are_damaged_are_refused(exported, monkeypatch):
    for name in ("map.json", "expected.json"):
        path, kept = exported / name, (exported / name).read_text()
        for text, words in (
            ("", f"file '{path}' is not JSON"),
            ("[" * 100_000, f"file '{path}' is not JSON"),
            ('{"format": 1' + "0" * 5000 + "}", f"file '{path}' is not JSON"),
            ("[]", f"file '{path}' is not of format 'backwave-"),
            (kept.replace('"version": 4', '"version": 1'), f"file '{path}' is not of format 'backwave-"),
            ('{"format": 1' + "0" * 400 + "}", f"file '{path}' is not JSON: holds a whole number of 1329 bits"),
        ):  # fmt: skip
            path.write_text(text)
            refuses(words, lambda: verify(exported), FileFormatError)
        path.write_bytes(b"\xff\xfe")
        refuses(f"file '{path}' is not JSON", lambda: verify(exported), FileFormatError)
        path.write_text(kept)
    (exported / "network.npz").write_bytes(b"PK")
    refuses(f"file '{exported / 'network.npz'}' is not a network file", lambda: verify(exported), FileFormatError)
    (exported / "network.npz").unlink()
    refuses(f"folder '{exported}' has no network.npz", lambda: verify(exported), FileFormatError)
    monkeypatch.setattr(claim, "_MOST_MAP", 1000)
    refuses(
        f"file '{exported / 'map.json'}' has more than 1,000 bytes; allowed: at most that",
        lambda: verify(exported),
        FileFormatError,
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_rest_is_worked_out_as_the_export_did(tmp_path, monkeypatch, seed):
    """Over networks with skips, sums and concatenations, scales, circuits and losses."""
    monkeypatch.setitem(MOST_SYNAPSES, "bilateral", 1)  # no waves are followed
    graph, inputs, targets = random_case(seed, high=1)
    circuit = ["directional", "bilateral"][seed % 2]
    spice(graph, tmp_path / "out", inputs, targets, options=Options(circuit, volts=0.3), hold=5 if seed % 2 else None)
    found = read_claim(tmp_path / "out")
    stated = json.loads((tmp_path / "out" / "expected.json").read_text())["rest"]
    assert set(found.rest) == set(stated) and found.rows == found.probed == len(graph.sites)
    for name, values in found.rest.items():
        np.testing.assert_allclose(values, stated[name], rtol=1e-12, atol=1e-15)
        assert (np.abs(values) <= found.terms[name] * (1 + 1e-9)).all()


def test_the_network_of_an_export_is_the_one_that_was_exported(exported):
    network = Network.load(exported / "network.npz")
    assert network.digest == chain().network.digest
    assert re.search(network.digest, (exported / "net.cir").read_text())
    assert compile_network(network).neurons == chain().neurons

"""The claims are checked, and a claim that fails shows."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import emulator.experiments.claims as claims
from emulator import EngineError, ScenarioError
from emulator.cli import app
from emulator.experiments import run_experiment
from emulator.experiments.claims import CLAIMS, Claim, Curve, Origin, Panel, algorithm, circuits
from emulator.experiments.claims.figure import claims_figure
from emulator.scenario import load_scenario
from tests.refusals import refuses


def given(measured: float = 0.5) -> Claim:
    panel = Panel("x (steps)", "y", (Curve([0.0, 1.0], [1.0, 2.0], "a"), Curve([0.0, 1.0], [1.0, 1.0], "b", True)))
    return Claim(
        "Some claim",
        "It is so.",
        Origin.STATED,
        "(7)",
        "a = b",
        "a circuit",
        "largest difference",
        measured,
        1.0,
        panel,
    )


@pytest.mark.slow
def test_all_claims_hold(tmp_path):
    report = run_experiment(load_scenario("claims"), tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert report.findings.good and report.findings.verdict == f"{len(CLAIMS)} of {len(CLAIMS)} claims hold"
    assert set(results["files"]) == {"results.json", "claims.png", "claims.md"}
    for row in results["claims"]:
        assert row["holds"] and row["measured"] <= row["tolerance"] <= 1e-7, row["name"]
    text = (tmp_path / "out" / "claims.md").read_text()
    for row in results["claims"]:
        assert f"| {row['name']} | {row['origin']} | {row['measured']:.3g} | " in text
        assert f"{row['origin'].capitalize()}: {row['source']}.\n" in text
        assert f"\n    {row['equation']}\n" in text
    assert "![The claims of wave scattering, measured](claims.png)" in text


def test_a_claim_that_fails_fails_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(CLAIMS, "clamp", lambda bench: given(2.0))
    overrides = ["--set", 'claims.checks=["matched-load","clamp"]', "--set", "network.iterations=1"]
    done = CliRunner().invoke(app, ["run", "claims", "--out", str(tmp_path / "out"), *overrides])
    assert done.exit_code == 1
    assert "1 of 2 claims hold" in done.output
    assert "| Some claim | the paper states | 2 | 1 | **no** |" in (tmp_path / "out" / "claims.md").read_text()
    assert not given(float("nan")).holds and given(1.0).holds


def test_a_wrong_equation_is_noticed(monkeypatch):
    """Each check of a circuit compares two independent figures: with another load it fails."""
    monkeypatch.setattr(circuits, "_RATIOS", np.array([1.0, 4.0]))
    bench, law = claims.Bench(None, None, None, None), circuits.Bilateral
    assert claims.matched_load_absorbs(bench).holds
    monkeypatch.setattr(circuits, "Bilateral", lambda z, **how: law(1.001 * z, **how))
    assert not claims.matched_load_absorbs(bench).holds
    assert not claims.clamp_reflects(bench).holds


BENCH = claims.Bench(None, None, None, None)


@pytest.mark.parametrize(
    "name",
    [
        "own-rest",
        "bias",
        pytest.param("carried-impedance", marks=pytest.mark.slow),
        "discrete-energy",
        "reach",
        "heavy-ball",
    ],
)
def test_claims_on_algorithm_1_hold_and_say_whose_they_are(name):
    found = CLAIMS[name](BENCH)
    assert found.holds and re.search(r"\(\d+\)|Theorem|Algorithm 1", found.source)
    assert (found.origin is Origin.OURS) == (name != "heavy-ball")


def test_what_the_paper_proves_has_a_number():
    text = {name: claim for name in ("matched-load", "clamp") for claim in [CLAIMS[name](BENCH)]}
    assert {name: str(claim.origin) for name, claim in text.items()} == {
        "matched-load": "ours", "clamp": "the paper proves"
    }  # fmt: skip
    assert "Lemma 2.5 (15)" in text["clamp"].source


def test_a_bias_that_is_computed_wrong_is_noticed(monkeypatch):
    """Measured and computed bias are two figures, and a metric that is not carried through leaves one."""
    bias = algorithm.bias_of
    monkeypatch.setattr(algorithm, "_NU", (0.0, 0.1))
    monkeypatch.setattr(algorithm, "bias_of", lambda *given: replace(b := bias(*given), gradient=1.001 * b.gradient))
    assert not claims.CLAIMS["bias"](BENCH).holds
    law = algorithm.WavePMP
    monkeypatch.setattr(algorithm, "WavePMP", lambda *given, metric, **how: law(*given, metric=1.1, **how))
    assert not claims.CLAIMS["carried-impedance"](BENCH).holds


def test_the_picture_shows_measured_and_expected():
    figure = claims_figure([given(), replace(given(3.0), name="Other")], "title")
    left, right = figure.axes[:2]
    assert (left.get_title("left"), right.get_title("left")) == (
        "Some claim (the paper states): holds",
        "Other (the paper states): FAILS",
    )
    assert [line.get_label() for line in left.lines] == ["a", "b"]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [1, 2])
    assert left.lines[1].get_linestyle() == "--"


def test_unknown_claims_and_missing_sections_are_refused(tmp_path):
    overrides = ['claims.checks=["clammp"]', "network.iterations=1"]
    refuses("scenario 'claims': unknown claim 'clammp' (did you mean 'clamp'?)",
            lambda: run_experiment(load_scenario("claims", overrides), tmp_path / "out"), EngineError)  # fmt: skip
    refuses("scenario 'digits': claims needs its section; allowed: a scenario with one",
            lambda: run_experiment(load_scenario("digits"), tmp_path / "out", kind="claims"), ScenarioError)  # fmt: skip


@pytest.mark.slow
def test_claims_are_the_same_whoever_checks_them():
    scenario = load_scenario("claims")
    built = scenario.config.network.build(scenario.folder)
    batch = scenario.config.data.load(built.network, scenario.folder)
    bench = claims.Bench(built.network, batch.inputs, batch.targets, scenario.config.hardware.build(scenario.folder))
    names = ["descent", "finite-speed", "clamp"]
    alone, shared = (claims.check_claims(bench, names, workers=workers) for workers in (None, 2))
    assert [claim.to_dict() for claim in shared] == [claim.to_dict() for claim in alone]
    assert [CLAIMS[name](bench).name for name in names] == [claim.name for claim in alone]

"""The claims are checked, and a claim that fails shows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import emulator.experiments.claims as claims
from emulator import EngineError, ScenarioError
from emulator.cli import app
from emulator.experiments import run_experiment
from emulator.experiments.claims import CLAIMS, Claim, Curve, Panel, circuits
from emulator.experiments.claims.figure import claims_figure
from emulator.scenario import load_scenario
from tests.refusals import refuses


def given(measured: float = 0.5) -> Claim:
    panel = Panel("x (steps)", "y", (Curve([0.0, 1.0], [1.0, 2.0], "a"), Curve([0.0, 1.0], [1.0, 1.0], "b", True)))
    return Claim("Some claim", "It is so.", "a = b", "a circuit", "largest difference", measured, 1.0, panel)


@pytest.mark.slow
def test_all_claims_hold(tmp_path):
    report = run_experiment(load_scenario("claims"), tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert report.findings.good and report.findings.verdict == "7 of 7 claims hold"
    assert set(results["files"]) == {"results.json", "claims.png", "claims.md"}
    for row in results["claims"]:
        assert row["holds"] and row["measured"] <= row["tolerance"] <= 1e-7, row["name"]
    text = (tmp_path / "out" / "claims.md").read_text()
    for row in results["claims"]:
        assert f"| {row['name']} | {row['measured']:.3g} | " in text
        assert f"\n    {row['equation']}\n" in text
    assert "![The claims of wave scattering, measured](claims.png)" in text


def test_a_claim_that_fails_fails_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(CLAIMS, "clamp", lambda bench: given(2.0))
    overrides = ["--set", 'claims.checks=["matched-load","clamp"]', "--set", "network.iterations=1"]
    done = CliRunner().invoke(app, ["run", "claims", "--out", str(tmp_path / "out"), *overrides])
    assert done.exit_code == 1
    assert "1 of 2 claims hold" in done.output
    assert "| Some claim | 2 | 1 | **no** |" in (tmp_path / "out" / "claims.md").read_text()
    assert not given(float("nan")).holds and given(1.0).holds


def test_a_wrong_equation_is_noticed(monkeypatch):
    """Each check of a circuit compares two independent figures: with another load it fails."""
    monkeypatch.setattr(circuits, "_RATIOS", np.array([1.0, 4.0]))
    bench, law = claims.Bench(None, None, None, None), circuits.Bilateral
    assert claims.matched_load_absorbs(bench).holds
    monkeypatch.setattr(circuits, "Bilateral", lambda z, **how: law(1.001 * z, **how))
    assert not claims.matched_load_absorbs(bench).holds
    assert not claims.clamp_reflects(bench).holds


def test_the_picture_shows_measured_and_expected():
    figure = claims_figure([given(), replace(given(3.0), name="Other")], "title")
    left, right = figure.axes[:2]
    assert (left.get_title("left"), right.get_title("left")) == ("Some claim: holds", "Other: FAILS")
    assert [line.get_label() for line in left.lines] == ["a", "b"]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [1, 2])
    assert left.lines[1].get_linestyle() == "--"


def test_unknown_claims_and_missing_sections_are_refused(tmp_path):
    overrides = ['claims.checks=["clammp"]', "network.iterations=1"]
    refuses("scenario 'claims': unknown claim 'clammp' (did you mean 'clamp'?)",
            lambda: run_experiment(load_scenario("claims", overrides), tmp_path / "out"), EngineError)  # fmt: skip
    refuses("scenario 'digits': claims needs its section; allowed: a scenario with one",
            lambda: run_experiment(load_scenario("digits"), tmp_path / "out", kind="claims"), ScenarioError)  # fmt: skip

"""Two studies side by side: statistics against SciPy and simulation, pairing by seeds, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from emulator import StudyError
from emulator.cli import app
from emulator.study.comparison import TARGETS, Side, compare
from emulator.study.report import read_evidence
from emulator.study.report.comparison import comparison_summary, comparison_table
from emulator.study.significance import holm, median_interval, rank_sum, shift_interval, signed_rank
from emulator.study.store import Store
from tests.refusals import refuses
from tests.support.made_up import build_store, digits_like

NOISE, BITS = "hardware.noise.receiver", "hardware.precision.forward.bits"


def twice_the_noise(axes, chip, noise):
    return digits_like({**axes, NOISE: 2 * axes[NOISE]}, chip, noise)


def side(path: Path) -> Side:
    return Side.whole(path.stem, read_evidence(path))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Path:
    return build_store(tmp_path_factory.mktemp("c") / "quiet.db", {NOISE: [0.001, 0.01]}, chips=8)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory) -> Path:
    return build_store(tmp_path_factory.mktemp("c") / "noisy.db", {NOISE: [0.001, 0.01]}, twice_the_noise, chips=8)


def by_metric(found):
    return {row.metric: row for row in found.rows}


@pytest.mark.parametrize("count", [6, 9, 20, 49])
def test_the_exact_signed_rank_test_is_scipys_where_there_are_no_ties(count):
    values = np.random.default_rng(count).normal(0.4, 1, count)
    assert signed_rank(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue, rel=1e-12)


def test_the_signed_rank_test_is_exact_with_ties_and_leaves_out_zeros():
    values = np.array([1.0, 1, 1, 1, -1, 0, 0])  # five ties: as many ways as a sign test has
    assert signed_rank(values) == pytest.approx(stats.binomtest(4, 5).pvalue)
    assert signed_rank(np.full(4, 2.5)) == pytest.approx(2 / 2**4)
    assert signed_rank(np.array([3.0, 2, -1, 0.5, 0, 0, 0])) == signed_rank(np.array([3, 2, -1, 0.5])) == 0.375


def test_many_differences_are_tested_by_the_normal_law():
    values = np.random.default_rng(1).normal(0.1, 1, 200)
    assert signed_rank(values) == pytest.approx(stats.wilcoxon(values, correction=True).pvalue)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0, 0.0]])
def test_nothing_to_test_has_no_p_value(values):
    assert np.isnan(signed_rank(np.array(values)))


def test_the_rank_sum_test_is_scipys():
    a, b = np.random.default_rng(2).normal(size=12), np.random.default_rng(3).normal(1, 1, 9)
    assert rank_sum(a, b) == stats.mannwhitneyu(a, b).pvalue
    assert np.isnan(rank_sum(a[:1], b))
    assert np.isnan(rank_sum(np.ones(4), np.ones(3)))


def test_holm_is_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, np.nan, 0.9])[::2] == pytest.approx([1.0, 1.0])
    assert np.isnan(holm([0.5, np.nan])[1])


def test_median_intervals_cover_as_often_as_they_say():
    draws = np.random.default_rng(7)
    covered = [
        low <= 0 <= high for low, high in (median_interval(draws.exponential(size=17) - np.log(2)) for _ in range(2000))
    ]
    # P(5 <= B <= 12) with B ~ binomial(17, 1/2) is 0.951; three standard errors are 0.0145
    assert np.mean(covered) == pytest.approx(0.951, abs=0.0145)
    assert np.isnan(median_interval(np.arange(5.0))).all()
    assert median_interval(np.arange(6.0)) == (0, 5)


def test_shift_intervals_cover_about_as_often_as_they_say():
    draws = np.random.default_rng(8)
    pairs = [(draws.normal(size=25), draws.normal(2, 1, 30)) for _ in range(60)]
    covered = [low <= 2 <= high for low, high in (shift_interval(a, b) for a, b in pairs)]
    assert 0.85 <= np.mean(covered) <= 1
    assert np.isnan(shift_interval(np.ones(1), np.ones(4))).all()


def test_the_same_seeds_are_compared_chip_by_chip(quiet, noisy):
    found = compare(side(quiet), side(noisy))
    assert (found.paired, found.unit, found.notes) == (True, "chip", ())
    rows = by_metric(found)
    a, b = (read_evidence(path) for path in (quiet, noisy))
    chips = [np.array([e.metrics["accuracy"][e.chip == k].mean() for k in range(8)]) for e in (a, b)]
    row = rows["accuracy"]
    assert row.difference == pytest.approx(np.median(chips[1] - chips[0]))
    assert row.p == pytest.approx(stats.wilcoxon(chips[1] - chips[0]).pvalue)
    assert row.units == (8, 8)
    assert row.different
    assert row.difference < 0


def test_runs_of_one_chip_are_no_independent_evidence(tmp_path):
    """A hundred runs on two chips show no more than two chips can."""
    paths = [
        build_store(tmp_path / f"{k}.db", {}, lambda axes, chip, run, k=k: ({"accuracy": 0.5 + 0.1 * k}, None), chips=2, noise=50)
        for k in range(2)
    ]  # fmt: skip
    row = by_metric(compare(*map(side, paths)))["accuracy"]
    assert row.units == (2, 2)
    assert row.p == pytest.approx(0.5)
    assert not row.different


def test_other_seeds_are_independent_samples(quiet, tmp_path):
    other = build_store(tmp_path / "other.db", {NOISE: [0.001, 0.01]}, twice_the_noise, chips=7, seed=3)
    found = compare(side(quiet), side(other))
    assert not found.paired
    assert "no points with the same seeds" in found.notes[0]
    row = by_metric(found)["gradient_error"]
    assert row.units == (8, 7)
    e, f = read_evidence(quiet), read_evidence(other)
    a, b = (np.array([x.metrics["gradient_error"][x.chip == k].mean() for k in range(n)]) for x, n in ((e, 8), (f, 7)))
    assert row.p == pytest.approx(stats.mannwhitneyu(a, b).pvalue)
    assert row.difference == pytest.approx(np.median(b) - np.median(a))


def test_only_places_that_both_have_are_paired(quiet, tmp_path):
    other = build_store(tmp_path / "o.db", {NOISE: [0.01, 0.1], BITS: [4, 8]}, chips=8)
    found = compare(side(quiet), side(other))
    assert found.paired
    assert found.notes == (f"{16 + 16} places have no partner on the other side and are left out",)
    e = read_evidence(other)
    chosen = e.axes[NOISE] == 0.01
    wanted = np.median([e.metrics["accuracy"][chosen & (e.chip == k)].mean() for k in range(8)])
    assert by_metric(found)["accuracy"].second == pytest.approx(wanted)


def test_places_count_where_there_is_one_chip_and_one_run(tmp_path):
    noises = list(np.linspace(0.001, 0.1, 12))
    paths = [build_store(tmp_path / f"{k}.db", {NOISE: noises}, one, chips=1, noise=1)
             for k, one in enumerate((digits_like, twice_the_noise))]  # fmt: skip
    found = compare(*map(side, paths))
    assert found.unit == "place"
    assert by_metric(found)["gradient_error"].units == (12, 12)


def test_two_values_of_an_axis_are_sides_of_one_study(tmp_path):
    path = build_store(tmp_path / "p.db", {"hardware.model": ["sfq", "loihi2"], NOISE: [0.01]},
                       lambda axes, *rest: digits_like({NOISE: 0.1 if axes["hardware.model"] == "sfq" else 0.02}, *rest),
                       chips=8)  # fmt: skip
    evidence = read_evidence(path)
    found = compare(*(Side.at(evidence, "hardware.model", name) for name in ("sfq", "loihi2")))
    assert found.paired
    assert found.names == ("sfq", "loihi2")
    texts = {row[0].text: row[-1].text for row in comparison_table(found).rows}
    assert texts["accuracy"] == texts["targets met"] == "loihi2 is better"
    assert texts["gradient error"] == "loihi2 is better"
    assert texts["energy per sample"] == "cannot tell"
    assert texts["reflected power"] == "the same"


def test_missing_energy_stays_missing(quiet, noisy):
    row = by_metric(compare(side(quiet), side(noisy)))["energy"]
    assert np.isnan([row.first, row.second, row.difference, row.p, row.corrected]).all()
    assert "| energy per sample | missing | missing | missing | too few | no test | 0 | cannot tell |" in (
        comparison_summary(compare(side(quiet), side(noisy)))
    )


def test_a_metric_that_one_side_lacks_is_shown_but_not_compared(quiet, tmp_path):
    def outcome(axes, chip, noise):
        return {**digits_like(axes, chip, noise)[0], "energy": 2e-9 + 1e-10 * chip}, None

    other = build_store(tmp_path / "e.db", {NOISE: [0.001, 0.01]}, outcome, chips=8)
    row = by_metric(compare(side(quiet), side(other)))["energy"]
    assert np.isnan([row.first, row.difference, row.p]).all()
    assert row.second == pytest.approx(2.35e-9)
    assert row.units == (0, 8)


def test_other_targets_are_not_compared(quiet, tmp_path):
    other = build_store(tmp_path / "t.db", {NOISE: [0.001, 0.01]}, chips=8, targets={"accuracy": {"min": 0.5}})
    found = compare(side(quiet), side(other))
    assert TARGETS not in by_metric(found)
    assert found.notes == ("the two studies have different targets, so how often targets are met is not compared",)


def test_studies_without_an_axis_in_common_are_refused(quiet, tmp_path):
    other = build_store(tmp_path / "bits.db", {BITS: [4, 8]}, chips=2)
    refuses(
        f"quiet and bits share no axis (quiet: {NOISE}; bits: {BITS}); allowed: two studies with an axis in common",
        lambda: compare(side(quiet), side(other)),
        StudyError,
    )


def test_studies_without_a_metric_in_common_are_refused(tmp_path):
    paths = [
        build_store(tmp_path / f"{name}.db", {}, lambda *_, name=name: ({name: 1.0}, None), targets={})
        for name in ("energy", "events")
    ]
    refuses(
        "energy and events share no metric (energy: energy; events: events); allowed: two studies with a metric in common",
        lambda: compare(*map(side, paths)),
        StudyError,
    )


def test_two_networks_are_not_compared_chip_by_chip(tmp_path):
    """What differs between chips of two networks are the networks; other samples only make the sides independent."""
    paths = [build_store(tmp_path / f"{name}.db", {NOISE: [0.001]}, chips=4) for name in ("a", "b")]
    for path, digest in zip(paths, ("aa", "bb"), strict=True):
        _tell(path, {"digest": digest, "parameters": 9})
    refuses(
        "a and b are of two networks: a ran one of 9 parameters (digest aa) and b ran one of 9",
        lambda: compare(*map(side, paths)),
        StudyError,
    )
    for path in paths:
        _tell(path, {"digest": "aa", "data": path.stem})
    found = compare(*map(side, paths))
    assert not found.paired and found.notes[0].startswith("the sides ran other samples")


def test_points_that_failed_say_nothing_about_targets(tmp_path):
    def fails(axes, chip, noise):
        return ({}, "no such age") if chip == 1 else digits_like(axes, chip, noise)

    paths = [
        build_store(tmp_path / "a.db", {}, chips=3, noise=1),
        build_store(tmp_path / "b.db", {}, fails, chips=3, noise=1),
    ]
    targets = compare(*map(side, paths)).rows[0]
    assert targets.metric == TARGETS and targets.units == (3, 2) and targets.second == 1.0


def _tell(path, network):
    with closing(sqlite3.connect(path)) as link, link:
        link.execute("UPDATE meta SET value = ? WHERE key = 'network'", (json.dumps(network),))


def test_sides_whose_chips_were_sampled_until_they_told_have_the_same_chips_and_say_so(tmp_path):
    told = {"repeats": {"sequential": True, "chips": 8, "share": 0.9}}
    stopped = build_store(tmp_path / "stopped.db", {NOISE: [0.001, 0.01]}, chips=8, seed=1, study=told, done=20)
    other = build_store(tmp_path / "other.db", {NOISE: [0.001, 0.01]}, chips=8)
    found = compare(side(other), side(stopped))
    assert not found.paired and any("sampled until they told" in note for note in found.notes)
    evidence = read_evidence(other)  # eight chips at the first place and two at the second, as on the side that stopped
    wanted = evidence.metrics["accuracy"].reshape(2, 8, 2)
    first = [np.mean(wanted[: 2 if chip < 2 else 1, chip]) for chip in range(8)]
    assert by_metric(found)["accuracy"].first == pytest.approx(np.median(first))


def test_an_empty_study_is_refused(quiet, tmp_path):
    empty = build_store(tmp_path / "empty.db", {NOISE: [0.001]}, done=0)
    refuses(
        "empty has no points; allowed: a study with at least one", lambda: compare(side(quiet), side(empty)), StudyError
    )


def test_options_of_technologies_are_refused_with_stores(quiet, noisy):
    done = CliRunner().invoke(app, ["compare", str(quiet), str(noisy), "--workers", "1"])
    assert done.exit_code == 2
    assert done.output.startswith("backwave: error: --store, --set and --workers are for two technologies")


def test_the_command_prints_a_table_and_writes_a_file(quiet, noisy, tmp_path):
    out = tmp_path / "comparison.md"
    done = CliRunner().invoke(app, ["compare", str(quiet), str(noisy), "--out", str(out)])
    assert done.exit_code == 0, done.output
    for words in ("gradient error", "quiet is better", "Wilcoxon"):
        assert words in done.output
    assert out.read_text(encoding="utf-8") == comparison_summary(compare(side(quiet), side(noisy)))


def test_two_technologies_are_run_once_and_compared_chip_by_chip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = [
        "repeats.chips=2",
        "repeats.images=2",
        "base.overrides.network.iterations=20",
        "base.overrides.run.target=numpy",
    ]
    words = ["compare", "sfq", "pcm-crossbar", "--workers", "1", *(w for text in few for w in ("--set", text))]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("sfq against pcm-crossbar: 0 of 8 metrics differ\n")  # two chips can show nothing
    assert "compared chip by chip, with the same seeds" in done.output
    store = tmp_path / "runs" / "sfq-pcm-crossbar.sqlite"
    with Store(store) as first:
        before = first.points()
    assert before["hardware.model"].tolist() == ["sfq"] * 2 + ["pcm-crossbar"] * 2
    assert CliRunner().invoke(app, words).output == done.output
    with Store(store) as second:
        assert second.points()["finished"].tolist() == before["finished"].tolist()


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("sfq", "{quiet}", "'sfq' is a technology and '"),
        ("idael", "sfq", "unknown technology 'idael' (did you mean 'ideal'?)"),
        ("sfq", "sfq", "compare was given 'sfq' twice"),
        ("{quiet}", "nothing.db", "'nothing.db': No such file"),
        ("sfq", "sonos-crossbar", "hardware model 'sonos-crossbar': not known and must be supplied: "),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, words, quiet):
    done = CliRunner().invoke(app, ["compare", *(name.format(quiet=quiet) for name in (first, second))])
    assert done.exit_code == 2
    assert done.output.startswith(f"backwave: error: {words}"), done.output
    assert done.output.count("\n") == 1

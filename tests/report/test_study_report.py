"""The report of a study: nothing in it that is not in the store, nothing left out, and nothing that runs or loads."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import FileFormatError, StudyError
from emulator.cli import app
from emulator.study.report import read_evidence, report_of, study_page, study_summary, write_report
from emulator.study.report.requirements import _bracket
from emulator.study.store import Sensitivity, Store
from emulator.study.summary import _coordinate
from tests.refusals import refuses
from tests.report.audit import Page, allowed, printed, tokens
from tests.support.made_up import build_store, digits_like, tolerance

NOISE, BITS = "hardware.noise.receiver", "hardware.precision.forward.bits"
TARGETS = {"accuracy": {"min": 0.93}, "settled_fraction": {"min": 1.0}}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Two axes, energy missing, some points unsettled, three knobs searched."""
    return build_store(
        tmp_path_factory.mktemp("report") / "noise.db",
        {NOISE: [0.001, 0.01, 0.03, 0.3], BITS: [4, 8]},
        targets=TARGETS,
        chips=4,
        tolerances=[
            tolerance("hardware.faults.dropped_events", 0.05, 0.0),
            tolerance(NOISE, 0.0213, 0.0137),
            tolerance(BITS, 5.0, 8.0, good=16.0, bad=2.0, scale="linear"),
            tolerance("hardware.lines.jitter", None, 1e-12),
        ],
        sensitivities=[Sensitivity(NOISE, "accuracy", -0.3123, 1), Sensitivity(BITS, "accuracy", 0.0417, 2)],
    )


@pytest.fixture
def small(tmp_path) -> Path:
    return build_store(tmp_path / "small.db", {NOISE: [0.001, 0.1]}, lambda *_: ({"accuracy": 0.95}, None))


@pytest.fixture(scope="module")
def report(store: Path):
    return report_of(read_evidence(store))


@pytest.fixture(scope="module")
def html(report) -> str:
    return study_page(report)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def section(report, name: str):
    return next(one for one in report.sections if one.name == name)


def rows(table) -> list[dict[str, str]]:
    return [dict(zip(table.heads, (cell.text for cell in row), strict=True)) for row in table.rows]


def test_every_number_in_the_page_is_stored_or_follows_from_what_is(store, page):
    known = np.array(allowed(store))
    assert len(page.figures) > 300
    strangers = [(text, value) for text, value in page.figures if not np.isclose(known, value, rtol=1e-9, atol=0).any()]
    assert strangers == []


def test_every_number_in_words_is_stored_or_follows_from_what_is(store, page):
    link = sqlite3.connect(store)
    stored = " ".join(str(value) for row in link.execute("SELECT value FROM meta") for value in row)
    hidden = [words for words in page.words if words.startswith("More of these")]
    sizes = {str(int(words.split(":")[1])) for words in hidden}  # how many pictures follow
    places = {str(number) for number in range(4)}  # chips and runs
    known = printed(allowed(store)) | tokens(stored) | sizes | places
    assert tokens(" ".join(page.words)) - known == set()


def test_figures_are_printed_as_the_number_behind_them(page):
    for text, value in page.figures:
        first = next(iter(tokens(text.replace("\u00a0", " ").lstrip("≤≥> +"))), None)
        assert first is not None, text
        assert first in printed([value]) | {f"{value:,.0f}".replace(",", "")}, (text, value)


def test_a_changed_store_changes_the_report(page, tmp_path):
    """Guards the two tests above against a page whose numbers do not come from the store."""
    other = build_store(tmp_path / "other.db", {NOISE: [0.002, 0.017], BITS: [5, 9]}, chips=3, targets=TARGETS)
    known = np.array(allowed(other))
    assert any(not np.isclose(known, value, rtol=1e-9, atol=0).any() for _, value in page.figures)


def test_the_first_screen_answers(report):
    head = report.head
    assert (head.answer, head.tone) == ("On 37.5\u00a0% of chips", "fair")
    tiles = {tile.label: (tile.cell, tile.note) for tile in head.tiles}
    assert list(tiles) == ["Yield", "Speed", "Energy", "Breaks first"]
    assert "95\u00a0% interval" in tiles["Yield"][1]
    assert tiles["Energy"][0].text == "missing"
    assert tiles["Energy"][0].value is None
    assert tiles["Breaks first"][0].text == "lines.jitter"
    assert tiles["Breaks first"][1] == "the targets do not hold even at 0.001"
    assert head.sentence.endswith(
        "meet every target: accuracy at least 93\u00a0%; settled samples at least 100\u00a0%."
    )


def test_a_chip_counts_once_and_only_if_all_its_runs_are_good(tmp_path):
    def outcome(axes, chip, noise):
        return {"accuracy": 0.5 if (chip, noise) == (2, 1) else 0.95}, None

    path = build_store(tmp_path / "chips.db", {}, outcome, chips=5, noise=3)
    head = report_of(read_evidence(path)).head
    assert (head.answer, head.sentence) == (
        "On 80\u00a0% of chips",
        "4 of 5 sampled chips meet every target: accuracy at least 93\u00a0%.",
    )
    assert head.tiles[0].cell.value == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("accuracy", "answer", "tone"), [(0.95, "Yes", "good"), (0.5, "No", "bad"), (None, "No", "bad")]
)
def test_all_or_none(accuracy, answer, tone, tmp_path):
    path = build_store(tmp_path / "all.db", {}, lambda *_: ({"accuracy": accuracy}, None), chips=3, noise=1)
    head = report_of(read_evidence(path)).head
    assert (head.answer, head.tone) == (answer, tone)


def test_without_targets_there_is_no_verdict(tmp_path):
    report = report_of(read_evidence(build_store(tmp_path / "none.db", {NOISE: [0.1, 0.2]}, targets={})))
    assert report.head.answer == "No targets were set"
    assert not any(one.name == "yield" for one in report.sections)


def test_requirements_say_needed_offered_and_margin(report):
    found = {row["knob"]: row for row in rows(section(report, "requirements").table)}
    assert list(found) == ["lines.jitter", "noise.receiver", "precision.forward.bits", "faults.dropped_events"]
    assert found["noise.receiver"]["needed"] == "≤ 0.0213"
    assert found["noise.receiver"]["margin"] == f"{0.0213 / 0.0137:.3g} \N{MULTIPLICATION SIGN}"
    assert found["precision.forward.bits"]["needed"] == "≥ 5"
    assert found["precision.forward.bits"]["margin"] == "1.6 \N{MULTIPLICATION SIGN}"
    assert found["faults.dropped_events"]["margin"] == "has none of it"
    assert (found["lines.jitter"]["needed"], found["lines.jitter"]["margin"]) == ("never holds", "missing")
    assert found["noise.receiver"]["true value between"] == f"{0.97 * 0.0213:.4g} and {1.03 * 0.0213:.4g}"


def test_the_true_value_lies_between_ends_in_their_order(store):
    for low, high in ((4.0, 5.0), (5.0, 4.0)):
        found = SimpleNamespace(value=5.0, low=low, high=high, detail={"good": 16.0, "bad": 2.0, "key": BITS}, unit="")
        assert _bracket(read_evidence(store), found).text == "4 and 5"


def test_a_technology_that_fails_whatever_is_turned_fails_as_it_is(tmp_path):
    model, found = "hardware.model", []
    for name, values in (("bad", (None, None)), ("good", (0.05, 0.02))):
        found += [
            tolerance(f"{knob} {name}", value, 0.01, key=knob, where={model: name})
            for knob, value in zip((NOISE, BITS), values, strict=True)
        ]
    path = build_store(
        tmp_path / "b.db", {model: ["bad", "good"]}, lambda *_: ({"accuracy": 0.99}, None), tolerances=found
    )
    report = report_of(read_evidence(path))
    assert [row["breaks first"] for row in rows(report.head.technologies)] == [
        "fails as it is",
        "precision.forward.bits",
    ]
    assert report.head.tiles[-1].note.startswith("good: ")
    table = section(report, "requirements").table
    assert [row["where"] for row in rows(table)] == ["bad", "bad", "good", "good"]
    assert [row["knob"] for row in rows(table)][2:] == ["precision.forward.bits", "noise.receiver"]
    figure = next(card for card in section(report, "requirements").cards if card.name == "tolerance-0").figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["bad", "good"]


@pytest.mark.parametrize(
    ("offered", "verdict", "first", "margin"),
    [
        (0.01, "found", "noise.receiver", "5 \N{MULTIPLICATION SIGN}"),
        (0.0, "found", "nothing it has", "has none of it"),
        (0.01, "holds throughout", "nothing it has", "> 5 \N{MULTIPLICATION SIGN}"),
    ],
)
def test_only_what_the_hardware_has_and_what_broke_breaks_first(offered, verdict, first, margin, tmp_path):
    path = build_store(tmp_path / "b.db", {}, tolerances=[tolerance(NOISE, 0.05, offered, verdict=verdict)])
    report = report_of(read_evidence(path))
    assert report.head.tiles[-1].cell.text == first
    assert rows(section(report, "requirements").table)[0]["margin"] == margin


def test_what_the_hardware_does_not_state_is_no_number(tmp_path):
    path = build_store(tmp_path / "n.db", {}, tolerances=[tolerance(BITS, 5.0, None, good=16.0, bad=2.0)])
    row = rows(section(report_of(read_evidence(path)), "requirements").table)[0]
    assert (row["offered"], row["margin"]) == ("none stated", "missing")


def test_missing_is_missing_and_not_zero(report, page):
    energy = next(card for card in section(report, "curves").cards if card.name.endswith("0-energy"))
    assert {row["median"] for row in rows(energy.numbers)} == {"missing"}
    assert all(cell.value is None for row in energy.numbers.rows for cell in row if cell.text == "missing")
    assert "missing" in " ".join(page.words)


def test_places_of_an_axis_are_called_by_its_ticks():
    told = {"values": [[4, 2], [4, 4, 2]], "ticks": ["one layer", "two layers"]}
    column = np.empty(3, dtype=object)
    column[:] = [[4, 4, 2], [4, 2], [4, 4, 2]]
    axis = _coordinate("network.sizes", column, told)
    assert (axis.labels, axis.place.tolist()) == (("two layers", "one layer"), [0, 1, 0])


def test_failures_are_listed_with_reason_and_place(tmp_path):
    def outcome(axes, chip, noise):
        if axes[NOISE] == 0.2:
            return {}, "hardware.x: out of range" if chip else "worker died"
        return digits_like(axes, chip, noise)

    report = report_of(read_evidence(build_store(tmp_path / "f.db", {NOISE: [0.001, 0.2]}, outcome, chips=3, noise=1)))
    part = section(report, "failures")
    assert part.intro.startswith("3 of 6 points did not settle or failed")
    assert [(row["status"], row["points"], row["reason"]) for row in rows(part.table)] == [
        ("failed", "2", "hardware.x: out of range"),
        ("failed", "1", "worker died"),
    ]
    assert rows(part.table)[1]["first of them"] == "noise.receiver = 0.2, chip 0, run 0"


def test_provenance_is_complete(store, page, html):
    meta = dict(sqlite3.connect(store).execute("SELECT key, value FROM meta"))
    for text in (meta["command"], meta["digest"], meta["created"], "2.9.0", "x86_64", "0, 1, 2, 3", "Study file"):
        assert text in html, text
    assert "hidden = [" in html
    assert "[[axes]]" in html


def test_pictures_name_their_axes_and_units(page, html):
    pictures = html.split("<svg")[1:]
    assert len(pictures) == sum(tag == "svg" for tag, _ in page.tags) >= 20
    for picture in pictures:
        labels = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
        assert sum(bool(re.search(r"\((%|1|s|J)\)$", label)) for label in labels) >= 2, labels
    assert len(set(page.ids)) == len(page.ids)


def test_the_curve_is_the_data(store):
    link = sqlite3.connect(store)
    wanted = [
        np.median([v for (v,) in link.execute(
            "SELECT value FROM metrics JOIN points ON point = id WHERE name = 'accuracy' AND axes = ?",
            (json.dumps({NOISE: noise, BITS: 8}, sort_keys=True, separators=(",", ":")),),
        )])
        for noise in (0.001, 0.01, 0.03, 0.3)
    ]  # fmt: skip
    cards = section(report_of(read_evidence(store)), "curves").cards
    card = next(one for one in cards if one.name == "curve-0-accuracy")
    axes = card.figure.axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["8"].get_ydata(), wanted, rtol=1e-12)
    np.testing.assert_allclose(lines["8"].get_xdata(), [0.001, 0.01, 0.03, 0.3])
    assert axes.get_xscale() == "log"


def test_sampled_axes_are_cut_into_ranges(tmp_path):
    values = list(np.random.default_rng(5).uniform(1e-3, 0.5, 40))
    report = report_of(read_evidence(build_store(tmp_path / "s.db", {NOISE: values}, chips=1, noise=1)))
    assert " of 40 sampled chips " in report.head.sentence
    card = next(one for one in section(report, "curves").cards if one.name == "curve-0-accuracy")
    points = [int(row["points"]) for row in rows(card.numbers)]
    assert len(points) == 10
    assert sum(points) == 40
    assert max(points) - min(points) <= 2


@pytest.mark.slow
def test_a_page_of_ten_thousand_points_is_as_large_as_one_of_two_hundred(tmp_path):
    sizes = []
    for chips in (10, 500):
        axes = {NOISE: [0.001, 0.01, 0.03, 0.1, 0.3], BITS: [4, 6, 8, 10]}
        path = build_store(tmp_path / f"{chips}.db", axes, chips=chips, noise=1)
        sizes.append(len(study_page(report_of(read_evidence(path)))))
    assert sizes[0] < 1e6 and sizes[1] < 1.05 * sizes[0]


def test_a_technology_gets_a_row(tmp_path):
    def outcome(axes, chip, noise):
        name = axes["hardware.model"]
        if name == "slow":
            return {"accuracy": None, "settling_time": None, "energy": None}, "not settled"
        good = name == "fast" or chip > 0
        return {"accuracy": 0.99 if good else 0.2, "settling_time": 1e-9 if name == "fast" else 2e-9,
                "energy": None if name == "fast" else 3e-12}, None  # fmt: skip

    path = build_store(
        tmp_path / "t.db", {"hardware.model": ["slow", "fast", "frugal"]}, outcome, chips=4, noise=1,
        tolerances=[tolerance(f"{NOISE} on {name}", value, 0.01, key=NOISE, where={"hardware.model": name})
                    for name, value in (("fast", 0.05), ("frugal", 0.02))],
    )  # fmt: skip
    head = report_of(read_evidence(path)).head
    assert head.answer == "1 of 3 technologies can"
    table = {row["technology"]: row for row in rows(head.technologies)}
    assert [table[name]["can it?"] for name in ("slow", "fast", "frugal")] == ["no", "yes", "on some chips"]
    assert table["frugal"]["yield"] == "75\u00a0%"
    assert table["fast"]["energy"] == table["slow"]["settling time"] == "missing"
    assert table["frugal"]["breaks first"] == "noise.receiver"
    assert table["slow"]["breaks first"] == "not searched"
    tiles = {tile.label: (tile.cell.text, tile.note) for tile in head.tiles}
    assert tiles["Fastest"] == ("1\u00a0ns", "fast; median settling time")
    assert tiles["Least energy"][0] == "3\u00a0pJ"
    assert tiles["Breaks first"][1].startswith("frugal: needed ≤ 0.02")


def test_a_study_that_still_runs_says_so(tmp_path):
    path = build_store(tmp_path / "half.db", {NOISE: [0.001, 0.01, 0.1]}, chips=3, done=7)
    report = report_of(read_evidence(path))
    assert report.partial == "This study is not complete: 7 of 18 points are in the store."
    assert report.head.answer.startswith("So far: ")
    assert report.partial in study_page(report)
    assert report.partial in study_summary(report)


def test_a_report_is_of_one_moment(tmp_path):
    """Points that a running study adds while the report reads do not mix into it."""
    path = build_store(tmp_path / "run.db", {NOISE: [0.001, 0.01]}, chips=2, noise=1, done=2)
    link = sqlite3.connect(path)
    link.execute("PRAGMA journal_mode = WAL")
    with link:
        link.execute("UPDATE meta SET value = value")
    with Store(path) as store:
        store.freeze()
        assert store.done == 2
        with link:
            link.execute("INSERT INTO points SELECT 'new', -1, axes, 7, noise, config, seeds, status, reason, finished, "
                         "seconds FROM points WHERE ordinal = 0")  # fmt: skip
        assert len(store.points()["chip"]) == len(store.metrics()["accuracy"]) == 2
    assert read_evidence(path).chip.tolist() == [7, 0, 1]
    link.close()


def test_a_study_that_still_searches_says_so(tmp_path):
    report = report_of(read_evidence(build_store(tmp_path / "f.db", {}, chips=2, noise=1, done=2)))
    assert report.partial.endswith("all points are in the store, but not yet what follows from them.")


def test_a_store_without_points_has_a_report(tmp_path):
    report = report_of(read_evidence(build_store(tmp_path / "empty.db", {NOISE: [0.001, 0.01]}, done=0)))
    assert report.head.answer == "So far: nothing is measured yet"
    assert "<svg" not in study_page(report)


NASTY = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>$\\frac{}$|`**\x00\ud800]]>--><!--"


def test_names_from_a_store_cannot_break_out(tmp_path):
    def outcome(axes, chip, noise):
        return {"accuracy": 0.9 + 0.01 * chip, NASTY: 1.0 + chip}, NASTY.replace("\ud800", "") if chip else None

    name = NASTY.replace("\ud800", "")
    path = build_store(tmp_path / "nasty.db", {name: [1.0, 2.0], "law": [name, "matched"]},
                       lambda *a: ({"accuracy": outcome(*a)[0]["accuracy"], name: 1.0}, outcome(*a)[1]), title=name,
                       sensitivities=[Sensitivity(name, name, 1.0, 1)],
                       tolerances=[tolerance(name, 0.02, 0.01, where={"law": name})])  # fmt: skip
    report = report_of(read_evidence(path))
    text = study_page(report)
    found = Page(text)
    assert {tag for tag, _ in found.tags} & {"script", "img", "iframe", "object", "embed", "form", "base"} == set()
    assert not [key for _, attributes in found.tags for key in attributes if key.startswith("on")]
    assert "\x00" not in text
    assert "<script>" not in study_summary(report)
    assert text.count("&lt;script&gt;") > 10


def test_the_page_runs_nothing_and_loads_nothing(html, page):
    assert "<script" not in html
    links = [
        str(value)
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key.split(":")[-1] in ("href", "src")
    ]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"@import|url\((?!#)", html)
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_the_same_store_gives_the_same_page(small):
    assert study_page(report_of(read_evidence(small))) == study_page(report_of(read_evidence(small)))


def test_the_summary_has_the_tables(report):
    text = study_summary(report)
    assert text.startswith("# Made-up study\n")
    assert "**Can it do it? On 37.5\u00a0% of chips.**" in text
    assert (
        f"| noise.receiver | ≤ 0.0213 | tried: 0.0213 holds, 0.02343 does not | {0.97 * 0.0213:.4g} and {1.03 * 0.0213:.4g} | 0.0137 | 1.55 \N{MULTIPLICATION SIGN} | 4 |"
        in text
    )
    assert "backwave study made-up.toml --out made-up.db" in text
    assert text.count("### Yield against") == 1  # the other one has the same numbers


def test_the_command_writes_both_files(small, tmp_path):
    out = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(app, ["report", str(small), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Yes: 12 of 12 sampled chips")
    assert sorted(path.name for path in out.parent.iterdir()) == ["page.html", "page.md"]
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("command", ["report", "compare"])
def test_help_has_examples(command):
    done = CliRunner().invoke(app, [command, "--help"], prog_name="backwave")
    assert done.exit_code == 0
    assert f"backwave {command} " in done.output.split("Examples:")[1]


def test_by_default_the_report_is_beside_the_store(small, tmp_path):
    _, page, summary = write_report(small)
    assert (page, summary) == (tmp_path / "small.html", tmp_path / "small.md")
    assert page.exists()
    assert summary.exists()


def test_other_endings_are_refused(small, tmp_path):
    refuses(
        f"report '{tmp_path / 'a.pdf'}' does not end in .html; allowed: a path that does",
        lambda: write_report(small, tmp_path / "a.pdf"),
        StudyError,
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE meta SET value = '[1' WHERE key = 'study'", "is damaged, or no store of a study: "),
        ("UPDATE meta SET value = '[1]' WHERE key = 'base'", "is damaged, or no store of a study: meta 'base'"),
        ("DELETE FROM meta WHERE key = 'planned'", "is damaged, or no store of a study: KeyError: 'planned'"),
        ("UPDATE tolerances SET detail = '{}'", "is damaged, or no store of a study: tolerance of"),
        ("DROP TABLE metrics", "is damaged, or no store of a study: OperationalError: no such table"),
        ("""UPDATE meta SET value = '{"study": {"confidence": 0.9}, "targets": {"accuracy": {"min": "x"}}}' WHERE key = 'study'""",
         "is damaged, or no store of a study: a target is no number"),
    ],
)  # fmt: skip
def test_damaged_stores_are_refused(change, words, tmp_path):
    path = build_store(tmp_path / "d.db", {NOISE: [0.01]}, chips=1, tolerances=[tolerance(NOISE, 0.1, 0.1)])
    with sqlite3.connect(path) as link:
        link.execute(change)
    link.close()
    refuses(f"'{path}' {words}", lambda: read_evidence(path), FileFormatError)


def test_the_command_refuses_what_is_no_store(tmp_path):
    path = tmp_path / "x.db"
    path.write_text("no database")
    for name, words in ((path, "no store of a study"), (tmp_path / "none.db", "No such file")):
        done = CliRunner().invoke(app, ["report", str(name)])
        assert done.exit_code == 2
        assert words in done.output
        assert done.output.count("\n") == 1


def test_sensitivities_say_which_way_is_worse(tmp_path):
    found = [
        Sensitivity(NOISE, "accuracy", -0.3, 1), Sensitivity(NOISE, "gradient_error", 0.2, 1),
        Sensitivity(BITS, "accuracy", 0.1, 2), Sensitivity(BITS, "gradient_error", 0.0, 2),
    ]  # fmt: skip
    path = build_store(tmp_path / "s.db", {NOISE: [0.001, 0.01], BITS: [4, 8]}, chips=2, sensitivities=found)
    (table,) = [one.table for one in report_of(read_evidence(path)).sections if one.name == "sensitivity"]
    assert table.heads == ("metric", "rank", "knob", "worse with", "change over its range")
    assert [row[3].text for row in table.rows] == ["higher values", "lower values", "higher values", "neither"]


def test_a_yield_that_is_surely_low_is_bad_news_and_says_how_low(tmp_path):
    def outcome(axes, chip, noise):
        return {"accuracy": 0.95 if chip < 6 else 0.5, "clipped_forward": 0.3, "clipped_weights": 0.001}, None

    head = report_of(read_evidence(build_store(tmp_path / "low.db", {}, outcome, chips=40, noise=1))).head
    assert (head.answer, head.tone) == ("On 15\u00a0% of chips", "bad")
    assert head.sentence.endswith("Cut off at the hardware's full scale: clipped forward waves 30\u00a0% (median).")


def test_what_lies_between_values_that_were_tried_is_not_called_too_little():
    from emulator.study.report.requirements import _margin, _untried

    found = tolerance("hardware.precision.weights.bits", 9.0, 8.0, good=16, bad=2, first_failed=2.0)
    assert _untried(found) and _margin(found).text == "at least 0.889 \N{MULTIPLICATION SIGN}"
    assert not _untried(tolerance("hardware.precision.weights.bits", 9.0, 8.0, good=16, bad=2, first_failed=8.0))

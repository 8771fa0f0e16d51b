"""The report of a study as one HTML page that needs nothing else, and as a Markdown summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from emulator.study.evidence import Evidence
from emulator.study.learned import trains
from emulator.study.report.cards import (
    Card,
    curve_cards,
    heat_cards,
    settling_cards,
    tolerance_cards,
    yield_cards,
)
from emulator.study.report.headline import Headline, headline
from emulator.study.report.provenance import as_toml, failures_table, provenance_table, sensitivity_table
from emulator.study.report.requirements import requirements_table
from emulator.study.report.svg import inline_svg, literal
from emulator.study.report.tables import Table


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Parameters
    ----------
    name : str
        Letters.
    title, intro : str
    table : Table or None
    cards : list of Card
    texts : list of (name, text)
        Shown on request.
    command : str
        To be typed.
    """

    name: str
    title: str
    intro: str
    table: Table | None = None
    cards: Sequence[Card] = ()
    texts: Sequence[tuple[str, str]] = ()
    command: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that a report says."""

    title: str
    description: str
    partial: str
    head: Headline
    sections: tuple[Section, ...]


def report_of(evidence: Evidence) -> Report:
    """Everything that there is to say on a study; parts without content say so in a sentence."""
    study = evidence.facts["study"]
    partial = ""
    if not evidence.complete:
        partial = f"This study is not complete: {evidence.done:,} of {evidence.planned:,} points are in the store."
        if evidence.done == evidence.planned:
            partial = "This study is not complete: all points are in the store, but not yet what follows from them."
    return Report(
        evidence.meta.get("title") or "Study",
        str((study.get("study") or {}).get("description") or ""),
        partial,
        headline(evidence),
        tuple(_sections(evidence)),
    )


def study_page(report: Report) -> str:
    """The report as HTML: styles and pictures are in it, it runs no script and loads nothing."""
    drawn = {card.name: Markup(inline_svg(card.figure, card.name, card.title))
             for section in report.sections for card in section.cards}  # fmt: skip
    folder = resources.files("emulator.study.report")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    pages = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, finalize=_shown)
    page = pages.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    return page.render(
        title=report.title,
        description=report.description,
        partial=report.partial,
        head=report.head,
        sections=report.sections,
        drawn=drawn,
        css=Markup(style),
    )


def _sections(evidence: Evidence) -> Iterator[Section]:
    """The parts of a report; pictures that the study has no data for are left out."""
    searched = requirements_table(evidence)
    yield Section(
        "requirements",
        "Requirements",
        "How far each knob may go for the targets to hold, and what the hardware offers; the margin is how many times "
        "better that is than needed."
        if searched.rows
        else "No tolerance search is in the store.",
        searched,
        cards=list(tolerance_cards(evidence)),
    )
    for name, title, intro, cards in (
        (
            "yield",
            "Yield",
            f"Share of the {'trained' if trains(evidence) else 'sampled'} chips that meet every target.",
            yield_cards,
        ),
        ("curves", "Curves", "Each metric along each axis, with the spread over the Monte-Carlo points.", curve_cards),
        ("maps", "Two axes at once", "Each metric over each pair of axes.", heat_cards),
        ("settling", "Settling time", "How long samples take to settle, forward and backward.", settling_cards),
    ):
        drawn = list(cards(evidence))
        if drawn:
            yield Section(name, title, intro, cards=drawn)
    lost = sum(1 for status in evidence.status if status != "settled")
    yield Section(
        "failures",
        "Failures",
        f"{lost:,} of {evidence.done:,} points did not settle or failed; the study went on without them."
        if lost
        else f"None: all {evidence.done:,} points settled.",
        failures_table(evidence),
    )
    sensitive = sensitivity_table(evidence)
    if sensitive.rows:
        intro = (
            "How far each knob moves each metric from the lower to the upper end of its range, and which way is worse."
        )
        yield Section("sensitivity", "Sensitivity", intro, sensitive)
    yield Section(
        "provenance",
        "Provenance",
        "What made these numbers, and the command that makes them again.",
        provenance_table(evidence),
        texts=[("Study file", as_toml(evidence.facts["study"])), ("Base scenario", as_toml(evidence.facts["base"]))],
        command=evidence.meta.get("command", ""),
    )


def _shown(value: Any) -> Any:
    return literal(value) if isinstance(value, str) and not isinstance(value, Markup) else value

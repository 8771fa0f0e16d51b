"""Reading a report as a stranger would: its numbers, its words, and what may be in it."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from scipy.special import betaincinv
from scipy.stats import binomtest

from emulator.units import si

_TOKEN = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")


class Page(HTMLParser):
    """The words of a page outside pictures, the numbers behind its figures, and its elements.

    `figures` are pairs of what is printed and the number behind it; `words` is all that is printed elsewhere, without
    code; `ids` are pictures and sections.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: list[tuple[str, float]] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self._value: float | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes and "svg" not in self._open:
            self.ids.append(str(attributes["id"]))
        if tag == "data":
            self._value = float(str(attributes["value"]))
        if tag not in ("meta", "link", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._value is not None:
            self.figures.append((data, self._value))
            self._value = None
        elif not {"svg", "style", "code", "pre"} & set(self._open):
            self.words.append(data)


def tokens(text: str) -> set[str]:
    """Everything in a text that looks like a number."""
    return {found.replace(",", "") for found in _TOKEN.findall(text)}


def allowed(path: Path) -> list[float]:
    """Every number that a report on a store may hold, computed from its tables alone, by other means than the report.

    Stored numbers; of every subset of points that share a value on one or two axes, and of the whole, counts, medians
    and the band of every metric, and shares of chips that meet the targets with their exact intervals; margins.
    """
    link = sqlite3.connect(path)
    points = {row[0]: row[1:] for row in link.execute("SELECT id, axes, chip, noise, status FROM points")}
    metrics: dict[str, dict[str, float]] = {}
    for point, name, value in link.execute("SELECT point, name, value FROM metrics"):
        metrics.setdefault(name, {})[point] = np.nan if value is None else value
    meta = dict(link.execute("SELECT key, value FROM meta"))
    targets = json.loads(meta["study"])["targets"]
    confidences = {0.95, *(row[0] for row in link.execute("SELECT confidence FROM yields"))}
    found: list[float] = [0.9, *confidences, int(meta["planned"]), len(points)]
    found += [bound for bounds in targets.values() for bound in bounds.values()]
    for subset in _subsets({key: json.loads(row[0]) for key, row in points.items()}):
        found += [len(subset), sum(points[key][3] == "settled" for key in subset)]
        found.append(sum(points[key][3] != "settled" for key in subset))
        for settled in (False, True):
            for values in metrics.values():
                column = np.array([values.get(k, np.nan) for k in subset if not settled or points[k][3] == "settled"])
                known = column[np.isfinite(column)]
                found += [len(known), len(column) - len(known)]
                if len(known):
                    found += [*np.percentile(known, (5, 50, 95))]
        chips: dict[tuple[str, int], bool] = {}
        for key in subset:
            good = all(
                b.get("min", -np.inf) <= metrics[n].get(key, np.nan) <= b.get("max", np.inf) for n, b in targets.items()
            )
            place = (points[key][0], points[key][1])
            chips[place] = chips.get(place, True) and good
        found += _shares(sum(chips.values()), len(chips), confidences, len({chip for _, chip in chips}))
    for key in {key for row in points.values() for key in json.loads(row[0])}:
        values = {json.loads(row[0])[key] for row in points.values()}
        found += [value for value in values if isinstance(value, int | float)]
    for value, offered, low, high, tried, detail in link.execute(
        "SELECT value, offered, low, high, evaluations, detail FROM tolerances"
    ):
        more = json.loads(detail)
        found += [number for number in (value, offered, low, high, tried) if number is not None]
        found += [more[name] for name in ("good", "bad", "share", "confidence")]
        found += [] if more.get("first_failed") is None else [more["first_failed"]]
        if value and offered:
            found += [value / offered, offered / value]
        for trial in more["trials"]:
            found += [trial["value"], *_shares(trial["met"], trial["total"], {more["confidence"]})]
    for slope, rank in link.execute("SELECT slope, rank FROM sensitivities"):
        found += [slope, rank]
    return found


def printed(numbers: list[float]) -> set[str]:
    """All ways in which the numbers may be printed."""
    texts: set[str] = set()
    for number in numbers:
        for value in (number, 100 * number):
            texts |= {f"{value:.{digits}g}" for digits in (3, 4)} | {f"{value:.0f}"}
        texts.add(si(number, "s").split()[0])
    return texts


def _shares(met: int, total: int, confidences: set[float], chips: int | None = None) -> list[float]:
    """With intervals that are exact for so many independent chips, by default for all."""
    count = chips or total
    if count == total:
        ends = [binomtest(met, total).proportion_ci(confidence, method="exact") for confidence in confidences]
        return [met, total, met / total, *(end for interval in ends for end in interval)]
    good, found = count * met / total, [met, total, met / total]
    for tail in ((1 - confidence) / 2 for confidence in confidences):
        found += [0.0 if met == 0 else betaincinv(good, count - good + 1, tail)]
        found += [1.0 if met == total else betaincinv(good + 1, count - good, 1 - tail)]
    return found


def _subsets(axes: dict[str, dict[str, object]]) -> Iterator[list[str]]:
    keys = sorted({key for one in axes.values() for key in one})
    yield list(axes)
    for chosen in itertools.chain(itertools.combinations(keys, 1), itertools.combinations(keys, 2)):
        groups: dict[str, list[str]] = {}
        for point, one in axes.items():
            groups.setdefault(json.dumps([one[key] for key in chosen]), []).append(point)
        yield from groups.values()

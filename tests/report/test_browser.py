"""The report in a browser: it says nothing on the console, fits a phone, and shows its pictures without JavaScript.

Needs Chromium (``apt-get install chromium``); with BACKWAVE_REQUIRE_BROWSER=1 a missing one is a failure. The page of a
made-up study is opened, and the one whose path is in BACKWAVE_REPORT if it is set.
"""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import pytest

from emulator.study.report import write_report
from emulator.study.store import Sensitivity
from tests.support.chromium import browser, run
from tests.support.made_up import build_store, tolerance

__all__ = ["browser"]

NOISE, BITS = "hardware.noise.receiver", "hardware.precision.forward.bits"
#: looks into the page from outside: what is wider than it should be, and how large the pictures are
PROBE = """
<iframe id="page" sandbox="allow-same-origin" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("page").addEventListener("load", function () {{
  const inside = this.contentDocument, wide = [], sizes = [];
  for (const one of inside.body.querySelectorAll("*")) {{
    const box = one.getBoundingClientRect();
    if (box.width && box.right > {width} + 0.5 && !one.closest(".scroll > *") && !one.closest("svg *"))
      wide.push(one.tagName + " " + (one.className.baseVal ?? one.className));
  }}
  for (const one of inside.querySelectorAll("svg")) {{
    const box = one.getBoundingClientRect();
    if (!one.closest("details:not([open])")) sizes.push([box.width, box.height]);
  }}
  const found = {{scroll: inside.documentElement.scrollWidth, wide: wide, sizes: sizes,
    letters: getComputedStyle(inside.body).fontSize, cut: [...inside.querySelectorAll("figure svg text")].filter(
      one => {{ const t = one.getBoundingClientRect(), f = one.closest("figure").getBoundingClientRect();
        return t.width && (t.left < f.left - 0.5 || t.right > f.right + 0.5); }}).map(one => one.textContent)}};
  const out = document.createElement("pre"); out.id = "found"; out.textContent = JSON.stringify(found);
  document.body.append(out);
}});
</script>
"""


@pytest.fixture(scope="module", params=["made up", *filter(None, [os.environ.get("BACKWAVE_REPORT")])])
def page(request, tmp_path_factory) -> Path:
    if request.param != "made up":
        return Path(request.param)
    folder = tmp_path_factory.mktemp("browser")
    store = build_store(
        folder / "page.db",
        {NOISE: [0.001, 0.03, 0.3], BITS: [4, 8], "law": ["matched", "a-law-with-a-name-" + "that-goes-on-" * 9]},
        chips=3,
        title="A title of one long word: " + "receiver" * 12,
        tolerances=[tolerance("hardware.faults." + "dropped_event_" * 8 + "rate", 0.02, 0.01)],
        sensitivities=[Sensitivity(NOISE, "accuracy", -0.3, 1)],
    )
    _, path, _ = write_report(store)
    return path


def test_it_says_nothing_on_the_console_and_shows_its_pictures(browser, page, tmp_path):
    done = run(browser, tmp_path, page, "--dump-dom")
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("<svg") == page.read_text(encoding="utf-8").count("<svg") > 5
    assert "Can it do it?" in done.stdout


def test_the_console_would_be_heard(browser, page, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(
        page.read_text(encoding="utf-8").replace("</main>", "<script>x()</script></main>"), encoding="utf-8"
    )
    assert "CONSOLE" in run(browser, tmp_path, broken, "--dump-dom").stderr


@pytest.mark.parametrize("width", [400, 1280])
def test_without_scripts_everything_is_there_and_nothing_sticks_out(browser, page, tmp_path, width):
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(width=width, page=html.escape(page.read_text(encoding="utf-8"))), encoding="utf-8")
    done = run(browser, tmp_path, probe, "--dump-dom", f"--window-size={width + 60},1000", "--virtual-time-budget=5000")
    found = json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)[1]))
    assert found["wide"] == []
    assert found["cut"] == []
    assert found["scroll"] <= width
    assert found["letters"] == "16px"
    assert len(found["sizes"]) >= 4
    assert all(250 < wide < width and tall > 100 for wide, tall in found["sizes"])

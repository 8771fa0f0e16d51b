"""The live page in a browser: by keys alone, on a phone and a desk, in silence; names of strangers stay names."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from emulator import Network, compile_network, settle
from emulator.cli import app
from emulator.errors import FileFormatError
from emulator.report.live.recording import RECORDING, view_run, write_recording
from emulator.study.report.live import view_store
from tests.support.chromium import browser, run
from tests.support.made_up import build_store

__all__ = ["browser"]

NOISE = "hardware.noise.receiver"
EVIL = "</script><script>document.title='stolen'</script><img src=x onerror=alert(1)> & @DATA@"
#: drives the page by its keys, and tells what it says and how wide it is
PROBE = """
<iframe id="page" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>
document.getElementById("page").addEventListener("load", function () {{
  const inside = this.contentDocument, told = () => inside.querySelector("output").textContent, said = [told()];
  const picture = inside.querySelector("canvas");
  picture.focus();
  for (const key of {keys}) {{
    picture.dispatchEvent(new this.contentWindow.KeyboardEvent("keydown", {{key: key, bubbles: true}}));
    said.push(told());
  }}
  const wide = [...inside.body.querySelectorAll("*")].filter(
    one => one.getBoundingClientRect().right > {width} + 0.5).map(one => one.tagName);
  const pen = picture.getContext("2d").getImageData(0, 0, picture.width, picture.height).data;
  const colours = new Set(); for (let k = 0; k < pen.length; k += 4) colours.add(pen[k] + "," + pen[k + 1] + "," + pen[k + 2]);
  const out = document.createElement("pre"); out.id = "found";
  out.textContent = JSON.stringify({{said: said, wide: wide, scroll: inside.documentElement.scrollWidth, title: inside.title,
    focused: inside.activeElement === picture, heading: inside.querySelector("h1").textContent, colours: colours.size,
    images: inside.querySelectorAll("img").length, scripts: inside.querySelectorAll("script").length}});
  document.body.append(out);
}});
</script>
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Live pages of a run and of a store, whose authors called everything badly; and the run."""
    folder = tmp_path_factory.mktemp("view")
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(5, 4)), rng.normal(size=(2, 5))])
    result = settle(
        compile_network(network), rng.normal(size=(2, 4)), rng.normal(size=(2, 2)), hold=8, traces=True, target="numpy"
    )
    write_recording(result, folder / RECORDING, EVIL)
    view_run(folder, folder / "run.html")
    store = build_store(folder / "store.db", {NOISE: [0.001, 0.3], "law": ["matched", EVIL]}, chips=2, title=EVIL)
    view_store(store, folder / "store.html")
    return folder, result


def probe(browser, tmp_path, page, width, keys):
    path = tmp_path / "probe.html"
    path.write_text(PROBE.format(width=width, keys=json.dumps(keys), page=html.escape(page.read_text())))
    done = run(browser, tmp_path, path, "--dump-dom", f"--window-size={width + 60},1000", "--virtual-time-budget=3000",
               "--host-resolver-rules=MAP * ~NOTFOUND")  # fmt: skip
    assert "CONSOLE" not in done.stderr
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)[1]))


@pytest.mark.parametrize(("name", "width"), [("run", 400), ("run", 1280), ("store", 400)])
def test_by_keys_alone_in_silence(browser, live, tmp_path, name, width):
    folder, result = live
    way = "ArrowLeft" if name == "run" else "ArrowRight"
    found = probe(browser, tmp_path, folder / f"{name}.html", width, [way, "ArrowUp", "+", "-", "0"])
    assert found["wide"] == [] and found["scroll"] <= width and found["focused"]
    assert found["colours"] > 3  # something is drawn
    assert found["title"] == found["heading"] == EVIL  # shown, and never run
    assert (found["images"], found["scripts"]) == (0, 2)
    said = found["said"]
    assert len(set(said[:3])) == (3 if name == "run" else 2)
    if name == "run":  # the state under the cursor is that of the run: last sample, one step back, second input
        state = float(re.search(r"state ([-\d.e+]+)", said[2])[1])
        assert state == pytest.approx(result.traces.x[-2, 1], rel=1e-3)
        assert said[2].startswith(f"{result.graph.sites[0].name}[1] at 7 ns")


def test_the_page_names_no_other_place(live):
    for name in ("run", "store"):
        text = (live[0] / f"{name}.html").read_text()
        assert "default-src 'none'" in text
        assert not re.search(r"https?://|@import|fetch\(|XMLHttp|import\(", text)


@pytest.mark.parametrize("harm", [{"steps": 99}, {"rows": 3}, {"states": "!"}, {"format": "other"}, {"title": 1}, {"step": float("inf")},
                                  {"rows": [{"name": "x0", "size": 1.5}]}, {"rows": [{"name": "x0", "size": float("inf")}]}])  # fmt: skip
def test_damaged_recordings_are_refused(live, tmp_path, harm):
    table = json.loads((live[0] / RECORDING).read_text()) | harm
    (tmp_path / RECORDING).write_text(json.dumps(table))
    with pytest.raises(FileFormatError, match="is not a recording of a run, or is damaged"):
        view_run(tmp_path, tmp_path / "view.html")
    assert not (tmp_path / "view.html").exists()


def test_what_the_command_says(live, tmp_path):
    def said(*words):
        done = CliRunner().invoke(app, ["view", *map(str, words)])
        return done.exit_code, " ".join(done.output.split())

    status, words = said(live[0], "--out", tmp_path / "page.html")
    assert status == 0 and (tmp_path / "page.html").exists()
    status, words = said(tmp_path / "nothing")
    assert status == 2 and "there is no run or store" in words
    (tmp_path / "empty").mkdir()
    status, words = said(tmp_path / "empty")
    assert status == 2 and "has no recording.json; allowed: the folder of a backwave run" in words
    status, words = said(live[0], "--out", tmp_path / "page.txt")
    assert status == 2 and "allowed: a path that ends in .html" in words

"""Every command and every piece of code in the documents works, in the order in which a reader meets them."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emulator.cli import app
from emulator.laws import LAWS, Worldsheet
from tests.support.documents import DOCUMENTS, ROOT, blocks, commands, links

README = DOCUMENTS["README.md"]
HARDWARE = DOCUMENTS["hwmodels/GUIDE.md"]
#: exit status of the commands that show a failure
FAILS = {
    "backwave run digits --set run.hold=3 --out short": 1,
}
#: statuses of commands of tutorials that may say that not everything settled, or cannot be told
STATUSES = {
    "backwave run digits --set data.limit=20 --set run.hold=3 --out short": {1},
    "backwave run digits --set hardware=my.toml --set run.age=1000 --set data.limit=20 --out mine": {0, 1},
    "backwave run mine.toml": {0, 1},
}
#: pages whose code is a sketch of a part, not a program
SKETCHES = {"emulator/laws/ADDING.md"}
#: pages that a reader works through from top to bottom: code, commands and files of one folder
TUTORIALS = [page for page in DOCUMENTS if page.startswith("docs/tutorials/")]
#: pages whose code runs within a second
QUICK = {"hwmodels/GUIDE.md"}


def shell() -> list[object]:
    return [
        pytest.param(block, id=f"{page}-{k}")
        for page, text in DOCUMENTS.items()
        if page not in TUTORIALS and page != "docs/gallery.md"
        for k, block in enumerate(blocks("sh", text))
        if commands(block)
    ]


def code() -> list[object]:
    return [
        pytest.param(page, marks=[] if page in QUICK else pytest.mark.slow)
        for page, text in DOCUMENTS.items()
        if page not in SKETCHES and not page.startswith("docs/") and blocks("python", text)
    ]


def test_the_readme_is_short_and_has_code_and_commands():
    assert len(README.splitlines()) <= 150
    assert sum(len(commands(block)) for block in blocks("sh", README)) >= 5
    assert len(shell()) >= 5
    assert len(code()) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("block", shell())
def test_the_commands_of_a_block_work_in_their_order(block, tmp_path):
    for command in commands(block):
        done = subprocess.run(
            [sys.executable, "-m", "emulator", *shlex.split(command)[1:]],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == FAILS.get(command, 0), (command, done.stderr[-2000:])
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", code())
def test_code(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(LAWS, "resonator", Worldsheet)  # a page adds it; it goes again afterwards
    scope: dict[str, object] = {}
    for block in blocks("python", DOCUMENTS[page]):
        exec(compile(block, page, "exec"), scope)


@pytest.mark.slow
def test_the_law_of_the_guide_settles(monkeypatch):
    from emulator import compile_network, settle

    monkeypatch.setitem(LAWS, "resonator", Worldsheet)
    scope: dict[str, object] = {}
    for page in ("emulator/laws/GUIDE.md", "hwmodels/GUIDE.md"):
        exec(compile(blocks("python", DOCUMENTS[page])[0], page, "exec"), scope)
    result = settle(compile_network(scope["network"], law=scope["Resonator"]()), scope["images"], scope["labels"])
    assert result.status == "settled"


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_works_from_top_to_bottom(page, tmp_path, monkeypatch):
    if page.endswith("circuit.md") and shutil.which("ngspice") is None and not os.environ.get("BACKWAVE_REQUIRE_SPICE"):
        pytest.skip("no ngspice on this machine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(LAWS, "relaxing", Worldsheet)  # a page adds it; it goes again afterwards
    scope: dict[str, object] = {"__name__": "__main__"}
    done = 0
    for language, title, block in re.findall(
        r'^```(\w+)(?: title="(.*?)")?\n(.*?)^```', DOCUMENTS[page], re.DOTALL | re.MULTILINE
    ):
        if title:
            Path(title).write_text(block)
        elif language == "python":
            exec(compile(block, page, "exec"), scope)
        elif language == "sh":
            for command in commands(block):
                found = CliRunner().invoke(app, shlex.split(command)[1:])
                allowed = STATUSES.get(command, {0})
                assert found.exit_code in allowed, (command, found.exit_code, found.output[-2000:])
                done += 1
    assert done or scope["result"].status == "settled"


def test_each_of_these_is_at_most_two_links_from_the_start():
    once = set(links(README))
    near = once | {
        os.path.normpath(Path(page).parent / target)
        for page in once & set(DOCUMENTS)
        for target in links(DOCUMENTS[page])
    }
    assert set(DOCUMENTS) <= near | {"README.md"}
    assert set(TUTORIALS) <= once  # a network, a technology, what breaks first, a circuit, a law, an LQR


def test_every_page_is_on_the_site():
    known = set(re.findall(r": (\S+\.md)$|^\s*- (\S+\.md)$", (ROOT / "docs" / "mkdocs.yml").read_text(), re.MULTILINE))
    assert set(DOCUMENTS) <= {name for pair in known for name in pair}


def test_the_hardware_guide_knows_every_field_and_preset():
    from hwmodels import HardwareModel, presets

    for section in ("lines", "precision", "noise", "weights", "faults", "energy"):
        for name in HardwareModel.model_fields[section].annotation.model_fields:
            assert re.sub("_?(forward|backward)$", "", name) in HARDWARE, f"{section}.{name}"
    for name in presets():
        assert f"`{name}`" in HARDWARE


def test_the_links_lead_somewhere():
    found = [(page, target) for page, text in DOCUMENTS.items() for target in links(text)]
    made = ("pictures/", "../reference/")  # while the site is built, which looks after them
    found = [one for one in found if not one[1].startswith(made)]
    assert len(found) > 30
    assert [(page, target) for page, target in found if not (ROOT / page).parent.joinpath(target).exists()] == []


def test_every_guide_is_one_link_from_the_readme():
    assert {page for page in DOCUMENTS if page.endswith("GUIDE.md")} <= set(links(README))


def test_ci_installs_and_tests_as_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    (line,) = (line for line in README.splitlines() if "python -m pytest" in line and "venv" in line)
    command = line.split(" && ")[-1]
    assert command in script and f"{command} -m slow" in script
    assert 'pip install ".[test]"' in line and 'pip install --quiet ".[test]"' in script
    assert any("backwave run digits" in line for line in script)
    assert "pip install . && backwave run digits" in README


def _kept():
    spec = importlib.util.spec_from_file_location("kept", ROOT / "docs" / "site" / "kept.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_kept_picture_is_outdated():
    assert _kept().outdated() == []


def test_kept_pictures_are_outdated_by_what_they_were_made_from(tmp_path):
    """By their scenario, by what draws them, and by another picture; not by comments."""
    kept = _kept()
    for path in {path for paths in kept.MADE_FROM.values() for path in paths}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / kept.FOLDER, tmp_path / kept.FOLDER)
    assert kept.outdated(tmp_path) == []
    style = tmp_path / "emulator/report/style.py"
    style.write_text(style.read_text().replace("#: colour map of even", "#: another remark: colour map of even"))
    assert kept.outdated(tmp_path) == []
    style.write_text(style.read_text() + "HEAT = 'viridis'\n")
    assert [text.split()[0] for text in kept.outdated(tmp_path)] == [
        "atlas-wave-pmp.png", "atlas.png", "unlocked-bilateral.png", "worldsheet.png"
    ]  # fmt: skip
    scenario = tmp_path / "scenarios/digits.toml"
    scenario.write_text(scenario.read_text().replace("hidden = [32]", "hidden = [33]"))
    (words,) = [text for text in kept.outdated(tmp_path) if text.startswith("circuit")]
    assert "is outdated; make it anew by `backwave export digits --out circuit --picture circuit.png`" in words
    fresh = (ROOT / kept.FOLDER / "worldsheet.png").read_bytes()
    assert kept.differs("worldsheet.png", fresh, tmp_path) is None
    assert "another picture" in kept.differs("worldsheet.png", _inverted(fresh), tmp_path)
    (tmp_path / kept.FOLDER / "new.png").write_bytes(fresh)
    assert "'new.png'" in kept.outdated(tmp_path)[0]


def _inverted(picture: bytes) -> bytes:
    from PIL import Image, ImageOps

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as found:
        ImageOps.invert(found.convert("RGB")).save(buffer, "png")
    return buffer.getvalue()

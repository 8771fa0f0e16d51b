"""What files of cells and of corners may say and be called: nothing here runs a simulator."""

from __future__ import annotations

import re
import time

import pytest

from emulator import FileFormatError
from emulator.export import spice
from emulator.export.cell_files import read_cells
from emulator.export.corners import number
from tests.support.circuits import chain, sample

HEAD = ".subckt synapse x s mu lam vdd vss w=1 vfs=1 rref=50"
BODY = "G1 0 s x 0 {w/rref}\nG2 0 lam mu 0 {w/rref}\n.ends\n"
#: as SYNAPSE, with a parameter of its own
OWN = f"{HEAD} k=1\nG1 0 s x 0 {{k*w/rref}}\nG2 0 lam mu 0 {{k*w/rref}}\n.ends\n"


def written(folder, text: str, name: str = "my.inc"):
    (folder / name).write_text(text, encoding="ascii")
    return folder / name


def exported(folder, text: str = OWN, name: str = "my.inc", corners=(), **more):
    graph = chain((2, 2, 1))
    return spice(
        graph, folder / "out", *sample(graph), cells=written(folder, text, name), corners=corners, force=True, **more
    )


def test_the_name_of_a_file_of_cells_is_no_part_of_any_text_but_a_comment(tmp_path):
    name = "a\n.control\nshell touch canary\n.endc\n*\x1b[2J\r.end ü.inc"
    (tmp_path / "plain").mkdir()
    text = OWN.replace("vfs=1", "vfs=2")
    done, plain = exported(tmp_path, text, name), exported(tmp_path / "plain", text)
    assert any("is sized for" in text for text in done.warnings) and all(text.isprintable() for text in done.warnings)
    for file in [one for one in done.files if not one.endswith(".npz")]:
        texts = [(one.directory / file).read_bytes().decode("ascii") for one in (done, plain)]
        assert re.fullmatch(r"[\n\x20-\x7e]*", texts[0]), file
        if not file.endswith(".json"):
            cards = [[line for line in text.split("\n") if not line.startswith("*")] for text in texts]
            assert cards[0] == cards[1], file


@pytest.mark.parametrize(
    "text", [f".subckt synapse x {'a' * 19_000}\n", f".param k={{{'1' * 19_000}+1}}\n"], ids=["word", "digits"]
)
def test_long_words_are_read_in_a_time_that_grows_with_their_length(tmp_path, text):
    started = time.process_time()
    with pytest.raises(FileFormatError):
        read_cells(written(tmp_path, text))
        number(text.split("=")[1].strip(), "k")
    assert time.process_time() - started < 0.5

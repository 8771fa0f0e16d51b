"""Device readings in every dialect of a spreadsheet: read right, or refused by name."""

import time

import numpy as np
import pytest

from hwmodels import HardwareError
from hwmodels.fit_device import fit_device
from hwmodels.readings import read_readings
from hwmodels.spreadsheet import _NUMBER

HEAD = ("device", "target_conductance_uS", "measured_conductance_µS", "time_s")
ROWS = [(f"d{k}", f"{1 + k % 5}.5", f"{1 + k % 5}.{500 + k}", "20") for k in range(30)]


def text(head=HEAD, rows=ROWS, separator=",", end="\n"):
    return end.join(separator.join(row) for row in [head, *rows]) + end


def comma(rows=ROWS):
    """Decimals as most of Europe writes them."""
    return [tuple(cell.replace(".", ",") for cell in row) for row in rows]


def read(tmp_path, content, encoding="utf-8", **options):
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return read_readings(tmp_path / "a.csv", **options)


@pytest.fixture
def plain(tmp_path):
    return read(tmp_path, text())


INDEX = [(str(k), *row) for k, row in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (text(separator=";"), "utf-8"),
        (text(separator="\t"), "utf-8"),
        (text(separator="|"), "utf-8"),
        (text(rows=comma(), separator=";"), "cp1252"),
        (text(rows=comma(), separator="\t"), "utf-16"),
        (text(rows=comma(), separator=";", end="\r\n"), "utf-8-sig"),
        ("sep=;\r\n" + text(rows=comma(), separator=";", end="\r\n"), "utf-8-sig"),
        (text(), "cp1252"),
        (text(), "utf-16"),
        (text(), "utf-16-le"),
        (text(), "utf-16-be"),
        (text(("", *HEAD), INDEX), "utf-8"),
        (text(("Unnamed: 0", *HEAD), INDEX), "utf-8"),
        (text([f'"{one}"' for one in HEAD], [[f'"{cell}"' for cell in row] for row in comma()]), "utf-8"),
        (text(rows=[(*row, "", "") for row in ROWS]), "utf-8"),
        (text(rows=[tuple(f" {cell} " for cell in row) for row in ROWS]) + "\n\n , ,\n", "utf-8"),
    ],
)
def test_dialects_read_the_same(tmp_path, plain, content, encoding):
    found = read(tmp_path, content, encoding)
    for name in plain._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def cell(value, place=2, row=3, rows=ROWS):
    """Rows with one cell replaced."""
    changed = [list(one) for one in rows]
    changed[row][place] = value
    return changed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (text(rows=comma()), "line 2 has 6 cells, allowed: 4, as the header has; where decimals have a comma"),
        (text(HEAD[1:], ROWS), "line 2 has 4 cells, allowed: 3, as the header has"),
        (text(rows=[(r[0], "1,234", "1,234", "20") for r in ROWS], separator=";"), "has '1,234' in line 2, which may be thousands or decimals"),
        (text(rows=cell("1.234,5"), separator=";"), "line 5 has the number '1.234,5' with thousands separators"),
        (text(rows=cell('"1,234.5"')), "line 5 has the number '1,234.5' with thousands separators"),
        (text(rows=cell("1'234"), separator=";"), "line 5 has the number \"1'234\" with thousands separators"),
        (text(rows=cell("1 234"), separator=";"), "line 5 has the number '1 234' with thousands separators"),
        (text(rows=cell("1_234")), "line 5 has the number '1_234' with thousands separators"),
        (text(rows=cell("1,75"), separator=";"), "has '1,75' in line 5 and '1.5' in line 2, allowed: decimals with a comma or with a point"),
        (text(rows=cell("\u0661")), "measured_conductance is '\u0661' in line 5, allowed: a number above 0"),
        (text(rows=cell("1e400")), "measured_conductance is '1e400' in line 5, allowed"),
        (text(rows=cell('"1.5')), "cannot be read: unexpected end of data"),
        (b"\x81\x8d\x8f" * 40, "cannot be read: is no text; allowed: UTF-8, UTF-16 or Windows-1252"),
        (text().encode()[:200] + b"\0" * 9, "cannot be read: is no text"),
        (text(("", "", *HEAD), [("1", "2", *row) for row in ROWS]), "unknown column ''"),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_is_refused_by_its_name(tmp_path, content, words):
    with pytest.raises(HardwareError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"a.csv: {words}")


BARE = ("device", "target_conductance", "measured_conductance", "time")


def test_conductances_without_a_unit_are_asked_about(tmp_path):
    with pytest.raises(HardwareError) as caught:
        read(tmp_path, text(BARE))
    assert str(caught.value) == (
        "a.csv: column 'target_conductance' has no unit; allowed: one as in 'target_conductance_uS', "
        "or --as-written if it is in siemens"
    )
    assert read(tmp_path, text(BARE), as_written=True).target.max() == 5.5


def test_conductances_above_one_siemens_are_asked_about(tmp_path):
    content = text(("device", "target_conductance_S", "measured_conductance_S", "time"))
    with pytest.raises(HardwareError) as caught:
        read(tmp_path, content)
    assert str(caught.value) == (
        "a.csv: target_conductance goes up to 5.5 S, where devices have at most 1 S; "
        "allowed: the right unit, or --as-written to take it as it is"
    )
    assert fit_device(tmp_path / "a.csv", as_written=True).model.weights.g_max == 5.5


def test_a_cell_of_very_many_digits_is_no_number_at_once():
    begun = time.process_time()
    assert _NUMBER.fullmatch(200_000 * "9" + "x") is None and _NUMBER.fullmatch(200_000 * "9") is not None
    assert all(_NUMBER.fullmatch(text) for text in ("1.", "1.5", ".5", "-1e3", "+2.E-3")) and not _NUMBER.fullmatch(".")
    assert time.process_time() - begun < 1

"""Quantities with units."""

import pytest

from emulator.units import si
from hwmodels.errors import HardwareError
from hwmodels.units import PREFIXES, factor, parse


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1.2 ns", "s", 1.2e-9),
        ("250ns", "s", 250e-9),
        ("50 ohm", "ohm", 50.0),
        ("1.5 kΩ", "ohm", 1500.0),
        ("25 uS", "S", 25e-6),
        ("25 µS", "S", 25e-6),
        ("7.09 ps/mm", "s/m", 7.09e-9),
        ("3.6 dB/cm", "dB/m", 360.0),
        ("0.97 ps", "s", 0.97e-12),
        ("1 day", "s", 86400.0),
        ("2 min", "s", 120.0),
        ("3 mm", "m", 0.003),
        ("1 inch", "m", 0.0254),
        ("5 %", "1", 0.05),
        ("-1.1731 uS", "S", -1.1731e-6),
        ("1e-9", "s", 1e-9),
        ("103 GHz", "Hz", 103e9),
        ("35.5 pJ", "J", 35.5e-12),
        (".5 aJ", "J", 0.5e-18),
    ],
)
def test_text_is_read_exactly(text, unit, value):
    assert parse(text, unit) == value


def test_factor_of_a_bare_unit():
    assert factor("uS", "S") == 1e-6


@pytest.mark.parametrize(
    ("text", "unit", "words"),
    [
        ("fast", "s", "'fast' is not a number with a unit; expected a value in s"),
        ("3 ohm", "s", "'3 ohm' is in ohm, expected s"),
        ("3 dB", "dB/m", "'3 dB' is in dB, expected dB/m"),
        ("3 s/m", "s", "'3 s/m' is in s/m, expected s"),
        ("3 ns", "1", r"'3 ns' is in s, expected 1 \(a pure number\)"),
        ("3 nn", "s", "unknown unit 'nn' in '3 nn', expected s or a multiple of it"),
        ("3 s/q", "s/m", "unknown unit 'q'"),
        ("", "s", "'' is not a number with a unit"),
        ("nan", "s", "'nan' is not a number with a unit"),
    ],
)
def test_wrong_text_is_refused(text, unit, words):
    with pytest.raises(HardwareError, match=words):
        parse(text, unit)


@pytest.mark.parametrize("unit", ["s", "ohm", "m", "F"])
@pytest.mark.parametrize("power", PREFIXES)
def test_what_is_written_is_read(power, unit):
    value = float(f"2.5e{power}")
    assert si(value, unit) == f"2.5 {PREFIXES[power]}{unit}"
    assert parse(si(value, unit), unit) == value

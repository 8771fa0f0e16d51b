"""Two-port measurements from Touchstone files, versions 1 and 2, as scattering matrices at one reference resistance.

Read by the specification (Touchstone File Format Specification, IBIS Open Forum, version 2.1, 2024): S, Y, Z, G and H
parameters; real and imaginary part, magnitude and angle, decibel and angle; one reference resistance, or one per port;
in version 1 parameters other than S are normalised to the reference, in version 2 they are in ohm and siemens. Noise
parameters are passed over. Everything is brought to scattering parameters by one relation: each kind says
``A V + B I = 0`` of the ports' voltages and currents, and with ``V = sqrt(R) (a + b)``, ``I = (a - b) / sqrt(R)``

    S = -(A sqrt(R) - B / sqrt(R))^-1 (A sqrt(R) + B / sqrt(R))

(K. Kurokawa, IEEE Trans. MTT 13, 194, 1965, for real references).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodels.doors import RefusedError, brief, lines_of, read_measured
from hwmodels.errors import HardwareError

Complex = npt.NDArray[np.complex128]
Array = npt.NDArray[np.float64]

_HERTZ = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}
_KINDS = ("s", "y", "z", "g", "h")
_FORMATS = ("ri", "ma", "db")
_PORTS = re.compile(r"\.[syzgh](\d+)p$")
_IMPEDANCE = re.compile(r"!\s*port impedance\s+([-+.\deE\s]+)$", re.IGNORECASE)
#: numbers of a record of a two-port: a frequency and the parameters; and of one with noise parameters
_RECORD, _NOISE = 9, 5


class TwoPort(NamedTuple):
    """A measured two-port at n frequencies."""

    frequency: Array
    """Frequencies [Hz], shape (n,)."""
    scattering: Complex
    """Scattering matrices ``S[f, out, in]``, shape (n, 2, 2)."""
    resistance: float
    """Reference resistance of both ports [ohm]."""
    parameters: str
    """What the file holds: ``S``, ``Y``, ``Z``, ``G`` or ``H``."""
    normalised: bool
    """Whether its numbers are relative to the reference, as they are in version 1."""


@dataclass
class _File:
    """What has been read of a file so far."""

    version: str = "1.0"
    options: dict[str, str] = field(default_factory=dict)
    references: list[float] = field(default_factory=lambda: [50.0])
    keywords: dict[str, str] = field(default_factory=dict)
    records: list[list[float]] = field(default_factory=list)
    stated: list[tuple[int, list[float]]] = field(default_factory=list)

    @property
    def second(self) -> bool:
        """Whether it is of version 2."""
        return self.version.startswith("2")


def read_touchstone(path: str | Path) -> TwoPort:
    """Read a two-port file.

    Raises
    ------
    HardwareError
        If the file cannot be read, is no Touchstone file or not of two ports, or holds what has no one meaning.
    """
    file = Path(path).name
    if not Path(path).exists():
        raise HardwareError(file, "no such file")
    ports = _PORTS.search(file.lower())
    try:
        found = _parse(read_measured(path), 2 if ports is None else int(ports[1][:9]))
        return _two_port(found)
    except (RefusedError, OSError) as error:
        if isinstance(error, _UnfitError):
            raise HardwareError(file, str(error)) from None
        raise HardwareError(file, f"is no readable Touchstone file: {error}") from None


class _UnfitError(RefusedError):
    """A readable file that is not of two ports, or whose references have no one meaning."""


def _parse(text: str, ports: int) -> _File:
    """Options, keywords and records of a file whose name says that it has `ports` ports."""
    found, data, noise, skipping = _File(), [], False, False
    rows = list(_rows(text, found))
    second = any(low.startswith("[version]") for _, low in rows)
    if not second and ports != 2:
        raise _UnfitError(f"has {ports} port(s), allowed: 2 (a .s2p file)")
    begun = not second
    rest: list[tuple[int, str]] = []
    for number, low in rows:
        if skipping:
            skipping = not low.startswith("[end information]")
        elif low.startswith("#"):
            if not found.options:
                _options(found, number, low)
        elif low.startswith("["):
            word, _, value = low[1:].partition("]")
            skipping = word == "begin information"
            begun, noise = begun or word == "network data", noise or word == "noise data"
            if word == "end":
                break
            if word == "version":
                found.version = value.strip()
            found.keywords[word] = value.strip()
            if word == "reference" and not value.strip():
                found.keywords[word] = ""
        elif begun and not noise:
            data.append((number, _numbers(number, low)))
        elif not begun and "reference" in found.keywords:
            found.keywords["reference"] += f" {low}"
        elif not begun:
            rest.append((number, low))
    if rest:
        raise RefusedError(f"line {rest[0][0]} is {brief(rest[0][1])}; allowed there: an option line or a keyword")
    if found.version not in ("1.0", "1.1", "2.0", "2.1"):
        raise RefusedError(f"[Version] is {brief(found.version)}; allowed: 1.0, 1.1, 2.0 or 2.1")
    if found.second:
        _check_keywords(found)
    found.records = _stream(found, data) if found.second else list(_records(data))
    return found


def _rows(text: str, found: _File) -> Iterator[tuple[int, str]]:
    """Numbered lines in lower case, without comments and blank ones; impedances that comments state are kept."""
    for number, line in enumerate(lines_of(text), 1):
        for one in line.splitlines():
            stated = _IMPEDANCE.match(one.strip())
            if stated:
                found.stated.append((number, _numbers(number, stated[1])))
            row = one.partition("!")[0].strip().lower()
            if row:
                yield number, row


def _options(found: _File, number: int, row: str) -> None:
    """The option line, whose parts may stand in any order."""
    words = row[1:].split()
    references: list[float] = []
    for place, word in enumerate(words):
        if word == "r":
            references = _numbers(number, " ".join(words[place + 1 :]))
            break
        kind = next(
            (kind for kind, known in (("unit", _HERTZ), ("kind", _KINDS), ("form", _FORMATS)) if word in known), None
        )
        if kind is None or kind in found.options:
            allowed = "# (Hz, kHz, MHz or GHz) (S, Y, Z, G or H) (RI, MA or DB) R (ohm)"
            raise RefusedError(
                f"the option line {number} has {brief(word)} where it does not belong; allowed: {allowed}"
            )
        found.options[kind] = word
    found.options = {"unit": "ghz", "kind": "s", "form": "ma"} | found.options
    found.references = references or found.references


def _check_keywords(found: _File) -> None:
    """Refuse what version 2 can say and a line cannot be."""
    for word in ("mixed-mode order", "number of ports"):
        said = found.keywords.get(word)
        if word.startswith("mixed") and said is not None:
            raise _UnfitError("holds mixed-mode parameters, allowed: single-ended ones")
        if word.startswith("number") and said != "2":
            raise _UnfitError(f"has {said or 'no number of'} port(s), allowed: 2")
    for word, known in (("two-port data order", ("21_12", "12_21")), ("matrix format", ("full", "lower", "upper"))):
        said = found.keywords.get(word, known[0])
        if said not in known:
            raise RefusedError(f"[{word.title()}] is {brief(said)}; allowed: {', '.join(known)}")
    if "reference" in found.keywords:
        found.references = _numbers(0, found.keywords["reference"])
    if not found.options:
        raise RefusedError("it has no option line, which begins with #")


def _records(data: Iterable[tuple[int, list[float]]]) -> Iterator[list[float]]:
    """Records of version 1: a line of nine numbers each, or of five and four; five that fall back begin noise."""
    last, begun = -np.inf, None
    for number, values in data:
        if begun is not None:
            if len(values) != _RECORD - _NOISE:
                raise RefusedError(f"line {number} has {len(values)} numbers; allowed after five: four")
            yield [*begun, *values]
            begun = None
            continue
        if len(values) == _NOISE and values[0] <= last:
            return
        if len(values) == _NOISE:
            begun = values
        elif len(values) == _RECORD:
            yield values
        else:
            words = "a frequency and the four parameters of a two-port"
            raise RefusedError(f"line {number} has {len(values)} numbers; allowed: {_RECORD}, {words}")
        last = values[0]
    if begun is not None:
        raise RefusedError("the last frequency lacks numbers")


def _stream(found: _File, data: Iterable[tuple[int, list[float]]]) -> list[list[float]]:
    """Records of version 2, which may break lines anywhere; half matrices are completed."""
    full = found.keywords.get("matrix format", "full") == "full"
    values, width = [value for _, row in data for value in row], _RECORD if full else _RECORD - 2
    stated = found.keywords.get("number of frequencies", "")
    count, remainder = divmod(len(values), width)
    if remainder or (stated and stated != str(count)):
        raise RefusedError(f"it has {len(values)} numbers; allowed: {width} for each of {stated or 'the'} frequencies")
    records = [values[width * k : width * (k + 1)] for k in range(count)]
    if full:
        return records
    return [[*one[:5], *one[3:7]] for one in records]


def _two_port(found: _File) -> TwoPort:
    """Scattering matrices of the records."""
    options = {"unit": "ghz", "kind": "s", "form": "ma"} | found.options
    references = np.array(found.references)
    if len(references) not in (1, 2) or not np.all((references > 0) & np.isfinite(references)):
        said = ", ".join(f"{value:g}" for value in found.references) or "none"
        raise _UnfitError(
            f"reference impedances are {said}, allowed: a positive resistance, or one for each of 2 ports"
        )
    references = np.broadcast_to(references, 2)
    _check_stated(found, references)
    kind, normalised = options["kind"], options["kind"] != "s" and not found.second
    if normalised and references[0] != references[1]:
        raise _UnfitError(
            f"holds {kind.upper()} parameters normalised to {references[0]:g} and {references[1]:g} ohm, which has no "
            "one meaning, allowed: one reference, or a file of version 2"
        )
    table = np.array(found.records, dtype=np.float64).reshape(-1, _RECORD)
    with np.errstate(all="ignore"):  # what is not finite is refused by whoever asks for it
        frequency, matrices = table[:, 0] * _HERTZ[options["unit"]], _matrices(table[:, 1:], options["form"])
        if not found.second or found.keywords.get("two-port data order", "21_12") == "21_12":
            matrices = matrices.transpose(0, 2, 1)
        if normalised:
            matrices = matrices * _unit(kind, float(references[0]))
        scattering = _scattering(kind, matrices, references)
    return TwoPort(frequency, scattering, float(references[0]), kind.upper(), normalised)


def _check_stated(found: _File, references: Array) -> None:
    """Field solvers state the impedances of the ports in comments; data relative to those are not what they seem."""
    for number, values in found.stated:
        said = np.array(values[: 2 * (len(values) // 2)]).reshape(-1, 2)
        if len(said) == 2 and not np.allclose(said, np.stack([references, [0, 0]], 1), rtol=1e-6):
            words = ", ".join(f"{real:g}{imaginary:+g}j" for real, imaginary in said)
            raise _UnfitError(
                f"states port impedances of {words} ohm in line {number}, allowed: data renormalised to the resistance "
                "of the option line"
            )


def _matrices(values: Array, form: str) -> Complex:
    """Parameters in the order of the file, shape (n, 2, 2)."""
    first, second = values[:, 0::2], values[:, 1::2]
    if form == "ri":
        return np.asarray(first + 1j * second).reshape(-1, 2, 2)
    size = 10 ** (first / 20) if form == "db" else first
    return np.asarray(size * np.exp(1j * np.deg2rad(second))).reshape(-1, 2, 2)


def _unit(kind: str, resistance: float) -> Array:
    """What normalised parameters are to be multiplied with, shape (2, 2)."""
    impedance, admittance = resistance, 1 / resistance
    return {
        "z": np.full((2, 2), impedance),
        "y": np.full((2, 2), admittance),
        "h": np.array([[impedance, 1.0], [1.0, admittance]]),
        "g": np.array([[admittance, 1.0], [1.0, impedance]]),
    }[kind]


def _scattering(kind: str, p: Complex, references: Array) -> Complex:
    """Scattering matrices at the first reference; see the head of this module for A and B."""
    one, root = np.broadcast_to(np.eye(2, dtype=np.complex128), p.shape), np.sqrt(references)
    a, b = np.zeros_like(p), np.zeros_like(p)
    if kind == "s":
        a, b = (one - p) / root, -(one + p) * root
    elif kind == "z":
        a, b = one, -p
    elif kind == "y":
        a, b = -p, one
    else:
        a[:, 0, 0], a[:, :, 1] = 1.0, -p[:, :, 1]
        b[:, :, 0], b[:, 1, 1] = -p[:, :, 0], 1.0
        if kind == "g":  # the other way about: voltages for currents
            a, b = b, a
    if kind == "s" and references[0] == references[1]:
        return p
    resistance = np.sqrt(references[0])
    left, right = a * resistance - b / resistance, a * resistance + b / resistance
    determinant = left[:, 0, 0] * left[:, 1, 1] - left[:, 0, 1] * left[:, 1, 0]
    inverse = np.stack([left[:, 1, 1], -left[:, 0, 1], -left[:, 1, 0], left[:, 0, 0]], -1).reshape(-1, 2, 2)
    return np.asarray(-inverse @ right / determinant[:, None, None])


def _numbers(number: int, row: str) -> list[float]:
    """The numbers of a line."""
    try:
        return [float(word) for word in row.split()]
    except ValueError:
        raise RefusedError(f"line {number} is {brief(row)}; allowed: numbers") from None

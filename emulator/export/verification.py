"""Running an exported circuit in ngspice, and comparing it with what it must show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emulator.errors import ExportError, FileFormatError
from emulator.export.folder import FORMAT, MAP
from emulator.export.ngspice import find_ngspice, run_ngspice
from emulator.export.options import positive
from emulator.export.spice_files import EXPECTED, OP, TRAN, VERSION
from emulator.measure.synapses import Floats

#: largest deviations that agree, relative to the largest magnitude in the bundle of a node
REST, SETTLED, WAVE, TWO_WAY = 1e-8, 1e-6, 1e-6, 1e-3


@dataclass(frozen=True)
class Check:
    """One comparison over many nodes.

    Parameters
    ----------
    name : str
        ``operating point``, ``settled values`` or ``waveforms``.
    compared : int
        Values that were compared.
    worst : str
        Node with the largest deviation, relative to its bundle's largest magnitude.
    found, expected : float
        Its values, in volts.
    deviation : float
        That relative deviation.
    allowed : float
    seconds : float or None
        When, in a transient.
    """

    name: str
    compared: int
    worst: str
    found: float
    expected: float
    deviation: float
    allowed: float
    seconds: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the deviation is within what is allowed."""
        return self.deviation <= self.allowed


@dataclass(frozen=True)
class Verification:
    """Outcome of all comparisons."""

    directory: Path
    checks: tuple[Check, ...]

    @property
    def agrees(self) -> bool:
        """Whether every comparison agrees."""
        return all(check.agrees for check in self.checks)


def verify(directory: str | Path, *, limit: float = 300.0) -> Verification:
    """Run both testbenches of an export in ngspice.

    Compared are: the operating point with the exact reference; states and costates in the middle of every step with
    brian2 (but for a bilateral circuit that is large or has lumped terminations); and their last values with what brian2
    settles to in the directional circuit, with the reference in the bilateral one.

    Parameters
    ----------
    directory : str or Path
        From `emulator.export.spice`.
    limit : float
        Most seconds that each run may take.

    Raises
    ------
    FileFormatError
        If the folder is not such an export.
    ExportError
        If the export is for another simulator, or ngspice is missing, takes too long, fails, or does not save what it was asked for.
    """
    folder, limit = Path(directory), positive("limit", limit)
    described, expected = _read(folder, MAP, FORMAT), _read(folder, EXPECTED, "backwave-expected")
    if described.get("kind") != "spice":
        raise FileFormatError(f"export '{folder}' is of kind {described.get('kind')!r}; allowed: spice")
    if described.get("dialect", "ngspice") != "ngspice":
        raise ExportError(
            f"export '{folder}' is in dialect {described['dialect']!r}; allowed: ngspice, which runs here"
        )
    find_ngspice()
    try:
        rest = {name: np.array(values, dtype=np.float64) for name, values in expected["rest"].items()}
        waves = expected["waves"]
        moving = {name: np.array(values, dtype=np.float64) for name, values in (waves or {}).items()}
        start, step = float(expected["transient"]["start"]), float(expected["transient"]["step"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"file '{folder / EXPECTED}' is not what an export writes: {error}") from error
    checks = [_compare("operating point", run_ngspice(folder / OP, limit), rest, REST)]
    saved = run_ngspice(folder / TRAN, limit)
    time = _column(saved, "time")
    last = {name: values for name, values in rest.items() if name.startswith(("x", "lam"))}
    if waves is not None:
        count = len(next(iter(moving.values()), ()))
        middles: Floats = start + (np.arange(count, dtype=np.float64) + 0.5) * step
        checks.append(_compare("waveforms", saved, moving, WAVE, time, middles))
    if described.get("circuit") == "bilateral":
        last = {name: values for name, values in rest.items() if name.startswith(("x", "lam"))}
        checks.append(_compare("settled values", saved, last, TWO_WAY))
    else:
        settled = {name: values[-1] for name, values in moving.items()}
        checks.append(_compare("settled values", saved, settled, SETTLED))
    return Verification(folder, tuple(checks))


def _read(folder: Path, name: str, kind: str) -> dict[str, Any]:
    path = folder / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileFormatError(
            f"folder '{folder}' has no {name}; allowed: a folder that backwave export wrote"
        ) from None
    except ValueError as error:
        raise FileFormatError(f"file '{path}' is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != kind or content.get("version") != VERSION:
        raise FileFormatError(f"file '{path}' is not of format {kind!r} and version {VERSION}")
    return content


def _compare(
    name: str,
    saved: dict[str, Floats],
    expected: dict[str, Floats],
    allowed: float,
    time: Floats | None = None,
    at: Floats | None = None,
) -> Check:
    """Compare the last values of nodes or, with `time`, their values at several moments: (n,) or (moments, n)."""
    checks = []
    for bundle, values in expected.items():
        columns = [_column(saved, f"v({bundle}_{k})") for k in range(values.shape[-1])]
        if time is None or at is None:
            found = np.array([column[-1] for column in columns])
        else:
            found = np.stack([np.interp(at, time, column) for column in columns], axis=1)
        off = np.abs(found - values) / (float(np.abs(values).max(initial=0.0)) or 1.0)
        off[~np.isfinite(found)] = np.inf
        where = np.unravel_index(int(off.argmax()), off.shape)
        moment = None if at is None else float(at[where[0]])
        figures = float(found[where]), float(values[where]), float(off[where])
        checks.append(Check(name, off.size, f"{bundle}_{where[-1]}", *figures, allowed, moment))
    if not checks:
        raise FileFormatError(f"{name}: nothing is expected of any node; allowed: at least one bundle")
    worst = max(checks, key=lambda check: check.deviation)
    return Check(**{**vars(worst), "compared": sum(check.compared for check in checks)})


def _column(saved: dict[str, Floats], name: str) -> Floats:
    if name not in saved:
        raise ExportError(f"ngspice saved no {name}; allowed: testbenches that save every node of {EXPECTED}")
    return saved[name]

"""Running ngspice, and reading the raw files it writes."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.measure.synapses import Floats

_SHOWN = 300


def find_ngspice() -> str:
    """Path of ngspice.

    Raises
    ------
    ExportError
        If it is not installed; the message says what to install.
    """
    path = shutil.which("ngspice")
    if path is None:
        raise ExportError(
            "ngspice is not installed or not on the PATH; install it with the system's package manager, "
            "such as: apt-get install ngspice"
        )
    return path


def run_ngspice(testbench: Path, limit: float) -> dict[str, Floats]:
    """Run a testbench and read what it saved.

    Parameters
    ----------
    testbench : Path
        Its includes are looked for beside it.
    limit : float
        Most seconds it may take.

    Returns
    -------
    dict of str to (points,)
        By lower-case name, such as ``v(x1_0)`` or ``time``.

    Raises
    ------
    ExportError
        If ngspice is missing, takes too long, fails, or leaves something unreadable.
    """
    program = find_ngspice()
    with tempfile.TemporaryDirectory() as room:
        raw = Path(room) / "out.raw"
        command = [program, "-b", "-r", str(raw), testbench.name]
        try:
            done = subprocess.run(
                command, cwd=testbench.parent, capture_output=True, timeout=limit, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ExportError(
                f"ngspice on '{testbench}' took more than {limit:g} s; allowed: a higher limit (--limit)"
            ) from None
        said = _complaint(done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace"))
        if done.returncode != 0 or not raw.exists():
            raise ExportError(f"ngspice on '{testbench}' failed with status {done.returncode}: {said}")
        try:
            return read_raw(raw)
        except ExportError as error:
            raise ExportError(f"ngspice on '{testbench}': {error}; it said: {said}") from None


def read_raw(path: Path) -> dict[str, Floats]:
    """Read a binary raw file of one analysis with real values.

    Raises
    ------
    ExportError
        If it is not such a file, or is cut short.
    """
    content = path.read_bytes()
    head, binary, data = content.partition(b"Binary:\n")
    fields, _, listing = head.decode("ascii", "replace").partition("Variables:\n")
    try:
        facts = dict(line.split(":", 1) for line in fields.splitlines() if ":" in line)
        count, points = int(facts["No. Variables"]), int(facts["No. Points"])
        names = [line.split()[1].lower() for line in listing.splitlines() if line.strip()]
    except (KeyError, ValueError, IndexError):
        raise ExportError("the raw file has no readable header; allowed: a raw file of ngspice") from None
    if not binary or "complex" in facts.get("Flags", "") or len(names) != count:
        raise ExportError("the raw file is not what was asked for; allowed: binary and real values, every one named")
    if points < 1 or len(data) < 8 * count * points:
        raise ExportError(
            f"the raw file holds {len(data)} bytes for {points} points of {count} values; it is cut short"
        )
    table = np.frombuffer(data[: 8 * count * points], dtype="<f8").reshape(points, count)
    return dict(zip(names, table.T, strict=True))


def _complaint(output: str) -> str:
    """What ngspice complained about, in one line; the end of its output if it did not."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    wrong = [
        line for line in lines if any(word in line.lower() for word in ("error", "fatal", "too small", "singular"))
    ]
    return "; ".join(wrong or lines[-3:])[:_SHOWN] or "nothing"

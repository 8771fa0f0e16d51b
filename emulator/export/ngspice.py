"""Running ngspice, and reading the raw files it writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emulator.errors import ExportError
from emulator.export.circuit import Circuit, read_circuit
from emulator.export.confined import Limits, run_confined
from emulator.measure.synapses import Floats

#: bytes of the head of a raw file
_MOST_HEAD = 64 << 20


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
    return str(Path(path).absolute())


def run_ngspice(testbench: Path, limit: float, *, memory: int = Limits.memory) -> dict[str, Floats]:
    """Read a testbench as data, run what it says of a circuit, and read what that saved.

    Parameters
    ----------
    testbench : Path
        Its includes are looked for in its folder.
    limit : float
        Most seconds it may take.
    memory : int
        Most bytes it may use.

    Returns
    -------
    dict of str to (points,)
        By lower-case name, such as ``v(x1_0)`` or ``time``.

    Raises
    ------
    FileFormatError
        If a file has a statement that is not allowed (see `emulator.export.circuit.read_circuit`).
    ExportError
        If ngspice is missing, takes or prints too much, fails, or leaves something unreadable.
    """
    return simulate(read_circuit(testbench), testbench, Limits(limit, memory))


def simulate_all(runs: Sequence[tuple[Circuit, Path]], limits: Limits, workers: int) -> list[dict[str, Floats]]:
    """Run circuits, each with the name it was read from, so many at once; see `run_ngspice`."""
    with ThreadPoolExecutor(workers) as pool:  # they only wait for processes
        return list(pool.map(lambda run: simulate(run[0], run[1], limits), runs))


def simulate(circuit: Circuit, name: Path, limits: Limits) -> dict[str, Floats]:
    """Run a circuit that was read from `name`; see `run_ngspice`."""
    program = find_ngspice()
    with tempfile.TemporaryDirectory(prefix="backwave-ngspice-") as folder:
        room, raw = Path(folder), Path(folder) / "out.raw"
        for part in ("work", "scripts"):
            (room / part).mkdir()
        (room / "scripts" / "spinit").write_text("* neither settings nor code models\n")
        (room / "work" / "circuit.cir").write_text(circuit.text, encoding="ascii", newline="\n")
        command = [program, "-n", "-b", "-r", str(raw), "circuit.cir"]
        try:
            status, said = run_confined(command, room, limits, {"SPICE_SCRIPTS": str(room / "scripts")})
        except ExportError as error:
            raise ExportError(f"ngspice on '{name}' {error}") from None
        if status != 0 or not raw.exists():
            raise ExportError(f"ngspice on '{name}' failed with status {status}: {said}")
        try:
            return read_raw(raw)
        except ExportError as error:
            raise ExportError(f"ngspice on '{name}': {error}; it said: {said}") from None


def read_raw(path: Path) -> dict[str, Floats]:
    """Read a binary raw file of one analysis with real values.

    Raises
    ------
    ExportError
        If it is not such a file, or is cut short.
    """
    with path.open("rb") as file:
        head, binary, _ = file.read(_MOST_HEAD).partition(b"Binary:\n")
        size = path.stat().st_size - len(head) - len(binary)
        fields, _, listing = head.decode("ascii", "replace").partition("Variables:\n")
        try:
            facts = dict(line.split(":", 1) for line in fields.splitlines() if ":" in line)
            count, points = int(facts["No. Variables"]), int(facts["No. Points"])
            names = [line.split()[1].lower() for line in listing.splitlines() if line.strip()]
        except (KeyError, ValueError, IndexError):
            raise ExportError("the raw file has no readable header; allowed: a raw file of ngspice") from None
        if not binary or "complex" in facts.get("Flags", "") or len(names) != count:
            raise ExportError(
                "the raw file is not what was asked for; allowed: binary and real values, every one named"
            )
        if points < 1 or size < 8 * count * points:
            raise ExportError(f"the raw file holds {size} bytes for {points} points of {count} values; it is cut short")
        file.seek(len(head) + len(binary))
        table = np.fromfile(file, dtype="<f8", count=count * points).reshape(points, count)
    return dict(zip(names, table.T, strict=True))

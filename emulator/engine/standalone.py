"""Compiling a plan to a C++ program once, and running that program again with other numbers.

A compiled program is a directory with the binary, the arrays that describe its structure, and a manifest that says
which command-line arguments and result files stand for what. It needs no Python state, so any process can run it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from brian2 import device, get_device, prefs, second, set_device
from brian2.core.variables import DynamicArrayVariable, Variable

from emulator.engine.brian_state import known_brian
from emulator.engine.build import build
from emulator.engine.cache import cache_directory
from emulator.engine.fabric import Fabric
from emulator.engine.headers import make_arguments
from emulator.engine.heartbeat import PREFIX
from emulator.engine.learning import RATE_COLUMNS
from emulator.engine.plan import STEP, Plan, Values
from emulator.engine.runtime import Report
from emulator.errors import EngineError
from emulator.files import memory_folder

_MANIFEST = "manifest.json"
#: programs kept in the cache; the least recently used go first
KEEP = 64


@dataclass(frozen=True)
class Program:
    """A compiled plan.

    Parameters
    ----------
    directory : Path
        Holds ``main``, ``static_arrays`` and ``manifest.json``.
    compile_seconds : float
        Time it took to build; 0 if it was found in the cache.
    """

    directory: Path
    compile_seconds: float

    def run(
        self, values: Values, feed: np.ndarray, report: Report | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Run with these numbers; see `emulator.engine.runtime.run`."""
        manifest = json.loads((self.directory / _MANIFEST).read_text())
        begun = time.perf_counter()
        folder = None if "trace.u" in manifest["outputs"] else memory_folder()  # traces may be large
        with tempfile.TemporaryDirectory(prefix="backwave-run-", dir=folder) as scratch:
            results = Path(scratch) / "results"
            results.mkdir()
            arguments = ["--results_dir", f"{results}/"]
            numbers = {manifest["inputs"][name]["argument"]: (name, values[name]) for name in manifest["inputs"]}
            for argument, (name, value) in numbers.items():
                dtype = np.dtype(manifest["inputs"][name]["dtype"])
                if np.ndim(value) == 0:
                    arguments.append(f"{argument}={float(value)!r}")
                else:
                    path = Path(scratch) / f"{name}.bin"
                    np.ascontiguousarray(value, dtype=dtype).tofile(path)
                    arguments.append(f"{argument}={path}")
            series = {"feed": feed} | ({"rates": values["rates"]} if "rates" in values else {})
            for name, rows in series.items():
                path = Path(scratch) / f"{name}.bin"
                np.ascontiguousarray(rows, dtype=np.float64).tofile(path)
                arguments.append(f"{name}.values={path}")
            self._execute(arguments, Path(scratch), report)
            outputs = {name: _read(results / spec["file"], spec) for name, spec in manifest["outputs"].items()}
            seconds = float((results / "last_run_info.txt").read_text().split()[0])
        overhead = time.perf_counter() - begun - seconds
        return outputs, {"build": self.compile_seconds, "run": seconds, "overhead": overhead}

    def _execute(self, arguments: list[str], scratch: Path, report: Report | None) -> None:
        errors = scratch / "stderr.txt"
        said: list[str] = []
        with errors.open("w") as sink, subprocess.Popen(
            ["./main", *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink,
            text=True,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    if line.startswith(PREFIX) and report is not None:
                        report(float(line.removeprefix(PREFIX)))
                    elif not line.startswith(PREFIX):
                        said.append(line)
            except BaseException:
                process.kill()
                raise
        complaint = errors.read_text().strip()
        if process.returncode or complaint:
            raise EngineError(
                f"the compiled program in {self.directory} failed with status {process.returncode}: "
                f"{(complaint or ''.join(said)).strip()[-500:] or 'it printed nothing'}"
            )


def program(plan: Plan) -> Program:
    """The compiled program of a plan: from the cache, or built and put there; by one process, while others wait."""
    place = cache_directory() / "programs" / plan.key
    if (place / _MANIFEST).exists():
        os.utime(place)
        return Program(place, 0.0)
    begun = time.perf_counter()
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f"{plan.key[:2]}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / _MANIFEST).exists():
            _install(plan, place)
    _forget_oldest(place.parent)
    return Program(place, time.perf_counter() - begun)


def _install(plan: Plan, place: Path) -> None:
    """Build a program and put it into the cache."""
    scratch = Path(tempfile.mkdtemp(prefix="building-", dir=place.parent))
    try:
        _compile(plan, scratch)
        try:
            scratch.replace(place)
        except OSError:  # another process was faster: its program is the same
            if not (place / _MANIFEST).exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(plan: Plan, directory: Path) -> None:
    if shutil.which("g++") is None and "CXX" not in os.environ:
        raise EngineError(
            "target standalone needs a C++ compiler and found none; allowed: install g++, or target='numpy'"
        )
    feed = np.zeros((plan.samples, len(plan.layout.inputs) + len(plan.layout.outputs)))
    rates = None if plan.learning is None else np.zeros((plan.samples, RATE_COLUMNS))
    with known_brian():
        previous = get_device()
        set_device("cpp_standalone", build_on_run=False, directory=None)
        try:
            fabric = build(plan, feed, rates)
            device.apply_run_args()
            fabric.set_delays()
            fabric.network.run(plan.steps * STEP * second)
            # a program is built once: what depends on what need not be listed
            jobs = [f"-j{os.cpu_count() or 1}", "DEPS="]
            prefs.devices.cpp_standalone.extra_make_args_unix = jobs + make_arguments(cache_directory())
            device.build(directory=str(directory), compile=True, run=False, with_output=False)
            manifest = _manifest(fabric)
        except RuntimeError as error:
            raise EngineError(f"compiling the substrate failed: {error}") from error
        finally:
            device.reinit()
            device.activate()
            set_device(previous)
    for leftover in (*directory.rglob("*.o"), *directory.rglob("*.cpp"), *directory.rglob("*.h")):
        leftover.unlink()
    (directory / _MANIFEST).write_text(json.dumps(manifest, indent=1))


def _manifest(fabric: Fabric) -> dict[str, dict[str, dict[str, object]]]:
    """Argument and type of every input; file, type and width of every output."""
    inputs = {
        name: {"argument": f"{variable.owner.name}.{variable.name}", "dtype": np.dtype(variable.dtype).str}
        for name, variable in fabric.inputs.items()
    }
    outputs = {
        name: {
            "file": device.get_array_filename(variable),
            "dtype": np.dtype(variable.dtype).str,
            "width": _width(variable),
        }
        for name, variable in fabric.outputs.items()
    }
    return {"inputs": inputs, "outputs": outputs}


def _width(variable: Variable) -> int | None:
    """Columns of a two-dimensional record, None for a list."""
    if isinstance(variable, DynamicArrayVariable) and variable.ndim == 2:
        return int(variable.owner.n_indices)
    return None


def _read(path: Path, spec: dict[str, object]) -> np.ndarray:
    flat = np.fromfile(path, dtype=np.dtype(str(spec["dtype"])))
    return flat if spec["width"] is None else flat.reshape(-1, int(str(spec["width"])))


def _forget_oldest(programs: Path) -> None:
    kept = sorted((p for p in programs.iterdir() if (p / _MANIFEST).exists()), key=lambda p: p.stat().st_mtime)
    for path in kept[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)

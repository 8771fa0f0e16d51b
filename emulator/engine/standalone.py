"""Compiling a plan to a C++ program once, and running that program again with other numbers.

A compiled program is an entry of the cache with the binary, the arrays that describe its structure, and a manifest that
says which command-line arguments and result files stand for what. It needs no Python state, so any process can run it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import EventMonitor, StateMonitor, device, get_device, prefs, second, set_device
from brian2.core.variables import DynamicArrayVariable, Variable

from emulator.engine.brian_state import known_brian
from emulator.engine.cache import (
    cache_directory,
    forget_oldest,
    intact,
    making,
    signature_of,
    writable_folder,
    write_manifest,
)  # fmt: skip
from emulator.engine.clocks import STEP
from emulator.engine.compiler import environment, linking, require_compiler
from emulator.engine.contiguous import walk_in_runs
from emulator.engine.entries import Watch
from emulator.engine.fabric import Fabric
from emulator.engine.headers import make_arguments
from emulator.engine.heartbeat import PREFIX
from emulator.engine.kept import Kept
from emulator.engine.learning import RATE_COLUMNS
from emulator.engine.plan import Plan, Values
from emulator.engine.results import write_only
from emulator.engine.runtime import Report
from emulator.engine.selfcheck import ensure_right
from emulator.engine.sources import join_sources
from emulator.engine.stepping import ask_once
from emulator.errors import EngineError
from emulator.files import memory_folder
from emulator.laws import family_of
from emulator.locks import lock_folder, waited_for
from emulator.threads import go_on, output_of, running

#: the programs of plans that this process has run, as long as the plans are
_of_plan: Kept[Program] = Kept()
#: bytes up to which a result is read; a longer one is mapped, and gone from the disk all the same
_COPIED = 1 << 20
#: without locks another process may just be putting its own program in the place of this one's: how often to look, and after
#: how many seconds
_TIMES, _MOMENT = 5, 0.1
#: seconds up to which nobody has been waited for
_INSTANT = 1e-3
#: held by the thread that makes a program; which may make a small one first, to try the compiler
_building = threading.RLock()
#: what makes records that only grow
_RECORDERS = (StateMonitor, EventMonitor, Watch)


@dataclass(frozen=True)
class Program:
    """A compiled plan.

    Parameters
    ----------
    directory : Path
        Holds ``main`` and ``static_arrays``.
    compile_seconds : float
        Time it took to build, or to wait for who built it; 0 if it was found in the cache.
    manifest : dict
        Argument and type of every input; file, type and width of every output.
    """

    directory: Path
    compile_seconds: float
    manifest: dict[str, Any] = field(repr=False)

    @cached_property
    def signature(self) -> list[tuple[str | int, ...]]:
        """What the system says of the files as they were found."""
        return signature_of(self.directory)

    @property
    def unchanged(self) -> bool:
        """Whether the files are those that were found."""
        try:
            return self.signature == signature_of(self.directory)
        except OSError:
            return False

    def run(
        self, values: Values, feed: np.ndarray, report: Report | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Run with these numbers; see `emulator.engine.runtime.run`."""
        manifest = self.manifest
        begun = time.perf_counter()
        folder = None if "trace.u" in manifest["outputs"] else memory_folder()  # traces may be large
        with _scratch(folder) as scratch:
            arguments = ["--results_dir", f"{scratch}/"]
            numbers = {manifest["inputs"][name]["argument"]: (name, values[name]) for name in manifest["inputs"]}
            for argument, (name, value) in numbers.items():
                dtype = np.dtype(manifest["inputs"][name]["dtype"])
                if np.ndim(value) == 0:
                    arguments.append(f"{argument}={float(value)!r}")
                else:
                    np.ascontiguousarray(value, dtype=dtype).tofile(f"{scratch}/{name}.bin")
                    arguments.append(f"{argument}={scratch}/{name}.bin")
            series = {"feed": feed} | ({"rates": values["rates"]} if "rates" in values else {})
            for name, rows in series.items():
                np.ascontiguousarray(rows, dtype=np.float64).tofile(f"{scratch}/{name}.bin")
                arguments.append(f"{name}.values={scratch}/{name}.bin")
            self._execute(arguments, Path(scratch), report)
            with os.scandir(scratch) as listing:
                sizes = {entry.name: entry.stat().st_size for entry in listing}
            outputs = {
                name: _read(f"{scratch}/{spec['file']}", sizes[spec["file"]], spec)
                for name, spec in manifest["outputs"].items()
            }
            seconds = float((Path(scratch) / "last_run_info.txt").read_text().split()[0])
        overhead = time.perf_counter() - begun - seconds
        return outputs, {"build": self.compile_seconds, "run": seconds, "overhead": overhead}

    def _execute(self, arguments: list[str], scratch: Path, report: Report | None) -> None:
        errors = scratch / "stderr.txt"
        said: list[str] = []
        with (
            errors.open("w") as sink,
            running(["./main", *arguments], cwd=self.directory, stdout=subprocess.PIPE, stderr=sink) as process,
        ):
            for line in process.stdout or ():
                if line.startswith(PREFIX) and report is not None:
                    report(float(line.removeprefix(PREFIX)))
                elif not line.startswith(PREFIX):
                    said.append(line)
        complaint = errors.read_text().strip()
        if process.returncode or complaint:
            raise EngineError(
                f"the compiled program in {self.directory} failed with status {process.returncode}: "
                f"{(complaint or ''.join(said)).strip()[-500:] or 'it printed nothing'}"
            )


@contextmanager
def _scratch(folder: Path | None) -> Iterator[str]:
    """A folder for the files of a run, gone afterwards; there are no folders in it."""
    place = tempfile.mkdtemp(prefix="backwave-run-", dir=folder)
    try:
        yield place
    finally:
        with os.scandir(place) as listing:
            for entry in listing:
                os.unlink(entry)  # noqa: PTH108 - of each file a path would take as long again
        Path(place).rmdir()


def program(plan: Plan) -> Program:
    """The compiled program of a plan: from the cache, or built and put there; by one process, while others wait.

    Its entry of the cache stays until the program is no longer referred to.

    Raises
    ------
    EngineError
        If there is no compiler, it fails, or what it makes computes a known network wrongly.
    """
    key = hashlib.sha256(f"{plan.key} {environment()}".encode()).hexdigest()[:32]
    kept = _of_plan.get(plan)
    if kept is not None and kept.directory == cache_directory() / "programs" / key and kept.unchanged:
        return kept
    begun = time.perf_counter()
    with _building:  # brian2 makes one program at a time
        waited = time.perf_counter() - begun
        go_on()
        found = _program(plan, key, waited if waited > _INSTANT else 0.0)
    _of_plan.put(plan, (found.compile_seconds and _found(found.directory, 0.0)) or found)  # it is built once
    return found


def _program(plan: Plan, key: str, waited: float) -> Program:
    """As `program`, of a plan that has none yet in this process; `key` is what its entry is called, and `waited` the seconds
    that others have been building.
    """
    require_compiler("standalone")
    ensure_right("standalone", lambda small, values, feed: program(small).run(values, feed)[0])
    begun = time.perf_counter() - waited
    found = _found(cache_directory() / "programs" / key, waited)
    if found is not None:
        return found
    folder = writable_folder("programs")
    place = folder / key
    with waited_for(folder / f"{key[:2]}.lock"):
        found = _found(place, time.perf_counter() - begun)  # by now another process may have built it
        if found is None:
            with making(place) as staging:
                write_manifest(staging, _compile(plan, staging))
            built = time.perf_counter() - begun
            found = _found(place, built)
            for _ in range(_TIMES):
                if found is None:
                    time.sleep(_MOMENT)
                    found = _found(place, built)
    forget_oldest(folder)
    if found is None:
        raise EngineError(
            f"the program in '{place}' changed as soon as it was built; allowed: a cache that nobody else changes"
        )
    return found


def _found(place: Path, seconds: float) -> Program | None:
    """The program at `place`, held there; None if it is not there, or not as it was built."""
    lock = lock_folder(place, shared=True)
    if lock is None:
        return None
    manifest = intact(place)
    if manifest is None:
        os.close(lock)
        return None
    with suppress(OSError):  # another user's
        os.utime(place)
    found = Program(place, seconds, manifest)
    _ = found.signature
    weakref.finalize(found, os.close, lock)
    return found


def _compile(plan: Plan, directory: Path) -> dict[str, Any]:
    """Build a program; its manifest."""
    feed = np.zeros((plan.samples, len(plan.layout.inputs) + len(plan.layout.outputs)))
    rates = None if plan.learning is None else np.zeros((plan.samples, RATE_COLUMNS))
    with known_brian(logging__std_redirection=False):  # of the whole process, whose other threads may print
        previous = get_device()
        set_device("cpp_standalone", build_on_run=False, directory=None)
        try:
            fabric = family_of(plan.law).objects(plan, feed, rates)
            device.apply_run_args()
            fabric.set_delays()
            fabric.network.run(plan.steps * STEP * second)
            # a program is built once: what depends on what need not be listed
            jobs = [f"-j{os.cpu_count() or 1}", "DEPS="]
            jobs += [*linking(), *make_arguments(directory.parent.parent)]
            device.build(directory=str(directory), compile=False, run=False, with_output=False)
            manifest = _manifest(fabric)
            files = {name: str(spec["file"]) for name, spec in manifest["outputs"].items()}
            records = [
                files[name] for name, variable in fabric.outputs.items() if isinstance(variable.owner, _RECORDERS)
            ]
            write_only(directory, files.values(), records)
            walk_in_runs(directory)
            ask_once(directory)
            _make_joined(directory, jobs)
        finally:
            device.reinit()
            device.activate()
            set_device(previous)
    for kind in ("*.o", "*.cpp", "*.h", "makefile"):
        for leftover in directory.rglob(kind):
            leftover.unlink()
    for folder in directory.iterdir():  # a program is looked at as a whole before each run
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return manifest


def _make_joined(directory: Path, arguments: list[str]) -> None:
    """Compile what brian2 has written: as two files, or piece by piece where the pieces cannot stand in one file."""
    try:
        _make(directory, arguments + join_sources(directory))
    except EngineError as error:
        try:
            _make(directory, arguments)
        except EngineError:
            raise error from None


def _make(directory: Path, arguments: list[str]) -> None:
    """Let make compile, as brian2 would, but for what the compiler prints: streams of this process stay as they are.

    Raises
    ------
    EngineError
        With the first line that tells of an error, if it fails.
    """
    status, said = output_of(" ".join([prefs.devices.cpp_standalone.make_cmd_unix, *arguments]), directory)
    if status:
        lines = [line.strip() for line in said.splitlines()]
        reason = next((line for line in lines if "error" in line.lower()), "")
        raise EngineError(f"compiling the substrate failed: {reason[:300] or f'make ended with status {status}'}")


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


def _read(path: str, size: int, spec: dict[str, object]) -> np.ndarray:
    dtype = np.dtype(str(spec["dtype"]))
    flat = np.memmap(path, dtype, mode="c").view(np.ndarray) if size > _COPIED else np.fromfile(path, dtype)
    return flat if spec["width"] is None else flat.reshape(-1, int(str(spec["width"])))

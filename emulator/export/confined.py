"""Running a simulator so that it touches nothing but a room of its own, for so long and with so much memory.

It starts without the user's settings, in an empty home and an empty working folder; what it prints is listened to and not
kept. The system holds its limits: of processor time, of memory, and of the size of every file.
"""

from __future__ import annotations

import math
import os
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from emulator.errors import ExportError

#: bytes that a program may print
_MOST_SAID = 256 << 20
_CHUNK, _LINE, _KEPT = 1 << 16, 300, 8
_WRONG = ("error", "fatal", "too small", "singular", "malloc", "memory")
#: variables of the environment that a program may need to start at all
_PASSED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
#: sets what limits can be set; a system may have lower ones
_SHELL = 'for l in "-c 0" "-t $1" "-v $2" "-f $3"; do (ulimit $l) 2>/dev/null && ulimit $l; done; shift 3; exec "$@"'


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Parameters
    ----------
    seconds : float
        Of time, and of the processor.
    memory, file : int
        Bytes of address space, and of the largest file it writes.
    """

    seconds: float
    memory: int = 4 << 30
    file: int = 2 << 30


@dataclass
class Said:
    """What a program printed, in a few lines: its complaints, or else its last words."""

    count: int = 0
    wrong: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def hear(self, chunk: bytes) -> None:
        """Take in some more."""
        self.count += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[:_CHUNK]
        for line in lines:
            self._note(line)

    def _note(self, line: bytes) -> None:
        text = " ".join(line[:_LINE].decode("ascii", "replace").split())
        text = "".join(c if c.isprintable() else "?" for c in text)
        if not text:
            return
        self.last = [*self.last[-2:], text]
        if len(self.wrong) < _KEPT and any(word in text.lower() for word in _WRONG):
            self.wrong.append(text)

    def __str__(self) -> str:
        self._note(self._rest)
        return "; ".join(self.wrong or self.last)[:_LINE] or "nothing"


def run_confined(
    command: list[str], room: Path, limits: Limits, settings: dict[str, str] | None = None
) -> tuple[int, Said]:
    """Run a program in an empty folder of `room`; its status, and what it said.

    Parameters
    ----------
    command : list of str
        The program's path and arguments; relative paths are looked for in ``room/work``.
    room : Path
        A folder for this run alone.
    settings : dict of str to str, optional
        Variables of its environment.

    Raises
    ------
    ExportError
        If it takes too long, or prints or writes too much.
    """
    work, home = room / "work", room / "home"
    for folder in (work, home):
        folder.mkdir(exist_ok=True)
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(home))
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {"PATH": os.defpath, "LC_ALL": "C", "OMP_NUM_THREADS": "1", **places, **(settings or {})}
    shell = shutil.which("sh", path=os.defpath)
    if shell is not None:
        held = [str(math.ceil(limits.seconds) + 1), str(limits.memory >> 10), str(limits.file >> 9)]
        command = [shell, "-c", _SHELL, "sh", *held, *command]
    process = subprocess.Popen(
        command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + limits.seconds
    try:
        said = _listen(process, until)
        status = process.wait(max(until - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise ExportError(f"took more than {limits.seconds:g} s; allowed: a higher limit (--limit)") from None
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if status == -signal.SIGXCPU:
        raise ExportError(f"took more than {limits.seconds:g} s of the processor; allowed: a higher limit (--limit)")
    if status == -signal.SIGXFSZ:
        raise ExportError(f"wrote more than {limits.file >> 20} MB; allowed: at most so much")
    return status, said


def _listen(process: subprocess.Popen[bytes], until: float) -> Said:
    """Hear a program out, unless that takes too long or it says too much."""
    said, pipe = Said(), process.stdout
    if pipe is None:
        return said
    with selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while True:
            left = until - time.monotonic()
            if left <= 0 or not waiting.select(left):
                raise subprocess.TimeoutExpired(process.args, 0)
            chunk = os.read(pipe.fileno(), _CHUNK)
            if not chunk:
                return said
            said.hear(chunk)
            if said.count > _MOST_SAID:
                raise ExportError(f"printed more than {_MOST_SAID >> 20} MB; allowed: at most so much")

"""Printing tables and progress."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from emulator.streams import silence
from emulator.text import for_terminal

#: columns where the output is no terminal
_WIDTH = 120
#: seconds between two lines of progress where the output is no terminal
_BETWEEN_LINES = 30.0
#: seconds for which something is watched before the time left is told, and those after which it is told in any case
_WATCHED, _WATCHED_LONG = 3.0, 30.0


class Screen(Console):
    """A console that takes texts literally, lets none of them steer the terminal, and outlives its reader."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts and tables."""
        super().print(*(for_terminal(one) if isinstance(one, str) else one for one in objects), **options)

    def on_broken_pipe(self) -> None:
        """Whoever read the output has seen enough; the command goes on, and its status says how it went."""
        self.quiet = True
        silence(self.file)


def console(error: bool = False) -> Screen:
    """The screen, or with `error` that of messages."""
    stream = sys.stderr if error else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else _WIDTH
    return Screen(file=stream, width=width, markup=False, emoji=False, highlight=False)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], fixed: Sequence[int] = (0,)) -> Table:
    """A table with a header line; columns numbered in `fixed` are never wrapped."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, head in enumerate(heads):
        made.add_column(for_terminal(head), no_wrap=number in fixed, overflow="fold")
    for row in rows:
        made.add_row(*map(for_terminal, row))
    return made


def figures(rows: Iterable[tuple[str, str]]) -> Table:
    """Two columns: what, and how much."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, style="dim")
    made.add_column(overflow="fold")
    for row in rows:
        made.add_row(*map(for_terminal, row))
    return made


def verdict(good: bool, text: str) -> Text:
    """A line that says how it went."""
    return Text(for_terminal(text), style="bold green" if good else "bold red")


def warn(text: str) -> None:
    """Say at once, above the progress, what may go wrong."""
    console(error=True).print(f"backwave: {text}", soft_wrap=True)


class TimeLeft:
    """How long what is being done still takes, by how long its share that is done took; nothing before that is known.

    A stage is measured from the first share that it tells, so that neither what was done before it began (a study that
    goes on) nor what comes once (compiling) counts. Nothing is said of what was watched for less than `_WATCHED` seconds, or
    before a hundredth of it is done, unless it is watched for long: the first of many is often the slowest.

    Parameters
    ----------
    clock : callable, optional
        Seconds, of any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._work: tuple[float, float] | None = None
        self._left: tuple[float, float] | None = None

    def saw(self, fraction: float | None) -> None:
        """Take a share that is done now; None where that is not known."""
        now, self._left = self._clock(), None
        if fraction is None or self._work is None or fraction < self._work[1]:
            self._work = None if fraction is None else (now, fraction)
            return
        took, done = now - self._work[0], fraction - self._work[1]
        if done > 0 and (took >= _WATCHED_LONG or (took >= _WATCHED and done >= 0.01)):
            self._left = now, took * (1 - fraction) / done

    def __str__(self) -> str:
        if self._left is None:
            return ""
        seen, seconds = self._left
        return f"{timedelta(seconds=round(max(seconds - (self._clock() - seen), 0.0)))} left"


class _TimeLeftColumn(ProgressColumn):
    """The same beside a bar."""

    def __init__(self, left: TimeLeft) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(str(self._left))


class Lines:
    """Progress in lines: none for what is soon done, then one every half minute.

    Parameters
    ----------
    say : callable of a text
        Writes a line.
    clock : callable, optional
        Seconds, of any origin.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock, self._left = say, clock, TimeLeft(clock)
        self._started = self._told = clock()

    def __call__(self, stage: str, fraction: float | None) -> None:
        """What is being done now, and how much of it is done."""
        now = self._clock()
        self._left.saw(fraction)
        if now - self._told >= _BETWEEN_LINES:
            self._told = now
            parts = (stage, f"{timedelta(seconds=int(now - self._started))} so far", str(self._left))
            self._say(", ".join(filter(None, parts)))


@contextmanager
def progress() -> Iterator[Callable[[str, float | None], None]]:
    """Show what is being done, and the time left where the fraction done is known.

    On a terminal that is a bar; where messages go to a file, a line now and then.
    """
    screen = console(error=True)
    if not screen.is_terminal:
        yield Lines(warn)
        return
    left = TimeLeft()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        _TimeLeftColumn(left),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(stage: str, fraction: float | None) -> None:
            stage = for_terminal(stage)
            left.saw(fraction)
            if fraction is None:
                bar.reset(task, total=None, description=stage)
            else:
                bar.update(task, description=stage, total=1.0, completed=fraction)

        yield tell

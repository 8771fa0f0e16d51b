"""Sharing work out: to processes on this machine through joblib's loky, to those of a cluster through Dask distributed, or
to threads of this very process (`emulator.threads`), where programs of their own do the work.

Items go out in batches that take about half a second, so that sending them costs little and finished ones come back
soon. A process that dies takes batches with it; their items are then tried again, each with nothing beside it, and one
that takes its process down again and again is given up.
"""

from __future__ import annotations

import itertools
import platform
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Protocol, TypeVar

from emulator.errors import StudyError
from emulator.interrupts import ignore_interrupts
from emulator.plugins import Parts, missing
from emulator.threads import Threads
from emulator.versions import versions

#: seconds that a batch should take, and the most items in one
_BATCH_SECONDS, _LARGEST_BATCH = 0.5, 64
#: how often an item may take its worker down before it is given up
_MOST_LOSSES = 3

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pool(Protocol):
    """Processes or threads that work."""

    workers: int
    #: batches that wait until a worker is free
    ahead: int
    #: how long a batch should take
    batch_seconds: float
    #: what a batch raises whose worker died
    lost: tuple[type[BaseException], ...]

    def share(self, work: Any) -> Any:
        """What to pass as `work` to `submit`: it may be sent to processes ahead of time."""

    def ask(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """What the function returns in processes other than this one, by their names; of processes that are alike, in one."""

    def submit(self, function: Callable[..., Any], work: Any, items: tuple[Any, ...]) -> Future[Any]:
        """Let a process or thread call ``function(work, items)``."""


@dataclass
class InProcess:
    """No pool at all: an item is worked on when it is submitted, by who submits it."""

    workers: int = 1
    ahead: int = 0
    batch_seconds: float = 0.0
    lost: tuple[type[BaseException], ...] = ()

    def share(self, work: Any) -> Any:
        """It is here already."""
        return work

    def ask(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """There is no other process."""
        return {}

    def submit(self, function: Callable[..., Any], work: Any, items: tuple[Any, ...]) -> Future[Any]:
        """Call the function now."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(work, items))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class Local:
    """Processes on this machine; loky replaces those that die."""

    workers: int
    ahead: int = 2
    batch_seconds: float = _BATCH_SECONDS
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    _executor: Any = None

    def share(self, work: Any) -> Any:
        """It is sent with every batch."""
        return work

    def ask(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """All processes are alike."""
        return {"process": self._processes().submit(function, *given).result()}

    def submit(self, function: Callable[..., Any], work: Any, items: tuple[Any, ...]) -> Future[Any]:
        """Let a process call the function."""
        future: Future[Any] = self._processes().submit(function, work, items)
        return future

    def _processes(self) -> Any:
        """The processes; new ones if the old have died."""
        from joblib.externals.loky import get_reusable_executor

        self._executor = get_reusable_executor(max_workers=self.workers, timeout=60, initializer=ignore_interrupts)
        return self._executor

    def close(self) -> None:
        """End the processes, whatever they are at."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, kill_workers=True)


@dataclass
class Cluster:
    """Workers of a Dask scheduler, which has them replaced when they die."""

    client: Any
    workers: int
    lost: tuple[type[BaseException], ...]
    ahead: int = 2
    batch_seconds: float = _BATCH_SECONDS

    def share(self, work: Any) -> Any:
        """It is sent to every worker once: as the result of a task, which is made anew when its worker dies."""
        return self.client.submit(_itself, work, pure=False)

    def ask(self, function: Callable[..., Any], *given: Any) -> dict[str, Any]:
        """Every worker is asked."""
        found: dict[str, Any] = self.client.run(function, *given)
        return found

    def submit(self, function: Callable[..., Any], work: Any, items: tuple[Any, ...]) -> Future[Any]:
        """Let a worker call the function."""
        future: Future[Any] = self.client.get_executor(pure=False).submit(function, work, items)
        return future


@contextmanager
def local(workers: int | None = None, threads: bool = False) -> Iterator[Pool]:
    """Processes on this machine, or threads of this one, by default one per processor; with one worker, this process itself."""
    from joblib import cpu_count

    count = workers or cpu_count()
    if count == 1:
        yield InProcess()
        return
    pool = Threads(count) if threads else Local(count)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """The workers of a Dask scheduler at an address such as ``tcp://host:8786``.

    Raises
    ------
    StudyError
        If Dask is not installed, or the scheduler cannot be reached or has no workers.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise StudyError(
            f"scheduler {address!r} needs the package 'distributed', which is not installed; "
            "allowed: pip install 'backwave[cluster]', or no scheduler"
        ) from error
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(
            f"scheduler {address!r} cannot be reached: {words}; allowed: the address of a running Dask scheduler"
        ) from error
    try:
        cores = sum(client.ncores().values())
        if not cores:
            raise StudyError(f"scheduler {address!r} has no workers; allowed: one with at least one worker")
        _check_workers(client)
        yield Cluster(client, cores, (KilledWorker,))
    finally:
        client.close()


def pool_of(workers: int | None, scheduler: str | None, threads: bool = False) -> AbstractContextManager[Pool]:
    """Processes on this machine, or `threads` of this process where programs of their own do the work, or the workers of a
    scheduler.

    Raises
    ------
    StudyError
        If both are given, there is less than one worker, or the scheduler cannot be used.
    """
    if workers is not None and workers < 1:
        raise StudyError(f"workers is {workers}; allowed: at least 1")
    if scheduler is None:
        return local(workers, threads)
    if workers is not None:
        raise StudyError(f"workers is {workers} beside scheduler {scheduler!r}; allowed: one of them")
    return cluster(scheduler)


def _check_workers(client: Any) -> None:
    """Whether every worker has what this process has: another version would compute other numbers, or wait for ever.

    Raises
    ------
    StudyError
        If one has not.
    """
    for name, here in {**versions(), "Python": platform.python_version()}.items():
        ask = (platform.python_version,) if name == "Python" else (metadata.version, name)
        for worker, there in client.run(*ask, on_error="return").items():
            if there != here:
                has = f"no {name}" if isinstance(there, Exception) else f"{name} {there}"
                raise StudyError(
                    f"worker {worker} has {has}, here it is {here}; allowed: workers with the same installation"
                )


@dataclass
class _Batches:
    """Hands out the numbers of items, in batches that grow to the length they should have; lost ones come first."""

    left: Iterator[int]
    aim: float
    seconds: float = 1.0
    again: list[int] = field(default_factory=list)
    losses: Counter[int] = field(default_factory=Counter)

    def next(self) -> tuple[int, ...]:
        """The next batch, empty at the end; a lost item is alone in its batch."""
        if self.again:
            return (self.again.pop(0),)
        size = int(self.aim / max(self.seconds, 1e-9))
        return tuple(itertools.islice(self.left, max(1, min(_LARGEST_BATCH, size))))

    def lost(self, batch: tuple[int, ...]) -> list[int]:
        """Keep what was lost for another try; what has been lost too often comes back."""
        self.losses.update(batch)
        self.again += [item for item in batch if self.losses[item] < _MOST_LOSSES]
        return [item for item in batch if self.losses[item] >= _MOST_LOSSES]


def shared_out(
    pool: Pool,
    function: Callable[[Any, tuple[Item, ...]], list[Result]],
    work: Any,
    items: Sequence[Item],
    seconds: Callable[[Result], float],
    given_up: Callable[[Item], Result],
) -> Generator[tuple[Item, Result], None, None]:
    """Results as they are finished, each with its item, in any order.

    Parameters
    ----------
    pool : Pool
    function : callable
        Called as ``function(work, batch)`` wherever the pool works; one result for each item of the batch.
    work
        What is the same for all batches, as `Pool.share` gave it.
    items : sequence
    seconds : callable
        How long a result took.
    given_up : callable
        The result of an item whose process died every time.

    Raises
    ------
    StudyError
        If the cluster takes the work back.
    """
    batches = _Batches(iter(range(len(items))), pool.batch_seconds)
    running: dict[Future[list[Result]], tuple[int, ...]] = {}
    try:
        while True:
            while len(running) < (1 if batches.again else pool.workers + pool.ahead) and (batch := batches.next()):
                running[_submitted(pool, function, work, tuple(items[k] for k in batch))] = batch
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                batch = running.pop(future)
                try:
                    results = future.result()
                except pool.lost:
                    for k in batches.lost(batch):
                        yield items[k], given_up(items[k])
                    continue
                except CancelledError:
                    raise StudyError(
                        "the scheduler took work back or is gone; an experiment or a study goes on with --resume, "
                        "a run begins again"
                    ) from None
                batches.seconds = sum(map(seconds, results)) / len(results)
                yield from zip((items[k] for k in batch), results, strict=True)
    finally:
        for future in running:
            future.cancel()


def equip(pool: Pool, told: object) -> Parts:
    """The parts of users and plug-ins that tables of settings mention, once every process of the pool is known to have, or get, them.

    Raises
    ------
    StudyError
        If one cannot be sent, or a process lacks it.
    """
    if isinstance(pool, (InProcess, Threads)):  # what is here already
        return Parts()
    parts = Parts.of(told)
    if not (parts.added or parts.loaded):
        return parts
    for name, lacking in pool.ask(missing, parts.added, parts.loaded).items():
        if lacking:
            raise StudyError(
                f"worker {name} lacks {'; '.join(lacking)}; allowed: workers in which every part of the study is installed"
            )
    return parts


def _itself(work: Any) -> Any:
    return work


def _submitted(pool: Pool, function: Callable[..., Any], work: Any, batch: tuple[Any, ...]) -> Future[Any]:
    """A batch on its way; where the processes have just died, new ones get it."""
    try:
        return pool.submit(function, work, batch)
    except pool.lost:
        return pool.submit(function, work, batch)

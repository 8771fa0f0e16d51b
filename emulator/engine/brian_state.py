"""brian2's state while it works for us: its preferences, its device and its messages are known, and come back after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brian2 import get_device, prefs
from brian2.utils.logger import catch_logs

from emulator.engine import compiler
from emulator.errors import EngineError


@contextmanager
def known_brian(**chosen: Any) -> Iterator[None]:
    """Set brian2 to known values, and keep its advice to its log.

    Whatever its preference files or the user's code have set, every preference has brian2's default or our choice, and
    an interrupt ends the work instead of handing back half a recording.

    Parameters
    ----------
    chosen : preferences of this run, with ``__`` for the dots of their names

    Raises
    ------
    EngineError
        If brian2 is in the middle of another simulation's device.
    """
    if type(get_device()).__name__ != "RuntimeDevice":
        raise EngineError(
            "brian2 is set to a device of another simulation in this process; allowed: brian2's runtime device"
        )
    known = {
        f"{category}.{name}": preference.default
        for category, (preferences, _) in prefs.pref_register.items()
        for name, preference in preferences.items()
    }
    known["core.stop_on_keyboard_interrupt"] = False
    known["codegen.cpp.extra_compile_args"] = compiler.flags()
    known |= {name.replace("__", "."): value for name, value in chosen.items()}
    values, unknown = dict(prefs.prefs), dict(prefs.prefs_unvalidated)
    try:
        _replace(prefs.prefs, known)
        _replace(prefs.prefs_unvalidated, {})
        with catch_logs():
            yield
    finally:
        _replace(prefs.prefs, values)
        _replace(prefs.prefs_unvalidated, unknown)


def _replace(table: dict[str, Any], entries: dict[str, Any]) -> None:
    table.clear()
    table.update(entries)

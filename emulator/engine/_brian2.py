"""Imports brian2 first, without what it does beyond that.

It would import matplotlib, all of it for those who write ``from brian2 import *``, and does without where there is none: so it
finds none here, which spares every process, and with it every worker, a part of its start.

It would replace the handlers of uncaught errors and of interrupts, though both are ours to answer. And it would run the
Python expressions in ``brian_preferences`` of the current folder and ``~/.brian/user_preferences``: a folder may be
a stranger's, and nothing that a user prefers elsewhere may change a result. Whoever wants them for simulations of their
own imports brian2 before this package, or calls ``brian2.prefs.load_preferences()`` after it.
"""

import importlib.abc
import importlib.machinery
import signal
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

_PREFERENCES, _PLOTTING = "brian2.core.preferences", ("pylab", "matplotlib")


class _NoPreferenceFiles(importlib.abc.MetaPathFinder):
    """Finds brian2's module of preferences and takes the reading of files out of it, until `restore`."""

    def __init__(self) -> None:
        self._changed: list[tuple[type, object]] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _PREFERENCES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                owner = module.BrianGlobalPreferences
                self._changed.append((owner, owner.load_preferences))
                owner.load_preferences = lambda preferences: None

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def restore(self) -> None:
        for owner, method in self._changed:
            owner.load_preferences = method  # type: ignore[attr-defined]


_hook, _interrupt, _finder = sys.excepthook, signal.getsignal(signal.SIGINT), _NoPreferenceFiles()
_unseen = [name for name in _PLOTTING if name not in sys.modules]
sys.meta_path.insert(0, _finder)
sys.modules.update(dict.fromkeys(_unseen))  # type: ignore[arg-type]  # which are then not found
try:
    import brian2  # noqa: F401
finally:
    for _name in _unseen:
        del sys.modules[_name]
    sys.meta_path.remove(_finder)
    _finder.restore()
sys.excepthook = _hook
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _interrupt)

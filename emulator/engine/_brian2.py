"""Imports brian2 first, without its handlers: uncaught errors and interrupts are ours, and it would answer both."""

import signal
import sys
import threading

_hook, _interrupt = sys.excepthook, signal.getsignal(signal.SIGINT)
import brian2  # noqa: E402, F401

sys.excepthook = _hook
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, _interrupt)

"""Imports brian2 first, without its handler of uncaught errors: it asks for reports to brian2, and errors are ours."""

import sys

_handler = sys.excepthook
import brian2  # noqa: E402, F401

sys.excepthook = _handler

"""Pages of the reference, written from the code: whatever is there is on them, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from keys import hardware_fields, metrics, scenario_keys, study_keys
from names import command_line, messages, python

PAGES: dict[str, Callable[[], str]] = {
    "python": python,
    "command-line": command_line,
    "scenario-keys": scenario_keys,
    "study-keys": study_keys,
    "hardware-fields": hardware_fields,
    "metrics": metrics,
    "messages": messages,
}

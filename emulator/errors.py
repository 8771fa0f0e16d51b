"""Typed errors of the emulator, and the wording they share.

Every message is one clear sentence that names the place, the value and what is allowed there.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_NAMES = 20


class BackwaveError(Exception):
    """Base of every error the emulator raises on purpose; catch it to catch them all."""


class NetworkError(BackwaveError):
    """Raised when a network, its parameters, or a batch of data for it is invalid."""


class CompileError(BackwaveError):
    """Raised when a valid network cannot be turned into a scattering graph as asked."""


class EngineError(BackwaveError):
    """Raised when a scattering graph cannot be simulated as asked, or a simulation fails."""


class ScenarioError(BackwaveError):
    """Raised when a scenario file describes an experiment that cannot be run."""


class StudyError(BackwaveError):
    """Raised when a study of many runs cannot go on: its store, its workers, or what it asks for."""


class ChangedFileError(StudyError):
    """Raised when a file that a study or a long run reads is not what it was when it began."""


class ExportError(BackwaveError):
    """Raised when a scattering graph cannot be exported, or an export fails its verification."""


class BusyError(BackwaveError):
    """Raised when another process writes to the place that this one was to write to."""


class FileFormatError(BackwaveError):
    """Raised when a file is not what its reader expects: wrong kind, version, content, or damaged."""


def suggest(name: object, allowed: Iterable[str]) -> str:
    """Render an unknown name together with the known ones, the nearest first.

    Parameters
    ----------
    name : object
        What was asked for.
    allowed : iterable of str
        The known names; at most 20 are listed.

    Returns
    -------
    str
        For example ``'h3' (did you mean 'h2'?); allowed: h2, h1``.
    """
    names = list(allowed)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    ordered = near + [known for known in names if known not in near]
    listed = ", ".join(ordered[:_MOST_NAMES]) or "none"
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return f"{name!r}{hint}; allowed: {listed}{more}"

"""Typed errors of the emulator, and the wording they share.

Every message is one clear sentence that names the place, the value and what is allowed there.
"""

from __future__ import annotations

from hwmodels.errors import BackwaveError, HardwareError, PluginError, setting, suggest, within

__all__ = [
    "BackwaveError",
    "BusyError",
    "ChangedFileError",
    "CompileError",
    "ControlError",
    "EngineError",
    "ExportError",
    "FileFormatError",
    "HardwareError",
    "NetworkError",
    "OptionError",
    "PluginError",
    "ScenarioError",
    "StudyError",
    "setting",
    "suggest",
    "within",
]


class NetworkError(BackwaveError):
    """Raised when a network, its parameters, or a batch of data for it is invalid."""


class ControlError(BackwaveError):
    """Raised when a control problem is described wrongly, or cannot be solved as asked."""


class CompileError(BackwaveError):
    """Raised when a valid network cannot be turned into a scattering graph as asked."""


class EngineError(BackwaveError):
    """Raised when a scattering graph cannot be simulated as asked, or a simulation fails."""


class OptionError(BackwaveError, TypeError):
    """Raised when a function gets a keyword that it does not know, or a group of options of another kind."""


class ScenarioError(BackwaveError):
    """Raised when a scenario file describes an experiment that cannot be run."""


class StudyError(BackwaveError):
    """Raised when a study of many runs cannot go on: its store, its workers, or what it asks for."""


class ChangedFileError(StudyError):
    """Raised when a file that a study or a long run reads is not what it was when it began."""


class ExportError(BackwaveError):
    """Raised when a scattering graph cannot be exported, or an export fails its verification."""


class BusyError(BackwaveError):
    """Raised when the place to write to is taken: by another process, or by a file that was not to be replaced."""


class FileFormatError(BackwaveError):
    """Raised when a file is not what its reader expects: wrong kind, version, content, or damaged."""

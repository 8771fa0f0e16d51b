"""Scattering graphs as circuits for other tools, and the proof that they agree."""

from emulator.export.options import Buildable, Options
from emulator.export.spice_files import SpiceExport, spice
from emulator.export.verification import Check, Verification, verify

__all__ = ["Buildable", "Check", "Options", "SpiceExport", "Verification", "spice", "verify"]

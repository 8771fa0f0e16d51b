"""What a section of a scenario file is: options, which are refused as a scenario is."""

from __future__ import annotations

from emulator.errors import ScenarioError
from emulator.options import Options


class Section(Options):
    """A table of a scenario file. Unknown keys and values of another type are errors."""

    refusal = ScenarioError

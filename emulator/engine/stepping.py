"""The loop over the steps of a compiled program, which asks the system for the time once, when it has ended.

brian2 asks after every step, which takes a system a quarter of a microsecond: as long as many a substrate needs to pass through
a crossbar. Only the last answer is kept.
"""

from __future__ import annotations

import re
from pathlib import Path

#: what asks, what follows without using the answer, and where the loop has ended
_LOOP = re.compile(
    r"(?P<asks>^ *current = std::clock\(\);\n *elapsed_realtime = .*;\n)(?P<rest>(?:(?!elapsed_realtime)[\s\S])*?)"
    r"(?P<ended>^    Network::_globally_running = false;\n)",
    re.M,
)


def ask_once(directory: Path) -> None:
    """Let a generated program look at the clock after its steps; one that is not as expected is left as it is."""
    path = directory / "network.cpp"
    path.write_text(_LOOP.sub(r"\g<rest>\g<asks>\g<ended>", path.read_text(encoding="utf-8")), encoding="utf-8")

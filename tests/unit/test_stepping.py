"""A compiled program asks for the time when its steps are done; one that needs it before goes on asking."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from emulator.engine.stepping import ask_once

_ASKS = "        current = std::clock();\n        elapsed_realtime = (double)(current - start)/(1 * CLOCKS_PER_SEC);\n"
_ENDED = "    }\n    Network::_globally_running = false;\n    _last_run_time = elapsed_realtime;\n"


@pytest.mark.parametrize(("used", "moved"), [("", True), ("        if (elapsed_realtime > 5) break;\n", False)])
def test_the_time_is_asked_for_after_the_steps(used: str, moved: bool, tmp_path: Path) -> None:
    path, loop = tmp_path / "network.cpp", "    while (running)\n    {\n        step();\n"
    path.write_text(loop + _ASKS + used + _ENDED)
    ask_once(tmp_path)
    assert path.read_text() == loop + (
        used + _ENDED.replace("    N", _ASKS + "    N", 1) if moved else _ASKS + used + _ENDED
    )


def test_that_is_what_brian2_writes() -> None:
    text = resources.files("brian2").joinpath("devices/cpp_standalone/templates/network.cpp").read_text()
    written = text[text.index("        current = std::clock();\n", text.index("tick()")) :]
    assert written.splitlines()[1].startswith("        elapsed_realtime = (double)(current - start)/")
    assert "    Network::_globally_running = false;\n" in written

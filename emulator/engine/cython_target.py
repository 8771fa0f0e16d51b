"""brian2's cython target, in which code that does not compile is an error.

brian2 leaves out a piece of code whose translation fails, and simulates what remains. It also keeps compiled modules by
their code alone; ours lie in a folder of our own, one for every compiler, flags, processor and versions.
"""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.targets import codegen_targets

from emulator.engine.cache import cache_directory
from emulator.engine.compiler import environment
from emulator.errors import EngineError


def modules() -> Path:
    """The folder of compiled modules."""
    return cache_directory() / "cython" / environment()


class StrictCython(CythonCodeObject):
    """Code compiled with Cython, or an `EngineError`."""

    #: functions that are registered for brian2's own target are found through the parent class
    class_name = "strict_cython"

    def compile_block(self, block: str) -> Any:
        """The compiled module of a block, None if the block has no code.

        Raises
        ------
        EngineError
            If it does not compile.
        """
        code = getattr(self.code, block, "").strip()
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                compiled = super().compile_block(block)
        except Exception as error:
            raise self._failed(str(error), said.getvalue()) from error
        if compiled is None and code and "EMPTY_CODE_BLOCK" not in code:
            raise self._failed("", said.getvalue())
        return compiled

    def _failed(self, error: str, said: str) -> EngineError:
        lines = [line.strip() for line in f"{said}\n{error}".splitlines()]
        reason = next((x for x in lines if ".pyx:" in x), "") or next((x for x in reversed(lines) if x), "")
        return EngineError(
            f"target cython: the code of {self.owner.name} ({self.template_name}) does not compile: "
            f"{reason.split(': ', 1)[-1][:300] or 'no reason was given'}; allowed: target='numpy' or 'standalone'"
        )


codegen_targets.add(StrictCython)

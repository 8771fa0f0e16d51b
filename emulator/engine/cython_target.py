"""brian2's cython target, in which code that does not compile is an error.

brian2 leaves out a piece of code whose translation fails, and simulates what remains. It also keeps compiled modules by
their code alone; ours lie in folders of the cache, one for every compiler, flags, processor and versions, and each is
checked before it is loaded.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, suppress
from functools import cache
from pathlib import Path
from typing import Any

from brian2 import prefs
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.runtime.cython_rt.extension_manager import CythonExtensionManager
from brian2.codegen.targets import codegen_targets

from emulator.engine.cache import KEEP_ENVIRONMENTS, forget_oldest, hash_of, trusted, writable_folder
from emulator.engine.compiler import environment
from emulator.errors import EngineError
from emulator.locks import waited_for

#: the end of the name of the file that holds the hash of a module
_SUM = ".blake2"


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
        if not code or "EMPTY_CODE_BLOCK" in code:
            return None
        folder, said = Path(prefs.codegen.runtime.cython.cache_dir), io.StringIO()
        given = (
            "define_macros", "libraries", "extra_compile_args", "extra_link_args", "include_dirs", "library_dirs",
            "runtime_library_dirs", "compiler", "sources",
        )  # fmt: skip
        try:
            with waited_for(folder / ".lock"), redirect_stderr(said):
                made = _manager(folder).create_extension(
                    code, **{name: getattr(self, name) for name in given}, owner_name=f"{self.owner.name}_{block}"
                )
                _note_sums(folder)
        except Exception as error:
            raise self._failed(str(error), said.getvalue()) from error
        if made is None:
            raise self._failed("", said.getvalue())
        return made

    def _failed(self, error: str, said: str) -> EngineError:
        lines = [line.strip() for line in f"{said}\n{error}".splitlines()]
        reason = next((x for x in lines if ".pyx:" in x), "") or next((x for x in reversed(lines) if x), "")
        return EngineError(
            f"target cython: the code of {self.owner.name} ({self.template_name}) does not compile: "
            f"{reason.split(': ', 1)[-1][:300] or 'no reason was given'}; allowed: target='numpy' or 'standalone'"
        )


codegen_targets.add(StrictCython)


def modules() -> Path:
    """The folder of compiled modules, without those that are not as they were made."""
    folder = writable_folder(f"cython/{environment()}")
    os.utime(folder)
    forget_oldest(folder.parent, KEEP_ENVIRONMENTS)
    with waited_for(folder / ".lock"):
        for module in folder.glob("*.so"):
            if not right(module):
                module.unlink()
    return folder


def right(module: Path) -> bool:
    """Whether a module is as it was made, by somebody who is trusted."""
    with suppress(OSError, ValueError):
        return trusted(module) and _sum_of(module).read_text(encoding="utf-8") == hash_of(module)
    return False


def _note_sums(folder: Path) -> None:
    for module in folder.glob("*.so"):
        if not _sum_of(module).exists():
            _sum_of(module).write_text(hash_of(module), encoding="utf-8")


def _sum_of(module: Path) -> Path:
    return module.with_name(module.name + _SUM)


@cache
def _manager(folder: Path) -> CythonExtensionManager:
    """What compiles and remembers the modules of a folder: brian2's own does not tell folders apart."""
    return CythonExtensionManager()

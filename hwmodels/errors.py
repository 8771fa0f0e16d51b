"""The one error of this package, and the wording of its suggestions."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HardwareError(ValueError):
    """A hardware model, preset or measurement file is wrong.

    Raised for out-of-range, contradictory, unknown or missing values, for wrong units, for a law used
    outside its fitted range, and for measurements that cannot be fitted.

    Parameters
    ----------
    path : str
        Where the error is: a field path such as ``"lines.delay_forward.mean"`` or a file name.
    problem : str
        What is wrong and what is allowed.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}" if path else problem)

    def __reduce__(self) -> tuple[type[HardwareError], tuple[str, str]]:
        return HardwareError, (self.path, self.problem)

    def under(self, parent: str) -> HardwareError:
        """The same error with `parent` put before its path."""
        return HardwareError(".".join(part for part in (parent, self.path) if part), self.problem)


def alternatives(name: str, allowed: Iterable[str]) -> str:
    """Render ``did you mean 'jitter'? allowed: ...`` for an unknown name."""
    names = list(allowed)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return f"{hint}allowed: {', '.join(names)}"

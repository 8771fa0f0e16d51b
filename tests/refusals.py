"""The way error tests check the words of an error."""

import re
from collections.abc import Callable

import pytest

from emulator.errors import BackwaveError, NetworkError


def refuses(words: str, action: Callable[[], object], kind: type[BackwaveError] = NetworkError) -> None:
    """Require that `action` raises `kind` with a message that begins with `words`."""
    with pytest.raises(kind, match=f"^{re.escape(words)}"):
        action()

"""The root of all errors that are raised on purpose, the one of this package, and the wording of suggestions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_MOST_NAMES = 20
#: how `setting` marks key, value and their place in a text, by letters of no script
_SETTING = re.compile("\ue000([\\w.]+)=(\\w+)\ue001")


class BackwaveError(Exception):
    """Base of every error that this project raises on purpose; catch it to catch them all.

    Its text is one sentence, led by the places that `within` has noted on its way up, the widest first. What `setting`
    advises is told as whoever reads it would write it: as a keyword in Python, as a key once a place in a file is noted.
    """

    def __str__(self) -> str:
        return self._told(r"\1 = '\2'" if getattr(self, "__notes__", ()) else lambda found: _keyword(*found.groups()))

    def for_command(self) -> str:
        """The same for the command line, where settings are options."""
        return self._told(r"--set \1=\2")

    def _told(self, form: str | Callable[[re.Match[str]], str]) -> str:
        places = reversed(getattr(self, "__notes__", ()))
        return _SETTING.sub(form, ": ".join([*places, super().__str__()]))


def setting(key: str, value: str) -> str:
    """What a message advises to set, such as ``setting("substrate.rounding", "nearest")``: see `BackwaveError`."""
    return f"\ue000{key}={value}\ue001"


def _keyword(key: str, value: str) -> str:
    return f"{key.rpartition('.')[2]}='{value}'"


class RefusedError(BackwaveError, ValueError):
    """What stands at a door is not let in: the message says what is wrong with it and what is allowed, and not where.

    Whoever opened the door says where, in an error of its own.
    """


class PluginError(BackwaveError):
    """Raised when a part that a user or a plug-in offers cannot be used: its name, its kind, or what loading it says."""


class HardwareError(BackwaveError, ValueError):
    """A hardware model, preset or measurement file is wrong.

    Raised for out-of-range, contradictory, unknown or missing values, for wrong units, for a law used
    outside its fitted range, and for measurements that cannot be fitted.

    Parameters
    ----------
    path : str
        Where the error is: a field path such as ``"lines.delay_forward.mean"`` or a file name.
    problem : str
        What is wrong and what is allowed.
    known : tuple of str
        Paths that there are instead: the message names the nearest, and the others.

    Attributes
    ----------
    told : str
        What follows the path: the problem, and what is known instead.
    """

    def __init__(self, path: str, problem: str = "", known: tuple[str, ...] = ()) -> None:
        self.path = path
        self.problem = problem
        self.known = known
        self.told = f"{problem}{instead(path, known)}" if known else problem
        super().__init__(": ".join(part for part in (path, self.told) if part))

    def __reduce__(self) -> tuple[type[HardwareError], tuple[str, str, tuple[str, ...]], dict[str, Any]]:
        return HardwareError, (self.path, self.problem, self.known), vars(self)

    def under(self, parent: str) -> HardwareError:
        """The same error with `parent` put before its path, and before those that it suggests."""
        path, *known = (".".join(part for part in (parent, one) if part) for one in (self.path, *self.known))
        return HardwareError(path, self.problem, tuple(known))


@contextmanager
def within(place: str) -> Iterator[None]:
    """Let errors from inside say where it was, such as ``scenario 'digits'``."""
    try:
        yield
    except BackwaveError as error:
        error.add_note(place)
        raise


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
        For example ``'hid3' (did you mean 'hid2'?); allowed: hid2, x``.
    """
    return f"{name!r}{instead(name, allowed)}"


def instead(name: object, allowed: Iterable[str]) -> str:
    """The same without the name, for a sentence that has named it: `` (did you mean 'hid2'?); allowed: hid2, x``."""
    names = list(allowed)
    near = nearest(name, names)
    return offered(near, near + [known for known in names if known not in near])


def offered(near: Sequence[str], names: Sequence[str]) -> str:
    """The same of names that are near, if any, and the known ones in the order in which they are listed."""
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = ", ".join(names[:_MOST_NAMES]) or "none"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{hint}; allowed: {listed}{more}"


def nearest(name: object, names: Sequence[str]) -> list[str]:
    """The known name most like `name`, if any is like it."""
    return difflib.get_close_matches(str(name), names, n=1)

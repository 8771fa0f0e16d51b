"""Which options of ``backwave export`` each format heeds; any other that was typed is refused, so that none is in vain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from emulator.errors import ExportError
from emulator.export.options import Options

#: options that every format heeds
_ALWAYS = {"scenario", "out", "kind", "overrides", "force"}
_COMPILED = {"sample", "circuit", "synapse", "volts", "ohms", "prefix"}
#: what others heed; a format that is not here, such as a plugin's, heeds none
_HEEDED = {
    "vacask": _COMPILED,
    "spectre": _COMPILED,
    "verilog-a": {"circuit", "synapse", "termination", "prefix"},
    "xschem": {"circuit", "synapse", "termination", "volts", "ohms", "prefix"},
    "sax": {"sample", "circuit", "termination"},
    "touchstone": {"layer", "ohms"},
    "touchstone-network": {"sample", "ohms"},
}
#: of these, what is an argument of its own in Python, and not among the options of a circuit
_ALONE = {"touchstone": {"ohms"}, "touchstone-network": {"ohms"}}


def refuse_unheeded(kind: str, options: Options | None) -> None:
    """Refuse options of a circuit that are not the usual ones and that a format does not heed; none is in vain.

    Raises
    ------
    ExportError
        Naming all of them, and what the format heeds.
    """
    usual, names = Options(), [field.name for field in fields(Options)]
    changed = [name for name in names if options is not None and getattr(options, name) != getattr(usual, name)]
    heeded = [name for name in names if name in _HEEDED.get(kind, set()) - _ALONE.get(kind, set())]
    unused = [name for name in changed if name not in heeded]
    if unused:
        raise ExportError(
            f"options {', '.join(unused)} got format {kind!r}; allowed with it: {', '.join(heeded) or 'none of them'}"
        )


def refuse_unused(kind: str, typed: Iterable[str]) -> None:
    """Refuse an option that was typed and that a format does not heed.

    Parameters
    ----------
    kind : str
        The format.
    typed : iterable of str
        Names of the command's parameters.

    Raises
    ------
    ExportError
        Naming all of them, and what the format heeds.
    """
    typed = set(typed)
    if kind == "spice":
        if "layer" in typed and "picture" not in typed:
            raise ExportError("--layer got format 'spice' and no --picture, which it is for; allowed: both")
        if "seed" in typed and not typed & {"mismatch", "cells"}:
            raise ExportError(
                "--seed got no --mismatch and no --cells, whose spread it draws; allowed: with one of them"
            )
        if {"volts", "full_scale"} <= typed:
            raise ExportError("--volts and --full-scale both say what a state is in volts; allowed: one of them")
        return
    heeded = _HEEDED.get(kind, set())
    unused = sorted(typed - heeded - _ALWAYS)
    if unused:
        names, allowed = ([f"--{name.replace('_', '-')}" for name in part] for part in (unused, sorted(heeded)))
        raise ExportError(
            f"{', '.join(names)} got format {kind!r}; allowed with it: {', '.join(allowed) or 'none of its own'}"
        )

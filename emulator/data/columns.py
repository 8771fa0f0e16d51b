"""Which columns of a table go in, and which come out: by the names that a network knows."""

from __future__ import annotations

import numpy as np

from emulator.data.samples import Samples
from emulator.data.tables import Table
from emulator.errors import FileFormatError
from emulator.network import Network


def samples_of(table: Table, targets: list[str], features: list[str] | None, network: Network | None) -> Samples:
    """The samples in the rows of a table.

    Parameters
    ----------
    table : Table
    targets : list of str
        Columns of what is to be predicted; by default those that the table says itself, if any.
    features : list of str, optional
        Columns that go in, in this order; by default those whose names the network has for its inputs, in its order, or else
        all but the targets.
    network : Network, optional

    Raises
    ------
    FileFormatError
        If columns are missing, unknown, or of the wrong kind or number.
    """
    wanted = targets or list(table.targets)
    for name in wanted:
        table[name]  # that it is there
    both = [name for name in features or () if name in wanted]
    if both:
        raise FileFormatError(f"data.features names {both[0]!r}, which is a target; allowed: other columns")
    rest = [name for name in table.columns if name not in wanted]
    known, several = _known(table, network)
    chosen, notes = _chosen(table, rest, features, known)
    if network is not None and not several and len(chosen) != network.size(network.inputs[0]):
        width = network.size(network.inputs[0])
        raise FileFormatError(
            f"{table.place} has {len(chosen)} columns beside the target ({', '.join(chosen[:20])}); allowed: {width}, as the network "
            "has inputs: data.features names them, data.target the target"
        )
    found = table.numbers(chosen)
    inputs = {name: found[:, k : k + 1] for k, name in enumerate(chosen)} if several else found
    columns = tuple(chosen) if table.named else None
    if not wanted:
        return Samples(table.place, inputs, None, columns, notes=notes)
    column = table[wanted[0]]
    if len(wanted) == 1 and isinstance(column, list):
        return Samples(table.place, inputs, np.array(column), columns, notes=notes)
    return Samples(table.place, inputs, table.numbers(wanted), columns, notes=notes)


def _known(table: Table, network: Network | None) -> tuple[list[str] | None, bool]:
    """The names that a network has for its inputs, and whether each of them is an input of its own."""
    if network is None:
        return None, False
    if len(network.inputs) == 1:
        names = network.names.get(network.inputs[0])
        return (None if names is None else list(names)), False
    if any(network.size(name) > 1 for name in network.inputs):
        raise FileFormatError(
            f"{table.place} is one table, but the network has inputs {', '.join(network.inputs)}; allowed: an .npz file with an "
            "array for each"
        )
    return list(network.inputs), True


def _chosen(
    table: Table, rest: list[str], features: list[str] | None, known: list[str] | None
) -> tuple[list[str], tuple[str, ...]]:
    """The columns that go in, and what to say about it."""
    if known is None or (not table.named and features is None):
        return (rest if features is None else features), ()
    if features is not None and set(features) != set(known):
        strange = [name for name in [*features, *known] if (name in features) != (name in known)]
        raise FileFormatError(
            f"data.features names {', '.join(features)}, and the network knows {', '.join(known)}: they differ in {', '.join(strange)}; "
            "allowed: the columns that the network knows, or no data.features"
        )
    missing = [name for name in known if name not in table.columns]
    if missing:
        raise FileFormatError(
            f"{table.place} has no column {', '.join(map(repr, missing[:10]))}, which the network knows; its columns are "
            f"{', '.join(list(table.columns)[:20])}"
        )
    notes = []
    unused = [name for name in rest if name not in known]
    if unused:
        notes.append(f"columns that the network does not know are left out: {', '.join(unused[:20])}")
    if [name for name in rest if name in known] != known:
        notes.append(f"columns are brought into the order of the network: {', '.join(known[:20])}")
    return known, tuple(notes)

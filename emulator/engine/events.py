"""Code that runs for the elements that emitted an event, and index references between groups.

brian2 allows one `run_on_event` block per event; latching a payload and advancing the ring that holds it must be two,
since an index may not change in the block that writes through it.
"""

from __future__ import annotations

import numpy as np
from brian2 import Group, NeuronGroup, Synapses
from brian2.core.variables import ArrayVariable
from brian2.groups.group import CodeRunner


class OnEvent(CodeRunner):
    """Runs `code` in slot `when` for the elements of `group` that emitted `event` in this step."""

    def __init__(self, group: NeuronGroup, event: str, code: str, when: str, order: int = 0) -> None:
        space = f"_{event}space"
        super().__init__(
            group,
            "reset",
            code=code,
            when=when,
            clock=group.clock,
            order=order,
            name=f"{group.name}_on_{event}_{when}_*",
            needed_variables=[space],
            template_kwds={"eventspace_variable": group.variables[space]},
        )


def refer(owner: object, name: str, group: Group, variable: str, index: str = "_idx") -> None:
    """Let `owner` (a group or a synaptic pathway) read and write ``group.variable[index]`` as `name`."""
    owner.variables.add_reference(name, group, variable, index=index)  # type: ignore[attr-defined]


def name_ends(synapses: Synapses, source: Group, target: Group, *, port: str, tap: str) -> None:
    """Let the pathways of `synapses` read the indices of their ends as `port` and `tap`.

    brian2's own names are ``i`` and ``j``; from 2.10 on its cython target uses ``i`` within a pathway for something else.
    """
    for owner in synapses._pathways:
        refer(owner, port, source, "i", index="_presynaptic_idx")
        refer(owner, tap, target, "i", index="_postsynaptic_idx")


def set_unique(group: Group, name: str, values: np.ndarray) -> None:
    """Set an index variable whose values differ, so that writes through it do not depend on their order."""
    variable = group.variables[name]
    if isinstance(variable, ArrayVariable):
        variable.unique = True
    setattr(group, name, values)

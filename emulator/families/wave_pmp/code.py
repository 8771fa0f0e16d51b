"""The nodes' code of Wave-PMP: transport, read, layer, sources, ports, and what goes onto the lines."""

from __future__ import annotations

from brian2.utils.stringtools import word_substitute

from emulator.engine.expressions import selected
from emulator.engine.node_noise import noisy
from emulator.families.node.softmax import ANSWER, PROBABILITIES
from emulator.families.wave_pmp.plan import WavePMPPlan
from emulator.families.wave_pmp.schedule import (
    ANSWER_LOAD,
    CARRIED,
    COME,
    END,
    LAYER,
    LEAVE,
    MASS,
    PULL,
    PUT,
    PUT_BACK,
    PUT_WAVES,
    READ,
    RESIDUE,
    SEND,
    SINK,
    SOURCES,
)  # fmt: skip

#: numbers that are sent: how a node calls what was sent last, forward (0) or backward (1), and a number of their own
SENT = {"x": ("out_x", 0, 0), "mu": ("out_mu", 1, 0), "a": ("out_a", 0, 0), "m": ("out_m", 1, 0), "c": ("out_c", 1, 1)}
_WAYS = ("up", "down")


class Code:
    """The nodes' code of one plan; products with a metric are in place where it is diagonal."""

    def __init__(self, plan: WavePMPPlan) -> None:
        self.plan, self.full = plan, plan.full
        self.sums: list[tuple[str, str, str, int]] = []

    def times(self, matrix: str, what: str, order: int) -> str:
        """The product of ``Z``, ``M`` or ``R`` with a variable of the nodes, ready from `order` on."""
        if not self.full:
            return f"({matrix}*{what})"
        name = f"{matrix}_{what}"
        self.sums.append((name, f"{matrix.lower()}_pair", what, order))
        return name

    def goes(self, *numbers: str, kind: str) -> str:
        """Send numbers, all of one port, if one of them has moved by `q`: one event; `kind` is ``state`` or ``wave``.

        Precision and stuck ports act here. A rounding that is drawn anew for every event is not compared.
        """
        effects, count = self.plan.effects, self.plan.layout.neurons
        tests, sent, way = [], [], _WAYS[SENT[numbers[0]][1]]
        for what in numbers:
            to, side, lane = SENT[what]
            port = ("out_port", "in_port")[side]
            names = {name: f"{name}_{way}" for name in effects.port_variables}
            names |= {"u": what, "i": f"({port} + {2 * count * lane})" if lane else port, "n_sent": f"n_{way}"}
            wave = word_substitute(effects.waves[side], names)
            tests.append(f"abs({what} - whole_{what}) >= q" if effects.dithered else f"abs({wave} - {to}) >= q")
            sent.append(f"{to} = either(moves, recovered({wave}, {to}), {to})\n")
            if effects.dithered:
                sent.append(f"whole_{what} = either(moves, recovered({what}, whole_{what}), whole_{what})\n")
        code = f"moves = int({' or '.join(tests)})\n{''.join(sent)}n_{way} = n_{way} + moves\n"
        if self.plan.eventful:
            counter, depth = f"n_{kind}_{way}", self.plan.ring_depth
            port = ("out_port", "in_port")[way == "down"]
            code += f"{counter} = {counter} + moves\nwent_{way} = moves\n{way}_cell = {port}*{depth} + {counter} % {depth}\n"
        return code


def blocks_of(plan: WavePMPPlan, code: Code) -> dict[str, tuple[int, str]]:
    """The nodes' code by name, with its place in a step."""
    used = plan.used
    source = f"int(act == {used.index('source')})" if "source" in used else "0"
    answer = "(x - ext)" if plan.loss == "mse" else ANSWER
    probabilities = "" if plan.loss == "mse" else PROBABILITIES
    blocks = {
        "read": (
            READ,
            f"""rises = recovered(D*w_in + passed_up, 0)
falls = recovered({code.times("Z", "came" if plan.full else "w_back", CARRIED)} + passed_down, 0)
up = a - inner*nu*(a - rises)
down = c - outer*nu*(c - falls)
x = up + down
apart = up - down
""",
        ),
        "send_states": (SEND, f"lam = {code.times('M', 'apart', PULL)}\n{code.goes('x', kind='state')}"),
        "layer": (
            LAYER,
            f"s = s_in + bias\nF = {selected(used, 0)}\nD = {selected(used, 1)}\n{noisy(plan.effects.noise_poles)}mu = D*lam\n"
            + code.goes("mu", kind="state"),
        ),
        "residue": (
            RESIDUE,
            f"{probabilities}rx = x - F\nanswer = load*{answer} + shunt*x\nrl = lam - B_in - answer\ntarget = load*ext\n",
        ),
    }
    if plan.full:  # synapses do not see through a reference
        blocks["come"] = (COME, "came = 1*w_back\n")
    reflected = code.times("Z", "rl", SINK)
    power = f"P = (rx*{code.times('M', 'rx', SINK)} + rl*{reflected})/4\n" if plan.power else ""
    ported = f"""a = up - alpha/2*(rx + {reflected})
c = down - alpha/2*(rx - {reflected})
a = either({source}, F - c, a)
{power}"""
    if not plan.implicit:
        ported += f"c = either(ends, a - {code.times('Z', 'answer', SINK)}, c)\n"
    elif plan.loss == "mse":
        ported += f"open = 2*a + {code.times('Z', 'target', SINK)}\n"
        blocks["end"] = (END, f"c = either(ends, {code.times('R', 'open', ANSWER_LOAD)} - a, c)\n")
    else:
        blocks["end"] = (END, "c = either(ends, ended - a, c)\n")
    blocks["sources"] = (SOURCES, ported)
    leaving = f"m = D*{code.times('M', 'c', MASS)}\n{code.goes('a', kind='wave')}{code.goes('m', 'c', kind='wave')}"
    blocks["leave"] = (LEAVE, leaving)
    if plan.eventful:
        blocks["put_state"] = (PUT, _put("state", "up", "out_x"))
        blocks["put_costate"] = (PUT_BACK, _put("state", "down", "out_mu"))
        waves = _put("wave", "up", "out_a") + _put("wave", "down", "out_m") + "ring_raw_down = out_c\n"
        blocks["put_waves"] = (PUT_WAVES, waves)
    return blocks


def _put(kind: str, way: str, sent: str) -> str:
    """Put what was sent last into its place in the ring; it is there already if nothing was sent since."""
    stamp = f"{kind}_stamp_{way}"
    return f"ring_{kind}_{way} = {sent}\n{stamp} = either(went_{way}, t_in_timesteps, {stamp})\n"

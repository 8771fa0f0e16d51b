"""A parameter port of two devices per weight, a fast one for the gradient and a slow one that holds the weight: Tiki-Taka.

Random trains that coincide write the *fast* device A, whose zero is its symmetry point (`emulator.learning.symmetric`). What
asymmetry does there is to pull A back to zero: A becomes a mean of recent gradients, momentum that forgets, and its noise no
longer reaches the weight. Every so many updates A is read, row after row, and the reading is carried over to the *slow*
device C.

The trains of the fast device fill themselves: with the running means X and D of what a layer receives at most, its rate is
``fast = fill slots q_A/(X D)`` per hold, whatever the size of the gradients; slots that no update of a layer asks for are left
out. A reading then stands for efforts of ``reading/fast``, of which `rate` times `transfer` is carried over (the options
`auto_scale` and `correct_gradient_magnitudes` of M. Rasch et al., AICAS 2021, as used in the last of the sources below), so that
`rate` means what it means to every other port, but for how often a device is read before it forgets. Between two readings of a
device lie as many updates as trains with a pulse in every slot take it from end to end, ``pulses/slots`` (there: as many as it
has states).

Four ways of carrying over are published:

- ``digital = false``: pulses on C with a chance in proportion to the reading (T. Gokmen and W. Haensch, Frontiers in Neuroscience
  14, 103, 2020);
- ``digital = true``: readings are added up in a digital memory, one number per weight, and C gets a pulse when one is owed
  (T. Gokmen, Frontiers in Artificial Intelligence 4, 699148, 2021: version 2);
- ``chop = n``: after every n readings the sign with which A is written and read is turned round, so that what is constant in
  the reading, such as an error of the reference, averages out (M. Rasch, F. Carta, O. Fagbohungbe and T. Gokmen, Nature
  Communications 15, 7133, 2024: chopped version 2);
- ``moving_reference = true``: what A held before the last turn is taken off its readings (the same: AGAD), so that no zero
  needs to be known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from emulator.errors import EngineError
from emulator.learning.coincidence import COINCIDE, Coincidence
from emulator.learning.ports import require_number
from emulator.learning.symmetric import SymmetricPair

#: how much more the end of a period counts in the mean of its readings (the source's tail weighting)
_TAIL = 5.0
#: what the code of a device names, and what it is called where the device is the fast one
_OWN = ("writes", "w_max", "quantum", "write_key")


@dataclass(frozen=True)
class TikiTaka(Coincidence):
    """A fast device for the gradient beside the device of every weight.

    Takes what `emulator.learning.Coincidence` takes, and single devices (``differential = false``); both devices obey the
    hardware's law of pulses, with scores of their own. The fast one neither drifts nor leaks.

    Parameters
    ----------
    rate : float
        Mean change of the parameter per effort and hold, for every time that an effort is read.
    transfer : float
        Share of what a reading stands for that is carried over, above 0.
    fill : float
        Share of the slots in which an average update pulses the strongest crossing, above 0.
    memory : float
        Updates over which peaks are averaged, at least 1.
    period : int, optional
        Updates between two readings of one device; rows take turns. Absent: the pulses of its range over `slots`.
    digital : bool
        Whether readings are added up in a digital memory.
    chop : int
        Readings after which the sign is turned round; 0: never.
    moving_reference : bool
        Whether what the device held before the last turn is taken off its readings; only with `chop`.
    zero_error : float
        Standard deviation of the fast device's reference from its symmetry point, as a share of the range.
    """

    transfer: float = 1.0
    fill: float = 0.2
    memory: float = 100.0
    period: int | None = None
    digital: bool = True
    chop: int = 0
    moving_reference: bool = False
    zero_error: float = 0.0
    name: str = "tiki-taka"
    opens = False
    rule = "a fast device that averages the gradient beside every device, carried over now and then (Tiki-Taka)"
    variables: tuple[str, ...] = ("writes", "fast", "fast_writes", "hidden", "recent", "base")
    neuron_variables: tuple[str, ...] = ("beats", "state_mean", "costate_mean")
    neuron_update = "beats = beats + 1\n" + "\n".join(
        f"{name}_mean = {name}_mean + int({name}_peak > 0)*({name}_peak - {name}_mean)"
        f"*(int({name}_mean == 0) + int({name}_mean > 0)/memory)"
        for name in ("state", "costate")
    )
    zero_of = "fast_"

    def __post_init__(self) -> None:
        require_number(self, "transfer", above=0.0)
        require_number(self, "fill", above=0.0)
        require_number(self, "memory", low=1.0)
        require_number(self, "zero_error", low=0.0, below=0.5)
        for field, low in (("period", 1), ("chop", 0)):
            value = getattr(self, field)
            if field == "period" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise EngineError(f"port tiki-taka: {field} is {value!r}; allowed: whole numbers from {low}")
        if self.state_scale is not None:
            raise EngineError(
                f"port tiki-taka: state_scale is {self.state_scale!r}, and its trains go by what each layer receives; allowed: "
                "none"
            )
        if self.moving_reference and not self.chop:
            raise EngineError("port tiki-taka: moving_reference is set and chop is 0; allowed: with chop of at least 1")
        super().__post_init__()
        if self.weights is not None:
            self._check_zero()
            object.__setattr__(self, "scores", (*self.scores, *(f"fast_{name}" for name in self._fast.scores)))

    @property
    def _fast(self) -> SymmetricPair:
        """The fast device as a port of its own, of halves of the range."""
        law = None if self.weights is None else self.law.model_copy(update={"drift": None})
        return SymmetricPair(self.rate, law, 1.0, self.slots, self.strides)

    @property
    def between(self) -> int:
        """Updates between two readings of one device."""
        return self.period or max(1, round(self.pulses / self.slots))

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of the trains, of the pulses, and of what is carried over."""
        fast = self._fast
        carried = {"transfer": self.transfer, "period": float(self.between), "chop": float(max(self.chop, 1))}
        means = {"fill": self.fill, "memory": self.memory}
        return {**super().constants, **carried, **means, "fast_w_max": fast.w_max, "fast_quantum": fast.quantum}

    def slots_of_update(self, rows: int) -> float:
        """A train, and the pulse of what is carried over, for every row whose turn it is."""
        return float(self.slots + math.ceil(rows / self.between))

    @property
    def update(self) -> str:
        """Write the fast device, read it where it is its turn, and carry over."""
        held = ["fast", *(f"fast{k}" for k in range(self.strides))]
        pulses = "".join(
            f"left = clip(endurance - fast_writes, 0, endurance)\n"
            f"times = clip(floor((struck + {self.strides - 1 - k})/{self.strides}), 0, left)\nwant = sense*int(times > 0)\n"
            + self._renamed(self._fast.pulse(before, after, many=True))
            for k, (before, after) in enumerate(pairwise(held))
        )
        return (
            f"{self.fade()}{self._fast_rate}turn = abs(row) + beats - 1\nreadings = floor(turn/period)\n"
            f"chopped = {'1 - 2*(floor(readings/chop) % 2)' if self.chop else '1 + 0*beats'}\n{COINCIDE}"
            f"sense = chopped*sense\n{pulses}fast = -(-{held[-1]})\n"
            + self._read_and_carry(held[-1])
            + self.pulse(self.faded, "carried", many=True)
            + self.shown("carried", "int(times > 0)")
            + self.rejuvenate("int(times > 0)")
        )

    @property
    def _fast_rate(self) -> str:
        """Code for the rate of the fast device."""
        return (
            "mean_most = state_mean*costate_mean\n"
            f"fast_rate = {self.slots}*fill*fast_quantum/(mean_most + int(mean_most == 0))\n"
        )

    @property
    def asks_for(self) -> tuple[str, str]:
        """The fast device's own rate and pulse."""
        return "fast_rate", "fast_quantum"

    def asked(self) -> str:
        """As of any other, at the fast device's own rate."""
        return self._fast_rate + super().asked()

    def _read_and_carry(self, held: str) -> str:
        """`want` and `times`: pulses on the slow device that the reading asks for."""
        scatter = 0.0 if self.law.update is None else self.law.update.scatter
        shown = f" + {scatter!r}*fast_quantum*gauss_if(read, write_key + 4, number, beats - 1)" if scatter else ""
        code = f"read = int((turn + 1) % period == 0)\nseen = {held}{shown}\n"
        offset = ""
        if self.moving_reference:
            offset = " - base"
            code += f"recent = recent + read*(seen - recent)*{min(1.0, _TAIL / max(self.chop, 1))!r}\n"
        code += f"asked = read*transfer*conductance/fast_rate*chopped*(seen{offset})\n"
        if self.moving_reference:
            code += "turned = read*int((readings + 1) % chop == 0)\nbase = base + turned*(recent - base)\n"
        if self.digital:
            code += "owing = hidden + asked\ntimes = floor(abs(owing)/quantum)\n"
        else:
            code += "owing = 1.0*asked\ntimes = floor(abs(owing)/quantum + uniform_if(read, write_key + 5, number, beats - 1))\n"
        code += "want = sign(owing)*int(times > 0)\n"
        if self.digital:
            code += "hidden = owing - want*times*quantum\n"
        return code + "times = clip(times, 0, clip(endurance - writes, 0, endurance))\nwant = want*int(times > 0)\n"

    def _renamed(self, code: str) -> str:
        """Code of a device as that of the fast one: with scores, writes and a scale of its own, and never stuck."""
        scores = [f"{score}_{side}" for score in self._fast.scores for side in ("up", "down")]
        names = {name: f"fast_{name}" for name in (*_OWN, *scores)} | {"write_key": "(write_key + 7)", "free_up": "1"}
        return re.sub(r"\b[A-Za-z_]\w*\b", lambda found: names.get(found[0], found[0]), code)

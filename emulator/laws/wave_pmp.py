r"""Algorithm 1 of the paper, "Wave-PMP": waves carry the state itself, are transported link by link, and sink residuals.

A node k, one row of neurons, has a metric ``Theta_k`` and holds two waves, ``w+- = (Theta x +- Theta^-T lam)/sqrt 2``
(38)-(40). In every step, all nodes at once in each phase,

    A  w+_{k+1} <- (1 - nu) w+_{k+1} + nu T_k w+_k          w-_k <- (1 - nu) w-_k + nu T_k^T w-_{k+1}       (41)-(46)
    B  x_k = Theta_k^-1 (w+ + w-)/sqrt 2                    lam_k = Theta_k^T (w+ - w-)/sqrt 2
    C  r_x = x_k - f_{k-1}(x_{k-1})                         r_lam = lam_k - J_k^T lam_{k+1} - grad_x R_k
       w+- <- w+- - alpha (Theta_k r_x +- Theta_k^-T r_lam)/sqrt 2
    D  theta_k <- theta_k - eta grad_theta_k J, with this step's x_k and lam_{k+1}
    E  w+_0 <- sqrt 2 Theta_0 x_in - w-_0                   w-_N <- w+_N - sqrt 2 Theta_N^-T grad l(x_N)        (15)

with the source ``r_x = x_0 - x_in`` and the load ``r_lam = lam_N - grad l(x_N)``. ``T_k`` is the identity on links of equal
width, and ``Theta_{k+1} J_k Theta_k^-1`` elsewhere. Where links fan out or meet, transports and sources add up. Slopes of
a transport are those of the states read in the step before.

**It does not rest at the maximum principle when nu > 0.** There all residuals vanish, and phases C and E leave the waves
as they are; phase A does only if ``w+_{k+1} = T_k w+_k`` and ``w-_k = T_k^T w-_{k+1}`` at every link. With the Jacobian,
and ``Z = Theta^-1 Theta^-T``, ``M = Z^-1``, what it would change is

    sqrt 2 (w+_{k+1} - T_k w+_k)   =  Theta_{k+1} [x_{k+1} - J_k x_k + (Z_{k+1} - J_k Z_k J_k^T) lam_{k+1}]
    sqrt 2 (w-_k - T_k^T w-_{k+1}) =  Theta_k^-T [M_k x_k - J_k^T M_{k+1} x_{k+1}]

which vanishes for every target where the layers are linear without bias (``x_{k+1} = J_k x_k``), of equal width, and their
metrics match (``Z_{k+1} = J_k Z_k J_k^T``: the impedance carried through the layer); orthogonal layers with ``Theta = 1`` are a
case. A layer that narrows fails the second, and one that widens matches no impedance that has an inverse. Elsewhere the
rest is biased, in proportion to ``nu/alpha`` while that is small. `THEORY.md` says more.

Source: C. Pehle and J.-J. Slotine, "Unlocked Backpropagation using Wave Scattering" (arXiv:2602.10461), Algorithm 1. Ours:
the sums over fan-out and adders, lines longer than a step, the implicit load, the carried metric, and what is said of rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import CompileError, suggest
from emulator.laws.base import Law, Outline, plain

#: a node's metric: a number, one per neuron, or a matrix
Entry = float | tuple[float, ...] | tuple[tuple[float, ...], ...]
#: the Courant number that is chosen at most, and times what a network makes of what it brings; the metric that is chosen
_MOST, _QUIET, _HEAVY = 0.1, 0.05, 2.0
CARRIED, PLACES, FORMS, TRANSPORTS, LOADS = (
    "carried",
    ("weights", "batch"),
    ("scalar", "diagonal", "full"),
    ("identity", "jacobian"),
    ("lagged", "implicit"),
)


@dataclass(frozen=True)
class WavePMP(Law):
    """Wave-PMP, the algorithm that the paper prints.

    Parameters
    ----------
    nu : float, optional
        Courant number ``c dtau/dt``, cells travelled per step: 0 to 1. Above 0 the rest is biased. Without it, `chosen` finds one for
        each network and metric, at most 0.1, and takes the metric for 2 where that is not given.
    alpha : float
        Step along the sources, above 0.
    metric : number, sequence, mapping, or "carried", optional
        ``Theta``, 1 unless it is chosen: a number for all nodes; one entry per node, in the order of the rows of neurons; entries
        by the name of the layer, 1 where none is given; or ``carried``: the impedance carried through the layers (`form`). An entry is a
        number, one number per neuron, or a matrix with an inverse.
    at : {"weights", "batch"}
        Where a carried metric is evaluated: from the weights alone, with slopes of 1 (``J_k = W_k``), or as the mean over the
        rests of a calibration batch, the first 16 samples of a scenario's data or of a training. In Python,
        `emulator.families.wave_pmp.carried` gives the metric of any batch.
    form : {"scalar", "diagonal", "full"}
        Of a carried metric: ``Z_{k+1} = J_k Z_k J_k^T`` as its mean eigenvalue, its diagonal, or itself, from an impedance
        of 1 at the inputs.
    floor : float
        Share of its mean that every eigenvalue of a carried impedance is raised by where a layer widens.
    transport : {"identity", "jacobian"}
        ``T_k`` on links of equal width.
    load : {"lagged", "implicit"}
        Whether the load answers the state read before the step's sources, as printed, or the one that it makes itself.

    Raises
    ------
    CompileError
        For a value outside its range.
    """

    nu: float = None  # type: ignore[assignment]  # a number once it is compiled
    alpha: float = 1.0
    metric: Any = None  # a number once it is compiled, if not more
    at: str = "weights"
    form: str = "full"
    floor: float = 1e-6
    transport: str = "identity"
    load: str = "lagged"
    name = "wave-pmp"
    carries_waves = True
    #: of a metric that is one number; of another there is `alpha` alone
    tunable = MappingProxyType({"alpha": (0.02, 1.5), "metric": (0.3, 5.0)})
    family = "emulator.families.wave_pmp:WAVE_PMP"

    def __post_init__(self) -> None:
        if self.nu is not None:
            _number(self, "nu", 0.0, 1.0)
        _number(self, "alpha", 0.0, math.inf, above=True)
        _number(self, "floor", 0.0, 1.0)
        for name, allowed in (("at", PLACES), ("form", FORMS), ("transport", TRANSPORTS), ("load", LOADS)):
            if getattr(self, name) not in allowed:
                raise CompileError(f"law wave-pmp: {name} is {suggest(getattr(self, name), allowed)}")
        if self.nu is not None or self.metric is not None:
            object.__setattr__(self, "metric", 1.0 if self.metric is None else _metric(self.metric))
        if not isinstance(self.metric, float | None):
            object.__setattr__(self, "tunable", {"alpha": (0.02, 1.5)})  # a law travels to workers

    @property
    def impedance(self) -> float:
        """``Theta^-2`` of a metric that is one number, else 1."""
        return float(self.metric) ** -2 if isinstance(self.metric, float) else 1.0

    @property
    def parameters(self) -> Mapping[str, float]:
        """`nu`, if it is there, and `alpha`."""
        return {name: value for name in ("nu", "alpha") if (value := getattr(self, name)) is not None}

    @property
    def settings(self) -> Mapping[str, Any]:
        """A metric by layer is a table."""
        found = super().settings
        return {**found, "metric": plain(dict(self.metric))} if isinstance(self.metric, _ByLayer) else found

    @property
    def chooses(self) -> bool:
        """Whether no Courant number is given."""
        return self.nu is None

    def chosen(self, outline: Outline) -> WavePMP:
        """With the Courant number, and the metric, that are not given, for a network of this outline.

        Without transport the sources alone take a substrate to rest layer by layer, whatever its weights and its metric:
        in every step they restore a share `alpha` of a row. Transport brings ``nu/2`` of a wave from beside, which the layers
        amplify by at most `R`, the `resonance` of the outline in the norm of the metric. It also turns costates to states,
        by the impedance `Z`, and these come back as costates: from the load, or because they bend activations by `b`, the
        `bend` of the outline. Either way they have been through the layers twice, so that what has to be small against
        `alpha` is ``nu R (1 + Z R (1 + b))``.

        Of a metric that is not one number `R` is larger by at most the ratio of its largest to its least singular value, and
        `Z` is the impedance of the least. A carried one counts as its ``form = "scalar"``: the layers over the roots of
        their mean gains, and for `Z` the product of the gains above 1.
        """
        metric = _HEAVY if self.metric is None else self.metric
        if isinstance(metric, str):
            rises: list[float] = []

            def rise(weight: NDArray[np.float64]) -> float:
                rises.append(float(np.sum(weight**2)) / len(weight) or 1.0)
                return rises[-1]

            gain, impedance = outline.resonance(rise), math.prod(max(1.0, one) for one in rises)
        else:
            least, most = _extent(metric)
            gain, impedance = outline.resonance(lambda weight: 1.0) * most / least, least**-2
        gain *= 1.0 + impedance * gain * (1.0 + outline.bend(lambda weight: 1.0))
        return replace(self, nu=_QUIET / max(gain, _QUIET / _MOST) * min(1.0, self.alpha), metric=metric)

    @property
    def at_batch(self) -> bool:
        """Whether its metric is carried at the rest of a batch that it has not seen yet."""
        return self.metric == CARRIED and self.at == "batch" and not isinstance(self.metric, Calibrated)

    @property
    def biased(self) -> bool:
        """Whether it rests elsewhere than at backpropagation, in general."""
        return self.nu is None or self.nu > 0

    def changes(self) -> Mapping[str, Sequence[Any]]:
        """Less transport, if it is not to be chosen, shorter steps along the sources, the implicit load, a heavier metric."""
        shorter = [alpha for alpha in (1.0, 0.7, 0.5, 0.3, 0.1) if alpha < self.alpha]
        return {
            "nu": [] if self.nu is None else [nu for nu in (0.5, 0.3, 0.1, 0.03, 0.01) if nu < self.nu],
            "alpha": shorter,
            "load": ["implicit"] if self.load == "lagged" else (),
            "metric": [self.metric * k for k in (1.4, 2.0, 3.0)] if isinstance(self.metric, float) else (),
        }


class Calibrated(str):
    """``carried``, with what a batch made of it: entries by row; written down, it is carried anew by those who read it."""

    entries: Mapping[str, Any]

    def __new__(cls, entries: Mapping[str, Any]) -> Calibrated:
        """Keep the entries beside the word."""
        made = super().__new__(cls, CARRIED)
        made.entries = entries
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        """What a copy is made of."""
        return (self.entries,)


def _extent(metric: Any) -> tuple[float, float]:
    """The least and the largest singular value of a metric that is given, the 1 of layers that it does not name included."""
    named = isinstance(metric, _ByLayer)
    entries = [1.0, *(entry for _, entry in metric)] if named else metric if isinstance(metric, tuple) else [metric]
    arrays = [np.array(entry, dtype=np.float64) for entry in entries]
    sizes = [np.linalg.svd(one, compute_uv=False) if one.ndim == 2 else np.atleast_1d(one) for one in arrays]
    return float(min(one.min() for one in sizes)), float(max(one.max() for one in sizes))


def _number(law: WavePMP, name: str, low: float, high: float, above: bool = False) -> None:
    value = getattr(law, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CompileError(f"law wave-pmp: {name} is {value!r}; allowed: a finite number")
    if not low <= value <= high or (above and value == low):
        allowed = "above 0" if above else f"{low:g} to {high:g}"
        raise CompileError(f"law wave-pmp: {name} is {value!r}; allowed: {allowed}")
    object.__setattr__(law, name, float(value))


def _metric(given: Any) -> Any:
    """A metric as numbers and tuples, so that laws can be compared."""
    if isinstance(given, str):
        if given != CARRIED:
            raise CompileError(
                f"law wave-pmp: metric is {given!r}; allowed: 'carried', a number, a list, or entries by layer"
            )
        return given
    if isinstance(given, _ByLayer):  # of a law that is copied with other settings
        return given
    if isinstance(given, Mapping):
        return _ByLayer((str(name), _entry(value, f"metric[{name!r}]")) for name, value in given.items())
    if isinstance(given, np.ndarray) or not isinstance(given, Sequence):
        return _entry(given, "metric")
    return tuple(_entry(value, f"metric[{k}]") for k, value in enumerate(given))


class _ByLayer(tuple[tuple[str, Entry], ...]):
    """Entries by the name of the layer."""

    __slots__ = ()


def _entry(given: Any, place: str) -> Entry:
    """A number above 0, one per neuron, or a matrix with an inverse."""
    try:
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise CompileError(
            f"law wave-pmp: {place} is {given!r}; allowed: a number, a number per neuron, or a matrix"
        ) from None
    if array.ndim > 2 or array.size == 0 or (array.ndim == 2 and array.shape[0] != array.shape[1]):
        raise CompileError(f"law wave-pmp: {place} has shape {array.shape}; allowed: (), (n,) or (n, n)")
    if not np.isfinite(array).all() or isinstance(given, bool):
        raise CompileError(f"law wave-pmp: {place} is {given!r}; allowed: finite numbers")
    if array.ndim == 2:
        if np.linalg.matrix_rank(array) < len(array):
            raise CompileError(f"law wave-pmp: {place} has no inverse; allowed: a matrix with one")
        return tuple(tuple(map(float, row)) for row in array)
    if not (array > 0).all():
        raise CompileError(f"law wave-pmp: {place} is {array.min():g}; allowed: above 0")
    return float(array) if array.ndim == 0 else tuple(map(float, array))

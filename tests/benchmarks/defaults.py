"""Laws as a newcomer types them, `Bilateral()`: on how many fresh networks do they settle, and how much sooner if tuned?

    python -m tests.benchmarks.defaults                     200 networks, about fifteen minutes of processor time
    python -m tests.benchmarks.defaults --networks 40 --depth 16 --laws two-way

Networks of 1 to 5 layers, 4 to 64 wide, four activations, three ways to draw weights, both losses, one sample of order 1.
Every law that accepts them is predicted, and, unless that is never, run on a blank substrate for somewhat longer than predicted, and if
that was too short for the default hold. What is
called settled is held against the law's own rest, which is exact backpropagation but for wave-pmp. Where a law does not settle, other settings are
tried by prediction. Two-way lines are tuned so for every tenth network, too: impedance, both ends, and a taper within the same range of
impedances.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from emulator import Bilateral, Matched, Upwind, WavePMP, Worldsheet, compile_network, reference, settle
from emulator.compile import with_law
from emulator.errors import BackwaveError
from emulator.families.wave_pmp.rest import OwnRest, data_of, rest_near
from emulator.graph import ScatteringGraph
from emulator.laws import Law
from emulator.measure.forecast import follow
from emulator.measure.reference import Reference
from emulator.measure.rest import operating_point
from emulator.measure.result import SettleResult
from emulator.measure.settling import hold_for
from emulator.measure.stability import linearised
from emulator.runs.holds import hold_steps
from emulator.runs.search import Forecast, Setting, search, settings_of
from tests.support.stranger_networks import Brought, brought

LAWS: Mapping[str, Law] = {
    "matched": Matched(),
    "worldsheet": Worldsheet(),
    "wave-pmp": WavePMP(),
    "upwind": Upwind(),
    "two-way": Bilateral(),
}
#: settings of laws of one-way lines that are tried where those chosen do not settle
OTHERS: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "worldsheet": {"beta": (1.0, 0.5)},
    "wave-pmp": {"nu": (0.05, 0.02, 0.01, 0.005, 0.0), "alpha": (1.0, 0.5)},
    "upwind": {"nu": (0.7, 0.4, 0.2), "impedance": (1.0, 0.3, 0.03), "taper": (1.0, 4.0, 32.0)},
}
#: predictions that a search gets, networks of which one is tuned, the range of impedances, and steps that are too many
EVALUATIONS, TUNED, RANGE, MOST = 250, 10, 10.0, 3000
#: of the predicted steps, those for which a sample is held, by what share a prediction may be off, and what is asked of rests
LONGER, WITHIN, TOLERANCE = 1.3, 0.07, 1e-3


@dataclass
class Tally:
    """What became of one law on the networks that it was given."""

    predicted: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    false: int = 0
    could: int = 0
    seconds: float = 0.0

    def told(self, name: str) -> str:
        """In a line."""
        why = "".join(f"; refused {count} times: {words}" for words, count in self.refused.items())
        if not self.predicted:
            return f"{name}: accepts none{why}"
        predicted, measured = np.array(self.predicted), np.array(self.measured)
        settled = np.isfinite(measured)
        close = np.abs(predicted[settled] / measured[settled] - 1) <= WITHIN
        return (
            f"{name}: accepts {len(settled)}, settles on {settled.sum()}, predicted for {np.isfinite(predicted).sum()}; settled "
            f"that are not at their rest: {self.false}; {self.could} more settle with other settings; measured steps median "
            f"{np.median(measured):.0f}, most {measured[settled].max():.0f}; predicted within {WITHIN:.0%}: {close.sum()}; the default "
            f"hold is long enough for {sum(self.held)}; {self.seconds:.0f} s{why}"
        )


def predicted_steps(graph: ScatteringGraph, exact: Reference) -> float:
    """Steps that the linearised step says a blank substrate needs, inf where they are more than too many."""
    return (
        math.ceil(found) if math.isfinite(found := follow(graph, linearised(graph, exact), most=MOST).within) else found
    )


def measured(graph: ScatteringGraph, one: Brought, exact: Reference, predicted: float) -> tuple[float, bool]:
    """Steps in brian2, inf where it does not settle in the default hold, or is predicted not to; whether that is true."""
    if math.isinf(predicted):
        return predicted, True
    wanted = min(predicted, MOST)
    for hold in sorted({math.ceil(hold_for(graph, LONGER * wanted + 1)), hold_steps(graph)}):
        how = {"target": "numpy", "hold_seconds": hold * graph.step, "diagnose": False}
        with np.errstate(all="ignore"):
            run = settle(graph, one.inputs, one.targets, **how)
        if run.settled[0]:
            return float(run.settling_steps[0]), at_rest(graph, run, exact)
    return math.inf, True


def at_rest(graph: ScatteringGraph, run: SettleResult, exact: Reference) -> bool:
    """Whether every row of a settled run is where the law rests, within the tolerance twice over."""
    point = operating_point(graph, exact)
    if (
        isinstance(graph.law, WavePMP) and not rest_near(graph, point)[0].found
    ):  # it may rest elsewhere than near backpropagation
        x, lam = (
            np.concatenate([held[site.name][0] for site in graph.sites])
            for held in (run.held_states, run.held_costates)
        )
        point, _, _ = rest_near(graph, OwnRest(x, point.s, lam, True, data_of(graph, point)))
        if not point.found:
            return False
    for held, rest in ((run.held_states, point.x), (run.held_costates, point.lam)):
        for site in graph.sites:
            there = rest[site.start : site.stop]
            size = max(np.abs(there).max(), 1e-3 * np.abs(rest).max())
            if not np.abs(held[site.name][0] - there).max() <= 2 * TOLERANCE * size:
                return False
    return True


def others(name: str, graph: ScatteringGraph, exact: Reference) -> Iterator[ScatteringGraph]:
    """The same substrate with other settings."""
    if name == "two-way":
        yield with_law(graph, tuned(graph, exact))
    grid = OTHERS.get(name, {})
    for values in itertools.product(*grid.values()):
        if grid:
            yield with_law(graph, replace(graph.law, **dict(zip(grid, values, strict=True))))


class Time(Forecast):
    """A forecast to which nothing but time matters, not how near junctions are to a second answer."""

    def margin(self, law: Law) -> float:
        """None is counted."""
        return 0.0


def tuned(graph: ScatteringGraph, exact: Reference) -> Law:
    """The law of two-way lines that a search finds to settle soonest."""
    depth = len(graph.network.dense)
    most = RANGE ** (1 / depth)
    keys = ["impedance", "far_end", "source_end"]
    settings = (*settings_of(graph.law, keys, depth), Setting("taper", 1 / most, most))
    return search(Time(graph, [operating_point(graph, exact, 0)], 1e-3), settings, evaluations=EVALUATIONS, seed=0)


def main() -> None:
    """Print what does not settle, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--depth", type=int, help="layers of every network")
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=list(LAWS))
    given = parser.parse_args()
    tallies, ratios = {name: Tally() for name in given.laws}, list[float]()
    for seed in range(given.seed, given.seed + given.networks):
        one = brought(seed, depth=given.depth)
        exact = reference(one.network, one.inputs, one.targets)
        for name, tally in tallies.items():
            begun = time.perf_counter()
            try:
                graph = compile_network(one.network, law=LAWS[name])
                predicted = predicted_steps(graph, exact)
            except BackwaveError as error:
                tally.refused[str(error)] += 1
                continue
            steps, true = measured(graph, one, exact, predicted)
            tally.predicted.append(predicted)
            tally.measured.append(steps)
            tally.held.append(hold_for(graph, steps) <= hold_steps(graph))
            tally.false += not true
            tally.seconds += time.perf_counter() - begun
            if not true:
                print(f"{seed}: {one.words}: {name} called settled and is not", flush=True)
            if math.isinf(steps):
                print(f"{seed}: {one.words}: {name} not settled, predicted {predicted:.0f} steps", flush=True)
            if math.isinf(steps) or (name == "two-way" and seed % TUNED == 0):
                for other in others(name, graph, exact):
                    soonest = predicted_steps(other, exact)
                    if math.isinf(soonest):
                        continue
                    found, _ = measured(other, one, exact, soonest)
                    print(
                        f"{seed}: {one.words}: {name} {predicted:.0f} steps ({steps:.0f}), {soonest:.0f} ({found:.0f}) with impedance "
                        f"{other.law.impedance:.2g}, {dict(other.law.parameters)}",
                        flush=True,
                    )
                    if name == "two-way":
                        ratios.append(predicted / soonest)
                    if math.isfinite(found):
                        tally.could += math.isinf(steps)
                        break
    for name, tally in tallies.items():
        print(tally.told(name))
    if ratios:
        print(
            f"two-way lines, default over tuned, of {len(ratios)} networks: median {np.median(ratios):.2f}, most {np.max(ratios):.2f}"
        )


if __name__ == "__main__":
    main()

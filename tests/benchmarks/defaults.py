"""Laws as a newcomer types them, `Bilateral()`: on how many fresh networks do they settle, and how much sooner if tuned?

    python -m tests.benchmarks.defaults                     200 networks, about ten minutes of processor time
    python -m tests.benchmarks.defaults --networks 40 --depth 16 --laws two-way

Networks of 1 to 5 layers, 4 to 64 wide, four activations, three ways to draw weights, both losses, one sample of order 1.
Every law that accepts a network is predicted, and, unless that is never, run on a blank substrate for somewhat longer than predicted. Two-way lines are
tuned by prediction for every tenth network, and for those on which they do not settle: impedance, both ends, and a taper
within the same range of impedances.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from emulator import Bilateral, Matched, Upwind, WavePMP, Worldsheet, compile_network, reference, settle
from emulator.compile import with_law
from emulator.errors import BackwaveError
from emulator.graph import ScatteringGraph
from emulator.laws import Law
from emulator.measure.forecast import follow
from emulator.measure.reference import Reference
from emulator.measure.rest import operating_point
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
#: predictions that a search gets, networks of which one is tuned, the range of impedances, and steps that are too many
EVALUATIONS, TUNED, RANGE, MOST = 250, 10, 10.0, 3000
#: of the predicted steps, those for which a sample is held, and by what share a prediction may be off
LONGER, WITHIN = 1.3, 0.07


@dataclass
class Tally:
    """What became of one law on the networks that it accepts."""

    predicted: list[float] = field(default_factory=list)
    measured: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    refused: str = ""

    def told(self, name: str) -> str:
        """In a line."""
        if not self.predicted:
            return f"{name}: accepts none ({self.refused})"
        predicted, measured = np.array(self.predicted), np.array(self.measured)
        settled = np.isfinite(measured)
        close = np.abs(predicted[settled] / measured[settled] - 1) <= WITHIN
        return (
            f"{name}: settles on {settled.sum()} of {len(settled)}, predicted for {np.isfinite(predicted).sum()}; measured steps "
            f"median {np.median(measured):.0f}, most {measured[settled].max():.0f}; predicted within {WITHIN:.0%}: {close.sum()}; "
            f"the default hold is long enough for {sum(self.held)}"
        )


def predicted_steps(graph: ScatteringGraph, exact: Reference) -> float:
    """Steps that the linearised step says a blank substrate needs, inf where they are more than too many."""
    return (
        math.ceil(found) if math.isfinite(found := follow(graph, linearised(graph, exact), most=MOST).within) else found
    )


def measured(graph: ScatteringGraph, one: Brought, predicted: float) -> float:
    """Steps in brian2, inf where it does not settle in somewhat longer than predicted, or is predicted not to."""
    if math.isinf(predicted):
        return predicted
    wanted = min(predicted, MOST)
    hold = math.ceil(hold_for(graph, LONGER * wanted + 1))
    with np.errstate(over="ignore", invalid="ignore"):
        run = settle(graph, one.inputs, one.targets, target="numpy", hold_seconds=hold * graph.step, diagnose=False)
    return float(run.settling_steps[0]) if run.settled[0] else math.inf


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
    tallies, ratios, could = {name: Tally() for name in given.laws}, list[float](), 0
    for seed in range(given.seed, given.seed + given.networks):
        one = brought(seed, depth=given.depth)
        exact = reference(one.network, one.inputs, one.targets)
        for name, tally in tallies.items():
            try:
                graph = compile_network(one.network, law=LAWS[name])
                predicted = predicted_steps(graph, exact)
            except BackwaveError as error:
                tally.refused = str(error)
                continue
            steps = measured(graph, one, predicted)
            tally.predicted.append(predicted)
            tally.measured.append(steps)
            tally.held.append(hold_for(graph, steps) <= hold_steps(graph))
            if math.isinf(steps):
                print(f"{seed}: {one.words}: {name} not settled, predicted {predicted:.0f} steps", flush=True)
            if name == "two-way" and (math.isinf(steps) or seed % TUNED == 0):
                other = with_law(graph, tuned(graph, exact))
                soonest = predicted_steps(other, exact)
                ratios.append(predicted / soonest)
                found = measured(other, one, soonest)
                could += math.isinf(steps) and math.isfinite(found)
                print(
                    f"{seed}: {one.words}: two-way {predicted:.0f} steps ({steps:.0f}), tuned {soonest:.0f} ({found:.0f}) with "
                    f"impedance {other.law.impedance:.2g}",
                    flush=True,
                )
    for name, tally in tallies.items():
        print(tally.told(name))
    if ratios:
        print(
            f"two-way lines: {could} more networks settle with other settings; default over tuned, of {len(ratios)} networks: median "
            f"{np.median(ratios):.2f}, most {np.max(ratios):.2f}"
        )


if __name__ == "__main__":
    main()

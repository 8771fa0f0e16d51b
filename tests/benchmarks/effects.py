"""What hardware effects cost: event rate with every effect on (jitter excluded) against the ideal substrate.

    python -m tests.benchmarks.effects [tile] [synapse]     64-32-10 and 784-128-10, by default in both wirings
    python -m tests.benchmarks.effects profile [synapse]    brian2's own account of where the time goes (64-32-10)

New data come every two transits, so that waves never rest. With node noise every node sends at every step; it is shown
alone, too: as many events as with all effects. The figure is the number of events that lines carry in a second of run
time, C++ standalone, compile time apart.
"""

from __future__ import annotations

import os
import sys
import tempfile

import numpy as np
from brian2 import device, second, set_device
from rich.console import Console
from rich.table import Table

from emulator import compile_network
from emulator.engine import effects_of
from emulator.engine.brian_state import known_brian
from emulator.engine.clocks import STEP
from emulator.engine.standalone import program
from emulator.families.node import NODE, NodePlan, lay_out, values_of
from hwmodels import HardwareModel
from tests.benchmarks.engine import mlp
from tests.substrate import delays

REPEATS = 3
HOLD = 5
QUANTISER = {"bits": 10, "full_scale": 8.0}
ALL = {
    "lines.attenuation_forward": 0.97,
    "lines.bandwidth": 2e8,
    "lines.crosstalk": 0.01,
    "lines.impedance_tolerance": 0.1,
    "precision.forward": QUANTISER,
    "precision.backward": {**QUANTISER, "rounding": "stochastic"},
    "precision.weights": QUANTISER,
    "noise.receiver": 0.01,
    "noise.node": {"rms": 0.01, "bandwidth": 1e7},
    "noise.flicker": {"rms": 0.01, "f_low": 1e6, "f_high": 1e8},
    "noise.gain_mismatch_forward": 0.02,
    "noise.gain_mismatch_backward": 0.02,
    "noise.offset_mismatch_forward": 0.01,
    "noise.offset_mismatch_backward": 0.01,
    "weights.g_max": 1.0,
    "weights.g_min": 0.01,
    "weights.programming": {"kind": "polynomial", "coefficients": [0.01], "reference": 1.0},
    "weights.read_noise": {"kind": "power", "coefficient": 0.01},
    "faults.stuck_port": {"rate": 0.01, "value": 0.3},
    "faults.open_line": {"rate": 0.01},
    "faults.dead_node": {"rate": 0.01},
    "faults.dropped_event": {"rate": 0.01},
    "faults.duplicated_event": {"rate": 0.01},
}
#: nodes that never rest: as many events as with every effect
NOISE = {"noise.node": ALL["noise.node"]}
#: groups of effects, each alone, to see what costs what
GROUPS = {
    "lines: loss, bandwidth, crosstalk": ("lines.",),
    "precision": ("precision.",),
    "receiver noise, gain and offset": ("noise.receiver", "noise.gain", "noise.offset"),
    "node and flicker noise": ("noise.node", "noise.flicker"),
    "devices, read noise": ("weights.",),
    "faults": ("faults.",),
}


def prepare(sizes: list[int], changes: dict[str, object], wiring: str, samples: int):
    """Plan, numbers and data of a run whose waves never rest."""
    hardware: HardwareModel = delays(1, 4).replace(changes)
    graph = compile_network(mlp(sizes), hardware=hardware, wiring=wiring)
    layout = lay_out(graph)
    effects = effects_of(graph, layout, 0)
    plan = NodePlan(layout, graph.law, graph.loss, HOLD, samples, effects=effects, probe=False, power=False)
    rng = np.random.default_rng(1)
    shape = (samples, len(layout.inputs)), (samples, len(layout.outputs))
    feed = np.hstack([rng.uniform(size=shape[0]), 0.3 * rng.normal(size=shape[1])])
    return plan, values_of(graph, layout, effects, loaded=True), feed


def rate(sizes: list[int], changes: dict[str, object], wiring: str, samples: int) -> tuple[float, float]:
    """Events carried by lines per second of run time, and per step."""
    plan, values, feed = prepare(sizes, changes, wiring, samples)
    made = program(plan)
    runs = [made.run(values, feed) for _ in range(REPEATS)]
    sent = runs[-1][0]["end.n_sent"][plan.samples].astype(np.int64)
    events = float(sent @ plan.layout.lines_of_port)
    return events / min(times["run"] for _, times in runs), events / plan.steps


def compare(console: Console, wirings: tuple[str, ...] = ("tile", "synapse")) -> None:
    """The table of rates, and their ratios."""
    table = Table("network", "wiring", "effects", "events a step", "M events/s", "of ideal")
    for sizes, samples in (([64, 32, 10], 8000), ([784, 128, 10], 600)):
        for wiring in wirings:
            count = samples if wiring == "tile" else samples // 10
            name = "-".join(map(str, sizes))
            ideal, per_step = rate(sizes, {}, wiring, count)
            table.add_row(name, wiring, "none", f"{per_step:,.0f}", f"{ideal / 1e6:.1f}", "1.00")
            noisy, per_step = rate(sizes, NOISE, wiring, count)
            table.add_row(name, wiring, "node noise", f"{per_step:,.0f}", f"{noisy / 1e6:.1f}", f"{noisy / ideal:.2f}")
            found, per_step = rate(sizes, ALL, wiring, count)
            table.add_row(name, wiring, "all", f"{per_step:,.0f}", f"{found / 1e6:.1f}", f"{found / ideal:.2f}")
            if len(sizes) == 3 and sizes[0] == 64 and wiring == "tile":
                for group, prefixes in GROUPS.items():
                    chosen = {key: value for key, value in ALL.items() if key.startswith(prefixes)}
                    found, per_step = rate(sizes, chosen, wiring, count)
                    table.add_row(name, wiring, group, f"{per_step:,.0f}", f"{found / 1e6:.1f}", f"{found / ideal:.2f}")
    console.print(table)


def profile(console: Console, wiring: str) -> None:
    """Seconds by brian2 object, with every effect on."""
    plan, values, feed = prepare([64, 32, 10], ALL, wiring, 2000)
    with tempfile.TemporaryDirectory() as place, known_brian():
        set_device("cpp_standalone", build_on_run=True, directory=place)
        try:
            made = NODE.objects(plan, feed)
            for name, variable in made.inputs.items():
                setattr(variable.owner, variable.name, values[name])
            made.set_delays()
            made.network.run(plan.steps * STEP * second, profile=True)
            spent = sorted(((float(t / second), name) for name, t in made.network.profiling_info), reverse=True)
        finally:
            device.reinit()
            device.activate()
            set_device("runtime")
    table = Table("object", "seconds")
    for seconds, name in spent[:20]:
        table.add_row(name, f"{seconds:.3f}")
    console.print(table)


def main(names: list[str]) -> None:
    """Compare rates, or print a profile."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="backwave-bench-") as cache:
        os.environ["BACKWAVE_CACHE"] = cache
        if names and names[0] == "profile":
            profile(console, *(names[1:] or ["tile"]))
        else:
            compare(console, *([tuple(names)] if names else []))


if __name__ == "__main__":
    main(sys.argv[1:])

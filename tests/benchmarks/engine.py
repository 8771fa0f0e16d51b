"""Speed, compile time and memory of the engine, as ratios in one run where a ratio means something.

    python -m tests.benchmarks.engine            everything (about five minutes)
    python -m tests.benchmarks.engine events     one section: events, samples, depth, million, large

Compiled programs go to a temporary cache, so compile times are real.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from emulator import Bilateral, Network, compile_network, reference, settle
from emulator.engine.clocks import STEP
from emulator.engine.standalone import Program, program
from emulator.families.node import NodePlan, lay_out, values_of
from emulator.measure.stability import predict
from hwmodels import HardwareModel
from tests.substrate import delays

REPEATS = 3


def mlp(sizes: list[int]) -> Network:
    """A tanh network with weights of variance 0.64 / fan-in."""
    rng = np.random.default_rng(0)
    return Network.mlp([rng.normal(size=(b, a)) / np.sqrt(a) * 0.8 for a, b in itertools.pairwise(sizes)])


def prepare(network: Network, hardware: HardwareModel, hold: int, samples: int, wiring: str = "tile", **plan):
    """A compiled plan, its numbers and its data."""
    graph = compile_network(network, hardware=hardware, wiring=wiring)
    layout = lay_out(graph)
    made = NodePlan(layout, graph.law, graph.loss, hold, samples, **plan)
    rng = np.random.default_rng(1)
    feed = np.hstack(
        [rng.uniform(size=(samples, len(layout.inputs))), rng.normal(size=(samples, len(layout.outputs))) * 0.3]
    )
    return made, values_of(graph, layout, made.effects, loaded=True, threshold=1e-12, resolution=1e-4), feed, graph


def fastest(made: Program, values, feed) -> tuple[float, dict]:
    """Least run time of a program in seconds, and its outputs."""
    runs = [made.run(values, feed) for _ in range(REPEATS)]
    return min(times["run"] for _, times in runs), runs[-1][0]


def payload_free(count: int, steps: int, delay_steps: np.ndarray) -> float:
    """Seconds that plain brian2 synapses (``v_post += w``) of the same number, delays and events need."""
    import brian2 as b2

    dt = STEP * b2.second
    b2.set_device("cpp_standalone", build_on_run=False, directory=None)
    try:
        source = b2.NeuronGroup(count, "", threshold="True", dt=dt)
        sink = b2.NeuronGroup(count, "v : 1", dt=dt)
        synapses = b2.Synapses(source, sink, "w : 1", on_pre="v_post += w", dt=dt)
        synapses.connect(i=np.repeat(np.arange(count), count), j=np.tile(np.arange(count), count))
        synapses.w = np.random.default_rng(0).normal(size=count * count)
        synapses.pre.delay = (delay_steps - 1) * dt
        b2.Network(source, sink, synapses).run(steps * dt)
        b2.device.build(directory=None, compile=True, run=True, with_output=False)
        times = [b2.device._last_run_time]
        for _ in range(REPEATS - 1):
            b2.device.run()
            times.append(b2.device._last_run_time)
        return min(times)
    finally:
        b2.device.reinit()
        b2.device.activate()
        b2.set_device("runtime")


def events(console: Console) -> None:
    """Graded events against payload-free ones, one crossbar of 1e5 synapses, every row sending at every step."""
    count, steps, longest = 316, 400, 20
    table = Table("wiring", "graded, M/s", "payload-free, M/s", "ratio", title="synaptic events a second, standalone")
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(count, count)) / np.sqrt(count)], activations="identity")
    for wiring in ("tile", "synapse"):
        plan, values, feed, graph = prepare(network, delays(1, longest), 1, steps, wiring, probe=False, power=False)
        values["load"] = np.zeros_like(values["load"])
        ours, _ = fastest(program(plan), values, feed)
        plain = payload_free(count, steps, graph.couplings[0].pair_delays()[0])
        work = count * count * steps / 1e6
        table.add_row(wiring, f"{work / ours:.0f}", f"{work / plain:.0f}", f"{plain / ours:.2f}")
    console.print(table)


def samples(console: Console) -> None:
    """Settled forward and backward passes a second, matched law, standalone, compile time apart."""
    table = Table(
        "network", "wiring", "delays", "hold", "engine only", "with probe and power", "compile, s", "error",
        title="settled samples (forward and backward) a second",
    )  # fmt: skip
    for sizes, longest, hold, count, wiring in (
        ([64, 32, 10], 1, 8, 5000, "tile"),
        ([64, 32, 10], 1, 8, 5000, "synapse"),
        ([64, 32, 10], 5, 24, 5000, "tile"),
        ([784, 128, 10], 1, 8, 1000, "tile"),
    ):
        rates, built = [], 0.0
        for full in (False, True):
            plan, values, feed, graph = prepare(
                mlp(sizes), delays(1, longest), hold, count, wiring, probe=full, power=full
            )
            made = program(plan)
            built = max(built, made.compile_seconds)
            seconds, outputs = fastest(made, values, feed)
            rates.append(count / seconds)
        width = sizes[0]
        exact = reference(graph.network, feed[-1:, :width], feed[-1:, width:])
        last = graph.site(graph.layer_sites[graph.network.output][0])
        error = np.abs(outputs["end.u"][count, last.start : last.stop] - exact.states[graph.network.output]).max()
        table.add_row(
            "-".join(map(str, sizes)), wiring, f"1 to {longest}", str(hold), f"{rates[0]:,.0f}", f"{rates[1]:,.0f}",
            f"{built:.1f}", f"{error:.0e}",
        )  # fmt: skip
    console.print(table)


def depth(console: Console) -> None:
    """Compile time and cost per step of a shallow and a deep network of the same total size."""
    table = Table("layers", "neurons", "synapses", "compile, s", "us a step", title="depth costs nothing")
    found = []
    for layers, width in ((2, 84), (20, 40)):
        sizes = [width] * (layers + 1)
        total = sum(sizes)
        plan, values, feed, _ = prepare(mlp(sizes), delays(1, 3), 10, 400, probe=False, power=False)
        made = program(plan)
        values["w"] = values["w"] * 0  # the same events in both: sources only
        seconds, _ = fastest(made, values, feed)
        found.append((made.compile_seconds, seconds / plan.steps / total))
        synapses = plan.layout.synapses
        table.add_row(
            str(layers), str(total), str(synapses), f"{made.compile_seconds:.1f}", f"{1e6 * seconds / plan.steps:.2f}"
        )
    console.print(table)
    compiled, cost = (found[1][k] / found[0][k] for k in range(2))
    console.print(f"20 against 2 layers: compile time x {compiled:.2f}, cost per step and neuron x {cost:.2f}")


def high_water(name: str, done: threading.Event, found: list[int]) -> None:
    """Largest resident size, in bytes, that processes called `name` reach until `done` is set."""
    while not done.wait(0.002):
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                if fields["Name"].strip() == name and "VmHWM" in fields:
                    found.append(1024 * int(fields["VmHWM"].split()[0]))


def million(console: Console) -> None:
    """A network of a million synapses: does it compile and settle, and what does it take."""
    table = Table(
        "wiring", "status", "gradient error", "compile, s", "samples/s", "bytes a synapse", title="1.0 M synapses"
    )
    network = mlp([784, 1024, 196, 10])
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(4, 784)), rng.normal(size=(4, 10))
    exact = reference(network, x, y)
    for wiring in ("tile", "synapse"):
        graph = compile_network(network, wiring=wiring)
        built = settle(graph, x, y, target="standalone").times["build"]
        done, found = threading.Event(), [0]
        watch = threading.Thread(target=high_water, args=("main", done, found))
        watch.start()
        result = settle(graph, x, y, target="standalone")
        done.set()
        watch.join()
        synapses = sum(p.weight.size for p in network.parameters.values())
        table.add_row(
            wiring, result.status, f"{result.errors(exact)['gradient']:.0e}", f"{built:.1f}",
            f"{4 / result.times['run']:.0f}", f"{max(found) / synapses:.0f}",
        )  # fmt: skip
    console.print(table)
    console.print("bytes a synapse: largest resident size of the compiled program, over the number of synapses")


def large(console: Console) -> None:
    """Ten million synapses in tile wiring: memory of everything, from the network to the gradients; and predictions."""
    network = mlp([1000, 3000, 2300, 10])
    synapses = sum(p.weight.size for p in network.parameters.values())
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(4, 1000)), rng.normal(size=(4, 10))
    done, found = threading.Event(), [0]
    watch = threading.Thread(target=high_water, args=("main", done, found))
    watch.start()
    graph = compile_network(network)
    result = settle(graph, x, y, target="standalone")
    done.set()
    watch.join()
    mine = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = result.errors(reference(network, x, y))["gradient"]
    console.print(
        f"{synapses:,} synapses: {result.status}, gradient error {error:.0e}; largest resident size of the compiled program "
        f"{max(found) / synapses:.0f} bytes a synapse, of the process that settles and reads out {mine / synapses:.0f} "
        f"({mine / 1e9:.1f} GB)"
    )
    for name, one in (("matched", graph), ("two-way", compile_network(network, law=Bilateral()))):
        begun = time.process_time()
        prediction = predict(one, reference(network, x[:1], y[:1]), 1e-3)
        console.print(
            f"{name}: {prediction.sentence}; predicted in {time.process_time() - begun:.0f} s of processor time"
        )


SECTIONS = {"events": events, "samples": samples, "depth": depth, "million": million, "large": large}


def main(names: list[str]) -> None:
    """Run the named sections, or all."""
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="backwave-bench-") as cache:
        os.environ["BACKWAVE_CACHE"] = cache
        for name in names or SECTIONS:
            SECTIONS[name](console)


if __name__ == "__main__":
    main(sys.argv[1:])

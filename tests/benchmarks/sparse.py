"""Memory and speed of sparse crossbars against a full one with as many devices, and what the memory is for.

python -m tests.benchmarks.sparse            three processes, a minute or two

All have about 100,000 devices and settle the same 20 samples. What a substrate takes has two parts: that of its devices, and
that of its neurons, whose waves are recorded for every sample, with every movement. `wide` is a convolution as deep layers have
them, of many channels on a small image: about as many neurons per device as the full crossbar, so that their ratio is that of
the devices. `sparse` is one as first layers have them, of 20 times as many neurons per device: the ratio is that of the neurons.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc

import numpy as np

from emulator import Network, NetworkBuilder, compile_network, settle

#: shapes of the input and of the kernels of convolutions
CONVOLUTIONS = {"wide": ((32, 4, 4), (32, 32, 3, 3)), "sparse": ((1, 16, 16), (48, 1, 3, 3))}
SAMPLES = 20


def network(kind: str) -> Network:
    """About 100,000 devices."""
    rng = np.random.default_rng(0)
    build = NetworkBuilder()
    if kind == "dense":
        x = build.input("x", 256)
        return build.build(output=build.dense(x, rng.normal(size=(391, 256)) / 16, activation="tanh"))
    shape, kernel = CONVOLUTIONS[kind]
    x = build.input("x", int(np.prod(shape)))
    weights = rng.normal(size=kernel) / np.sqrt(np.prod(kernel[1:]))
    return build.build(output=build.conv(x, shape, weights, padding=1, activation="tanh"))


def settled(made: Network):
    """Compile a network and settle random samples."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(SAMPLES, made.size("x")))
    targets = rng.normal(size=(SAMPLES, made.size(made.output)))
    return settle(compile_network(made), inputs, targets, target="numpy")


def measured(kind: str) -> dict[str, float]:
    """Devices, neurons, events per second, and bytes: of the network as it is given, at the peak beside it, and of the result."""
    settled(_small())  # what is loaded and compiled once
    made = network(kind)
    seconds = np.inf
    for _ in range(2):
        begun = time.process_time()  # what others do meanwhile does not count
        events = settled(made).events.sum()
        seconds = min(seconds, time.process_time() - begun)
    del made
    gc.collect()
    tracemalloc.start()
    made = network(kind)
    gc.collect()
    given = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = settled(made)
    gc.collect()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.settled.all()
    return {
        "devices": sum(layer.count for layer in made.dense.values()), "neurons": result.graph.neurons, "given": given,
        "peak": peak - given, "held": held - given, "rate": events / seconds, "seconds": seconds,
    }  # fmt: skip


def _small() -> Network:
    build = NetworkBuilder()
    return build.build(output=build.dense(build.input("x", 2), np.eye(2), activation="tanh"))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        found = measured(sys.argv[1])
        each = {name: found[name] / found["devices"] for name in ("given", "peak", "held")}
        print(
            f"{sys.argv[1]:7} {found['devices']} devices, {found['neurons']} neurons; bytes per device: {each['given']:.0f} the "
            f"network, {each['peak']:.0f} more at the peak of compiling and settling, {each['held']:.0f} kept with the result; "
            f"{found['rate']:.3g} events/s, {found['seconds']:.2f} s"
        )
    else:
        for name in ("dense", *CONVOLUTIONS):
            subprocess.run([sys.executable, "-m", "tests.benchmarks.sparse", name], check=True)

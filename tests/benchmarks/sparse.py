"""Memory and speed of a sparse crossbar against a full one with as many devices.

python -m tests.benchmarks.sparse            two processes, a minute or two
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

from emulator import Network, NetworkBuilder, compile_network, settle


def network(kind: str) -> Network:
    """About 100,000 devices: a convolution of 16 x 16 pixels with 48 kernels of 3 x 3, or 256 x 391 of a dense layer."""
    rng = np.random.default_rng(0)
    build = NetworkBuilder()
    x = build.input("x", 256)
    if kind == "sparse":
        y = build.conv(x, (1, 16, 16), rng.normal(size=(48, 1, 3, 3)) / 3, padding=1, activation="tanh")
    else:
        y = build.dense(x, rng.normal(size=(391, 256)) / 16, activation="tanh")
    return build.build(output=y)


def measure(kind: str) -> None:
    """Print devices, neurons, memory and rates of one network."""
    made = network(kind)
    rng = np.random.default_rng(1)
    inputs, targets = rng.normal(size=(20, 256)), rng.normal(size=(20, made.size(made.output)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    result = settle(compile_network(made), inputs, targets, target="numpy")
    seconds = time.perf_counter() - begin
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    devices = sum(layer.count for layer in made.dense.values())
    print(
        f"{kind:7} {devices} devices, {result.graph.neurons} neurons, {result.status}, {grown / devices:.0f} B/device, "
        f"{result.events.sum() / seconds:.3g} events/s, {seconds:.2f} s"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        for name in ("sparse", "dense"):
            subprocess.run([sys.executable, "-m", "tests.benchmarks.sparse", name], check=True)

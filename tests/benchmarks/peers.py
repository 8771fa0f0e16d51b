"""Training end to end beside PyTorch and aihwkit: samples a second, one sample at a time, in one run.

    python -m tests.benchmarks.peers                              what is installed here
    python -m tests.benchmarks.peers --python PATH/bin/python     peers from an environment of their own
    python -m tests.benchmarks.peers --sizes 64-32-10 --samples 500

Backwave's rates are of `emulator.train` as a whole, compile time apart: ideal weights (``resistive``), and devices
(``device``, preset rram-crossbar, with and without the noise of its readings, which aihwkit's preset has not; ``coincidence``,
preset rram-gong, the devices of aihwkit's preset). PyTorch's are of plain batch-1 descent on one thread, aihwkit's of the
same with its ReRAM preset `ReRamESPresetDevice`. All are per second of processor time, which counts nothing that others on
the machine take; each is the best of three.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from itertools import pairwise

import numpy as np

from emulator import Network
from emulator.learning import Coincidence, Device, Resistive
from emulator.runs.train import train
from hwmodels import load

REPEATS = 3
#: what a peer's interpreter runs: sizes and number of samples are its arguments, what it prints are names and rates
PEERS = """
import sys, time
sizes, samples = [int(n) for n in sys.argv[1].split("-")], int(sys.argv[2])
try:
    import torch
except ImportError:
    raise SystemExit(print("PyTorch\\tnot installed"))
torch.set_num_threads(1)

def rate(layer, optimiser):
    torch.manual_seed(0)
    x, y = torch.rand(samples, sizes[0]), torch.randint(sizes[-1], (samples,))
    parts = [part for a, b in zip(sizes, sizes[1:]) for part in (layer(a, b), torch.nn.Tanh())][:-1]
    net, best = torch.nn.Sequential(*parts), 0.0
    descent, loss = optimiser(net), torch.nn.CrossEntropyLoss()
    for _ in range(3):
        begun = time.process_time()
        for k in range(samples):
            descent.zero_grad()
            loss(net(x[k:k + 1]), y[k:k + 1]).backward()
            descent.step()
        best = max(best, samples/(time.process_time() - begun))
    return best

print(f"PyTorch {torch.__version__}\\t{rate(torch.nn.Linear, lambda net: torch.optim.SGD(net.parameters(), 0.01)):.0f} samples/s")
try:
    from aihwkit.nn import AnalogLinear
    from aihwkit.optim import AnalogSGD
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.presets import ReRamESPresetDevice
except ImportError:
    raise SystemExit(print("aihwkit\\tnot installed"))

def analog(net):
    made = AnalogSGD(net.parameters(), lr=0.01)
    made.regroup_param_groups(net)
    return made

config = SingleRPUConfig(device=ReRamESPresetDevice())
print(f"aihwkit, ReRAM\\t{rate(lambda a, b: AnalogLinear(a, b, rpu_config=config), analog):.0f} samples/s")
"""


def ours(sizes: list[int], samples: int) -> list[tuple[str, str]]:
    """Backwave's rates."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    network = Network.mlp(weights, loss="softmax_cross_entropy")
    x, y = rng.uniform(size=(samples, sizes[0])), rng.integers(sizes[-1], size=samples)
    found = []
    for name, port, hardware in (
        ("Backwave, ideal", Resistive(0.01), "ideal"),
        ("Backwave, devices", Device(0.01), "rram-crossbar"),
        ("  read without noise", Device(0.01), load("rram-crossbar").replace({"weights.read_noise": None})),
        ("Backwave, ReRAM pulses", Coincidence(0.01), "rram-gong"),
    ):
        how = {"port": port, "hardware": hardware, "target": "standalone", "chunk": samples, "epochs": 1}
        train(network, x, y, **how)
        best = 0.0
        for _ in range(REPEATS):
            begun = processor_seconds()
            train(network, x, y, **how)
            best = max(best, samples / (processor_seconds() - begun))
        found.append((name, f"{best:.0f} samples/s"))
    return found


def processor_seconds() -> float:
    """Of this process and of the programs that it has run."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--sizes", nargs="*", default=["64-32-10", "784-128-10"])
    parser.add_argument("--samples", type=int, default=5000)
    given = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in given.sizes:
        sizes = [int(part) for part in name.split("-")]
        words = [given.python, "-c", PEERS, name, str(given.samples)]
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        said = subprocess.run(words, capture_output=True, text=True, check=True, env=plain).stdout
        peers = [tuple(line.split("\t")) for line in said.splitlines()]
        for what, rate in (*ours(sizes, given.samples), *peers):
            print(f"{name:>12}  {what:<24} {rate:>20}", flush=True)


if __name__ == "__main__":
    main()

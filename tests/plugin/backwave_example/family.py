"""A family of laws as its author would write it: neurons on wires without delay, which relax towards what reaches them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Network, NeuronGroup, StateMonitor, Synapses
from scipy import sparse

from emulator.engine import Fabric, Plan, Recording, biases, flatten, weights
from emulator.engine.claims import check_claims
from emulator.engine.clocks import STEP, clocks_of
from emulator.engine.expressions import node_functions, selected
from emulator.engine.fabric import SCHEDULE
from emulator.engine.heartbeat import heartbeat_of
from emulator.engine.recorders import MOVED, movements_of, power_of, terminals_of
from emulator.engine.recording import until
from emulator.errors import EngineError
from emulator.families.base import Family
from emulator.laws import Law
from emulator.measure.linear_step import LinearStep
from emulator.measure.rest import checked_point, slopes
from emulator.measure.synapses import synapses


@dataclass(frozen=True)
class Relaxing(Law):
    """Every neuron goes a share of the way to what reaches it, at every step."""

    share: float = 0.5
    impedance: float = 1.0
    name = "relaxing"
    unshunted = "a wire without delay has nothing to put a conductance at"
    tunable = {"share": (0.05, 1.5)}
    family = "backwave_example.family:RELAXING"

    @property
    def parameters(self):
        return {"share": self.share}

    def changes(self):
        return {"share": [share for share in (0.5, 0.3, 0.1) if share < self.share]}


class RelaxingPlan(Plan):
    """What is compiled in: the functions of the neurons, besides all that any plan has."""

    @property
    def update(self):
        return [
            f"""
s = forward + bias
F = {selected(self.used, 0)}
D = {selected(self.used, 1)}
goes = share + (1 - share)*int(act == {self.used.index("source")})
rx = x - F
x = (1 - goes)*x + goes*F
rl = lam - back - load*(x - ext)
lam = lam - share*rl
mu = D*lam
P = (rx*rx/Z + Z*rl*rl)/4
"""
        ]


class RelaxingStep(LinearStep):
    """``dx <- dx + share (phi' W dx - dx)``, then ``dlam`` likewise of ``W^T dmu``; vectors of states, costates and ``dmu``."""

    def __init__(self, graph, point):
        point, count, wires = checked_point(graph, point), graph.neurons, synapses(graph)
        super().__init__(dtype=np.dtype(float), shape=(3 * count, 3 * count))
        self.slope, bend = slopes(graph, point.s)
        self.bend = bend * point.lam
        self.matrix = sparse.csr_array((wires.weight, (wires.sink, wires.source)), shape=(count, count))
        self.goes = np.full(count, graph.law.share)
        for name in graph.network.inputs:
            self.goes[graph.layer_neurons(name)] = 1.0
        self.share, self.load = graph.law.share, np.zeros(count)
        self.load[graph.layer_neurons(graph.network.output)] = float(point.loaded)
        self.rest = np.concatenate([point.x, point.lam, self.slope * point.lam])
        self.resting = point.x, point.lam

    def newest(self, vector):
        return tuple(np.split(vector, 3)[:2])

    def _matvec(self, vector):
        x, lam, mu = np.split(vector.ravel(), 3)
        s = self.matrix @ x
        x = x + self.goes * (self.slope * s - x)
        lam = lam + self.share * (self.matrix.T @ mu + self.load * x - lam)
        return np.concatenate([x, lam, self.slope * lam + self.bend * s])


class RelaxingFamily(Family[RelaxingPlan]):
    """Ideal hardware with lines of one step, a squared loss, no learning on the substrate."""

    def plan(self, graph, hold, samples, *, seed=0, traces=False, learning=None):
        if learning is not None or traces or graph.loss != "mse" or graph.longest_delay > 1:
            raise EngineError("law relaxing: allowed: loss mse, lines of one step, no learning, no traces")
        check_claims(graph)
        return RelaxingPlan(flatten(graph), graph.law, graph.loss, hold, samples, seed=seed)

    def values(self, graph, plan, *, loaded, threshold=0.0, resolution=0.0, seed=0, age=None, weight=None):
        load = np.zeros(graph.neurons)
        load[plan.layout.outputs] = loaded
        return {
            "w": weights(graph, plan.layout), "bias": biases(graph), "load": load, "slope": plan.layout.slope,
            "share": graph.law.share, "Z": graph.law.impedance, "resolution": resolution,
        }  # fmt: skip

    def objects(self, plan, feed, rates=None):
        layout, (clock, hold) = plan.layout, clocks_of(plan.hold)
        names = "x lam s mu F D P rx rl goes forward back ext seen_x seen_lam bias"
        nodes = NeuronGroup(
            layout.neurons,
            "".join(f"{name} : 1\n" for name in names.split()) + "load : 1 (constant)\nslope : 1 (constant)\n"
            "act : integer (constant)\n" + "".join(f"{n} : 1 (shared, constant)\n" for n in ("share", "Z", "resolution")),
            events={"moved": MOVED}, namespace=node_functions(), clock=clock, name="nodes",
        )  # fmt: skip
        nodes.act = plan.activation
        wires = Synapses(
            nodes, nodes, "w : 1\nforward_post = w*x_pre : 1 (summed)\nback_pre = w*mu_post : 1 (summed)",
            clock=clock, name="wires",
        )  # fmt: skip
        wires.connect(i=layout.to_costate, j=layout.to_state - layout.neurons)
        for updater in wires.summed_updaters.values():
            updater.when = "start"
        nodes.run_regularly(plan.update[0], clock=clock, when="start", order=1, name="relax")
        held = ["x", "lam", "s", "mu", "rx", "rl"]
        end = StateMonitor(nodes, held, record=True, clock=hold, when="start", order=-9, name="end")
        (movements, moved), (meter, power) = movements_of(nodes), power_of(nodes, clock)
        network = Network(
            nodes, wires, terminals_of(plan, nodes, feed, clock, hold), end, *movements, *meter,
            heartbeat_of(plan.steps * STEP, hold),
        )  # fmt: skip
        network.schedule = SCHEDULE
        owners = {"w": wires} | dict.fromkeys(("bias", "load", "slope", "share", "Z", "resolution"), nodes)
        outputs = {f"end.{name}": end.variables[name] for name in held} | moved | power
        return Fabric(network, {name: owner.variables[name] for name, owner in owners.items()}, outputs, wires)

    def collect(self, plan, values, outputs, times, target):
        steps, count = plan.hold * plan.samples, plan.layout.neurons
        end = {name: outputs[f"end.{name}"][1 : plan.samples + 1] for name in ("x", "lam", "s", "mu", "rx", "rl")}
        sent = np.hstack([end["x"], end["mu"]])
        return Recording(
            u=sent, v=np.hstack([end["lam"], end["s"] - values["bias"]]), lam=end["lam"], state_residual=end["rx"],
            costate_residual=end["rl"], sent=np.full((plan.samples, 2 * count), plan.hold), tap=sent[:, plan.layout.tap_port],
            products=None, power=outputs["power"][:steps, 0], trace_u=None, trace_lam=None, emitted=None, target=target,
            moved=until(steps, neuron=outputs["moved.i"], **{n: outputs[f"moved.{n}"] for n in ("t", "x", "lam")}), times=times,
        )  # fmt: skip

    def linearised(self, graph, point):
        return RelaxingStep(graph, point)


RELAXING = RelaxingFamily()

"""Weights that spread: off by default, and then by the law of the hardware."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from emulator import compile_network
from emulator.export import Options, spice, verify
from emulator.export.mismatch import weight_spread
from emulator.export.ngspice import run_ngspice
from hwmodels import program, rng
from tests.benchmarks.mismatch import NOISY, agree, of_brian2, of_ngspice
from tests.substrate import delays
from tests.support.circuits import chain, ngspice, sample

__all__ = ["ngspice"]


def test_mismatch_is_off_until_the_testbench_switches_it_on(ngspice, tmp_path):
    base = chain()
    hardware = delays().replace(NOISY)
    graph = compile_network(base.network, hardware=hardware, seed=1)
    spice(graph, tmp_path / "out", *sample(graph), options=Options(mismatch=True))
    assert verify(tmp_path / "out").agrees
    bench = tmp_path / "out" / "tb_op.cir"
    text = bench.read_text().replace(".op\n", ".param bw_mm=1\n.op\n")
    outputs = []
    for seed in (1, 2, 1):
        bench.write_text(text.replace("seed=1", f"seed={seed}"))
        found = run_ngspice(bench, 60)
        outputs.append([found["v(x2_0)"][0], found["v(x2_1)"][0]])
    assert outputs[0] == outputs[2] != outputs[1]


@pytest.mark.slow
def test_monte_carlo_in_ngspice_agrees_with_brian2s(ngspice):
    """Mean and spread of the output error agree within four standard errors; a spread twice too wide does not."""
    circuit, ours = of_ngspice(150), of_brian2(40)
    assert agree(circuit, ours, 4)
    assert not agree(circuit, 2 * ours, 4)


@pytest.mark.parametrize("differential", [True, False])
def test_a_drawn_weight_is_made_of_the_devices_the_emulator_programs(differential):
    """With the emulator's own scores in place of the simulator's, the formula gives the emulator's weight."""
    changes = {**NOISY, "weights.g_min": 5e-6, "weights.differential": differential}
    graph = compile_network(chain().network, hardware=delays().replace(changes), seed=1)
    weight = graph.network.parameters["h0_s"].weight
    law = graph.hardware.weights
    scores = rng(1, "devices of h0_s", "programming").standard_normal((1 + differential, *weight.shape))
    held = program(law, weight, 1, "devices of h0_s").weights()
    spread = weight_spread(graph)["h0_s"]
    for (column, row), nominal in np.ndenumerate(weight):
        text = spread.formula(float(nominal), column, row)
        draws = iter(scores[:, column, row])
        names = {"max": max, "agauss": lambda mean, sigma, _: mean + sigma * next(draws)}  # noqa: B023
        assert evaluate(text, {**names, "mm": 1, "sigma": 1}) == pytest.approx(held[column, row], abs=1e-12)
        draws = iter(scores[:, column, row])
        assert evaluate(text, {**names, "mm": 0, "sigma": 1}) == nominal


def evaluate(text: str, names: dict[str, object]) -> float:
    """A formula of numbers, sums, products and the functions named."""

    def value(node: ast.AST):
        match node:
            case ast.Expression():
                return value(node.body)
            case ast.Constant():
                return node.value
            case ast.Name():
                return names[node.id]
            case ast.UnaryOp():
                return -value(node.operand)
            case ast.Call():
                return value(node.func)(*map(value, node.args))
            case ast.BinOp():
                left, right = value(node.left), value(node.right)
                return {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}[type(node.op)]
        raise ValueError(ast.dump(node))

    return value(ast.parse(text, mode="eval"))

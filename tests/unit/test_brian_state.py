"""What the user prefers in brian2 changes nothing here, and comes back; what brian2 would leave out in silence is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from brian2 import prefs

from emulator import EngineError, Network, compile_network, reference, settle
from emulator.engine import brian_state, compiler, expressions, native, selfcheck
from emulator.engine.cython_target import StrictCython, modules
from emulator.families.node import NODE, nodes, softmax
from tests.refusals import refuses

#: what a user may have set, by name
ODD = {
    "core.default_float_dtype": np.float32,
    "core.default_integer_dtype": np.int64,
    "core.network.default_schedule": ["start", "end"],
    "codegen.target": "cython",
    "codegen.string_expression_target": "cython",
    "codegen.loop_invariant_optimisations": False,
    "codegen.cpp.extra_compile_args": ["-Ofast"],
    "codegen.cpp.define_macros": [("double", "float")],
    "devices.cpp_standalone.openmp_threads": 2,
    "legacy.refractory_timing": True,
}
#: a preference file that does something when it is read, has an unknown preference, and cannot be read to its end
FILE = "core.default_float_dtype = [float32, open('ran', 'w')][0]\nno.such.thing = 1\nnot a preference\n"


@pytest.fixture
def odd():
    before, unknown = dict(prefs.prefs), dict(prefs.prefs_unvalidated)
    for name, value in ODD.items():
        prefs[name] = value
    prefs.prefs_unvalidated["no.such"] = 1
    yield dict(prefs.prefs)
    prefs.prefs.clear(), prefs.prefs.update(before)
    prefs.prefs_unvalidated.clear(), prefs.prefs_unvalidated.update(unknown)


def small():
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.normal(size=(4, 5)) / 2, rng.normal(size=(3, 4)) / 2], loss="softmax_cross_entropy")
    return network, rng.uniform(size=(2, 5)), np.array([0, 2])


def test_preferences_change_no_result_and_come_back(odd):
    network, inputs, targets = small()
    result = settle(compile_network(network), inputs, targets, target="numpy")
    assert (
        max(v for k, v in result.errors(reference(network, inputs, targets)).items() if k != "gradient_cosine") < 1e-15
    )
    assert dict(prefs.prefs) == odd and prefs.prefs_unvalidated == {"no.such": 1}


def test_they_come_back_after_an_error_too(odd):
    with pytest.raises(ZeroDivisionError), brian_state.known_brian(codegen__target="numpy"):
        assert prefs.core.default_float_dtype is np.float64 and prefs.codegen.target == "numpy"
        assert prefs.codegen.cpp.extra_compile_args == compiler.flags() and not prefs.prefs_unvalidated
        raise ZeroDivisionError
    assert dict(prefs.prefs) == odd


def test_preference_files_are_not_read(tmp_path):
    for place in (tmp_path / "brian_preferences", tmp_path / ".brian" / "user_preferences"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(FILE)
    code = (
        "import emulator.engine, brian2; print(brian2.prefs.core.default_float_dtype, brian2.prefs.prefs_unvalidated)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    env = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": root}
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert said.stdout == "<class 'numpy.float64'> {}\n" and not said.stderr
    assert not (tmp_path / "ran").exists()


def test_brian2_reads_its_files_again_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brian_preferences").write_text("codegen.max_cache_dir_size = 7\n")
    before = prefs.codegen.max_cache_dir_size
    prefs.load_preferences()
    assert prefs.codegen.max_cache_dir_size == 7
    prefs.codegen.max_cache_dir_size = before


@pytest.fixture
def block(tmp_path, monkeypatch):
    """Compiles a piece of code as the cython target does."""
    monkeypatch.setenv("BACKWAVE_CACHE", str(tmp_path))
    monkeypatch.setenv("BACKWAVE_CXXFLAGS", "-w -O0")

    def compile_it(text: str):
        piece = object.__new__(StrictCython)
        piece.code, piece.owner, piece.template_name = (
            SimpleNamespace(run=text),
            SimpleNamespace(name="lines"),
            "synapses",
        )
        for name in ("define_macros", "libraries", "extra_link_args", "include_dirs", "library_dirs", "sources"):
            setattr(piece, name, [])
        piece.extra_compile_args, piece.runtime_library_dirs, piece.compiler = compiler.flags(), [], "unix"
        with brian_state.known_brian(codegen__runtime__cython__cache_dir=str(modules())):
            return piece.compile_block("run")

    return compile_it


def test_code_that_does_not_translate_is_an_error(block):
    refuses(
        "target cython: the code of lines (synapses) does not compile: 'i' redeclared",
        lambda: block("def main(_namespace):\n    cdef int i\n    cdef size_t i = 0\n"),
        EngineError,
    )


def test_code_that_is_no_cpp_is_an_error(block):
    text = 'cdef extern from "no_such_header.h":\n    int f()\ndef main(_namespace):\n    return f()\n'
    refuses("target cython: the code of lines (synapses) does not compile", lambda: block(text), EngineError)


def test_the_known_network_is_known():
    network = selfcheck.known_network()
    exact = reference(network, selfcheck.INPUTS, selfcheck.LABELS)
    states, costates = (
        np.hstack([table[name] for name in ("x", "s", "r", "y")])[1:] for table in (exact.states, exact.costates)
    )
    assert not np.isfinite(exact.costates["x"][0]).any()
    np.testing.assert_allclose(selfcheck.STATES, states, atol=1e-15, rtol=1e-15)
    np.testing.assert_allclose(selfcheck.COSTATES, costates, atol=1e-15, rtol=0)


@pytest.mark.parametrize("broken", ["recovered", "either", "tanh_slope", "erfc", "find_top"])
def test_the_known_network_needs_every_function_of_the_engine(monkeypatch, broken):
    """A target on which one of them does nothing is not used."""
    monkeypatch.setattr(selfcheck, "_right", set())
    if broken == "find_top":
        monkeypatch.setattr(softmax, "_finding", lambda arrays: lambda: None)
    else:
        functions = expressions.node_functions()
        functions[broken] = native.elementwise(
            broken, len(functions[broken]._arg_units), lambda first, *others: first, None
        )
        monkeypatch.setattr(nodes, "node_functions", lambda: functions)
    network, inputs, targets = small()
    refuses(
        "target numpy computes a small known network wrongly here",
        lambda: settle(compile_network(network), inputs, targets, target="numpy"),
        EngineError,
    )


@pytest.mark.parametrize("wrong", ["end.u", "end.lam"])
@pytest.mark.parametrize("by", [1e-6, np.nan])
def test_a_target_that_computes_wrongly_is_never_used(monkeypatch, wrong, by):
    monkeypatch.setattr(selfcheck, "_right", set())
    run = type(NODE).objects

    def spoilt(*given):
        fabric = run(*given)
        honest = fabric.outputs[wrong]
        fabric.outputs[wrong] = SimpleNamespace(get_value=lambda: honest.get_value() + by)
        return fabric

    monkeypatch.setattr(type(NODE), "objects", spoilt)
    network, inputs, targets = small()
    for _ in range(2):
        refuses(
            "target numpy computes a small known network wrongly here",
            lambda: settle(compile_network(network), inputs, targets, target="numpy"),
            EngineError,
        )
    monkeypatch.setattr(type(NODE), "objects", run)
    assert settle(compile_network(network), inputs, targets, target="numpy").settled.all()

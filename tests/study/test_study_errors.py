"""Every error of study files, with its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import StudyError
from emulator.study.load import load_study
from hwmodels import load, presets
from tests.refusals import refuses
from tests.support.small import BASE, STUDY, write

AXIS = "[[axes]]\nkey = {}\n"
KNOB = '[tolerance]\n[[tolerance.knobs]]\nkey = "hardware.noise.receiver"\n'


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        ("unknown key 'repeats.chip' (did you mean 'repeats.chips'?)", "chips = 2", "chip = 2"),
        ("unknown key 'targets.gradient_cosine.least'; allowed: targets.gradient_cosine.min,", "min", "least"),
        ("unknown key 'axes[1].value' (did you mean 'axes[1].values'?)", "values = [0.0, 1e-3]", "value = [0.0]"),
        (
            "axes: 'run.threshold' has an empty list of values; allowed: at least one",
            "values = [0.0, 1e-3]",
            "values = []",
        ),
        (
            "axes[1] run.threshold: linear.points is missing; it must be given",
            "values = [0.0, 1e-3]",
            "linear = { low = 0.0, high = 1.0 }",
        ),
        ("axes: 'run.threshold' has no values; allowed: exactly one of values,", "values = [0.0, 1e-3]", ""),
        (
            "axes: 'run.threshold' has values and linear; allowed: exactly one",
            "values = [0.0, 1e-3]",
            "values = [0.0]\nlinear = { low = 0.0, high = 1.0, points = 2 }",
        ),
        (
            "axes: low is 2.0 and high is 1.0; allowed: low below high",
            "values = [0.0, 1e-3]",
            "uniform = { low = 2.0, high = 1.0 }",
        ),
        (
            "axes: 'run.threshold' has a low of 0.0; allowed with loguniform: above 0",
            "values = [0.0, 1e-3]",
            "loguniform = { low = 0.0, high = 1.0 }",
        ),
        (
            "axis 'run.threshold' is sampled and sampling.method is 'grid'",
            "values = [0.0, 1e-3]",
            "uniform = { low = 0.0, high = 1.0 }",
        ),
        ("axes: 'run.threshold' has values 'complete presets'", "values = [0.0, 1e-3]", 'values = "complete presets"'),
        ("axes: 'run.threshold' is on two axes", "hardware.noise.gain_mismatch_backward", "run.threshold"),
        ("axes[1] run.threshold has 0.0 twice", "[0.0, 1e-3]", "[0.0, 0.0]"),
        ("axes[1] run.seed: run.seed is set by the study; allowed: repeats.noise", "run.threshold", "run.seed"),
        (
            "axes[1] run.threshold: scenario 'small': run.threshold is -1.0; allowed: a finite number, at least 0",
            "1e-3",
            "-1.0",
        ),
        (
            "axes[1] run.treshold: scenario 'small': unknown key 'run.treshold' (did you mean",
            "run.threshold",
            "run.treshold",
        ),
        (
            "axes[0] hardware.noise.reciever: hardware.noise.reciever: unknown field (did you mean 'hardware.noise.receiver'",
            "noise.gain_mismatch_backward",
            "noise.reciever",
        ),
        (
            "axes[0] hardware.set.noise.receiver: scenario 'small': hardware.set.noise.receiver is an old spelling; "
            "allowed: hardware.noise.receiver",
            "hardware.noise.gain_mismatch_backward",
            "hardware.set.noise.receiver",
        ),
        (
            "axes[0] hardware.set.noise.receiver: scenario 'small': hardware.set.noise.receiver is an old spelling; "
            "allowed: hardware.noise.receiver",
            "hardware.noise.gain_mismatch_backward",
            "hardware.set.noise.receiver",
        ),
        (
            "axes[0] hardware.precision.forward.full_scale: full scales follow the network",
            "noise.gain_mismatch_backward",
            "precision.forward.full_scale",
        ),
        ("metrics names 'acuracy' (did you mean 'accuracy'?)", '"accuracy"', '"acuracy"'),
        ("targets names 'cosine'", "gradient_cosine =", "cosine ="),
        ("targets.events is no metric of this study; allowed: accuracy,", "gradient_cosine =", "events ="),
        ("targets.gradient_cosine is empty; allowed: min, max, or both", "{ min = 0.9 }", "{}"),
        ("targets.gradient_cosine cannot be met: from 1.5 to 1; possible values: -1 to 1", "min = 0.9", "min = 1.5"),
        ("targets.gradient_cosine cannot be met: from 0.9 to 0.2", "min = 0.9", "min = 0.9, max = 0.2"),
        ("unknown scenario 'smal'", '"small.toml"', '"smal"'),
        ("base.scenario 'technologies' has a section technologies", '"small.toml"', '"technologies"'),
        (
            "metrics names 'training_accuracy' and scenario 'small.toml' has no section",
            '"accuracy"',
            '"training_accuracy"',
        ),
        (
            "study.confidence is 1.0; allowed: above 0 and below 1",
            'title = "Small study"',
            'title = "t"\nconfidence = 1.0',
        ),
    ],
)
def test_study_files(tmp_path: Path, words: str, old: str, new: str) -> None:
    assert old in STUDY
    path = write(tmp_path, STUDY.replace(old, new))
    refuses(f"study 'study': {words}", lambda: load_study(path), StudyError)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("tolerance.knobs: 'hardware.noise.receiver' has equal ends 1.0", KNOB + "good = 1.0\nbad = 1.0"),
        (
            "tolerance.knobs: 'hardware.noise.receiver' has an end of 0.0; allowed",
            KNOB + 'good = 0.0\nbad = 1.0\nscale = "log"',
        ),
        (
            "tolerance.chips is 10; allowed for a share of 0.9",
            KNOB.replace("]\n[[", "]\nchips = 10\n[[") + "good = 0.0\nbad = 1.0",
        ),
        (
            "tolerance.chips is 40; allowed for a share of 0.9 with a confidence of 0.95: at least 53",
            KNOB.replace("]\n[[", "]\nsequential = true\n[[") + "good = 0.0\nbad = 1.0",
        ),
        (
            "tolerance.look is given; allowed: with tolerance.sequential = true",
            KNOB.replace("]\n[[", "]\nlook = 4\n[[") + "good = 0.0\nbad = 1.0",
        ),
        (
            "tolerance.per is 'law.name'; allowed: hardware",
            KNOB.replace("]\n[[", "]\nper = 'law.name'\n[[") + "good = 0.0\nbad = 1.0",
        ),
        (
            "tolerance.knobs[0] hardware.noise.receiver: hardware.noise.receiver: -1.0 is out of",
            KNOB + "good = 0.0\nbad = -1.0",
        ),
        (
            "tolerance.knobs[0] hardware.set.noise.receiver: scenario 'small': hardware.set.noise.receiver is an old",
            KNOB.replace("noise", "set.noise") + "good = 0.0\nbad = 1.0",
        ),
    ],
)
def test_tolerances(tmp_path: Path, words: str, text: str) -> None:
    path = write(tmp_path, STUDY + text)
    refuses(f"study 'study': {words}", lambda: load_study(path), StudyError)


def test_a_study_needs_something_to_do_and_a_tolerance_something_to_hold(tmp_path: Path) -> None:
    alone = STUDY.split("[[axes]]")[0] + "[repeats]\nimages = 2\n"
    refuses("study 'study': axes is empty; allowed:", lambda: load_study(write(tmp_path, alone)), StudyError)
    free = STUDY.split("[targets]")[0] + KNOB + "good = 0.0\nbad = 1.0"
    refuses("study 'study': tolerance is given without targets", lambda: load_study(write(tmp_path, free)), StudyError)


@pytest.mark.parametrize(
    "study", [STUDY, STUDY.replace('base = "small.toml"\n', "") + '[base]\nscenario = "small.toml"\n']
)
def test_a_key_of_the_base_is_spelled_as_in_its_scenario(tmp_path: Path, study: str) -> None:
    path = write(tmp_path, study)
    loaded = load_study(path, ["hardware.noise.receiver=0.25", "run.hold=7.0", "repeats.chips=3"])
    assert loaded.scenario.config.hardware.noise == {"receiver": 0.25}
    assert (loaded.scenario.config.run.hold, loaded.config.repeats.chips) == (7.0, 3)
    refuses(
        "study 'study': base.overrides: scenario 'small': hardware.set.noise.receiver is an old spelling; allowed: hardware.n",
        lambda: load_study(path, ["hardware.set.noise.receiver=0.25"]),
        StudyError,
    )


def test_gradients_need_targets_at_the_load(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY, BASE.replace("samples = 3", "samples = 3\ntargets = false"))
    refuses("study 'study': metrics names 'gradient_cosine' and data.targets", lambda: load_study(path), StudyError)


def test_files_that_are_no_studies(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("a = [")
    refuses(f"study '{path}' is not a TOML file:", lambda: load_study(path), StudyError)
    refuses("there is no study file 'none.toml'; bundled: asymmetry", lambda: load_study("none.toml"), StudyError)
    refuses("unknown study 'robustnes' (did you mean 'robustness'?)", lambda: load_study("robustnes"), StudyError)
    refuses("study 'robustness': override is 'x'", lambda: load_study("robustness", ["x"]), StudyError)


def test_values_are_stored_in_si_units_and_presets_by_name(tmp_path: Path) -> None:
    study = STUDY.replace("hardware.noise.gain_mismatch_backward", "hardware.lines.jitter").replace(
        "[0.0, 0.2]", '["0 ps", "2 ps"]'
    )
    axis = load_study(write(tmp_path, study)).axes[0]
    assert axis.axis.values == (0.0, 2e-12) and axis.unit == "s" and axis.keys == ("hardware.lines.jitter",)
    study = STUDY.replace("hardware.noise.gain_mismatch_backward", "hardware.model").replace(
        "[0.0, 0.2]", '"complete presets"'
    )
    base = BASE.replace('[hardware.lines]\ndelay_forward = { kind = "steps", step = "1 ns", fewest = 1, most = 3 }', "")
    axis = load_study(write(tmp_path, study, base)).axes[0]
    assert list(axis.axis.values) == [name for name in presets() if not load(name).missing()]


def test_overrides_of_a_hardware_model_leave_nothing_of_the_other(tmp_path: Path) -> None:
    study = STUDY.replace('base = "small.toml"\n', "") + '[base]\nscenario = "small.toml"\n[base.overrides.hardware]\n'
    kept = load_study(write(tmp_path, study + "noise.receiver = 0.1")).scenario.config.hardware
    assert set(kept.changes) == {"lines", "noise"} and kept.noise == {"receiver": 0.1}
    old = write(tmp_path, study + "set.noise.receiver = 0.1")
    refuses(
        "study 'study': base.overrides: scenario 'small': hardware.set.noise.receiver is an old spelling; allowed: hardware.n",
        lambda: load_study(old),
        StudyError,
    )
    new = load_study(write(tmp_path, study + 'model = "loihi2"\nnoise.receiver = 0.1')).scenario.config.hardware
    assert new.model == "loihi2" and set(new.changes) == {"noise"}

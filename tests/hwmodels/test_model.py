"""The composed model: one-knob changes, files, sources, digest."""

import pickle
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels import HardwareError, HardwareModel, Lines, Normal, Source, load
from hwmodels.fields import Section, unit_of


def sections(kind=Section):
    """All section classes of the package."""
    return {kind, *(sub for child in kind.__subclasses__() for sub in sections(child))}


def test_every_field_is_described_and_every_number_has_a_unit():
    for section in sections() - {Section}:
        if not section.__module__.startswith("hwmodels."):
            continue
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            if "float" in str(field.annotation):
                assert unit_of(field), f"{section.__name__}.{name}"


def test_package_knows_nothing_of_networks_or_simulators():
    code = "import sys, hwmodels, hwmodels.fit_device, hwmodels.fit_line; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hwmodels.model" in loaded
    assert not {"brian2", "networkx", "emulator", "skrf"} & set(loaded)


def test_defaults_are_ideal():
    model = HardwareModel()
    sample = model.lines.sample(2, 0)
    assert sample.gain_forward.tolist() == sample.impedance_ratio.tolist() == [1, 1]
    assert model.clock.node_update_interval == model.lines.delay_forward.value == 1e-9
    assert model.weights.exact
    assert model.precision.forward.bits is None
    assert model.value("noise.node.rms") == model.value("faults.dead_node.rate") == 0


def test_model_is_immutable():
    with pytest.raises(ValueError, match="frozen"):
        HardwareModel().lines.jitter = 1e-12


def test_replace_takes_paths_and_keywords_with_units():
    model = HardwareModel()
    by_path, by_keyword = model.replace({"lines.jitter": "2 ps"}), model.replace(lines__jitter=2e-12)
    assert by_path == by_keyword
    assert by_path.lines.jitter == 2e-12
    assert model.lines.jitter == 0
    assert by_path.source("lines.jitter").status == "assumed"


def test_replace_reaches_into_tables_and_builds_absent_ones():
    model = load("pcm-crossbar").replace({"weights.drift.first_reading": "25 s", "weights.update.pulses": 100})
    assert model.weights.drift.first_reading == 25
    assert model.weights.drift.exponent_mean == load("pcm-crossbar").weights.drift.exponent_mean
    assert model.weights.update.pulses == 100
    assert model.source("weights.drift.first_reading").status == "assumed"
    assert model.source("weights.drift.exponent_mean.slope").status == "measured"


def test_replace_takes_sections_and_drops_stale_sources():
    model = load("pcb-fr4").replace(lines=Lines(delay_forward=Normal(mean=1e-9, std=1e-10)))
    assert model.lines.delay_forward.std == 1e-10
    assert model.source("lines.delay_forward.mean").status == "assumed"
    assert "lines.bandwidth" not in model.sources


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"lines.jiter": 1},
            "lines.jiter: unknown field \\(did you mean 'lines.jitter'\\?\\); allowed: lines.jitter, lines.delay_forward",
        ),
        ({"jitter": 1}, "jitter: unknown field \\(did you mean 'lines.jitter'\\?\\)"),
        ({"line.jitter": 1}, "line.jitter: unknown field \\(did you mean 'lines.jitter'\\?\\)"),
        ({"noises": 1}, "noises: unknown field \\(did you mean 'noise'\\?\\)"),
        ({"lines.jitter.x": 1}, "lines.jitter.x: 'jitter' is a value and has no fields"),
        ({"lines.jitter": "2 ohm"}, "lines.jitter: '2 ohm' is in ohm, expected s"),
        ({"lines.jitter": -1}, "lines.jitter: -1 is out of range, allowed: a number at least 0 s"),
        (
            {"lines.jitter": [1]},
            r"lines.jitter: \[1\] \(list\) is not a number, allowed: a number at least 0 s",
        ),
        (
            {"precision.forward.bits": 7.5},
            "precision.forward.bits: 7.5 is not a whole number, allowed: a whole",
        ),
        (
            {"precision.forward.rounding": "up"},
            "rounding: 'up'; allowed: nearest, stochastic",
        ),
        (
            {"clock.node_update_interval": 0},
            "clock.node_update_interval: 0 is out of range, allowed: .*above 0 s",
        ),
    ],
)
def test_wrong_changes_are_refused(changes, words):
    with pytest.raises(HardwareError, match=words):
        HardwareModel().replace(changes)


def test_file_round_trip_is_exact(tmp_path):
    model = load("silicon-photonics").replace({"lines.jitter": 0.1 + 0.2e-16, "faults.open_line.places": ["x1[3]"]})
    model.to_toml(tmp_path / "m.toml")
    again = HardwareModel.from_toml(tmp_path / "m.toml")
    assert again == model
    assert again.digest == model.digest
    assert [file.name for file in tmp_path.iterdir()] == ["m.toml"]


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0, 1, exclude_min=True),
    st.integers(2, 32),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
)
def test_any_values_survive_the_file(tmp_path_factory, factor, bits, saturate, text):
    model = HardwareModel(
        description=text,
        lines={
            "attenuation_backward": factor,
            "delay_backward": {"kind": "lognormal", "mean": factor, "std": 0.3},
        },
        precision={"weights": {"bits": bits, "saturate": saturate}},
        sources={"lines.attenuation_backward": Source(text=f"b{text}", status="weak")},
    )
    file = tmp_path_factory.mktemp("toml") / "m.toml"
    model.to_toml(file)
    assert HardwareModel.from_toml(file) == model


def test_written_file_holds_only_what_is_not_ideal(tmp_path):
    HardwareModel(name="mine", lines={"jitter": "2 ps"}).to_toml(tmp_path / "m.toml")
    assert tomllib.loads((tmp_path / "m.toml").read_text()) == {"name": "mine", "lines": {"jitter": 2e-12}}


def test_unnamed_file_is_called_after_itself(tmp_path):
    (tmp_path / "lab7.toml").write_text('[lines]\njitter = "2 ps"\n')
    assert load(tmp_path / "lab7.toml").name == "lab7"


def test_missing_values_survive_the_file_and_are_named(tmp_path):
    model = load("sonos-crossbar")
    model.to_toml(tmp_path / "m.toml")
    again = load(tmp_path / "m.toml")
    assert again == model
    assert again.lines.delay_forward is None
    assert again.missing() == ("clock.node_update_interval", "lines.delay_forward")
    assert "energy.per_event" in again.missing(optional=True)
    words = "'sonos-crossbar': not known and must be supplied: clock.node_update_interval, lines.delay_forward"
    with pytest.raises(HardwareError, match=words):
        again.require_complete()


def test_supplying_what_is_missing_completes_the_model():
    changes = {"clock.node_update_interval": "1 us", "lines.delay_forward.kind": "constant"}
    model = load("sonos-crossbar").replace({**changes, "lines.delay_forward.value": "2 us"})
    model.require_complete()
    assert model.missing() == ()
    assert model.lines.delay_forward.mean == 2e-6


def test_a_required_field_can_be_withdrawn():
    model = HardwareModel().replace({"lines.delay_forward": None})
    assert model.missing() == ("lines.delay_forward",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"lines": {"delay_forward": None}},
            "lines.delay_forward: must be given, or have a source of status",
        ),
        (
            {"sources": {"lines.delay_forward": {"status": "missing"}}, "lines": {"delay_forward": "1 ns"}},
            "lines.delay_forward: is Constant.* although its source says it is missing",
        ),
        (
            {"sources": {"noise.receiver": {"status": "missing"}}, "noise": {"receiver": 0.1}},
            "noise.receiver: is 0.1 although its source says it is missing",
        ),
        (
            {"sources": {"lines.jiter": {"status": "assumed"}}},
            "lines.jiter: unknown field \\(did you mean 'lines.jitter'",
        ),
        (
            {"sources": {"lines.jitter": {"status": "good"}}},
            "sources.*status: 'good'; allowed: measured",
        ),
        (
            {"sources": {"lines.jitter": {"status": "weak"}}},
            "text: must name the source of a value of status 'weak'",
        ),
        ({"lines": 3}, "lines: 3; allowed: a table"),
        ({"name": 3}, "name: 3; allowed: a text"),
    ],
)
def test_contradictory_models_are_refused(data, words):
    with pytest.raises(HardwareError, match=words):
        HardwareModel(**data)


def test_wrong_files_are_refused(tmp_path):
    file = tmp_path / "bad.toml"
    with pytest.raises(HardwareError, match=r"bad.toml: cannot be read: .*No such file"):
        HardwareModel.from_toml(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HardwareError, match=r"bad.toml: cannot be read"):
        HardwareModel.from_toml(file)
    file.write_text("lines = [")
    with pytest.raises(HardwareError, match=r"bad.toml: is no TOML file: "):
        HardwareModel.from_toml(file)
    file.write_text('[lines]\njitter = "3 dB"')
    with pytest.raises(HardwareError, match=r"bad.toml: lines.jitter: '3 dB' is in dB, expected s"):
        HardwareModel.from_toml(file)


def test_unwritable_place_is_refused(tmp_path):
    with pytest.raises(HardwareError, match=r"m.toml: cannot be written: .*No such file"):
        HardwareModel().to_toml(tmp_path / "absent" / "m.toml")


@pytest.mark.parametrize("call", ["pathlib.Path.replace", "os.fsync"])
def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch, call):
    file = tmp_path / "m.toml"
    HardwareModel(name="old").to_toml(file)
    monkeypatch.setattr(call, lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        HardwareModel(name="new").to_toml(file)
    assert load(file).name == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_flat_lists_value_unit_and_source():
    flat = load("pcb-fr4").flat()
    entry = flat["lines.delay_forward.per_length"]
    assert entry == (7.09e-9, "s/m", load("pcb-fr4").sources["lines.delay_forward.per_length"])
    assert flat["lines.delay_forward.length.high"].unit == "m"
    assert flat["lines.delay_forward.length.high"].source.status == "assumed"
    assert flat["lines.impedance"].unit == "ohm"
    assert flat["precision.forward.rounding"].unit is None
    assert next(iter(flat)) == "clock.node_update_interval"
    assert not {"name", "sources"} & set(flat)


def test_digest_follows_the_values_only():
    model = load("sfq")
    assert model.digest == load("sfq").digest
    assert model.replace(description="other words").digest == model.digest
    assert model.replace(lines__jitter=1e-15).digest != model.digest
    assert len({model, load("sfq")}) == 1


def test_model_survives_pickling():
    model = load("pcm-crossbar")
    assert pickle.loads(pickle.dumps(model)) == model


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(HardwareError("lines.jitter", "is wrong")))
    assert (error.path, error.problem, str(error)) == ("lines.jitter", "is wrong", "lines.jitter: is wrong")


def test_value_of_an_unknown_path_is_refused():
    with pytest.raises(HardwareError, match=r"lines.delay_forward.std: unknown field"):
        HardwareModel().value("lines.delay_forward.std")

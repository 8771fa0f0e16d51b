"""Every preset loads, and every number in it has a source."""

import pytest

from hwmodels import HardwareError, HardwareModel, device_presets, load, presets, program

EXPECTED = {
    "ideal": (), "pcm-crossbar": (), "silicon-photonics": (), "pcb-fr4": (), "sfq": (), "loihi2": (),
    "cmos-sky130": ("clock.node_update_interval",),
    "rram-crossbar": (), "panna-22fdsoi": (), "mzi-mesh": (), "sin-photonics": (), "tfln-photonics": (), "brainscales2": (),
    "fefet-crossbar": ("clock.node_update_interval", "lines.delay_forward"),
    "sonos-crossbar": ("clock.node_update_interval", "lines.delay_forward"),
}  # fmt: skip


def test_the_presets_are_these():
    assert presets() == tuple(sorted(EXPECTED))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_preset_is_named_described_and_missing_only_what_is_known_to_be(name):
    model = load(name)
    assert model.name == name
    assert model.description
    assert model.differs
    assert "\n" not in model.differs
    assert model.missing() == EXPECTED[name]
    if EXPECTED[name]:
        with pytest.raises(HardwareError, match=f"'{name}': not known and must be supplied: {EXPECTED[name][0]}"):
            model.require_complete()
    else:
        model.require_complete()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_number_has_a_source(name):
    ideal = HardwareModel().flat()
    for path, entry in load(name).flat().items():
        changed = path not in ideal or entry.value != ideal[path].value
        if changed and isinstance(entry.value, int | float) and not isinstance(entry.value, bool):
            assert entry.source is not None, path
            assert entry.source.status != "missing", path


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"ideal"}))
def test_every_energy_is_known_or_stated_as_missing(name):
    model = load(name)
    for path, entry in model.flat().items():
        if path.startswith(("energy.per_", "energy.static_")):
            assert (entry.source.status == "missing") == (entry.value is None), path


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_lines_are_causal_and_no_shorter_than_one_step(name):
    model = load(name)
    if model.missing():
        return
    assert model.lines.delay_forward.bounds[0] >= model.clock.node_update_interval * (1 - 1e-9)
    assert model.lines.sample(3, 0).delay_forward.min() > 0


def test_published_figures_are_reproduced():
    pcm, rram = load("pcm-crossbar").weights, load("rram-crossbar").weights
    assert pcm.programming.sigma(25e-6) == pytest.approx((0.26348 + 1.965 - 1.1731) * 1e-6)
    assert [float(rram.programming.sigma(g * 40e-6)) for g in (0.25, 0.5, 1)] == pytest.approx(
        [2.26e-6, 2.02e-6, 1.10e-6], rel=0.005
    )
    assert load("silicon-photonics").lines.loss_per_length == 360
    assert load("pcb-fr4").lines.delay_forward.per_length == 7.09e-9
    assert load("loihi2").precision.forward.bits == 24


@pytest.mark.parametrize("name", ["pcm-crossbar", "rram-crossbar", "sonos-crossbar"])
def test_crossbars_program(name):
    devices = program(load(name).weights, [[0.5, -1.0], [0.25, 0.0]], 0, "w")
    error = devices.weights() - [[0.5, -1.0], [0.25, 0.0]]
    assert 0 < abs(error).max() < 0.3


def test_ideal_is_the_default_model():
    assert load("ideal").digest == HardwareModel().digest


def test_unknown_preset_is_refused():
    words = "pcm: is neither a preset nor a file ending in .toml; .*allowed: brainscales2, cmos-sky130"
    with pytest.raises(HardwareError, match=words):
        load("pcm")
    with pytest.raises(HardwareError, match="did you mean 'pcb-fr4'"):
        load("pcb-fr5")


@pytest.mark.parametrize("name", device_presets())
def test_every_number_of_a_device_has_a_source(name):
    model, ideal = load(name), load("ideal").flat()
    assert model.name == name and model.description and model.differs and not model.missing()
    assert model.weights.update is not None
    for path, entry in model.flat().items():
        if isinstance(entry.value, float) and (path not in ideal or entry.value != ideal[path].value):
            assert entry.source is not None and entry.source.status != "missing", path


def _file(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def test_a_file_changes_its_base(tmp_path):
    path = _file(
        tmp_path,
        "mine.toml",
        'base = "pcm-crossbar"\n[lines]\njitter = "1 ps"\n[weights.drift]\nfirst_reading = "1 s"\n',
    )
    model, base = load(path), load("pcm-crossbar")
    assert (model.name, model.lines.jitter, model.weights.drift.first_reading) == ("mine", 1e-12, 1.0)
    assert model.weights.drift.exponent_mean == base.weights.drift.exponent_mean
    assert model.replace({"lines.jitter": 0.0, "weights.drift.first_reading": "20 s"}).digest == base.digest
    assert model.source("weights.read_noise") == base.source("weights.read_noise")
    own = _file(tmp_path, "next.toml", 'base = "mine.toml"\n[lines]\njitter = "2 ps"\n')
    assert load(own).replace({"lines.jitter": "1 ps"}).digest == model.digest


def test_a_law_of_another_kind_replaces_the_whole_law(tmp_path):
    path = _file(
        tmp_path, "a.toml", 'base = "sfq"\n[lines.delay_forward]\nkind = "uniform"\nlow = "6 ps"\nhigh = "9 ps"\n'
    )
    assert load(path).lines.delay_forward.bounds == (6e-12, 9e-12)


def test_what_a_base_lacks_may_be_given(tmp_path):
    path = _file(
        tmp_path,
        "a.toml",
        'base = "fefet-crossbar"\n[clock]\nnode_update_interval = "1 us"\n[lines]\ndelay_forward = "1 us"\n',
    )
    load(path).require_complete()


def test_of_further_bases_only_the_weights_count(tmp_path):
    model = load(_file(tmp_path, "a.toml", 'base = ["sfq", "ecram"]\n'))
    assert model.weights == load("ecram").weights and model.lines == load("sfq").lines
    assert model.source("weights.update").text.startswith("IBM aihwkit")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base = 3", "a.toml: base: 3, allowed: names of presets, or of files that end in .toml"),
        (
            'base = "ecran"',
            "a.toml: base: 'ecran' is neither a file ending in .toml nor a preset; allowed: brainscales2, cmos-sky130",
        ),
        ('base = "a.toml"', "leads back to itself"),
        ('base = "ecram"\n[lines]\njiter = 1', "a.toml: lines.jiter: unknown field"),
    ],
)
def test_bases_that_are_refused(tmp_path, text, words):
    with pytest.raises(HardwareError) as caught:
        load(_file(tmp_path, "a.toml", text))
    assert words in str(caught.value)


def test_the_refusal_says_how_to_supply_everything_in_one_go():
    with pytest.raises(HardwareError) as caught:
        load("fefet-crossbar").require_complete()
    assert str(caught.value).endswith(
        "(in one go: --set hardware.clock.node_update_interval=... --set hardware.lines.delay_forward=..., with units)"
    )

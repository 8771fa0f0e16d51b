"""Every preset loads, and every number in it has a source."""

import pytest

from hwmodels import HardwareError, HardwareModel, load, presets, program

EXPECTED = {
    "ideal": (), "pcm-crossbar": (), "silicon-photonics": (), "pcb-fr4": (), "sfq": (), "loihi2": (),
    "cmos-sky130": ("clock.node_update_interval",),
    "rram-crossbar": ("clock.node_update_interval", "lines.delay_forward"),
    "sonos-crossbar": ("clock.node_update_interval", "lines.delay_forward"),
    "brainscales2": ("clock.node_update_interval", "lines.delay_forward"),
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

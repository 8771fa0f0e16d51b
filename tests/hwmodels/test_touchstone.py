"""Touchstone files of every kind give the same scattering matrices, checked against an independent conversion."""

import numpy as np
import pytest

from hwmodels import HardwareError
from hwmodels.fit_line import fit_line, scattering_parameters
from hwmodels.touchstone import read_touchstone

F = np.linspace(0.01e9, 9e9, 34)
LINE = (60.0, 0.9, 1.5e-10, 2e10)
R = 50.0


def chain(s, r):
    """Chain parameters A, B, C, D of scattering matrices at one resistance (D. M. Pozar, table 4.2)."""
    (s11, s12), (s21, s22) = s.transpose(1, 2, 0)
    return (
        ((1 + s11) * (1 - s22) + s12 * s21) / (2 * s21),
        r * ((1 + s11) * (1 + s22) - s12 * s21) / (2 * s21),
        ((1 - s11) * (1 - s22) - s12 * s21) / (2 * s21 * r),
        ((1 - s11) * (1 + s22) + s12 * s21) / (2 * s21),
    )


def parameters(kind, s=None, r=R):
    """Y, Z, G or H parameters in ohm and siemens, through the chain matrix: not the way of the reader."""
    a, b, c, d = chain(scattering_parameters(F, r, *LINE) if s is None else s, r)
    det = a * d - b * c
    entries = {
        "Z": (a / c, det / c, 1 / c, d / c),
        "Y": (d / b, -det / b, -1 / b, a / b),
        "H": (b / d, det / d, -1 / d, c / d),
        "G": (c / a, -det / a, 1 / a, b / a),
    }[kind]
    return np.stack(entries, -1).reshape(-1, 2, 2)


#: what version 1 divides by, in powers of the reference
POWERS = {"Z": [[1, 1], [1, 1]], "Y": [[-1, -1], [-1, -1]], "H": [[1, 0], [0, -1]], "G": [[-1, 0], [0, 1]]}


def rows(values, form="RI", unit=1e9, order=((0, 0), (1, 0), (0, 1), (1, 1))):
    """Lines of a file, by default in the order of version 1."""
    parts = {
        "RI": lambda z: (z.real, z.imag),
        "MA": lambda z: (abs(z), np.degrees(np.angle(z))),
        "DB": lambda z: (20 * np.log10(abs(z)), np.degrees(np.angle(z))),
    }[form]
    return [
        " ".join(f"{part:.12g}" for part in (f / unit, *(p for place in order for p in parts(one[place]))))
        for f, one in zip(F, values, strict=True)
    ]


def write(path, head, lines, tail=()):
    path.write_text("\n".join([*head, *lines, *tail]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["Y", "Z", "G", "H"])
@pytest.mark.parametrize(("form", "unit", "hertz"), [("RI", "GHz", 1e9), ("MA", "MHz", 1e6), ("DB", "kHz", 1e3)])
def test_version_1_is_relative_to_the_reference(tmp_path, kind, form, unit, hertz):
    relative = parameters(kind) / R ** np.array(POWERS[kind], dtype=float)
    file = write(tmp_path / "a.s2p", [f"# {unit} {kind} {form} R 50"], rows(relative, form, hertz))
    found = read_touchstone(file)
    assert found.resistance == R and found.parameters == kind and found.normalised
    np.testing.assert_allclose(found.frequency, F, rtol=1e-9)
    np.testing.assert_allclose(found.scattering, scattering_parameters(F, R, *LINE), atol=1e-9)
    fitted = fit_line(file).model.lines
    assert fitted.impedance == pytest.approx(60, rel=1e-6)
    assert fitted.delay_forward.mean == pytest.approx(1.5e-10, rel=1e-6)
    assert fitted.attenuation_forward == pytest.approx(0.9, rel=1e-6)


@pytest.mark.parametrize("kind", ["Y", "Z", "G", "H"])
@pytest.mark.parametrize("reference", ["50", "50 75", "50\n75"])
def test_version_2_is_in_ohm_and_siemens(tmp_path, kind, reference):
    head = ["[Version] 2.0", f"# GHz {kind} RI R 20", "[Number of Ports] 2", "[Two-Port Data Order] 12_21",
            f"[Number of Frequencies] {len(F)}", f"[Reference] {reference}", "[Network Data]"]  # fmt: skip
    order = ((0, 0), (0, 1), (1, 0), (1, 1))
    file = write(tmp_path / "a.ts", head, rows(parameters(kind), order=order), ["[End]"])
    found = read_touchstone(file)
    np.testing.assert_allclose(found.scattering, scattering_parameters(F, 50.0, *LINE), atol=1e-9)
    assert fit_line(file).model.lines.impedance == pytest.approx(60, rel=1e-6)


@pytest.mark.parametrize("version", [1, 2])
def test_each_port_may_have_a_reference(tmp_path, version):
    """Scattering parameters of 40 and 90 ohm ports, by the textbook's change of reference of S."""
    left, right = 40.0, 90.0
    at_left = scattering_parameters(F, left, *LINE)
    impedance = parameters("Z", at_left, left)
    root = np.diag(np.sqrt([left, right]))
    other, inverse = np.diag([left, right]), np.linalg.inv(root)
    s = np.stack([inverse @ (z - other) @ np.linalg.inv(z + other) @ root for z in impedance])
    heads = {
        1: ["# GHz S RI R 40 90"],
        2: ["[Version] 2.1", "# GHz S RI", "[Number of Ports] 2", "[Two-Port Data Order] 21_12", "[Reference] 40 90",
            "[Network Data]"],
    }  # fmt: skip
    file = write(tmp_path / "a.s2p", heads[version], rows(s))
    np.testing.assert_allclose(read_touchstone(file).scattering, at_left, atol=1e-9)
    fitted = fit_line(file)
    assert fitted.model.lines.impedance == pytest.approx(60, rel=1e-6)


def test_half_matrices_and_broken_lines(tmp_path):
    s = scattering_parameters(F, R, *LINE)
    head = ["[Version] 2.0", "# GHz S RI R 50", "[Number of Ports] 2", "[Matrix Format] Lower", "[Begin Information]",
            "anything 1 2 3", "[End Information]", "[Network Data]"]  # fmt: skip
    lines = [row.replace(" ", "\n", 2) for row in rows(s, order=((0, 0), (1, 0), (1, 1)))]
    file = write(tmp_path / "a.ts", head, lines, ["[Noise Data]", "1 2 3 4 5", "[End]"])
    np.testing.assert_allclose(read_touchstone(file).scattering, s, atol=1e-9)


@pytest.mark.parametrize("head", [["# R 50"], [], ["! made by hand", "# s ghz RI r 50"], ["#"]])
def test_defaults_and_order_of_options(tmp_path, head):
    s = scattering_parameters(F, R, *LINE)
    form = "RI" if any("RI" in line for line in head) else "MA"
    file = write(tmp_path / "a.s2p", head, rows(s, form))
    np.testing.assert_allclose(read_touchstone(file).scattering, s, atol=1e-9)


def test_noise_parameters_are_passed_over(tmp_path):
    noise = ["! noise", "1.0 1.2 0.3 45 0.2", "2.0 1.3 0.4 50 0.3", "20.0 1.3 0.4 50 0.3"]
    file = write(tmp_path / "a.s2p", ["# GHz S RI R 50"], rows(scattering_parameters(F, R, *LINE)), noise)
    assert fit_line(file).model.lines.impedance == pytest.approx(60, rel=1e-6)
    assert fit_line(file).n == len(F)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(tmp_path, encoding):
    text = "\n".join(["! Leitung 60 µm", "# GHz S RI R 50", *rows(scattering_parameters(F, R, *LINE))])
    (tmp_path / "a.s2p").write_bytes(text.encode(encoding))
    assert len(read_touchstone(tmp_path / "a.s2p").frequency) == len(F)


def test_scattering_matrices_are_those_of_scikit_rf(tmp_path):
    skrf = pytest.importorskip("skrf")
    generator = np.random.default_rng(0)
    s = generator.normal(size=(len(F), 2, 2)) + 1j * generator.normal(size=(len(F), 2, 2))
    file = write(tmp_path / "a.s2p", ["# MHz S DB R 75"], rows(s, "DB", 1e6))
    network = skrf.Network(str(file))
    found = read_touchstone(file)
    np.testing.assert_allclose(found.scattering, network.s, rtol=1e-9)
    np.testing.assert_allclose(found.frequency, network.f, rtol=1e-12)


GOOD = rows(scattering_parameters(F, R, *LINE))
V2 = ["[Version] 2.0", "# GHz S RI R 50", "[Number of Ports] 2", "[Two-Port Data Order] 21_12", "[Network Data]"]


@pytest.mark.parametrize(
    ("name", "head", "lines", "words"),
    [
        ("a.s1p", ["# GHz S RI"], GOOD, "a.s1p: has 1 port(s), allowed: 2 (a .s2p file)"),
        ("a.s4p", ["# GHz S RI"], GOOD, "a.s4p: has 4 port(s), allowed: 2 (a .s2p file)"),
        ("a.ts", [V2[0], V2[1], "[Number of Ports] 3", *V2[3:]], GOOD, "a.ts: has 3 port(s), allowed: 2"),
        ("a.s2p", ["# GHz S RI"], ["1 0 0"] * 30, "a.s2p: is no readable Touchstone file: line 2 has 3 numbers; allowed: 9"),
        ("a.s2p", ["# GHz S RI"], ["1 1 1 1 1 1 1 1 1", "1 1 1 1 1 1 1 1"] * 12, "a.s2p: is no readable Touchstone file: line 3 has 8 numbers"),
        ("a.s2p", ["# GHz Q RI"], GOOD, "a.s2p: is no readable Touchstone file: the option line 1 has 'q' where it does not"),
        ("a.s2p", ["# GHz S Y RI"], GOOD, "a.s2p: is no readable Touchstone file: the option line 1 has 'y' where"),
        ("a.s2p", ["# GHz S RI R 50 j3"], GOOD, "a.s2p: is no readable Touchstone file: line 1 is '50 j3'; allowed: numbers"),
        ("a.s2p", ["# GHz S RI R 0"], GOOD, "a.s2p: reference impedances are 0, allowed: a positive resistance"),
        ("a.s2p", ["# GHz S RI R 50 50 50"], GOOD, "a.s2p: reference impedances are 50, 50, 50, allowed"),
        ("a.s2p", ["# GHz Y RI R 50 75"], GOOD, "a.s2p: holds Y parameters normalised to 50 and 75 ohm, which has no one meaning"),
        ("a.s2p", ["! Port Impedance 60 0 60 0", "# GHz S RI R 50"], GOOD, "a.s2p: states port impedances of 60+0j, 60+0j ohm in line 1"),
        ("a.s2p", ["# GHz S RI"], [GOOD[0].replace(".", ",")], "a.s2p: is no readable Touchstone file: line 2 is '0,01"),
        ("a.ts", ["[Version] 3.0", *V2[1:]], GOOD, "a.ts: is no readable Touchstone file"),
        ("a.ts", [*V2[:4], "[Number of Frequencies] 7", V2[4]], GOOD, "a.ts: is no readable Touchstone file: it has 306 numbers; allowed: 9 for each of 7"),
        ("a.ts", [*V2[:4], "[Mixed-Mode Order] D2,1 C2,1", V2[4]], GOOD, "a.ts: holds mixed-mode parameters"),
        ("a.ts", [*V2[:4], "[Matrix Format] Sparse", V2[4]], GOOD, "a.ts: is no readable Touchstone file: [Matrix Format] is 'sparse'"),
        ("a.s2p", ["# GHz S RI"], [], "a.s2p: has 0 points, allowed: at least 10"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, name, head, lines, words):
    file = write(tmp_path / name, head, lines)
    with pytest.raises(HardwareError) as caught:
        fit_line(file)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("kind", ["Y", "Z"])
def test_parameters_that_ignore_the_normalisation_are_asked_about(tmp_path, kind):
    """Some programs write ohm and siemens into version 1: read by the standard, the line is hard to believe."""
    file = write(tmp_path / "a.s2p", [f"# GHz {kind} RI R 50"], rows(parameters(kind)))
    with pytest.raises(HardwareError) as caught:
        fit_line(file)
    assert f"{kind} parameters of version 1 are read relative to 50 ohm" in str(caught.value)
    assert "--as-written" in str(caught.value)
    if kind == "Y":
        assert "an impedance of 3000 ohm" in str(caught.value) and "it would have 60 ohm" in str(caught.value)
    right = write(tmp_path / "b.s2p", [f"# GHz {kind} RI R 1"], rows(parameters(kind)))
    assert fit_line(right).model.lines.impedance == pytest.approx(60, rel=1e-5)


def test_odd_impedances_can_be_meant(tmp_path):
    s = scattering_parameters(F, 50.0, 700.0, 0.95, 1.5e-10, 2e10)
    file = write(tmp_path / "a.s2p", ["# GHz S RI R 50"], rows(s))
    with pytest.raises(HardwareError, match="the line has an impedance of 700 ohm, where lines have 1 to 500 ohm"):
        fit_line(file)
    assert fit_line(file, as_written=True).model.lines.impedance == pytest.approx(700, rel=1e-5)

"""Device fits recover known parameters, and refuse bad data."""

import numpy as np
import pytest

from hwmodels import HardwareError, HardwareModel, rng
from hwmodels.fit_device import fit_device

SIGMA = np.array([0.3e-6, 1.8e-6, -1.0e-6])
TIMES = (20.0, 200.0, 2e3, 2e4, 2e5)


def measure(n=3000, slope=-0.015, intercept=0.03, std=0.01, times=TIMES):
    """Synthetic readings (device, target, measured, time) of n devices between 2 and 25 uS."""
    target = np.tile(np.linspace(2e-6, 25e-6, 30), n // 30)
    g = target / 25e-6
    start = target + np.polyval(SIGMA[::-1], g) * rng(1, "programming").standard_normal(n)
    nu = slope * np.log(g) + intercept + std * rng(1, "drift").standard_normal(n)
    kept = np.flatnonzero(start > 0)
    return [(f"d{k}", target[k], start[k] * (t / times[0]) ** -nu[k], t) for k in kept for t in times]


def write(path, rows, header="device,target_conductance_S,measured_conductance_S,time"):
    """Write a CSV file."""
    path.write_text("\n".join([header, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


def test_known_parameters_are_recovered(tmp_path):
    report = fit_device(write(tmp_path / "lab.csv", measure()))
    weights = report.model.weights
    for g, four_sigma in ((0.1, 0.17), (0.4, 0.06), (0.7, 0.06), (1.0, 0.17)):
        assert weights.programming.sigma(g * 25e-6) == pytest.approx(np.polyval(SIGMA[::-1], g), rel=four_sigma)
    assert report.parameters["nu_slope"] == pytest.approx(-0.015, abs=0.001)
    assert report.parameters["nu_intercept"] == pytest.approx(0.03, abs=0.001)
    assert report.parameters["nu_std"] == pytest.approx(0.01, rel=0.05)
    assert weights.drift.first_reading == 20
    assert weights.drift.exponent_mean.at(0.5) == pytest.approx(0.03 + 0.015 * np.log(2), abs=0.001)
    assert (weights.g_min, weights.g_max) == (2e-6, 25e-6)
    assert weights.fitted_time == 2e5
    assert 0.9 < report.r2 < 1
    assert report.n == len(measure())
    residuals = [row[2] - row[1] * (row[3] / 20) ** -(0.03 - 0.015 * np.log(row[1] / 25e-6)) for row in measure()]
    assert report.rms_residual == pytest.approx(np.std(residuals), rel=0.02)
    assert report.residual_unit == "S"


def test_units_and_column_order_do_not_matter(tmp_path):
    rows = measure(n=300)
    si = fit_device(write(tmp_path / "si.csv", rows))
    scaled = [(row[3] * 1e3, row[2] * 1e6, row[0], row[1] * 1e9) for row in rows]
    header = "time_ms,measured_conductance_uS,device,target_conductance_nS"
    other = fit_device(write(tmp_path / "other.csv", scaled, header))
    assert other.r2 == pytest.approx(si.r2, rel=1e-9)
    assert list(other.parameters.values()) == pytest.approx(list(si.parameters.values()), rel=1e-4)


def test_single_readings_give_no_drift(tmp_path):
    rows = [row[1:] for row in measure(n=300) if row[3] == 20]
    header = "target_conductance_S,measured_conductance_S,time"
    report = fit_device(write(tmp_path / "once.csv", rows, header), degree=1, name="mine")
    assert report.model.weights.drift is None
    assert set(report.parameters) == {"sigma_0_S", "sigma_1_S"}
    assert report.model.name == "mine"


def test_exact_devices_have_no_spread(tmp_path):
    rows = [(f"d{k}", 1e-6 * (k + 1), 1e-6 * (k + 1), 1.0) for k in range(30)]
    report = fit_device(write(tmp_path / "exact.csv", rows))
    assert report.r2 == 1
    assert report.model.weights.programming.coefficients == (0, 0, 0)


def test_report_makes_a_model_file_with_sources(tmp_path):
    report = fit_device(write(tmp_path / "lab.csv", measure(n=300)))
    report.to_toml(tmp_path / "my.toml")
    model = HardwareModel.from_toml(tmp_path / "my.toml")
    assert model == report.model
    assert model.source("weights.programming.coefficients").text == "fit to lab.csv"
    assert all(model.source(path) for path, entry in model.flat().items() if path.startswith("weights.fitted"))
    assert HardwareModel.from_dict(report.fragment).weights == model.weights
    assert set(report.fragment) == {"name", "description", "weights", "sources"}
    assert "lab.csv: 1500 points, R2 = 0.9" in report.summary()
    assert "nu_std = 0.0" in report.summary()


def changed(column, value, row=3):
    """Good rows with one cell replaced."""
    rows = [list(cells) for cells in measure(n=300)]
    rows[row][column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        ([], "", "bad.csv: is empty, allowed: a header with target_conductance"),
        (measure(n=300)[:19], None, "bad.csv: has 19 rows, allowed: at least 20"),
        (measure(n=30)[:95], None, "bad.csv: has 19 devices, allowed: at least 20"),
        (
            changed(2, "nan"),
            None,
            "bad.csv: measured_conductance is 'nan' in line 5, allowed: a number above 0",
        ),
        (changed(2, "x"), None, "bad.csv: measured_conductance is 'x' in line 5"),
        (changed(2, -1e-6), None, "bad.csv: measured_conductance is '-1e-06' in line 5"),
        (changed(1, 0), None, "bad.csv: target_conductance is '0' in line 5"),
        (changed(3, "inf"), None, "bad.csv: time is 'inf' in line 5"),
        (changed(3, 20.0), None, "bad.csv: time does not increase .* before line 5"),
        (measure(n=300), "device,target,measured_conductance,time", "bad.csv: unknown column 'target'; "),
        (
            measure(n=300),
            "a,target_conductance,measured_conductance,time",
            "bad.csv: unknown column 'a'; allowed: ",
        ),
        (
            measure(n=300),
            "device,target_conductance,measured_conductance,time_uS",
            "bad.csv: column 'time_uS': '1 uS' is in S, expected s",
        ),
        (
            measure(n=300),
            "device,target_conductance,target_conductance_uS,time",
            "bad.csv: has two columns 'target_conductance', allowed: one",
        ),
        (
            [row[:3] for row in measure(n=300)],
            "device,target_conductance,measured_conductance",
            "bad.csv: has no column 'time', allowed: a header with target_conductance",
        ),
        ([row[:3] for row in measure(n=300)], None, "bad.csv: line 2 has 3 cells, allowed: 4, as the header has"),
        (
            [(row[0], 1e-6, *row[2:]) for row in measure(n=300)],
            None,
            "bad.csv: has 1 distinct targets, allowed: at least 3",
        ),
        (
            [(f"d{k}", 1e-6 * (1 + k % 5), 1e-6 * (5 - k % 5), 1.0) for k in range(40)],
            None,
            "bad.csv: the device model explains only R2 = -.* of the data, allowed: at least 0.5",
        ),
        (
            measure(n=300, slope=0.0, intercept=-0.05),
            None,
            "bad.csv: conductances grow with time .nu = -0.05",
        ),
    ],
)
def test_unfit_data_are_refused(tmp_path, rows, header, words):
    file = tmp_path / "bad.csv"
    if header == "":
        file.write_text("")
    else:
        write(file, rows, *([] if header is None else [header]))
    with pytest.raises(HardwareError, match=words):
        fit_device(file)


def test_unreadable_files_and_wrong_degrees_are_refused(tmp_path):
    with pytest.raises(HardwareError, match=r"absent.csv: cannot be read: .*No such file"):
        fit_device(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(HardwareError, match=r"binary.csv: cannot be read"):
        fit_device(tmp_path / "binary.csv")
    with pytest.raises(HardwareError, match="degree: 5 is out of range, allowed: a whole number from 0 to 4"):
        fit_device(tmp_path / "absent.csv", degree=5)

"""Branching between scales: exact probabilities, exact invariances, and the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.datasets import make_fractional_brownian_motion
from skmst.scattering.branching import Branching, Ratios, branching_energies, branching_matrix, normalised_ratios
from skmst.scattering.cascade import Setting, scatter
from skmst.scattering.filter_bank import BANKS
from tests.scattering.differences import assert_gradient

GRIDS = st.one_of(st.tuples(st.integers(16, 130)), st.tuples(st.integers(12, 33), st.integers(12, 33)))
SETTINGS = [Setting((128,), 5, wavelet="tight"), Setting((32, 24), 3, L=3, wavelet="tight")]


@given(grid_shape=GRIDS, boundary=st.sampled_from(["periodic", "reflect"]), seed=st.integers(0, 1000))
def test_rows_are_probabilities_for_any_field(grid_shape, boundary, seed):
    x = 2 + np.random.default_rng(seed).standard_normal((2, *grid_shape))
    B = branching_matrix(x, Setting(grid_shape, 3, L=3, wavelet="tight", boundary=boundary))
    assert_allclose(B.sum(axis=2), 1, rtol=1e-12)
    assert B.min() >= 0


@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
@pytest.mark.parametrize("grid_shape", [(96,), (24, 20)])
def test_energies_are_those_of_the_definition(grid_shape, boundary, rng):
    x = rng.standard_normal((3, *grid_shape))
    whole, axes = x, tuple(range(1, x.ndim))
    if boundary == "reflect":
        whole = np.pad(x, [(0, 0)] + [(0, n) for n in grid_shape], mode="symmetric")
    Q = (2, 1) if len(grid_shape) == 1 else (1, 1)
    first, second = (BANKS["tight"](whole.shape[1:], 3, q, 3) for q in Q)

    def convolve(u, hat):
        return np.fft.ifftn(np.fft.fftn(u, axes=axes) * hat, axes=axes)

    expected = np.array(
        [
            [
                (np.abs(convolve(np.abs(convolve(whole, a)), b)) ** 2).mean(axis=axes)
                for b in [*second.psi(), second.phi(8)]
            ]
            for a in first.psi()
        ]
    )
    found = branching_energies(x, Setting(grid_shape, 3, Q, 3, wavelet="tight", boundary=boundary))
    assert_allclose(found, np.moveaxis(expected, 2, 0), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_absorbed_is_at_least_the_squared_first_order_coefficient(setting, rng):
    x = rng.standard_normal((5, *setting.grid_shape))
    energies = branching_energies(x, setting)
    s1 = scatter(x, setting)[:, 1 : 1 + energies.shape[1]]
    assert (energies[:, :, -1] >= s1**2 * (1 - 1e-12)).all()  # the low-pass holds the mean


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("coefficients", [branching_matrix, normalised_ratios])
def test_amplitude_sign_translation_and_reflection_change_nothing(setting, coefficients, rng):
    x, axes = rng.standard_normal((3, *setting.grid_shape)), tuple(range(1, 1 + len(setting.grid_shape)))
    found = coefficients(x, setting)
    assert_allclose(coefficients(-7.3 * x, setting), found, rtol=1e-12, atol=1e-14)
    assert_allclose(coefficients(1e-150 * x, setting), found, rtol=1e-12, atol=1e-14)
    assert_allclose(coefficients(np.roll(x, 5, axes), setting), found, rtol=1e-12, atol=1e-14)
    assert_allclose(coefficients(np.flip(x, axes), setting), found, rtol=1e-12, atol=1e-14)


def test_a_pure_wave_is_absorbed_at_once():
    # The modulus of an analytic wave is constant.
    wave = np.cos(2 * np.pi * 16 * np.arange(128) / 128)
    energies = branching_energies(wave[None], SETTINGS[0])[0]
    total = energies.sum(axis=1)
    assert_allclose(energies[total > 1e-20, -1], total[total > 1e-20], rtol=1e-12)
    assert total.max() == pytest.approx(0.5)


def test_a_beat_branches_to_the_scale_of_its_envelope():
    # |e^(ik x) (1 + e^(i d x))| = 2 |cos(d x / 2)| has wavenumbers d, 2 d, ...: mean square 2, mean 4 / pi.
    x = 2 * np.pi * np.arange(256) / 256
    setting = Setting((256,), 5, wavelet="tight")
    field = np.cos(62 * x) + np.cos(66 * x)  # about the centre of the finest band, beating at d = 4
    B = branching_matrix(
        field[None] + 0.1 * np.cos(32 * x) + 0.1 * np.cos(16 * x) + 0.1 * np.cos(8 * x) + 0.1 * np.cos(4 * x), setting
    )
    assert int(np.argmax(B[0, 0, :-1])) == 4  # centred at wavenumber 64 / 2**4 = 4
    assert_allclose(B[0, 0, -1], 8 / np.pi**2, rtol=0.03)


def test_normalised_ratios_of_rough_paths_depend_on_the_distance_of_scales_alone():
    # Fractional Brownian motion is self-similar: S2 / S1 falls as 2^(-l/2) with the octaves l between the scales.
    x = make_fractional_brownian_motion(200, 4096, hurst=0.5, random_state=0)
    setting = Setting((4096,), 9, wavelet="tight", boundary="reflect")  # the path ends elsewhere than it starts
    ratios = dict(
        zip([p for p in setting.paths() if len(p) == 2], normalised_ratios(x, setting).mean(axis=0), strict=True)
    )
    for l in (2, 3):
        assert_allclose(ratios[(3, 3 + l)], ratios[(2, 2 + l)], rtol=0.05)
    slope = np.log2(ratios[(2, 7)] / ratios[(2, 5)]) / 2
    assert -0.52 < slope < -0.42


def test_float32_fields_give_float32_shares(rng):
    x = rng.standard_normal((4, 128))
    single = branching_matrix(x.astype(np.float32), SETTINGS[0])
    assert single.dtype == np.float32
    assert_allclose(single, branching_matrix(x, SETTINGS[0]), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("coefficients", [branching_matrix, normalised_ratios])
def test_a_field_without_energy_in_a_band_is_named(coefficients, rng):
    x = rng.standard_normal((3, 128))
    x[1] = np.cos(2 * np.pi * np.arange(128) / 128)
    with pytest.raises(ValueError, match="field 1 has no energy in the band j0"):
        coefficients(x, SETTINGS[0])


ENCODINGS = [
    Branching((64,), J=4),
    Branching((48,), J=2, Q=(2, 1), boundary="reflect"),
    Branching((16, 15), J=2, L=3),
    Branching((16, 15), J=2, L=3, normalise=False),
    Branching((8, 7, 9), J=2, L=3),
    Ratios(Setting((64,), J=4)),
    Ratios(Setting((16, 15), J=3, L=3, wavelet="tight", max_order=3)),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_gradients_are_central_differences(encoding, rng):
    assert_gradient(encoding, 0.5 + rng.standard_normal((3, *encoding.grid_shape)), rng)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_number_has_a_name(encoding, rng):
    table = encoding.table()
    values = encoding.forward(rng.standard_normal((2, *encoding.grid_shape)))
    assert values.shape == (2, len(set(table["name"])))
    assert (table["order"] == 2).all()


def test_names_tell_from_where_to_where():
    assert Branching((64,), J=2).table()["name"].tolist() == [
        "b_j0_j0", "b_j0_j1", "b_j0_absorbed", "b_j1_j0", "b_j1_j1", "b_j1_absorbed",
    ]  # fmt: skip
    setting = Setting((64,), J=3, wavelet="tight")
    assert Ratios(setting).table()["name"].tolist() == ["r2_j0_j1", "r2_j0_j2", "r2_j1_j2"]


def test_ratios_are_second_over_first_order(rng):
    setting = Setting((24, 20), J=3, L=2, wavelet="tight")
    x = rng.standard_normal((3, 24, 20))
    coefficients, ratios = scatter(x, setting), Ratios(setting)
    row = {name: i for i, name in enumerate(setting.table()["name"])}
    for i, name in enumerate(ratios.table()["name"]):
        path = name.removeprefix("r2_")
        first = "_".join(path.split("_")[:2])
        expected = coefficients[:, row[f"s2_{path}"]] / coefficients[:, row[f"s1_{first}"]]
        assert_allclose(ratios.forward(x)[:, i], expected, rtol=1e-12)


def test_wrong_requests_are_named():
    x = np.ones((1, 64))
    with pytest.raises(ValueError, match="take wavelet='tight', not 'morlet'"):
        branching_energies(x, Setting((64,), 3))
    with pytest.raises(ValueError, match="T must be None in the setting, got 8"):
        branching_energies(x, Setting((64,), 3, T=8, wavelet="tight"))
    with pytest.raises(ValueError, match=r"fields of shape \(64,\), but the setting is for \(32,\)"):
        branching_energies(x, Setting((32,), 3, wavelet="tight"))
    with pytest.raises(ValueError, match="take max_order=2 and T='global'"):
        normalised_ratios(x, Setting((64,), 3, max_order=1))

"""Band energies: an exact partition of the mean square, and the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.datasets import make_heat
from skmst.scattering.cascade import Setting
from skmst.scattering.filter_bank import BANKS
from skmst.scattering.statistics import Energies, band_energies
from tests.scattering.differences import assert_gradient

GRIDS = st.one_of(st.tuples(st.integers(8, 130)), st.tuples(st.integers(8, 40), st.integers(8, 40)))


@given(
    grid_shape=GRIDS,
    Q=st.integers(1, 3),
    L=st.integers(1, 6),
    boundary=st.sampled_from(["periodic", "reflect"]),
    seed=st.integers(0, 1000),
)
def test_energies_of_the_tight_bank_add_up_to_the_mean_square_of_any_field(grid_shape, Q, L, boundary, seed):
    x = 3 + np.random.default_rng(seed).standard_normal((2, *grid_shape))
    energies = band_energies(x, Setting(grid_shape, 3, (Q, 1), L, wavelet="tight", boundary=boundary))
    assert_allclose(energies.sum(axis=1), (x**2).mean(axis=tuple(range(1, x.ndim))), rtol=1e-12)
    assert energies.min() >= 0


@pytest.mark.parametrize("wavelet", ["tight", "morlet"])
@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
@pytest.mark.parametrize("grid_shape", [(96,), (81,), (24, 32)])
def test_energies_are_mean_squares_of_the_filtered_fields(grid_shape, boundary, wavelet, rng):
    x = rng.standard_normal((3, *grid_shape))
    setting = Setting(grid_shape, 3, (2 if len(grid_shape) == 1 else 1, 1), 4, wavelet=wavelet, boundary=boundary)
    whole, axes = x, tuple(range(1, x.ndim))
    if boundary == "reflect":
        whole = np.pad(x, [(0, 0)] + [(0, n) for n in grid_shape], mode="symmetric")
    bank = BANKS[wavelet](whole.shape[1:], 3, setting.Q[0], 4)
    filters = [bank.phi(8), *bank.psi()]
    filtered = [np.fft.ifftn(np.fft.fftn(whole, axes=axes) * hat, axes=axes) for hat in filters]
    expected = np.stack([(np.abs(y) ** 2).mean(axis=axes) for y in filtered], axis=1)
    assert_allclose(band_energies(x, setting), expected, rtol=1e-10, atol=1e-14)


def test_energies_come_in_the_order_of_the_paths():
    setting = Setting((256,), 5, wavelet="tight", max_order=1)
    t = np.arange(256)
    for row, wavelet in enumerate(setting.wavelets()[0], start=1):
        wave = np.cos(2 * np.pi * round(256 * wavelet.frequency) * t / 256)
        energies = band_energies(wave[None], setting)[0]
        # A wave at the centre of an octave is seen by its own wavelet alone.
        assert_allclose(energies, 0.5 * (np.arange(6) == row), atol=1e-15)
    assert [len(path) for path in setting.paths()] == [0, 1, 1, 1, 1, 1]


def test_a_constant_field_has_its_energy_in_the_low_pass():
    energies = band_energies(np.full((1, 64), 3.0), Setting((64,), 3, wavelet="tight"))
    assert_allclose(energies, [[9.0, 0.0, 0.0, 0.0]], atol=1e-14)
    assert not band_energies(np.zeros((2, 64)), Setting((64,), 3, wavelet="tight")).any()


def test_energies_are_invariant_to_translation_and_quadratic_in_amplitude(rng):
    x, setting = rng.standard_normal((2, 32, 32)), Setting((32, 32), 3, wavelet="tight")
    energies = band_energies(x, setting)
    assert_allclose(band_energies(np.roll(x, (5, 9), (1, 2)), setting), energies, rtol=1e-12, atol=1e-16)
    assert_allclose(band_energies(-3 * x, setting), 9 * energies, rtol=1e-13)


def test_a_diffusing_field_loses_energy_in_every_band_at_the_rate_of_the_symbol():
    # White noise has equal power at all wavenumbers but its mean, so the early rate of E_j is 2 nu <k^2>_j.
    nu, dt = 0.7, 1e-7
    u = make_heat(2000, 2, diffusivity=nu, dt=dt, n_x=256, random_state=0)
    setting = Setting((256,), 6, wavelet="tight")
    energies = band_energies(u.reshape(-1, 256), setting).reshape(2000, 2, 7).mean(axis=0)
    rates = -0.5 * np.log(energies[1] / energies[0])[1:] / dt
    k = np.abs(np.fft.fftfreq(256, 1 / 256))
    psi = BANKS["tight"]((256,), 6).psi()
    psi[:, 128] = 0  # the initial fields leave the Nyquist wavenumber out
    assert_allclose(rates, nu * (k**2 * psi**2).sum(axis=1) / (psi**2).sum(axis=1), rtol=0.02)


def test_float32_fields_give_float32_energies(rng):
    x, setting = rng.standard_normal((4, 64)), Setting((64,), 3, wavelet="tight")
    single = band_energies(x.astype(np.float32), setting)
    assert single.dtype == np.float32
    assert_allclose(single, band_energies(x, setting), rtol=1e-5)


@pytest.mark.parametrize("wavelet", ["tight", "morlet"])
@pytest.mark.parametrize("boundary", ["periodic", "reflect"])
@pytest.mark.parametrize("grid_shape", [(48,), (33,), (12, 15), (8, 9, 7)])
def test_gradients_are_central_differences(grid_shape, boundary, wavelet, rng):
    encoding = Energies(grid_shape, J=2, L=3, wavelet=wavelet, boundary=boundary)
    assert_gradient(encoding, 0.5 + rng.standard_normal((3, *grid_shape)), rng)


def test_energies_relative_to_those_of_some_fields_are_one_for_these(rng):
    x = rng.standard_normal((5, 32))
    x -= x.mean(axis=1, keepdims=True)
    encoding = Energies((32,), J=5)
    relative = encoding.referred_to(x)
    absent = encoding.forward(x).max(axis=0) < 1e-25
    assert absent.tolist() == [True, False, False, False, False, True]  # no wavenumber but 0 is below 1
    assert_allclose(relative.forward(x).mean(axis=0), np.where(absent, 0, 1), rtol=1e-12, atol=1e-25)
    assert_allclose(relative.forward(2 * x), 4 * relative.forward(x), rtol=1e-12)
    assert_gradient(relative, 0.3 + x, rng)


def test_each_energy_has_a_name_and_threads_change_nothing(rng):
    encoding = Energies((24, 20), J=2, L=2)
    assert encoding.table()["name"].tolist() == ["e0", "e1_j0_l0", "e1_j0_l1", "e1_j1_l0", "e1_j1_l1"]
    assert Energies((64,), J=1, Q=(2, 1)).table()["name"].tolist() == ["e0", "e1_j0_q0", "e1_j0_q1"]
    x = rng.standard_normal((6, 24, 20))
    assert_allclose(encoding.forward(x, n_jobs=2), encoding.forward(x), rtol=1e-12)


def test_wrong_requests_are_named():
    x = np.ones((1, 64))
    with pytest.raises(ValueError, match="T must be None in the setting, got 16"):
        band_energies(x, Setting((64,), 3, T=16))
    with pytest.raises(ValueError, match=r"fields of shape \(64,\), but the setting is for \(32,\)"):
        band_energies(x, Setting((32,), 3))
    with pytest.raises(ValueError, match="Energies overflow float64: scale the fields"):
        band_energies(1e200 * x, Setting((64,), 3))

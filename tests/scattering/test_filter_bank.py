"""Filters: partition of unity, closed forms, and the values that kymatio publishes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.filter_bank import MorletBank, TightBank, littlewood_paley, mirror, orientations
from tests.scattering.reference import gabor_2d

GRIDS = st.one_of(st.tuples(st.integers(8, 200)), st.tuples(st.integers(8, 40), st.integers(8, 40)))


@given(grid_shape=GRIDS, L=st.integers(1, 9), Q=st.integers(1, 4))
def test_tight_bank_is_a_partition_of_unity_on_any_grid(grid_shape, L, Q):
    bank = TightBank(grid_shape, 3, Q if len(grid_shape) == 1 else 1, L)
    assert_allclose(littlewood_paley(bank.phi(8), bank.psi()), 1.0, atol=1e-12)


@given(grid_shape=GRIDS)
def test_tight_wavelets_are_analytic_and_have_no_mean(grid_shape):
    psi = TightBank(grid_shape, 2, 1, 4).psi()
    inside = tuple(slice(1, (n + 1) // 2) for n in grid_shape)  # away from the Nyquist bins, which are their own mirror
    for hat in psi:
        assert hat.flat[0] == 0
        if len(grid_shape) == 1:
            assert_allclose((hat * mirror(hat))[inside], 0.0, atol=0)


def test_tight_symbols_of_the_laplacian_are_those_of_the_log_cosine_bank():
    # int k^2 |psi|^2 / int |psi|^2 at N = 256, scales 1..5: computed independently for the plain log-cosine windows.
    psi = TightBank((256,), 7).psi()
    k = np.abs(np.fft.fftfreq(256, 1 / 256))
    symbols = (k**2 * psi**2).sum(1) / (psi**2).sum(1)
    assert_allclose(symbols[1:6], [1306.7, 326.7, 81.7, 20.5, 5.35], rtol=2e-3)


def test_morlet_1d_filters_have_unit_l1_norm_and_zero_mean():
    bank = MorletBank((512,), 6, 8)
    psi = bank.psi()
    assert_allclose(np.abs(np.fft.ifft(psi, axis=1)).sum(1), 1.0, rtol=1e-12)
    assert_allclose(psi[:, 0], 0.0, atol=1e-12)
    assert_allclose(bank.phi(64)[0], 1.0, rtol=1e-12)


@pytest.mark.parametrize("L", [4, 8])
@pytest.mark.parametrize("j", [0, 2])
def test_morlet_2d_closed_form_equals_the_sampled_filter(L, j):
    grid_shape = (48, 36)
    bank = MorletBank(grid_shape, 3, 1, L)
    for wavelet, hat in zip(bank.wavelets(), bank.psi(), strict=True):
        if wavelet.j == j:
            sigma, centre = 0.8 * 2**j, 0.75 * np.pi / 2**j
            gabor = gabor_2d(grid_shape, sigma, wavelet.angle, 4 / L, centre)
            gauss = gabor_2d(grid_shape, sigma, wavelet.angle, 4 / L, 0.0)
            morlet = gabor - gabor.sum() / gauss.sum() * gauss
            assert_allclose(hat, np.fft.fft2(morlet), atol=2e-8)


def test_morlet_2d_filters_are_kymatios():
    filter_bank = pytest.importorskip("kymatio.scattering2d.filter_bank").filter_bank
    theirs = filter_bank(32, 32, 2, 4)
    bank = MorletBank((32, 32), 2, 1, 4)
    scale = 3.1415 / np.pi  # kymatio's value of pi
    for hat, filters in zip(bank.psi(), theirs["psi"], strict=True):
        assert_allclose(hat, scale * filters["levels"][0], atol=2e-6)
    assert_allclose(bank.phi(4), scale * theirs["phi"]["levels"][0], atol=2e-6)


@pytest.mark.parametrize("bank", [MorletBank((64, 64), 3, 1, 6), TightBank((64, 64), 3, 1, 6)])
def test_centre_frequencies_and_angles_are_where_the_filters_peak(bank):
    freq = np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64), indexing="ij")
    for wavelet, hat in zip(bank.wavelets(), bank.psi(), strict=True):
        if wavelet.j == 0:
            continue  # the finest tight wavelet is flat above its centre; the finest Morlet is wider than the grid
        mean = [(f * hat**2).sum() / (hat**2).sum() for f in freq]
        assert np.hypot(*mean) == pytest.approx(wavelet.frequency, rel=0.25)
        assert np.arctan2(mean[1], mean[0]) == pytest.approx(wavelet.angle, abs=0.05)


@pytest.mark.parametrize("family", [MorletBank, TightBank])
def test_bandwidth_is_the_full_width_at_half_power(family):
    n = 4096
    freq = np.fft.fftfreq(n)
    bank = family((n,), 5, 4)
    for wavelet, hat in zip(bank.wavelets()[4:12], bank.psi()[4:12], strict=True):
        above = freq[hat**2 >= 0.5 * (hat**2).max()]
        assert above.max() - above.min() == pytest.approx(wavelet.bandwidth, abs=3 / n, rel=0.02)


def test_scales_are_dilations_of_each_other():
    psi = TightBank((1024,), 6).psi()
    assert_allclose(psi[2][:200:2], psi[3][:100], atol=1e-12)


def test_orientations_cover_half_a_turn():
    for L in (1, 2, 5, 8):
        angles = orientations(L)
        assert_allclose(np.diff(angles), -np.pi / L)
        assert angles.max() - angles.min() == pytest.approx(np.pi * (1 - 1 / L))

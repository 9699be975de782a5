"""Filters: partition of unity, closed forms, and the values that kymatio publishes."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.scattering.filter_bank import (
    MorletBank,
    TightBank,
    directions,
    frequencies,
    littlewood_paley,
    mirror,
    orientations,
)

GRIDS = st.one_of(
    st.tuples(st.integers(8, 200)),
    st.tuples(st.integers(8, 40), st.integers(8, 40)),
    st.tuples(st.integers(8, 14), st.integers(8, 14), st.integers(8, 14)),
)


def sampled_gabor(grid_shape, sigma, direction, slant, centre, periods=3):
    """A Gabor function in space, sampled and periodised, in any dimension: what kymatio's filters are defined as."""
    steps = np.stack(np.meshgrid(*(np.arange(n) for n in grid_shape), indexing="ij"), axis=-1)
    total = np.zeros(grid_shape, complex)
    for shift in product(range(-periods, periods + 1), repeat=len(grid_shape)):
        u = steps + np.multiply(shift, grid_shape)
        along = u @ direction
        across = u - along[..., None] * direction
        envelope = np.exp(-(along**2 + slant**2 * (across**2).sum(-1)) / (2 * sigma**2))
        total += envelope * np.exp(1j * centre * along)
    return total * slant ** (len(grid_shape) - 1) / (np.sqrt(2 * np.pi) * sigma) ** len(grid_shape)


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


@pytest.mark.parametrize(
    ("grid_shape", "L", "slant", "j", "periods"),
    [
        ((48, 36), 4, 1.0, 0, 3),
        ((48, 36), 8, 0.5, 2, 3),
        ((16, 15, 12), 6, 8 / np.pi * np.arccos(5 / 6), 0, 1),
        ((16, 15, 12), 6, 8 / np.pi * np.arccos(5 / 6), 2, 3),
    ],
)
def test_morlet_closed_form_equals_the_sampled_filter(grid_shape, L, slant, j, periods):
    bank = MorletBank(grid_shape, 3, 1, L)
    for wavelet, hat in zip(bank.wavelets(), bank.psi(), strict=True):
        if wavelet.j == j:
            sigma, centre, direction = 0.8 * 2**j, 0.75 * np.pi / 2**j, np.array(wavelet.direction)
            gabor = sampled_gabor(grid_shape, sigma, direction, slant, centre, periods)
            gauss = sampled_gabor(grid_shape, sigma, direction, slant, 0.0, periods)
            morlet = gabor - gabor.sum() / gauss.sum() * gauss
            assert_allclose(hat, np.fft.fftn(morlet), atol=1e-10)


@pytest.mark.parametrize("L", [4, 6, 10])
def test_morlet_3d_keeps_energy_as_evenly_as_in_the_plane(L):
    def spread(grid_shape, L):
        bank = MorletBank(grid_shape, 3, 1, L)
        energy = littlewood_paley(bank.phi(8), bank.psi())
        radius = np.sqrt(sum(omega**2 for omega in frequencies(grid_shape)))
        band = energy[(radius > np.pi / 8) & (radius < 0.75 * np.pi)]
        return band.max() / band.min()

    assert spread((24, 24, 24), L) < 1.3 * spread((24, 24), 8)


def test_morlet_2d_filters_are_kymatios():
    filter_bank = pytest.importorskip("kymatio.scattering2d.filter_bank").filter_bank
    theirs = filter_bank(32, 32, 2, 4)
    bank = MorletBank((32, 32), 2, 1, 4)
    scale = 3.1415 / np.pi  # kymatio's value of pi
    for hat, filters in zip(bank.psi(), theirs["psi"], strict=True):
        assert_allclose(hat, scale * filters["levels"][0], atol=2e-6)
    assert_allclose(bank.phi(4), scale * theirs["phi"]["levels"][0], atol=2e-6)


@pytest.mark.parametrize("family", [MorletBank, TightBank])
@pytest.mark.parametrize("grid_shape", [(64, 64), (32, 32, 24)])
def test_centre_frequencies_and_directions_are_where_the_filters_peak(family, grid_shape):
    bank = family(grid_shape, 3, 1, 6)
    freq = np.meshgrid(*(np.fft.fftfreq(n) for n in grid_shape), indexing="ij")
    for wavelet, hat in zip(bank.wavelets(), bank.psi(), strict=True):
        if wavelet.j == 0:
            continue  # the finest tight wavelet is flat above its centre; the finest Morlet is wider than the grid
        mean = np.array([(f * hat**2).sum() / (hat**2).sum() for f in freq])
        assert np.linalg.norm(mean) == pytest.approx(wavelet.frequency, rel=0.25)
        assert_allclose(mean / np.linalg.norm(mean), wavelet.direction, atol=0.05)
        if len(grid_shape) == 2:
            assert_allclose([np.cos(wavelet.angle), np.sin(wavelet.angle)], wavelet.direction, atol=1e-15)


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


@pytest.mark.parametrize("L", [3, 4, 6, 10])
def test_directions_in_space_are_spread_evenly(L):
    axes = directions(L, 3)
    assert_allclose(np.linalg.norm(axes, axis=1), 1.0, rtol=1e-15)
    assert_allclose(axes.T @ axes, L / 3 * np.eye(3), atol=1e-14)
    cosines = np.abs(axes @ axes.T)
    nearest = np.sort(cosines, axis=1)[:, -2]
    known = {3: 0.0, 4: 1 / 3, 6: 1 / np.sqrt(5), 10: np.sqrt(5) / 3}  # between axes of the polyhedron
    assert_allclose(nearest, known[L], atol=1e-14)


@pytest.mark.parametrize("L", [1, 2, 5, 7, 9, 16, 40])
def test_any_number_of_directions_leaves_no_gap_in_space(L):
    axes, rng = directions(L, 3), np.random.default_rng(0)
    anywhere = rng.standard_normal((2000, 3))
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    farthest = np.arccos(np.abs(anywhere @ axes.T).max(axis=1).min())
    assert farthest < 1.75 * np.arccos(1 - 1 / L)  # the radius of caps of equal area


@pytest.mark.parametrize(("L", "power", "total"), [(3, 1, 1.0), (4, 1, 4 / 3), (6, 2, 6 / 5)])
def test_tight_windows_of_regular_directions_are_powers_of_the_cosine(L, power, total):
    # sum of cos**2 over 3 orthogonal axes, 4 diagonals; sum of cos**4 over 6 axes of the icosahedron: constants.
    grid_shape = (15, 13, 11)
    psi = TightBank(grid_shape, 1, 1, L).psi()
    omega = np.stack(np.broadcast_arrays(*frequencies(grid_shape)), axis=-1)
    radius = np.linalg.norm(omega, axis=-1)
    outer = radius > np.pi / 2  # where the finest wavelet is flat over frequency
    for hat, direction in zip(psi, directions(L, 3), strict=True):
        cosine = (omega @ direction)[outer] / radius[outer]
        expected = np.sqrt(2 / total) * np.maximum(cosine, 0.0) ** power
        on_one_side = np.abs(cosine) > 1e-9
        assert_allclose(hat[outer][on_one_side], expected[on_one_side], atol=1e-14)


@pytest.mark.parametrize("family", [MorletBank, TightBank])
def test_turning_the_grid_exchanges_the_filters_along_its_axes(family):
    psi = family((12, 12, 12), 2, 1, 3).psi().reshape(2, 3, 12, 12, 12)
    for order in permutations(range(3)):
        turned = psi.transpose(0, 1, *(2 + axis for axis in order))
        assert_allclose(turned, psi[:, list(np.argsort(order))], atol=1e-14)


def test_a_nyquist_wave_along_an_axis_belongs_to_the_direction_of_that_axis():
    across, along = TightBank((8, 8), 1, 1, 2).psi()[:, 0, 4], TightBank((8, 8), 1, 1, 2).psi()[:, 4, 0]
    assert_allclose(across, [0, 1], atol=1e-15)
    assert_allclose(along, [1, 0], atol=1e-15)

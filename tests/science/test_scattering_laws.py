"""What theory says of scattering coefficients of random fields."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import ScatteringTransformer
from skmst.datasets import (
    make_fractional_brownian_motion,
    make_heat,
    make_ising,
    make_multifractal_random_walk,
    make_poisson,
)
from skmst.scattering.cascade import Setting
from skmst.scattering.filter_bank import MorletBank, TightBank
from skmst.scattering.statistics import band_energies
from tests.sampling import assert_mean_within_errors


def jackknife(statistic, samples):
    """A statistic of the mean of independent samples, and its standard error by leaving out one at a time."""
    n, total = len(samples), samples.sum(axis=0)
    each = np.array([statistic((total - sample) / (n - 1)) for sample in samples])
    return statistic(total / n), np.sqrt((n - 1) * each.var(axis=0))


def octave_slope(first, last):
    """Slope of log2 S1 per octave between two octaves, as a statistic of first-order coefficients."""
    return lambda s1: np.log2(s1[last] / s1[first]) / (last - first)


def first_order_per_octave(scatter, x):
    """First-order coefficients (n_samples, J), the mean over orientations."""
    coefficients = scatter.fit_transform(x)
    octave = scatter.paths_["j1"]
    return np.stack([coefficients[:, octave == j].mean(axis=1) for j in range(scatter.J)], axis=1)


@pytest.mark.parametrize(("grid_shape", "J"), [((1024,), 6), ((64, 64), 3)])
def test_white_noise_has_the_mean_of_a_rayleigh_law(grid_shape, J, rng):
    # x * psi_j is a circular complex Gaussian of variance sigma^2 norm(psi_j)^2: E S1 = sigma sqrt(pi)/2 norm(psi_j).
    sigma, n_fields = 1.7, 400
    x = sigma * rng.standard_normal((n_fields, *grid_shape))
    L = 4 if len(grid_shape) == 2 else 8  # the default, which 1-D ignores
    scatter = ScatteringTransformer(J=J, L=L, max_order=1, wavelet="tight", oversampling="full", grid_shape=grid_shape)
    s1 = scatter.fit_transform(x)[:, 1:]
    psi = TightBank(grid_shape, J, 1, L).psi().reshape(s1.shape[1], -1)
    norm = np.sqrt((psi**2).mean(axis=1))  # Parseval
    error = s1.std(axis=0, ddof=1) / np.sqrt(n_fields)
    assert (np.abs(s1.mean(axis=0) - sigma * np.sqrt(np.pi) / 2 * norm) < 3 * error).all()
    assert_allclose(s1.mean(axis=0), sigma * np.sqrt(np.pi) / 2 * norm, rtol=0.015)


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.7])
def test_fractional_brownian_motion_has_slope_h(hurst):
    # S1(j) ~ 2^(j H): Bruna, Mallat, Bacry and Muzy 2015.
    x = make_fractional_brownian_motion(64, 16384, hurst=hurst, random_state=0)
    s1 = (
        ScatteringTransformer(J=9, max_order=1, wavelet="tight", boundary="reflect")
        .fit_transform(x)[:, 1:]
        .mean(axis=0)
    )
    slopes = np.diff(np.log2(s1))[2:7]
    assert slopes.mean() == pytest.approx(hurst, abs=0.02)


def test_rare_events_are_counted_at_fine_scales():
    # The copies of a compact wavelet do not meet: E S1 = intensity norm_1(psi).
    n_x, J, intensity = 4096, 4, 2e-4
    x = make_poisson(1000, n_x, intensity=intensity, random_state=0)
    s1 = ScatteringTransformer(J=J, max_order=1, oversampling="full").fit_transform(x)[:, 1:]
    norm = np.abs(np.fft.ifft(MorletBank((n_x,), J).psi())).sum(axis=1)
    assert_mean_within_errors(s1[:, :3], intensity * norm[:3])


def test_many_events_are_gaussian_noise_at_coarse_scales():
    n_x, J, intensity = 16384, 12, 3e-3
    x = make_poisson(300, n_x, intensity=intensity, random_state=0)
    s1 = ScatteringTransformer(J=J, max_order=1, wavelet="tight").fit_transform(x)[:, 1:]
    norm = np.sqrt((TightBank((n_x,), J).psi() ** 2).mean(axis=1))
    assert_mean_within_errors(s1[:, -3:], np.sqrt(np.pi * intensity) / 2 * norm[-3:])
    slope, error = jackknife(octave_slope(J - 4, J - 1), s1)
    assert abs(slope + 0.5) < 3 * error


@pytest.mark.parametrize("intermittency", [0.0, 0.02, 0.05, 0.1])
def test_steps_of_a_multifractal_walk_have_its_exponent_of_order_one(intermittency):
    # S1(j) ~ 2^(j zeta(1)) for the walk, so 2^(j (zeta(1) - 1)) for its steps, and zeta(1) = (1 + lambda^2) / 2.
    n_x = 8192
    x = make_multifractal_random_walk(300, n_x + 1, intermittency=intermittency, integral_scale=n_x, random_state=0)
    s1 = ScatteringTransformer(J=8, max_order=1, wavelet="tight").fit_transform(np.diff(x))[:, 1:]
    slope, error = jackknife(octave_slope(3, 7), s1)
    assert error < 4e-3
    assert abs(slope - (intermittency - 1) / 2) < 3 * error


def test_second_order_measures_the_intermittency():
    # |x * psi_1| is noise, as of Brownian motion, times the exponential of a Gaussian field of spectrum
    # pi lambda^2 / k. To first order in lambda^2 their squares add up: (S2/S1)^2 = noise^2 + (pi/4) lambda^2 (1/2)
    # int |psi|^2 dk/k, and the integral is 2 ln 2 for the tight bank. The first part falls as 2^-l over l octaves,
    # the second does not (Bruna, Mallat, Bacry & Muzy 2015, section 4).
    n_x, intermittency = 8192, 0.02
    scatter = ScatteringTransformer(J=9, wavelet="tight", boundary="reflect")
    S = [
        scatter.fit_transform(make_multifractal_random_walk(300, n_x, intermittency=lambda_2, random_state=0))
        for lambda_2 in (0.0, intermittency)
    ]
    paths = scatter.paths_
    first = np.flatnonzero((paths["order"] == 1) & (paths["j1"] == 2))
    second = np.flatnonzero((paths["order"] == 2) & (paths["j1"] == 2) & (paths["j2"] >= 6))

    def ratio(s):
        return s[second] / s[first]

    # Both walks are made of the same numbers, so that most of the sampling error cancels.
    excess, error = jackknife(lambda s: ratio(s[1]) ** 2 - ratio(s[0]) ** 2, np.stack(S, axis=1))
    plateau = np.pi / 4 * np.log(2) * intermittency
    assert (error < 0.04 * plateau).all()
    assert (np.abs(excess - plateau) < 3 * error).all()
    decay, error = jackknife(lambda s: np.diff(np.log2(ratio(s))), S[0])
    assert (np.abs(decay + 0.5) < 3 * error).all()


def test_the_critical_ising_model_has_slope_minus_one_eighth():
    # The field's dimension: log2 S1 falls by Delta = eta / 2 = 1/8 per octave.
    x = make_ising(48, 128, n_sweeps=40, random_state=1)
    s1 = first_order_per_octave(ScatteringTransformer(J=6, L=4, max_order=1, grid_shape=(128, 128)), x)
    slope, error = jackknife(octave_slope(1, 3), s1)
    assert error < 0.015
    assert slope == pytest.approx(-0.125, abs=0.02)


@pytest.mark.parametrize("temperature", [1.3, 2.0])
def test_above_the_critical_point_the_ising_model_becomes_white_noise_at_large_scales(temperature):
    x = make_ising(30, 128, temperature=temperature, n_sweeps=20, random_state=1)
    s1 = first_order_per_octave(ScatteringTransformer(J=6, L=4, max_order=1, grid_shape=(128, 128)), x)
    slopes, error = jackknife(lambda s: np.diff(np.log2(s)), s1)
    assert slopes[0] > -0.6
    assert (np.diff(slopes) < 3 * np.hypot(error[1:], error[:-1])).all()  # ever steeper
    # The correlation length is 2.3 and .9 spins; the coarsest wavelets are 30 to 100 spins long.
    assert slopes[-1] == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_diffusivity_is_read_off_the_decay_of_the_finest_bands(seed):
    # An octave decays as a mixture of exponentials, but at each time d/dt ln E_j = -2 nu <k^2>, the mean over the
    # spectrum in the band: the energy of the band of u_x over that of u.
    nu, dt, n_x = 0.7, 1e-6, 256
    u = make_heat(1, 300, diffusivity=nu, dt=dt, n_x=n_x, random_state=seed)[0]
    setting = Setting((n_x,), 5, wavelet="tight")
    slope = np.fft.irfft(1j * np.arange(n_x // 2 + 1) * np.fft.rfft(u), n_x)
    energy = band_energies(u, setting)[:, 1:4]
    mean_square_wavenumber = band_energies(slope, setting)[:, 1:4] / energy
    integral = np.trapezoid(mean_square_wavenumber, dx=dt, axis=0)
    assert_allclose(-np.log(energy[-1] / energy[0]) / (2 * integral), nu, rtol=1e-5)


def test_diffusivity_is_read_off_two_snapshots_where_the_spectrum_is_known_to_be_white():
    nu, n_x, n_fields = 0.7, 256, 400
    setting = Setting((n_x,), 5, wavelet="tight")
    power = TightBank((n_x,), 5).psi()[:3] ** 2
    k = np.fft.fftfreq(n_x, 1 / n_x)
    k[n_x // 2] = 0  # the maker leaves it out
    symbol = (power * k**2).sum(axis=1) / (power * (k != 0)).sum(axis=1)
    for row in range(3):
        dt = 1e-3 / (2 * nu * symbol[row])
        energy = band_energies(make_heat(n_fields, 2, diffusivity=nu, dt=dt, random_state=3).reshape(-1, n_x), setting)
        energy = energy[:, 1 + row].reshape(n_fields, 2).mean(axis=0)
        assert np.log(energy[0] / energy[1]) / (2 * dt * symbol[row]) == pytest.approx(nu, rel=0.01)

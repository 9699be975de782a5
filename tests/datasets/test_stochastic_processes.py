"""Random processes against their exact second moments and rates, within sampling error."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline
from scipy.linalg import eigh_tridiagonal

from skmst.datasets import (
    double_well,
    make_double_well,
    make_fractional_brownian_motion,
    make_multifractal_random_walk,
    make_ornstein_uhlenbeck,
    make_poisson,
    make_prinz,
    prinz,
)
from skmst.datasets._langevin import heun_step
from tests.sampling import assert_mean_within_errors

PRINZ_RATES = [1.198994, 7.888502, 15.361393]
RATES = {1: 0.748682, 2: 0.227273, 3: 0.0806199, 4: 0.0297796, 5: 0.0111046}


def smoluchowski(x, energy, diffusion):
    """Stationary weights, rates and eigenfunctions of diffusion in a potential, by finite differences.

    A particle hops to the neighbours with rates that obey detailed balance; the symmetrised generator is
    tridiagonal. `energy` is in units of the thermal energy.
    """
    hop = diffusion / (x[1] - x[0]) ** 2
    right, left = hop * np.exp(-np.diff(energy) / 2), hop * np.exp(np.diff(energy) / 2)
    leave = np.append(right, 0) + np.append(0, left)
    rates, vectors = eigh_tridiagonal(leave, -np.full(len(x) - 1, hop), select="i", select_range=(0, 7))
    weights = np.exp(-energy) / np.exp(-energy).sum()
    return weights, rates, vectors / np.sqrt(weights)[:, np.newaxis]


def fokker_planck(beta, n_x=4000, reach=2.6):
    """Grid, stationary weights, rates and eigenfunctions of the double well."""
    x = np.linspace(-reach, reach, n_x)
    return x, *smoluchowski(x, beta * (x**2 - 1) ** 2, 1 / beta)


def slow_rates_of_the_scheme(drift, amplitude, step, reach, n_rates, n_x=400):
    """Rates of the exact transition operator of one step, by collocation on quintic splines: no sampling error."""
    x = np.linspace(-reach, reach, n_x)
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    targets = np.clip(heun_step(drift, x[:, np.newaxis], amplitude * np.sqrt(step) * nodes, step), -reach, reach)
    basis = make_interp_spline(x, np.eye(len(x)), k=5)
    transition = np.einsum("iqj,q->ij", basis(targets), weights / weights.sum())
    return -np.log(np.sort(np.linalg.eigvals(transition).real)[::-1][1 : n_rates + 1]) / step


def test_ornstein_uhlenbeck_has_its_stationary_variance_and_autocorrelation():
    theta, diffusion, dt = 0.8, 0.6, 0.25
    x = make_ornstein_uhlenbeck(500, 400, theta=theta, diffusion=diffusion, dt=dt, random_state=0)[..., 0]
    for lag in (0, 1, 4, 12):
        products = (x[:, : 400 - lag] * x[:, lag:]).mean(axis=1)
        assert_mean_within_errors(products, diffusion / theta * np.exp(-theta * lag * dt))


def test_ornstein_uhlenbeck_starts_in_its_stationary_law():
    x = make_ornstein_uhlenbeck(20_000, 2, theta=2.0, diffusion=3.0, dt=5.0, random_state=1)[..., 0]
    assert_mean_within_errors(x, 0.0)
    assert_mean_within_errors(x**2, 1.5)


def test_features_of_ornstein_uhlenbeck_are_independent():
    x = make_ornstein_uhlenbeck(500, 100, n_features=3, dt=1.0, random_state=0)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert_mean_within_errors((x[..., i] * x[..., j]).mean(axis=1), 0.0)


@pytest.mark.parametrize("beta", RATES)
def test_the_reference_rates_are_eigenvalues_of_the_fokker_planck_operator(beta):
    rates = fokker_planck(beta, reach=1.2 * np.sqrt(1 + np.sqrt(30 / beta)))[2]
    assert rates[0] == pytest.approx(0, abs=1e-6)
    assert rates[1] == pytest.approx(RATES[beta], rel=1e-4)


@pytest.mark.parametrize("beta", [1, 3, 5])
def test_the_scheme_itself_has_the_slow_rate_of_the_double_well(beta):
    reach = 1.2 * np.sqrt(1 + np.sqrt(30 / beta))
    rate = slow_rates_of_the_scheme(double_well._drift, np.sqrt(2 / beta), 0.01, reach, 1)
    assert rate[0] == pytest.approx(RATES[beta], rel=1e-3)


def test_the_reference_rates_of_the_prinz_potential_are_those_of_its_generator():
    x = np.linspace(-1.5, 1.5, 6000)
    _, rates, _ = smoluchowski(x, prinz._potential(x), 1.0)
    np.testing.assert_allclose(rates[1:4], PRINZ_RATES, rtol=1e-5)
    assert rates[4] == pytest.approx(82.08, abs=0.01)
    # The force is the slope of this potential.
    middle = 0.5 * (x[1:] + x[:-1])
    np.testing.assert_allclose(prinz._drift(middle), -np.diff(prinz._potential(x)) / np.diff(x), atol=1e-3)


def test_the_scheme_itself_has_the_slow_rates_of_the_prinz_potential():
    rates = slow_rates_of_the_scheme(prinz._drift, np.sqrt(2), 0.0005, 1.4, 3, n_x=600)
    np.testing.assert_allclose(rates, PRINZ_RATES, rtol=6e-3)


def test_prinz_trajectories_have_the_exact_moments_and_autocorrelation():
    grid = np.linspace(-1.5, 1.5, 3000)
    weights, rates, functions = smoluchowski(grid, prinz._potential(grid), 1.0)
    x = make_prinz(1000, 60, dt=0.02, random_state=0)[..., 0]
    assert_mean_within_errors((x**2).mean(axis=1), weights @ grid**2)
    assert_mean_within_errors((x**4).mean(axis=1), weights @ grid**4)
    overlap = (weights * grid) @ functions
    for lag in (1, 10, 50):
        products = (x[:, : 60 - lag] * x[:, lag:]).mean(axis=1)
        assert_mean_within_errors(products, overlap**2 @ np.exp(-rates * lag * 0.02))


def test_double_well_trajectories_have_the_exact_moments_and_autocorrelation():
    beta, dt = 3.0, 0.25
    x = make_double_well(1000, 200, beta=beta, dt=dt, random_state=0)[..., 0]
    grid, weights, rates, functions = fokker_planck(beta)
    assert_mean_within_errors((x**2).mean(axis=1), weights @ grid**2)
    overlap = (weights * grid) @ functions
    for lag in (1, 8, 40):
        products = (x[:, : 200 - lag] * x[:, lag:]).mean(axis=1)
        assert_mean_within_errors(products, overlap**2 @ np.exp(-rates * lag * dt))


def test_double_well_starts_in_its_stationary_law():
    beta = 1.5
    x = make_double_well(40_000, 1, beta=beta, random_state=2)[:, 0, 0]
    grid, weights, _, _ = fokker_planck(beta)
    for power in (1, 2, 4):
        assert_mean_within_errors(x**power, weights @ grid**power)


@pytest.mark.parametrize("hurst", [0.2, 0.5, 0.8])
def test_fractional_brownian_motion_has_its_covariance(hurst):
    paths = make_fractional_brownian_motion(5000, 200, hurst=hurst, random_state=0)
    assert (paths[:, 0] == 0).all()
    assert_mean_within_errors(paths[:, [1, 50, 199]], 0.0)
    for s, t in ((1, 1), (1, 2), (10, 50), (3, 199), (199, 199)):
        covariance = (s ** (2 * hurst) + t ** (2 * hurst) - (t - s) ** (2 * hurst)) / 2
        assert_mean_within_errors(paths[:, s] * paths[:, t], covariance)


def test_increments_of_brownian_motion_are_uncorrelated_and_otherwise_remember():
    for hurst, expected in ((0.5, 0.0), (0.8, 2**0.6 - 1), (0.2, 2**-0.6 - 1)):
        steps = np.diff(make_fractional_brownian_motion(500, 300, hurst=hurst, random_state=1))
        assert_mean_within_errors((steps[:, 1:] * steps[:, :-1]).mean(axis=1), expected)


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_events_of_a_poisson_field_are_independent_and_have_mean_equal_to_variance(n_dims):
    intensity, n_x = 0.3, {1: 1000, 2: 32, 3: 10}[n_dims]
    x = make_poisson(400, n_x, intensity=intensity, n_dims=n_dims, random_state=0)
    assert x.shape == (400, *(n_x,) * n_dims)
    assert_mean_within_errors(x.reshape(400, -1).mean(axis=1), intensity)
    for axis in range(1, n_dims + 1):
        assert_mean_within_errors((x * np.roll(x, 1, axis)).reshape(400, -1).mean(axis=1), intensity**2)
    # The factorial moments of a Poisson law are powers of its mean.
    assert_mean_within_errors((x * (x - 1)).reshape(400, -1).mean(axis=1), intensity**2)
    assert_mean_within_errors((x * (x - 1) * (x - 2)).reshape(400, -1).mean(axis=1), intensity**3)


@pytest.mark.parametrize(("intermittency", "scale"), [(0.02, 300), (0.1, 100), (0.1, 2000)])
def test_logarithms_of_the_steps_of_a_multifractal_walk_are_correlated_as_the_logarithm_of_their_distance(
    intermittency, scale
):
    paths = make_multifractal_random_walk(2000, 301, intermittency=intermittency, integral_scale=scale, random_state=0)
    assert (paths[:, 0] == 0).all()
    steps = np.diff(paths)
    # E ln|epsilon| = -(gamma + ln 2) / 2 and Var ln|epsilon| = pi^2 / 8 for a standard normal epsilon.
    variance = intermittency * np.log(scale)
    logarithm = np.log(np.abs(steps)) + variance + (np.euler_gamma + np.log(2)) / 2
    assert_mean_within_errors(logarithm.mean(axis=1), 0.0)
    assert_mean_within_errors((logarithm**2).mean(axis=1), variance + np.pi**2 / 8)
    for lag in (1, 5, 40, 150, 280):
        products = (logarithm[:, lag:] * logarithm[:, :-lag]).mean(axis=1)
        assert_mean_within_errors(products, intermittency * max(np.log(scale / (lag + 1)), 0.0))


def test_a_multifractal_walk_has_its_second_and_fourth_moments():
    intermittency, scale = 0.04, 512
    paths = make_multifractal_random_walk(8000, 257, intermittency=intermittency, integral_scale=scale, random_state=1)
    for distance in (1, 4, 16, 64):
        spread = paths[:, distance::distance] - paths[:, :-distance:distance]
        k = np.arange(distance)
        gap = np.abs(k[:, np.newaxis] - k) + 1
        assert_mean_within_errors((spread**2).mean(axis=1), distance)
        assert_mean_within_errors((spread**4).mean(axis=1), 3 * ((scale / gap) ** (4 * intermittency)).sum())


def test_a_multifractal_walk_without_intermittency_is_brownian_motion():
    steps = np.diff(make_multifractal_random_walk(500, 400, intermittency=0.0, random_state=0))
    assert_mean_within_errors((steps**2).mean(axis=1), 1.0)
    assert_mean_within_errors((steps**4).mean(axis=1), 3.0)
    assert_mean_within_errors((steps[:, 1:] ** 2 * steps[:, :-1] ** 2).mean(axis=1), 1.0)

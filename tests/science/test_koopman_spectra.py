"""Spectra of systems for which they are known, from data, each with its residual or interval."""

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermevander
from numpy.testing import assert_allclose
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from skmst import KoopmanRegressor, ScatteringTransformer
from skmst.datasets import (
    make_advection,
    make_burgers,
    make_double_well,
    make_heat,
    make_ising,
    make_kuramoto_sivashinsky,
    make_ornstein_uhlenbeck,
    make_prinz,
    make_stuart_landau,
)
from skmst.koopman.coarse_graining import block_spins, coarse_graining_pairs, even_observables, odd_observables
from skmst.koopman.intervals import eigenvalue_intervals
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.spectrum import verified
from skmst.scattering import Setting, band_energies
from skmst.scattering.tight import TightBank


def runge_kutta(velocity, x, dt, n_steps, n_substeps):
    """States (n_runs, n_steps, n) by the classical scheme of order four."""
    out, h = [x], dt / n_substeps
    for _ in range((n_steps - 1) * n_substeps):
        k1 = velocity(x)
        k2 = velocity(x + h / 2 * k1)
        k3 = velocity(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + velocity(x + h * k3))
        out.append(x)
    return np.stack(out[::n_substeps], axis=1)


def nearest(values, to):
    return int(np.abs(values - to).argmin())


@pytest.fixture(scope="module")
def limit_cycle():
    """A model of the Van der Pol oscillator with mu = 1 within 2 % of its limit cycle."""

    def velocity(x):
        return np.stack([x[:, 1], (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=-1)

    rng = np.random.default_rng(0)
    cycle = runge_kutta(velocity, np.array([[2.0, 0.0]]), 0.05, 1000, 4)[0, 600:]
    start = rng.choice(cycle, 1500) * (1 + 0.02 * rng.uniform(-1, 1, (1500, 1)))
    runs = runge_kutta(velocity, start, 0.5, 2, 20) / np.abs(cycle).max(axis=0)
    return KoopmanRegressor(dt=0.5, observables=PolynomialFeatures(14, include_bias=False)).fit(runs)


class TestVanDerPol:
    """Period 6.6632869 and Floquet exponent -1.0593770, from integration at 1e-12."""

    PERIOD, EXPONENT = 6.6632869, -1.0593770

    def test_period(self, limit_cycle):
        model, k = limit_cycle, nearest(limit_cycle.rates_, 2j * np.pi / self.PERIOD)
        assert 2 * np.pi / model.rates_[k].imag == pytest.approx(self.PERIOD, rel=1e-4)
        assert model.rates_[k].real == pytest.approx(0, abs=1e-4)

    def test_floquet_exponent(self, limit_cycle):
        model, k = limit_cycle, nearest(limit_cycle.rates_, self.EXPONENT)
        assert model.rates_[k].real == pytest.approx(self.EXPONENT, rel=1e-3)
        assert model.rates_[k].imag == 0

    @pytest.mark.parametrize("rate", [2j * np.pi / PERIOD, 4j * np.pi / PERIOD, EXPONENT])
    def test_residuals_are_small_and_bound_the_errors(self, limit_cycle, rate):
        k = nearest(limit_cycle.rates_, rate)
        error = abs(limit_cycle.eigenvalues_[k] - np.exp(0.5 * rate))
        assert error < limit_cycle.residuals_[k] < 2e-3


@pytest.mark.parametrize("well", [-1.0, 1.0])
def test_the_wells_of_the_duffing_oscillator(well):
    # x'' = -x' / 2 + x - x^3, linearised at x = +-1.
    def velocity(x):
        return np.stack([x[:, 1], -0.5 * x[:, 1] + x[:, 0] - x[:, 0] ** 3], axis=-1)

    start = [well, 0.0] + 0.1 * np.random.default_rng(0).uniform(-1, 1, (300, 2))
    runs = runge_kutta(velocity, start, 0.25, 2, 10) - [well, 0.0]
    model = KoopmanRegressor(dt=0.25, observables=PolynomialFeatures(5, include_bias=False)).fit(runs)
    k = nearest(model.rates_, -0.25 + 1.391941j)
    assert_allclose(model.rates_[k], -0.25 + 1.391941j, atol=1e-5)
    assert abs(model.eigenvalues_[k] - np.exp(0.25 * (-0.25 + 1.391941j))) < 1e-5
    assert model.residuals_[k] < 1e-5


def test_stuart_landau_has_a_lattice():
    # 1/|z|^2 relaxes at 2 mu, the phase that isochrons give turns at omega - b mu.
    mu, omega, b = 0.8, 1.3, 0.5
    x = make_stuart_landau(40, 20, mu=mu, omega=omega, shear=b, initial_radius=(0.5, 2), random_state=0)
    z = x[..., 0] + 1j * x[..., 1]
    phase, slow = np.angle(z) - b * np.log(np.abs(z)), np.abs(z) ** -2.0
    terms = [(n, m) for n in range(3) for m in range(3) if n + m]
    waves = np.stack([slow**m * np.exp(1j * n * phase) for n, m in terms], axis=-1)
    rng = np.random.default_rng(0)
    mixed = np.concatenate([waves.real, waves[..., 2:].imag], axis=-1) @ rng.normal(size=(14, 14))
    exact = [1j * sign * n * (omega - b * mu) - 2 * mu * m for n, m in terms for sign in ({1, -1} if n else {1})]
    found = KoopmanRegressor(dt=0.1).fit(mixed)
    assert len(found.rates_) == len(exact)
    assert max(abs(rate - found.rates_[nearest(found.rates_, rate)]) for rate in exact) < 1e-6
    assert found.residuals_.max() < 1e-5


def test_burgers_is_linear_in_the_ratios_of_cole_and_hopf():
    nu, n_x, k = 0.1, 256, np.arange(1, 6)
    u = make_burgers(8, 15, viscosity=nu, n_x=n_x, dt=0.05, time_step=0.0025, random_state=0)
    potential = np.fft.rfft(u)
    potential[..., 1:] /= 1j * np.arange(1, n_x // 2 + 1)
    v = np.fft.rfft(np.exp(-np.fft.irfft(potential, n_x) / (2 * nu)))
    ratios = v[..., k] / v[..., :1]
    model = KoopmanRegressor(dt=0.05).fit(np.concatenate([ratios.real, ratios.imag], axis=-1))
    assert_allclose(np.sort(-model.rates_.real), nu * np.repeat(k**2, 2), atol=1e-6)
    assert model.residuals_.max() < 1e-6


def decay(found, interval):
    """Rates of decay and their intervals, the slowest first."""

    def rate(eigenvalues):
        return -np.log(np.abs(eigenvalues)) / interval

    return rate(found.eigenvalues), *found.of(rate)


def splines(x, n_knots):
    spline = SplineTransformer(n_knots, knots="quantile", include_bias=False, extrapolation="constant")
    return spline.fit_transform(x.reshape(-1, 1)).reshape(*x.shape[:2], -1)


class TestDiffusions:
    """Rates within a few per cent, and intervals that hold them."""

    def test_ornstein_uhlenbeck(self):
        x = make_ornstein_uhlenbeck(400, 1000, theta=1.0, dt=0.1, random_state=1)
        rate, low, high = decay(eigenvalue_intervals(hermevander(x[..., 0], 2)[..., 1:], lag=2, random_state=0), 0.2)
        assert_allclose(rate, [1, 2], rtol=0.02)
        assert (low < [1, 2]).all()
        assert (high > [1, 2]).all()

    @pytest.mark.parametrize(("beta", "exact", "lag"), [(1.0, [0.748682, 6.0041], 2), (3.0, [0.0806199, 3.4949], 6)])
    def test_double_well(self, beta, exact, lag):
        x = make_double_well(400, 1000, beta=beta, dt=0.1, random_state=3)
        found = eigenvalue_intervals(splines(x, 14), lag=lag, n_resamples=100, random_state=0)
        rate, low, high = decay(found, 0.1 * lag)
        assert_allclose(rate[:2], exact, rtol=0.05)
        assert low[0] < exact[0] < high[0]
        # Second moments of a stationary noisy process: no eigenpair is better than this.
        assert_allclose(found.residuals[:2], np.sqrt(1 - np.abs(found.eigenvalues[:2]) ** 2), rtol=0.01)

    def test_prinz(self):
        exact = [1.198994, 7.888502, 15.361393]
        x = make_prinz(200, 1000, dt=0.01, time_step=0.001, random_state=0)
        rate, low, high = decay(eigenvalue_intervals(splines(x, 20), lag=2, n_resamples=100, random_state=0), 0.02)
        assert_allclose(rate[:3], exact, rtol=0.05)
        assert (low[:3] < exact).all()
        assert (high[:3] > exact).all()


@pytest.fixture
def wake(data_path):
    """Coefficients of nine modes of the flow past a cylinder, every .1."""
    return np.load(data_path("cylinder_wake_re100_pod.npz"))["a"]


class TestCylinderWake:
    """From the unstable steady flow (growth .151, frequency .867) to the limit cycle (1.125)."""

    def test_the_transient_grows(self, wake):
        model = KoopmanRegressor(2, n_delays=10, dt=0.1).fit(wake[100:400])
        assert model.rates_[0].real == pytest.approx(0.151, rel=0.05)
        assert model.rates_[0].imag == pytest.approx(0.867, rel=0.05)
        assert model.residuals_[0] < 1e-4

    def test_the_limit_cycle_has_harmonics(self, wake):
        model = KoopmanRegressor(8, n_delays=20, dt=0.1).fit(wake[1500:])
        assert_allclose(np.sort(model.rates_.imag)[4:], 1.125 * np.arange(1, 5), rtol=0.01)
        assert_allclose(model.rates_.real, 0, atol=1e-3)
        assert model.residuals_.max() < 1e-3


def test_diffusivity_from_six_scales_of_white_fields():
    nu, n_x, n_fields = 0.7, 256, 3000
    setting, power = Setting((n_x,), 6, wavelet="tight"), TightBank((n_x,), 6).psi() ** 2
    k = np.fft.fftfreq(n_x, 1 / n_x)
    k[n_x // 2] = 0  # the maker leaves it out
    symbol = (power * k**2).sum(axis=1) / (power * (k != 0)).sum(axis=1)
    for row in range(6):
        dt = 1e-3 / (2 * nu * symbol[row])
        fields = make_heat(n_fields, 2, diffusivity=nu, dt=dt, random_state=0)
        energy = band_energies(fields.reshape(-1, n_x), setting)[:, 1 + row].reshape(n_fields, 2).mean(axis=0)
        assert np.log(energy[0] / energy[1]) / (2 * dt * symbol[row]) == pytest.approx(nu, rel=0.02)


@pytest.fixture(scope="module")
def levels():
    """Critical spins, coarse-grained once and twice."""
    fine = block_spins(make_ising(400, 32, n_sweeps=15, random_state=0), random_state=0)
    return fine, block_spins(fine, random_state=1)


class TestIsing:
    """Coarse-graining by b = 2 at the critical point: eigenvalues 2^(1/nu) = 2 and 2^(15/8) = 3.668."""

    def test_thermal(self, levels):
        found = eigenvalue_intervals(coarse_graining_pairs(*map(even_observables, levels)), random_state=0)
        low, high = found.of(np.abs)
        assert low[0] < 2 < high[0]
        assert high[0] - low[0] < 0.5
        assert np.abs(found.eigenvalues[1]) < 1.5  # nothing else is relevant by as much

    def test_magnetic(self, levels):
        found = eigenvalue_intervals(coarse_graining_pairs(*map(odd_observables, levels)), random_state=0)
        low, high = found.of(np.abs)
        assert np.abs(found.eigenvalues[0]) == pytest.approx(2 ** (15 / 8), rel=0.01)
        assert low[0] < 2 ** (15 / 8) < high[0]


class TestNothingToFind:
    """No skill, and residuals that say so: on data that the model has not seen, near 1 or above for noise."""

    def test_shuffled_time_leaves_nothing_of_chaos(self):
        u = make_kuramoto_sivashinsky(9, 1200, dt=0.25, random_state=0)
        waves = np.fft.rfft(u)[..., 1:5]
        ordered = np.concatenate([waves.real, waves.imag], axis=-1) / 64
        rng = np.random.default_rng(0)
        shuffled = np.stack([run[rng.permutation(len(run))] for run in ordered])
        lift = PolynomialFeatures(2, include_bias=False)
        sense, nonsense = (KoopmanRegressor(observables=lift).fit(x[:6]) for x in (ordered, shuffled))
        assert sense.score(ordered[6:]) > 0.95
        assert sense.residuals(ordered[6:]).min() < 0.1
        assert nonsense.score(shuffled[6:]) < 0
        assert nonsense.residuals(shuffled[6:]).min() > 0.95
        table = nonsense.mode_table()  # what is left of a noisy mode is not explained, even where it was learned
        assert (table["residual"] ** 2 + np.abs(table["eigenvalue"]) ** 2).min() > 0.98
        assert len(verified(nonsense._spectrum, 0.5, nonsense.residuals(shuffled[6:])).eigenvalues) == 0

    def test_white_noise_has_no_spectrum_outside_its_noise(self):
        x = np.random.default_rng(0).normal(size=(50, 200, 4))
        model = KoopmanRegressor(observables=PolynomialFeatures(2, include_bias=False)).fit(x[:40])
        assert model.score(x[40:]) < 0.01
        assert model.residuals_.min() > 0.95
        assert model.residuals(x[40:]).min() > 0.98
        circle = np.exp(1j * np.linspace(0, np.pi, 30))
        assert pseudospectrum(PairMoments.of_runs(x, center=True), circle).min() > 1.3

    def test_global_scattering_sees_no_advection(self):
        # Two grid points a step: between them, moduli are sampled anew.
        u = make_advection(40, 30, n_x=64, length=64, speed=20.0, dt=0.1, random_state=0)
        features = ScatteringTransformer(J=4, oversampling="full").fit_transform(u)
        model = KoopmanRegressor().fit(features[:30], u[:30])
        assert model.score(features[30:], u[30:]) < 0.01  # where the field goes is not in them
        # What they see stands still, and the residuals of that are rounding: no frequency, and no decay.
        assert_allclose(model.rates_, 0, atol=1e-6)
        assert model.residuals(features[30:]).max() < 1e-6
        fields = np.fft.rfft(u)[..., 1:4]
        seen = KoopmanRegressor().fit(np.concatenate([fields.real, fields.imag], axis=-1)).rates_
        assert_allclose(np.sort(np.abs(seen.imag)), np.repeat(2 * np.pi * np.arange(1, 4) * 2 / 64, 2), atol=1e-6)

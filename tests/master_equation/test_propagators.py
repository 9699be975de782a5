"""Series of transition matrices: what continues them, against exact chains; matrices act on rows here."""

import numpy as np
import pytest
from scipy import linalg

from skmst.master_equation import (
    igme,
    igme_logarithmic,
    markov_propagators,
    mean_integral_kernel,
    predict_igme,
    predict_qmsm,
    predict_tcl,
    propagator_rmse,
    qmsm,
    tcl,
    transfer_tensors,
)
from tests.master_equation import lumped_chain

MARKOV = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.08, 0.9]])
#: T(1), T(2), ... of the lumped chain, on rows.
SERIES = lumped_chain.propagators(202)[1:].transpose(0, 2, 1)


def slowest(matrix, lag=1):
    return -lag / np.log(np.sort(np.linalg.eigvals(matrix).real)[-2])


class TestMarkovChain:
    """Without memory every method gives powers of the matrix, and no step is off."""

    powers = markov_propagators(MARKOV, 30)

    def test_powers_start_at_the_first_lag(self):
        for n in (1, 2, 7):
            np.testing.assert_allclose(self.powers[n - 1], np.linalg.matrix_power(MARKOV, n), atol=1e-14)

    @pytest.mark.parametrize("identity", [False, True])
    def test_quasi_markov(self, identity):
        rate, kernel = qmsm(self.powers, 5, dt=0.5, identity=identity)
        np.testing.assert_allclose(rate, (MARKOV - np.eye(3)) / 0.5, atol=1e-10)
        np.testing.assert_allclose(kernel, 0, atol=1e-10)
        start = np.eye(3) if identity else self.powers[0]
        found = predict_qmsm(start, rate, kernel, 31 if identity else 30, dt=0.5)
        np.testing.assert_allclose(found[1:] if identity else found, self.powers, atol=1e-10)

    def test_time_local(self):
        np.testing.assert_allclose(tcl(self.powers[:6]), np.broadcast_to(MARKOV, (6, 3, 3)), atol=1e-10)
        np.testing.assert_allclose(predict_tcl(self.powers[:4], MARKOV, 30), self.powers, atol=1e-10)
        np.testing.assert_array_equal(predict_tcl(self.powers[:4], MARKOV, 2), self.powers[:2])

    @pytest.mark.parametrize(("first", "last"), [(1, None), (3, 4), (4, 9)])
    def test_integrative(self, first, last):
        log_amplitude, log_step = igme_logarithmic(self.powers[:10], first, last)
        np.testing.assert_allclose(log_amplitude, 0, atol=1e-10)
        np.testing.assert_allclose(linalg.expm(log_step), MARKOV, atol=1e-10)
        np.testing.assert_allclose(predict_igme(log_amplitude, log_step, 30), self.powers, atol=1e-10)
        amplitude, step = igme(self.powers[:10], first, last)
        np.testing.assert_allclose(amplitude, np.eye(3), atol=1e-9)
        np.testing.assert_allclose(step, MARKOV, atol=1e-10)


class TestLumpedChain:
    def test_timescales(self):
        assert slowest(SERIES[0]) == pytest.approx(9.056, abs=5e-4)
        assert slowest(SERIES[9], 10) == pytest.approx(10.619, abs=5e-4)
        assert slowest(SERIES[199], 200) == pytest.approx(lumped_chain.TIMESCALE, rel=0.1)
        assert slowest(lumped_chain.A) == pytest.approx(lumped_chain.TIMESCALE, abs=5e-5)

    def test_the_time_local_propagator_becomes_constant(self):
        local = tcl(SERIES[:60])[-1]
        assert np.linalg.eigvals(local).real.min() == pytest.approx(0.92095, abs=5e-6)
        assert slowest(local) == pytest.approx(lumped_chain.TIMESCALE, abs=5e-5)
        assert propagator_rmse(predict_tcl(SERIES[:60], local, 200), SERIES[:200]) < 1e-8

    def test_the_integrative_equation_knows_the_timescale_after_the_memory(self):
        for first in (60, 80):
            _, log_step = igme_logarithmic(SERIES[:90], first)
            assert slowest(linalg.expm(log_step)) == pytest.approx(lumped_chain.TIMESCALE, abs=1e-4)
            _, step = igme(SERIES[:90], first)
            assert slowest(step) == pytest.approx(lumped_chain.TIMESCALE, abs=1e-4)

    def test_transfer_tensors_are_the_kernels(self):
        series = np.concatenate([np.eye(2)[None], SERIES[:20]])
        exact = lumped_chain.kernels(20).transpose(0, 2, 1)
        np.testing.assert_allclose(transfer_tensors(series), exact, atol=1e-10)

    def test_quasi_markov_kernels_are_scaled_transfer_tensors(self):
        rate, kernel = qmsm(SERIES, 10, dt=0.1, identity=True)
        exact = lumped_chain.kernels(11).transpose(0, 2, 1)
        np.testing.assert_allclose(np.eye(2) + 0.1 * rate, exact[0], atol=1e-10)
        np.testing.assert_allclose(0.01 * kernel, exact[1:], atol=1e-10)
        integral = mean_integral_kernel(kernel, 0.1)
        assert integral[3] == pytest.approx(np.linalg.norm(0.1 * kernel[:4].sum(axis=0)) / 2)
        np.testing.assert_allclose(integral[9], integral[8], rtol=0.05)  # a plateau

    @pytest.mark.parametrize("identity", [False, True])
    def test_the_forecast_reproduces_what_it_was_made_of(self, identity):
        rate, kernel = qmsm(SERIES, 12, dt=0.1, identity=identity)
        start = np.eye(2) if identity else SERIES[0]
        found = predict_qmsm(start, rate, kernel, 14, dt=0.1)
        known = np.concatenate([np.eye(2)[None], SERIES]) if identity else SERIES
        np.testing.assert_allclose(found, known[:14], atol=1e-12)


AMPLITUDE = np.array([[1.2, 0.1], [0.0, 0.8]])
TURN = 0.95 * np.array([[np.cos(0.9), np.sin(0.9)], [-np.sin(0.9), np.cos(0.9)]])


class TestOscillation:
    """Rotation by more than half a turn within the fit: logarithms wrap, the direct fit does not care."""

    series = AMPLITUDE @ markov_propagators(TURN, 8)

    def test_the_direct_fit_is_exact(self):
        amplitude, step = igme(self.series, 2)
        np.testing.assert_allclose(step, TURN, atol=1e-8)
        np.testing.assert_allclose(amplitude, AMPLITUDE, atol=1e-8)

    def test_noise_is_averaged(self):
        noisy = self.series + 0.02 * np.random.default_rng(0).normal(size=self.series.shape)
        amplitude, step = igme(noisy, 1)
        fitted = np.array([amplitude @ np.linalg.matrix_power(step, n) for n in range(1, 9)])
        linear = np.linalg.lstsq(noisy[:-1].reshape(-1, 2), noisy[1:].reshape(-1, 2), rcond=None)[0]
        assert propagator_rmse(fitted, self.series) < 0.02
        assert np.linalg.norm(step - TURN) < np.linalg.norm(linear - TURN)


class TestErrors:
    def test_series_too_short(self):
        with pytest.raises(ValueError, match="n_kernels=5 needs 7 matrices, but there are 6"):
            qmsm(SERIES[:6], 5)

    def test_singular_start(self):
        with pytest.raises(ValueError, match="first matrix of the series is singular"):
            transfer_tensors(np.full((3, 2, 2), 0.5))

    @pytest.mark.parametrize(("first", "last"), [(0, 3), (4, 4), (2, 9)])
    def test_lags(self, first, last):
        for fit in (igme, igme_logarithmic):
            with pytest.raises(ValueError, match="must leave at least two of the 5 lags"):
                fit(SERIES[:5], first, last)

    def test_no_logarithm(self):
        with pytest.raises(ValueError, match=r"propagator of lag 1 has no real logarithm .* or igme"):
            igme_logarithmic(np.array([np.diag([1.0, -0.1]), np.diag([1.0, 0.01])]), 1)

    def test_shapes_of_an_error(self):
        with pytest.raises(ValueError, match=r"predicted has shape \(3, 2, 2\) where reference has \(4, 2, 2\)"):
            propagator_rmse(SERIES[:3], SERIES[:4])

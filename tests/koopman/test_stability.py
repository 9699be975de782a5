"""Operators that grow: those of data that do are silent, those of noise are reported, and overflow names its step."""

import warnings

import numpy as np
import pytest

from skmst import KoopmanRegressor
from skmst.koopman import optimised_dmd
from skmst.koopman.operators import edmd
from skmst.koopman.pairs import PairMoments
from skmst.koopman.spectrum import spectrum
from skmst.koopman.stability import grows_without_cause
from tests.koopman.test_controls import driven
from tests.linear_systems import noisy_runs


def growing_runs(n_runs, n_steps, noise=0.0, seed=0):
    """Runs of x' = 1.2 x, y' = 0.7 y, seen with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_runs, 1, 2)) * np.array([1.2, 0.7]) ** np.arange(n_steps)[:, None]
    return X + noise * rng.normal(size=X.shape)


@pytest.mark.parametrize("solver", ["edmd", "tls", "forward_backward", "optdmd"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_growth_that_the_data_have_is_no_matter(solver, noise):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = KoopmanRegressor(solver=solver).fit(growing_runs(8, 30, noise))
    assert model.eigenvalues_[0].real == pytest.approx(1.2, abs=0.01)


def test_growth_that_comes_of_noise_is_reported_by_its_factor():
    # One feature driven by noise: total least squares takes its noise for that of measurement.
    with pytest.warns(UserWarning, match=r"the model is unstable: a pattern grows by a factor of 1\.14 in each lag"):
        KoopmanRegressor(solver="tls").fit(noisy_runs(8, 40)[..., :1])


def test_growth_with_inputs_is_that_of_the_unforced_system():
    x, u = driven(3, 60)
    noise = 50 * np.random.default_rng(0).normal(size=x.shape)
    with pytest.warns(UserWarning, match="the model is unstable"):
        KoopmanRegressor(solver="tls", n_delays=2).fit(x + noise, inputs=u)


@pytest.mark.parametrize("n_lags", [10, 100])
def test_slow_growth_matters_in_long_runs_only(n_lags):
    pairs = PairMoments(np.eye(1), 1.05 * np.eye(1), 1.2 * np.eye(1))
    left, right = edmd(pairs)
    found = spectrum(left, right, pairs.before, pairs.cross, np.eye(1))
    still = PairMoments(pairs.before, pairs.cross, np.eye(1))
    assert grows_without_cause(found, still, n_lags).tolist() == [n_lags == 100]
    assert not grows_without_cause(found, pairs, n_lags).any()


def test_a_forecast_that_overflows_names_the_step():
    model = KoopmanRegressor().fit(growing_runs(8, 30))
    start = np.array([[1.0, 1.0]])
    last = int(np.log(np.finfo(float).max) / np.log(1.2))
    assert np.isfinite(model.forecast(start, last - 1)).all()
    with pytest.raises(OverflowError, match=rf"at step {last + 1} of 5000"):
        model.forecast(start, 5000)


def test_a_sum_of_exponentials_that_overflows_names_the_time():
    model = optimised_dmd(growing_runs(1, 30)[0], 2)
    assert np.isfinite(model([0.0, 3000.0])).all()
    with pytest.raises(OverflowError, match="at time 5000"):
        model([0.0, 5000.0, 6000.0])

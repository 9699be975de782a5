"""Steps at any distances: exact systems are learned, forecast and judged at the times of their steps."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.linalg import expm, logm
from sklearn.model_selection import cross_validate
from sklearn.preprocessing import PolynomialFeatures

import skmst
from skmst import KoopmanRegressor
from skmst.koopman.irregular import flow
from skmst.koopman.spectrum import spectrum
from skmst.trajectories import cut_gaps
from tests.linear_systems import EIGENVALUES, FIXED_POINT, READ, A, linear_runs

GENERATOR = logm(A).real


def irregular_runs(n_runs, n_steps, seed=0, generator=GENERATOR):
    """Solutions of x' = generator (x - fixed point) at random times, and the times."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.2, 1.8, (n_runs, n_steps)), axis=1) + 7
    start = rng.normal(size=(n_runs, 3))
    X = [[expm(generator * (t - run[0])) @ x for t in run] for run, x in zip(times, start, strict=True)]
    return np.array(X) + FIXED_POINT, times


(X, T), (X_NEW, T_NEW) = irregular_runs(6, 30), irregular_runs(4, 30, seed=1)


def fitted(dt=1.0, lag=1, **options):
    return KoopmanRegressor(solver="optdmd", dt=dt, lag=lag, **options)


@pytest.mark.parametrize("dt", [1.0, 0.1])
@pytest.mark.parametrize("lag", [1, 3])
class TestExactDynamics:
    def test_the_operator_is_that_of_equal_steps(self, dt, lag):
        model = fitted(dt, lag).fit(X, times=dt * T)
        np.testing.assert_allclose(model.koopman_matrix_, np.linalg.matrix_power(A, lag), atol=1e-9)
        np.testing.assert_allclose(model.rates_, np.log(EIGENVALUES) / dt, rtol=1e-9)
        assert model.residuals_.max() < 1e-9
        regular = linear_runs(3, 20)
        np.testing.assert_allclose(model.forecast(regular[:, :5], 15), regular[:, 5:], atol=1e-8)
        np.testing.assert_allclose(model.predict(regular)[:, :-lag], regular[:, lag:], atol=1e-8)

    def test_forecasts_are_judged_at_the_times_of_the_steps(self, dt, lag):
        model = fitted(dt, lag).fit(X, X @ READ.T, times=dt * T)
        past = model.hindcast(X_NEW, X_NEW @ READ.T, horizon=5, times=dt * T_NEW)
        np.testing.assert_allclose(past.y_pred, past.y_true, atol=1e-8)
        assert 1 - model.score(list(X_NEW), list(X_NEW @ READ.T), times=list(dt * T_NEW)) < 1e-12


def test_runs_of_one_schedule_share_their_times():
    times = np.sort(np.random.default_rng(0).uniform(0, 20, 30))
    start = np.random.default_rng(1).normal(size=(5, 3))
    runs = np.array([[expm(GENERATOR * (t - times[0])) @ x for t in times] for x in start]) + FIXED_POINT
    np.testing.assert_allclose(fitted().fit(runs, times=times).eigenvalues_, EIGENVALUES, atol=1e-9)
    # One run is not centred at its fixed point, but tends to it.
    np.testing.assert_allclose(fitted().fit(runs[0], times=times).eigenvalues_, EIGENVALUES, atol=1e-6)


def test_runs_with_gaps_are_cut_with_their_times():
    gappy = X.copy()
    gappy[2, 7:9] = np.nan
    pieces, times = cut_gaps(gappy, T[..., None])
    assert len(pieces) == 7
    np.testing.assert_allclose(fitted().fit(pieces, times=times).eigenvalues_, EIGENVALUES, atol=1e-9)


def test_a_pickled_model_judges_the_same():
    model = fitted().fit(X, times=T)
    assert pickle.loads(pickle.dumps(model)).score(X_NEW, times=T_NEW) == model.score(X_NEW, times=T_NEW)


def test_residuals_of_noisy_steps_are_errors_from_each_to_the_next():
    noisy = X + 0.1 * np.random.default_rng(0).normal(size=X.shape)
    model = fitted().fit(noisy, times=T)
    values = model.eigenfunctions(noisy)
    growth = model.eigenvalues_ ** np.diff(T)[..., None]
    expected = np.sqrt(np.mean(np.abs(values[:, 1:] - growth * values[:, :-1]) ** 2, axis=(0, 1)))
    np.testing.assert_allclose(model.residuals_, expected, rtol=1e-8)
    assert (model.residuals_ > 0.05).all()


def test_observables_are_lifted_and_step_linearly():
    # x and x^2 decay with 1 and 2.
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.1, 0.4, (8, 20)), axis=1)
    runs = (rng.uniform(1, 2, (8, 1)) * np.exp(-(times - times[:, :1])))[..., None]
    model = fitted(observables=PolynomialFeatures(2, include_bias=False)).fit(runs, times=times)
    np.testing.assert_allclose(model.rates_, [-1, -2], atol=1e-7)
    assert model.step_ == "linear"
    assert 1 - model.score(runs, times=times) < 1e-12


def test_flow_of_half_a_lag_twice_is_that_of_a_lag(rng):
    b, start = rng.normal(size=3), rng.normal(size=(4, 3))
    pairs = spectrum(A, np.eye(3), np.eye(3), A, A @ A.T)
    half = flow(start, np.full((4, 1), 0.5), pairs, b)[:, 0]
    np.testing.assert_allclose(flow(half, np.full((4, 1), 0.5), pairs, b)[:, 0], start @ A.T + b, atol=1e-12)


def test_what_neither_grows_nor_decays_drifts():
    pairs = spectrum(np.eye(1), np.eye(1), np.eye(1), np.eye(1), np.eye(1))
    np.testing.assert_allclose(flow(np.zeros(1), np.array([0.5, 3.0]), pairs, np.array([2.0])).ravel(), [1, 6])


def test_with_routing_cross_validation_passes_times():
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(fitted(), X, params={"times": T}, cv=3, error_score="raise")
    assert (1 - found["test_score"] < 1e-12).all()


def test_a_later_fit_without_times_forgets_them():
    model = fitted().fit(X, times=T).fit(linear_runs(6, 30))
    assert 1 - model.score(linear_runs(4, 30, seed=1)) < 1e-12
    assert skmst.hindcast(model, linear_runs(2, 30), horizon=3).y_pred.shape == (54, 3, 3)


@pytest.mark.parametrize(
    ("params", "times", "message"),
    [
        ({"solver": "edmd"}, T, "times go with solver='optdmd', not with solver='edmd'"),
        ({"n_delays": 2}, T, "times go with n_delays=1, not with n_delays=2"),
        ({"step": "relift"}, T, "times go with linear steps"),
        ({}, T[:, ::-1], "times must increase"),
        ({}, T[:, 1:], r"times has shape \(6, 29\) where \(6, 30\) is needed"),
        ({}, T[..., None] * np.ones(2), "times must be one number for each step"),
        ({}, np.where(T > 12, np.nan, T), "times contains NaN"),
    ],
)
def test_times_that_do_not_fit(params, times, message):
    with pytest.raises(ValueError, match=message):
        KoopmanRegressor(**{"solver": "optdmd", **params}).fit(X, times=times)


def test_times_are_given_to_what_needs_them():
    model = fitted().fit(X, times=T)
    with pytest.raises(ValueError, match="fitted with times: pass times="):
        model.score(X_NEW)
    with pytest.raises(ValueError, match="no common lag"):
        model.pseudospectrum([1.0])
    with pytest.raises(ValueError, match="fitted without times"):
        fitted().fit(linear_runs(6, 30)).score(linear_runs(2, 30), times=np.arange(30))

"""A window that reaches back before the start is completed by its linear conditional mean."""

import numpy as np
import pytest

from skmst.utils.delay_model import AffineMap, DelayModel
from skmst.utils.linalg import jittered_cholesky
from tests.linear_systems import affine_least_squares, noisy_runs, stacked_windows

IDENTITY = AffineMap(np.eye(3), np.zeros(3))


def model_of(X, n_terms, lag):
    past, future = stacked_windows(X, n_terms, lag)
    factor = jittered_cholesky(np.cov(past.T, bias=True))
    advance = AffineMap(*affine_least_squares(past, future))
    return DelayModel(n_terms, lag, advance, IDENTITY, IDENTITY, None, past.mean(axis=0), factor)


def no_lift(states):
    raise AssertionError("a linear model does not lift")


@pytest.mark.parametrize("lag", [1, 2])
def test_full_windows_are_the_data(lag):
    X = noisy_runs(2, 20)
    past, _ = stacked_windows(X, 3, lag)
    times = np.arange(2 * lag, 20 - lag)
    np.testing.assert_array_equal(model_of(X, 3, lag).history(X, times).reshape(-1, 9), past)


@pytest.mark.parametrize("n_known", [1, 2])
@pytest.mark.parametrize("lag", [1, 2])
def test_what_is_missing_is_regressed_on_what_is_known(n_known, lag):
    X = noisy_runs(10, 30)
    past, _ = stacked_windows(X, 3, lag)
    known, missing = past[:, : 3 * n_known], past[:, 3 * n_known :]
    coefficients, intercept = affine_least_squares(known, missing)
    time = np.array([n_known * lag - 1])
    Z = model_of(X, 3, lag).history(X, time)[:, 0]
    np.testing.assert_allclose(Z[:, 3 * n_known :], Z[:, : 3 * n_known] @ coefficients.T + intercept, atol=1e-10)


def test_phases_of_a_longer_lag_interleave():
    X = noisy_runs(3, 12)
    model = model_of(X, 2, 3)
    out = model.forecast(X, np.array([8]), 7, no_lift, as_state=False)[:, 0]
    series = list(np.moveaxis(X[:, :9], 1, 0))
    for _ in range(7):
        series.append(model.advance(np.concatenate([series[-3], series[-6]], axis=-1)))
    np.testing.assert_allclose(out, np.stack(series[9:], axis=1), atol=1e-12)

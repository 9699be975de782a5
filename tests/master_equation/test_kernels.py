"""Memory kernels against plain least squares."""

import numpy as np
import pytest

from skmst.master_equation.kernels import METHODS, companion_matrix, regression, residual_variances
from tests.linear_systems import affine_least_squares, noisy_runs, stacked_windows


def covariance_and_windows(n_terms, n_runs=10):
    past, future = stacked_windows(noisy_runs(n_runs, 40), n_terms, 1)
    return np.cov(np.c_[future, past].T, bias=True), past, future


def test_regression_is_joint_least_squares():
    covariance, past, future = covariance_and_windows(3)
    expected, _ = affine_least_squares(past, future)
    kernels = regression(covariance, 3, 0.0)
    np.testing.assert_allclose(np.concatenate(kernels, axis=1), expected, atol=1e-10)
    assert METHODS["regression"] is regression


def test_the_companion_matrix_steps_the_window():
    kernels = np.random.default_rng(0).normal(size=(3, 2, 2))
    window = np.random.default_rng(1).normal(size=6)
    stepped = companion_matrix(kernels) @ window
    np.testing.assert_allclose(stepped[:2], sum(kernels[k] @ window[2 * k : 2 * k + 2] for k in range(3)))
    np.testing.assert_array_equal(stepped[2:], window[:4])


@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_residual_variances_are_those_of_each_shorter_regression(ridge):
    covariance, past, future = covariance_and_windows(4)
    found = residual_variances(covariance, 4, ridge)
    past, future = past - past.mean(axis=0), future - future.mean(axis=0)
    for m in range(1, 5):
        P = past[:, : 3 * m]
        B = np.linalg.solve(P.T @ P + len(P) * ridge * np.eye(3 * m), P.T @ future)
        # The penalised residual itself, without the penalty, relative to each component's variance.
        relative = np.mean((future - P @ B) ** 2, axis=0) / np.mean(future**2, axis=0)
        assert found[m - 1] == pytest.approx(relative.mean(), rel=1e-10)

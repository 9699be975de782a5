"""Solvers of normal equations against plain least squares, on badly scaled and singular data."""

import numpy as np
import pytest

from skmst.utils.linalg import jittered_cholesky, ridge_regression, whitening


def covariance_of(X):
    deviations = X - X.mean(axis=0)
    return deviations.T @ deviations / len(X)


def test_whitening_is_exact_whatever_the_units(rng):
    X = rng.normal(size=(200, 4)) @ np.diag([1e-8, 1.0, 1e6, 1e12])
    C = covariance_of(X)
    W = whitening(C)
    np.testing.assert_allclose(W @ C @ W.T, np.eye(4), atol=1e-12)


def test_whitening_leaves_out_what_does_not_vary(rng):
    X = rng.normal(size=(200, 2))
    C = covariance_of(np.c_[X, X.sum(axis=1), np.zeros(200)])
    W = whitening(C)
    assert W.shape == (2, 4)
    np.testing.assert_allclose(C @ W.T @ W @ C, C, atol=1e-12)


def test_whitening_of_nothing_is_empty():
    assert whitening(np.zeros((3, 3))).shape == (0, 3)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_ridge_regression_solves_the_penalised_problem(rng, ridge):
    X, Y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    augmented = np.r_[X, np.sqrt(50 * ridge) * np.eye(4)]
    expected = np.linalg.lstsq(augmented, np.r_[Y, np.zeros((4, 2))], rcond=None)[0].T
    found = ridge_regression(Y.T @ X / 50, X.T @ X / 50, ridge)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_cholesky_factor_of_a_singular_matrix_is_close_and_triangular(rng):
    X = rng.normal(size=(3, 5))
    C = X.T @ X
    L = jittered_cholesky(C)
    np.testing.assert_allclose(L @ L.T, C, atol=1e-10)
    np.testing.assert_array_equal(L, np.tril(L))


def test_cholesky_factor_includes_the_ridge(rng):
    X = rng.normal(size=(20, 3))
    L = jittered_cholesky(X.T @ X, 2.0)
    np.testing.assert_allclose(L @ L.T, X.T @ X + 2 * np.eye(3), rtol=1e-10)


def test_cholesky_raises_the_diagonal_until_it_succeeds():
    indefinite = np.array([[1.0, 1.0 + 1e-10], [1.0 + 1e-10, 1.0]])
    L = jittered_cholesky(indefinite)
    np.testing.assert_allclose(L @ L.T, indefinite, atol=1e-8)

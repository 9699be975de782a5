"""Solvers against plain least squares and against what they are defined to minimise."""

import numpy as np
import pytest

from skmst.koopman.operators import SOLVERS, edmd, reduced_rank
from tests.linear_systems import noisy_runs, stacked_windows


def moments(X):
    past, future = stacked_windows(X, 1, 1)
    past, future = past - past.mean(axis=0), future - future.mean(axis=0)
    return past.T @ past / len(past), future.T @ past / len(past), past, future


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("rank", [None, 4, 9])
def test_full_rank_is_least_squares(solver, rank):
    G, A, past, future = moments(noisy_runs(5, 40, n_features=4))
    left, right = solver(G, A, 0.0, rank)
    expected = np.linalg.lstsq(past, future, rcond=None)[0].T
    np.testing.assert_allclose(left @ right, expected, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_edmd_of_a_rank_is_least_squares_on_principal_components(rank):
    G, A, past, future = moments(noisy_runs(5, 40, n_features=4))
    left, right = edmd(G, A, 0.0, rank)
    P = np.linalg.svd(past, full_matrices=False)[2][:rank]
    inner = np.linalg.lstsq(past @ P.T, future @ P.T, rcond=None)[0].T
    np.testing.assert_allclose(left @ right, P.T @ inner @ P, atol=1e-12)
    assert right.shape == (rank, 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_reduced_rank_has_the_least_error_of_its_rank(rank, rng):
    G, A, past, future = moments(noisy_runs(5, 40, n_features=4))

    def error(K):
        return np.sum((future - past @ K.T) ** 2)

    left, right = reduced_rank(G, A, 0.0, rank)
    best = error(left @ right)
    fitted = past @ np.linalg.lstsq(past, future, rcond=None)[0]
    discarded = np.linalg.svd(fitted, compute_uv=False)[rank:]
    unexplained = np.sum((future - fitted) ** 2)
    np.testing.assert_allclose(best, unexplained + np.sum(discarded**2), rtol=1e-12)
    projected = edmd(G, A, 0.0, rank)
    assert best < error(projected[0] @ projected[1])


def test_the_ridge_shrinks_along_principal_axes():
    G, A = np.diag([4.0, 1.0]), np.diag([2.0, 0.5])
    left, right = edmd(G, A, 1.0, None)
    np.testing.assert_allclose(left @ right, np.diag([2 / 5, 0.5 / 2]))

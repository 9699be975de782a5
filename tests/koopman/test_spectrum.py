"""Spectra of known operators."""

import numpy as np
import pytest

from skmst.koopman.spectrum import eigenfunctions, rates, spectrum, timescales
from tests.linear_systems import EIGENVALUES, A


def spectrum_of(K, covariance=None):
    """Spectrum of exact linear dynamics with the given covariance of the predecessors."""
    G = np.eye(len(K)) if covariance is None else covariance
    return spectrum(K, np.eye(len(K)), G, K @ G, K @ G @ K.T)


def test_eigenpairs_satisfy_their_equations():
    G = np.diag([1.0, 3.0, 0.2])
    pairs = spectrum_of(A, G)
    np.testing.assert_allclose(pairs.eigenvalues, EIGENVALUES, atol=1e-12)
    np.testing.assert_allclose(A @ pairs.right, pairs.right * pairs.eigenvalues, atol=1e-12)
    np.testing.assert_allclose(pairs.left @ A, pairs.eigenvalues[:, None] * pairs.left, atol=1e-12)
    np.testing.assert_allclose(pairs.left @ pairs.right, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.diag(pairs.left @ G @ pairs.left.conj().T), 1, atol=1e-12)


def test_exact_dynamics_have_no_residual():
    np.testing.assert_allclose(spectrum_of(A).residuals, 0, atol=1e-7)


def test_the_residual_is_the_error_of_the_eigenfunction(rng):
    past = rng.normal(size=(500, 3))
    future = past @ A.T + 0.3 * rng.normal(size=(500, 3))
    past, future = past - past.mean(axis=0), future - future.mean(axis=0)
    G, C, L = past.T @ past / 500, future.T @ past / 500, future.T @ future / 500
    pairs = spectrum(C @ np.linalg.inv(G), np.eye(3), G, C, L)
    before, after = past @ pairs.left.T, future @ pairs.left.T
    error = np.mean(np.abs(after - pairs.eigenvalues * before) ** 2, axis=0)
    np.testing.assert_allclose(pairs.residuals**2, error / np.mean(np.abs(before) ** 2, axis=0), rtol=1e-10)


def test_an_operator_of_low_rank_lists_its_nonzero_eigenvalues_only(rng):
    u, v = rng.normal(size=(4, 2)), rng.normal(size=(2, 4))
    pairs = spectrum(u, v, np.eye(4), u @ v, u @ v @ v.T @ u.T)
    np.testing.assert_allclose(np.sort(pairs.eigenvalues), np.sort(np.linalg.eigvals(v @ u)), atol=1e-12)
    np.testing.assert_allclose(u @ v @ pairs.right, pairs.right * pairs.eigenvalues, atol=1e-12)


def test_data_that_do_not_vary_have_no_spectrum():
    nothing = np.zeros((3, 3))
    pairs = spectrum(np.zeros((3, 0)), np.zeros((0, 3)), nothing, nothing, nothing)
    assert pairs.eigenvalues.shape == pairs.residuals.shape == (0,)
    assert pairs.right.shape == (3, 0)


def test_a_defective_operator_has_finite_modes():
    pairs = spectrum_of(np.array([[0.5, 1.0], [0.0, 0.5]]))
    assert np.isfinite(pairs.right).all()
    np.testing.assert_allclose(pairs.eigenvalues, 0.5, atol=1e-7)


def test_rates_and_timescales():
    found = rates(np.array([np.exp(-0.2 + 0.5j), 1.0, np.exp(0.1)]), 0.1)
    np.testing.assert_allclose(found, [-2 + 5j, 0, 1], atol=1e-12)
    np.testing.assert_allclose(timescales(found), [0.5, np.inf, -1])


@pytest.mark.parametrize("intercept", [np.zeros(3), np.array([1.0, -2.0, 0.3])])
def test_eigenfunctions_grow_by_their_eigenvalue(intercept, rng):
    pairs = spectrum_of(A)
    z = rng.normal(size=(5, 3))
    now, later = (eigenfunctions(s, pairs, intercept, np.zeros(3)) for s in (z, z @ A.T + intercept))
    np.testing.assert_allclose(later, pairs.eigenvalues * now, atol=1e-12)


def test_the_neutral_eigenfunction_is_zero_at_the_mean(rng):
    pairs = spectrum_of(np.diag([1.0, 0.5]))
    mean = np.array([3.0, 1.0])
    value = eigenfunctions(mean, pairs, np.zeros(2), mean)
    np.testing.assert_allclose(value[0], 0, atol=1e-12)

"""Kernels that are sums of exponentials."""

import numpy as np
import pytest
from scipy import linalg

from skmst.master_equation import embedding_regression, exponential_poles
from skmst.master_equation.embedding import Embedding
from skmst.master_equation.kernels import regression
from tests.linear_systems import A
from tests.master_equation import lumped_chain


def ar_covariance(kernels, n_states):
    """Covariance of stationary windows of ``x(t+1) = sum_l kernels[l] x(t-l) + unit noise``, one component."""
    n = len(kernels)
    companion = np.eye(n, k=-1)
    companion[0] = kernels
    step = np.kron(companion, companion)
    noise = np.zeros((n, n))
    noise[0, 0] = 1
    state = np.linalg.solve(np.eye(n * n) - step, noise.ravel()).reshape(n, n)
    C = [(np.linalg.matrix_power(companion, k) @ state)[0, 0] for k in range(n_states)]
    return np.array([[C[abs(i - j)] for j in range(n_states)] for i in range(n_states)])


class TestPoles:
    def test_of_the_lumped_chain(self):
        (pole,) = exponential_poles(lumped_chain.kernels(12)[1:], 1)
        assert pole == pytest.approx(lumped_chain.RATIO, abs=5e-7)

    def test_pairs_of_matrices(self):
        rng = np.random.default_rng(0)
        B, poles = rng.normal(size=(3, 2, 2)), np.array([0.9, 0.5 * np.exp(0.7j), 0.5 * np.exp(-0.7j)])
        n = np.arange(10)
        series = (
            B[0] * (0.9**n)[:, None, None]
            + B[1] * (0.5**n * np.cos(0.7 * n))[:, None, None]
            + B[2] * (0.5**n * np.sin(0.7 * n))[:, None, None]
        )
        found = exponential_poles(series, 3)
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(poles), atol=1e-8)
        np.testing.assert_allclose(np.sort_complex(exponential_poles(series, 5)), np.sort_complex(poles), atol=1e-5)

    def test_nothing_to_find(self):
        assert len(exponential_poles(np.zeros((6, 2, 2)), 2)) == 0
        assert len(exponential_poles(np.ones((1, 2, 2)), 2)) == 0


class TestRegression:
    def test_a_kernel_of_one_exponential_is_found(self):
        kernels = np.r_[0.5, 0.15 * 0.6 ** np.arange(29)]
        covariance = ar_covariance(kernels, 31)
        for n_exponentials in (1, 2):
            found = embedding_regression(covariance, 30, n_exponentials)
            np.testing.assert_allclose(found.kernels[:, 0, 0], kernels, atol=1e-6)
        assert embedding_regression(covariance, 30, 1).poles[0] == pytest.approx(0.6, abs=1e-5)

    def test_an_oscillating_kernel_is_found(self):
        kernels = np.r_[0.4, 0.3 * 0.8 ** np.arange(39) * np.cos(1.1 * np.arange(39))]
        found = embedding_regression(ar_covariance(kernels, 41), 40, 2)
        np.testing.assert_allclose(found.kernels[:, 0, 0], kernels, atol=1e-5)
        np.testing.assert_allclose(np.abs(found.poles), 0.8, atol=1e-4)

    def test_the_embedding_is_the_kernel(self):
        """Stepping the memory variables is summing over the past, however long."""
        rng = np.random.default_rng(1)
        poles = np.array([0.7, 0.5 + 0.3j, 0.5 - 0.3j])
        embedding = Embedding.from_coefficients(poles, 12, 0.1 * rng.normal(size=(2, 8)))
        x = rng.normal(size=(13, 2))  # the latest last
        before, after = embedding.encoder @ x[11::-1].ravel(), embedding.encoder @ x[12:0:-1].ravel()
        np.testing.assert_allclose((embedding.matrix @ before)[2:], after[2:], atol=0.02)  # cut after 12 terms
        expected = sum(K @ state for K, state in zip(embedding.kernels, x[11::-1], strict=True))
        np.testing.assert_allclose((embedding.matrix @ before)[:2], expected, atol=1e-12)

    def test_without_memory(self):
        variance = linalg.solve_discrete_lyapunov(A, np.eye(3))
        C = np.array([np.linalg.matrix_power(A, k) @ variance for k in range(6)])
        covariance = np.block([[C[j - i] if j >= i else C[i - j].T for j in range(6)] for i in range(6)])
        found = embedding_regression(covariance, 5, 2)
        np.testing.assert_allclose(found.kernels[0], A, atol=1e-10)
        np.testing.assert_allclose(found.kernels[1:], 0, atol=1e-10)
        one = embedding_regression(covariance[:6, :6], 1, 2)
        np.testing.assert_allclose(one.matrix, A, atol=1e-12)
        np.testing.assert_allclose(one.kernels, regression(covariance[:6, :6], 1, 0.0), atol=1e-12)

    def test_memory_decays_within_the_window(self):
        """A kernel that does not decay at all is learned with the slowest decay that its window can show."""
        covariance = ar_covariance(np.full(12, 0.07), 9)
        found = embedding_regression(covariance, 8, 1)
        assert found.poles[0].real == pytest.approx(np.exp(-2 / 8), rel=1e-3)
        assert np.abs(np.linalg.eigvals(found.matrix)).max() < 1

    def test_as_many_exponentials_as_kernels_are_the_free_kernels(self):
        kernels = np.array([0.4, 0.2, -0.1])
        covariance = ar_covariance(kernels, 4)
        np.testing.assert_allclose(embedding_regression(covariance, 3, 7).kernels[:, 0, 0], kernels, atol=1e-8)

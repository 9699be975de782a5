"""Memory kernels against plain least squares and closed forms."""

import numpy as np
import pytest
from scipy import linalg

from skmst.master_equation.kernels import (
    companion_matrix,
    memory_function,
    mori,
    mori_kernels,
    propagate,
    quasi_markov,
    regression,
    residual_variances,
)
from tests.linear_systems import affine_least_squares, noisy_runs, stacked_windows
from tests.master_equation import lumped_chain


def covariance_and_windows(n_terms, n_runs=10):
    past, future = stacked_windows(noisy_runs(n_runs, 40), n_terms, 1)
    return np.cov(np.c_[future, past].T, bias=True), past, future


def test_regression_is_joint_least_squares():
    covariance, past, future = covariance_and_windows(3)
    expected, _ = affine_least_squares(past, future)
    kernels = regression(covariance, 3, 0.0)
    np.testing.assert_allclose(np.concatenate(kernels, axis=1), expected, atol=1e-10)


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


class TestLumpedChain:
    """A chain seen through two lumps: everything is known."""

    exact = lumped_chain.kernels(30)

    def test_the_recursion_gives_the_closed_form(self):
        C = lumped_chain.propagators(31) * lumped_chain.LUMPED
        np.testing.assert_allclose(mori_kernels(C), self.exact, atol=1e-10)

    def test_they_are_geometric(self):
        np.testing.assert_allclose(self.exact[2:10] / self.exact[1:9], lumped_chain.RATIO, atol=5e-7)
        np.testing.assert_allclose(self.exact[1].T, [[0.00455, -0.00455], [-0.00021, 0.00021]], atol=5e-6)

    def test_centred_moments_give_the_kernels_on_differences_of_probabilities(self):
        found = mori(lumped_chain.window_covariance(9), 8, 0.0)
        difference = np.array([1.0, -1.0])
        np.testing.assert_allclose(found @ difference, self.exact[:8] @ difference, atol=1e-10)

    def test_time_may_start_later(self):
        """From T(1) on the kernels are others, but the series that they give is the same."""
        C = lumped_chain.propagators(12)
        found = mori_kernels(C * lumped_chain.LUMPED, start=1)
        np.testing.assert_allclose(propagate(found, C[1], 10), C[1:], atol=1e-10)
        assert np.abs(found[1] - self.exact[1]).max() > 1e-4

    @pytest.mark.parametrize(
        ("n_kernels", "rmse", "digit"),
        [(1, 0.01416, 5e-6), (3, 0.00813, 5e-6), (6, 0.00336, 5e-6), (10, 0.00100, 5e-6), (20, 5e-5, 5e-6)],
    )
    def test_error_of_truncated_memory(self, n_kernels, rmse, digit):
        """Root mean square over 200 steps, the start included, as in the printed table."""
        found = propagate(self.exact[:n_kernels], np.eye(2), 200)
        error = np.sqrt(np.mean((found - lumped_chain.propagators(201)) ** 2))
        assert error == pytest.approx(rmse, abs=digit)


class TestMemoryFunction:
    """x of x' = a x + b y, y' = c x + d y forgets as K(t) = b c exp(d t)."""

    L = np.array([[-0.5, 1.3], [-0.7, -2.0]])

    def solve(self, n, reach=2.0):
        dt = reach / n
        C = np.array([linalg.expm(dt * k * self.L)[:1, :1] for k in range(n + 1)]) * 1.7
        exact = self.L[0, 1] * self.L[1, 0] * np.exp(self.L[1, 1] * dt * np.arange(n + 1))
        return memory_function(C, dt)[:, 0, 0], exact

    def test_the_error_is_of_second_order(self):
        errors = [np.abs(np.subtract(*self.solve(n))).max() for n in (50, 100, 200, 400)]
        orders = np.log2(np.divide(errors[:-1], errors[1:]))
        np.testing.assert_allclose(orders, 2, atol=0.02)

    def test_richardson_extrapolation_reaches_eight_digits(self):
        coarse, middle, fine = (self.solve(n)[0][:: n // 50] for n in (50, 100, 200))
        once, twice = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        np.testing.assert_allclose((16 * twice - once) / 15, self.solve(50)[1], atol=1e-8)

    def test_discrete_kernels_are_the_memory_function_to_first_order(self):
        errors = []
        for n in (50, 100, 200):
            dt = 2 / n
            C = np.array([linalg.expm(dt * k * self.L)[:1, :1] for k in range(n + 1)])
            found = mori_kernels(C)[1:, 0, 0] / dt**2
            exact = self.L[0, 1] * self.L[1, 0] * np.exp(self.L[1, 1] * dt * np.arange(1, n))
            errors.append(np.abs(found - exact).max())
        np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 1, atol=0.1)

    def test_matrices_keep_their_order(self):
        """Two of four variables: K(t) = B exp(D t) C for the blocks of the generator."""
        L = np.random.default_rng(0).normal(size=(4, 4)) - 2 * np.eye(4)
        dt = 0.005
        C = np.array([linalg.expm(dt * k * L)[:2, :2] for k in range(101)])
        exact = [L[:2, 2:] @ linalg.expm(dt * k * L[2:, 2:]) @ L[2:, :2] for k in range(101)]
        np.testing.assert_allclose(memory_function(C, dt), exact, atol=2e-4)

    def test_too_few_correlations(self):
        with pytest.raises(ValueError, match="correlations must hold more than 7 times; got 5"):
            memory_function(np.ones((5, 1, 1)), 0.1)


def test_a_penalty_shrinks_the_kernels_and_leaves_zero_variance_out():
    covariance, _, _ = covariance_and_windows(3)
    free, shrunk = mori(covariance, 3, 0.0), mori(covariance, 3, 1.0)
    assert np.linalg.norm(shrunk[0]) < np.linalg.norm(free[0])
    C0, C1 = (covariance[9 - 3 * n : 12 - 3 * n, 9:] for n in (0, 1))
    np.testing.assert_allclose(shrunk[0], C1 @ np.linalg.inv(C0 + np.eye(3)), atol=1e-10)
    late = quasi_markov(covariance, 2, 1.0)
    assert np.linalg.norm(late[0]) < np.linalg.norm(quasi_markov(covariance, 2, 0.0)[0])
    constant = np.kron(np.eye(4), np.diag([1.0, 0.0]))
    assert not mori(constant, 3, 0.0)[..., 1].any()

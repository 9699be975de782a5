"""Solvers against plain least squares and against what they are defined to minimise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, optimize

from skmst.koopman.constrained import causal, self_adjoint, unitary
from skmst.koopman.forward_backward import forward_backward
from skmst.koopman.operators import SOLVERS, edmd, reduced_rank
from skmst.koopman.pairs import PairMoments
from skmst.koopman.total_least_squares import total_least_squares
from tests.linear_systems import EIGENVALUES, A, linear_runs, noisy_runs, stacked_windows

LEAST_SQUARES = ["edmd", "reduced_rank", "vamp"]


def moments(X):
    past, future = stacked_windows(X, 1, 1)
    past, future = past - past.mean(axis=0), future - future.mean(axis=0)
    return PairMoments.of(past, future), past, future


def operator(factors):
    return factors[0] @ factors[1]


class TestLeastSquares:
    pairs, past, future = moments(noisy_runs(5, 40, n_features=4))

    @pytest.mark.parametrize("solver", LEAST_SQUARES)
    @pytest.mark.parametrize("rank", [None, 4, 9])
    def test_full_rank_is_least_squares(self, solver, rank):
        expected = np.linalg.lstsq(self.past, self.future, rcond=None)[0].T
        np.testing.assert_allclose(operator(SOLVERS[solver](self.pairs, 0.0, rank)), expected, atol=1e-12)

    @pytest.mark.parametrize("rank", [1, 2, 3])
    def test_edmd_of_a_rank_is_least_squares_on_principal_components(self, rank):
        left, right = edmd(self.pairs, rank=rank)
        P = np.linalg.svd(self.past, full_matrices=False)[2][:rank]
        inner = np.linalg.lstsq(self.past @ P.T, self.future @ P.T, rcond=None)[0].T
        np.testing.assert_allclose(left @ right, P.T @ inner @ P, atol=1e-12)
        assert right.shape == (rank, 4)

    @pytest.mark.parametrize("rank", [1, 2, 3])
    def test_reduced_rank_has_the_least_error_of_its_rank(self, rank):
        def error(K):
            return np.sum((self.future - self.past @ K.T) ** 2)

        best = error(operator(reduced_rank(self.pairs, rank=rank)))
        fitted = self.past @ np.linalg.lstsq(self.past, self.future, rcond=None)[0]
        discarded = np.linalg.svd(fitted, compute_uv=False)[rank:]
        unexplained = np.sum((self.future - fitted) ** 2)
        np.testing.assert_allclose(best, unexplained + np.sum(discarded**2), rtol=1e-12)
        assert best < error(operator(edmd(self.pairs, rank=rank)))

    @pytest.mark.parametrize("solver", ["edmd", "reduced_rank", "tls", "forward_backward"])
    def test_the_ridge_shrinks_along_principal_axes(self, solver):
        pairs = PairMoments(np.diag([4.0, 1.0]), np.diag([2.0, 0.5]), np.diag([1.0, 0.25]))
        np.testing.assert_allclose(operator(SOLVERS[solver](pairs, 1.0)), np.diag([2 / 5, 0.5 / 2]), atol=1e-12)


class TestPairs:
    def test_moments_of_chunks_add_up(self):
        X = noisy_runs(6, 20)
        whole, parts = PairMoments.of_runs(X), PairMoments.of_runs(X[:2]) + PairMoments.of_runs(X[2:4])
        for solver in SOLVERS.values():
            total = parts + PairMoments.of_runs(list(X[4:]))
            np.testing.assert_allclose(operator(solver(total)), operator(solver(whole)), atol=1e-10)

    def test_no_pair_reaches_from_one_run_into_the_next(self):
        X = noisy_runs(2, 10)
        past, future = stacked_windows(X, 1, 3)
        np.testing.assert_allclose(PairMoments.of_runs(X, 3).cross, future.T @ past / 14, atol=1e-12)

    def test_shapes_that_do_not_match(self):
        with pytest.raises(ValueError, match="hold the same pairs"):
            PairMoments.of(np.ones((3, 2)), np.ones((4, 2)))
        with pytest.raises(ValueError, match="X has 1 axes"):
            PairMoments.of_runs(np.ones(3))


class TestExactlyLinearData:
    @pytest.mark.parametrize("solver", [*LEAST_SQUARES, "tls", "forward_backward"])
    @pytest.mark.parametrize("rank", [None, 3])
    def test_the_matrix_is_found(self, solver, rank):
        pairs = PairMoments.of_runs(linear_runs(6, 30), center=True)
        np.testing.assert_allclose(operator(SOLVERS[solver](pairs, 0.0, rank)), A, atol=1e-12)

    @given(st.integers(0, 1000))
    @settings(max_examples=20, deadline=None)
    def test_eigenvalues_do_not_depend_on_an_orthogonal_basis(self, seed):
        X = noisy_runs(4, 60)
        Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        for name in ["edmd", "reduced_rank", "tls", "forward_backward", "vamp", "self_adjoint", "unitary"]:
            one = operator(SOLVERS[name](PairMoments.of_runs(X), 0.0, 2))
            other = operator(SOLVERS[name](PairMoments.of_runs(X @ Q.T), 0.0, 2))
            np.testing.assert_allclose(other, Q @ one @ Q.T, atol=1e-10)


class TestNoise:
    """Two undamped oscillations seen by 20 sensors with much noise: least squares shrinks, these do not."""

    def eigenvalue_errors(self, solver, noise, seed):
        rng = np.random.default_rng(seed)
        z = np.exp(1j * np.array([0.4, 1.0]))
        V = rng.normal(size=(20, 2)) + 1j * rng.normal(size=(20, 2))
        X = (z ** np.arange(400)[:, None] @ V.T).real
        X += noise * X.std() * rng.normal(size=X.shape)
        left, right = SOLVERS[solver](PairMoments.of_runs(X), 0.0, 4)
        found = np.linalg.eigvals(right @ left)
        return [np.abs(found - exact).min() for exact in z]

    @pytest.mark.parametrize("solver", ["tls", "forward_backward"])
    def test_the_bias_of_least_squares_is_gone(self, solver):
        better = np.mean([self.eigenvalue_errors(solver, 0.5, seed) for seed in range(10)])
        assert better < 0.1 * np.mean([self.eigenvalue_errors("edmd", 0.5, seed) for seed in range(10)])

    def test_total_least_squares_minimises_the_corrections_of_both_sides(self, rng):
        """The classical solution by the singular value decomposition of the pairs (Golub & Van Loan 1980)."""
        X = linear_runs(3, 40) + 0.01 * rng.normal(size=(3, 40, 3))
        pairs, past, future = moments(X)
        V = np.linalg.svd(np.c_[past, future])[2].T
        expected = -np.linalg.solve(V[3:, 3:].T, V[:3, 3:].T)
        np.testing.assert_allclose(operator(total_least_squares(pairs)), expected, atol=1e-10)

    def test_forward_backward_is_the_geometric_mean_of_both_directions(self):
        pairs, past, future = moments(noisy_runs(4, 200))
        K = operator(forward_backward(pairs))
        forward = np.linalg.lstsq(past, future, rcond=None)[0].T
        backward = np.linalg.lstsq(future, past, rcond=None)[0].T
        np.testing.assert_allclose(K @ np.linalg.solve(forward, K) @ backward, np.eye(3), atol=1e-10)

    @pytest.mark.parametrize("K", [A, -A, np.diag([0.9, -0.5, 0.1]), np.diag([0.9, 0.5, 0.0])])
    def test_forward_backward_finds_any_exact_dynamics(self, K, rng):
        X = rng.normal(size=(50, 3))
        np.testing.assert_allclose(operator(forward_backward(PairMoments.of(X, X @ K.T))), K, atol=1e-10)

    def test_a_quarter_turn_in_each_step_is_found_in_noise(self, rng):
        """Its square has two equal negative eigenvalues, which noise moves apart: they have no real root then."""
        turn = linalg.block_diag([[0.0, 1.0], [-1.0, 0.0]], -0.9)
        for _ in range(10):
            past = rng.normal(size=(2000, 3))
            future = past @ turn.T + 0.1 * rng.normal(size=(2000, 3))
            K = operator(forward_backward(PairMoments.of(past + 0.1 * rng.normal(size=(2000, 3)), future)))
            np.testing.assert_allclose(K, turn, atol=0.02)


class TestConstraints:
    """Each against the same least-squares problem solved by a general method over its own parameters."""

    pairs, past, future = moments(noisy_runs(5, 40, n_features=3))

    def least(self, make, n_parameters, n_starts=1):
        rng = np.random.default_rng(0)
        fits = [
            optimize.least_squares(
                lambda p: (self.past @ make(p).T - self.future).ravel(),
                rng.normal(size=n_parameters),
                xtol=1e-14,
                ftol=1e-14,
                gtol=1e-14,
            )
            for _ in range(n_starts)
        ]
        return make(min(fits, key=lambda fit: fit.cost).x)

    def test_self_adjoint(self):
        def make(p):
            K = np.zeros((3, 3))
            K[np.triu_indices(3)] = p
            return K + np.triu(K, 1).T

        np.testing.assert_allclose(operator(self_adjoint(self.pairs)), self.least(make, 6), atol=1e-7)

    def test_causal(self):
        def make(p):
            K = np.zeros((3, 3))
            K[np.tril_indices(3)] = p
            return K

        np.testing.assert_allclose(operator(causal(self.pairs)), self.least(make, 6), atol=1e-7)

    def test_unitary(self):
        mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(self.pairs.cross))])

        def make(p):
            return linalg.expm(np.array([[0, p[0], p[1]], [-p[0], 0, p[2]], [-p[1], -p[2], 0]])) @ mirror

        np.testing.assert_allclose(operator(unitary(self.pairs)), self.least(make, 3, n_starts=5), atol=1e-6)

    @pytest.mark.parametrize(
        ("solver", "truth"),
        [
            ("self_adjoint", np.array([[0.8, 0.1, 0.0], [0.1, 0.5, -0.2], [0.0, -0.2, 0.3]])),
            ("unitary", linalg.expm(np.array([[0, 0.3, 0.1], [-0.3, 0, 0.7], [-0.1, -0.7, 0]]))),
            ("causal", np.array([[0.8, 0.0, 0.0], [0.3, 0.5, 0.0], [-0.4, 0.2, 0.6]])),
        ],
    )
    def test_dynamics_of_the_kind_are_found(self, solver, truth, rng):
        X = rng.normal(size=(50, 3))
        pairs = PairMoments.of(X, X @ truth.T)
        np.testing.assert_allclose(operator(SOLVERS[solver](pairs)), truth, atol=1e-12)

    def test_structure_is_kept_at_any_rank(self):
        for rank in [1, 2, 3]:
            K = operator(self_adjoint(self.pairs, rank=rank))
            np.testing.assert_allclose(K, K.T, atol=1e-12)
            assert np.linalg.matrix_rank(K) == rank
            singular = np.linalg.svd(operator(unitary(self.pairs, rank=rank)), compute_uv=False)
            np.testing.assert_allclose(singular, [1.0] * rank + [0.0] * (3 - rank), atol=1e-12)


def test_data_that_do_not_vary_give_no_dynamics():
    nothing = PairMoments.of(np.zeros((5, 3)), np.zeros((5, 3)))
    for solver in SOLVERS.values():
        np.testing.assert_array_equal(operator(solver(nothing)), np.zeros((3, 3)))


def test_eigenvalues_of_the_reference_system():
    found = np.linalg.eigvals(operator(total_least_squares(PairMoments.of_runs(linear_runs(6, 30), center=True))))
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(EIGENVALUES), atol=1e-12)

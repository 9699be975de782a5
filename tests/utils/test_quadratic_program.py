"""Quadratic programs against other solvers and closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import nnls

from skmst.utils import quadratic_program
from skmst.utils.quadratic_program import BlockHessian, DenseHessian, minimise

NO_CONSTRAINTS = sparse.csr_array((0, 8)), np.zeros(0)


def test_without_constraints_it_is_non_negative_least_squares(rng):
    for _ in range(20):
        M, y = rng.standard_normal((12, 8)) / 4, rng.standard_normal(12)
        found = minimise(DenseHessian(M.T @ M), M.T @ y, *NO_CONSTRAINTS, np.ones(8))
        assert_allclose(found, nnls(M, y)[0], atol=1e-12)


def test_projection_on_the_simplex(rng):
    for _ in range(20):
        y = rng.standard_normal(8)
        ordered = np.sort(y)[::-1]
        shifts = (np.cumsum(ordered) - 1) / np.arange(1, 9)
        expected = np.maximum(y - shifts[np.flatnonzero(ordered > shifts)[-1]], 0)
        A = sparse.csr_array(np.ones((1, 8)))
        assert_allclose(minimise(DenseHessian(np.eye(8)), y, A, np.ones(1), np.full(8, 0.125)), expected, atol=1e-13)


def test_solutions_at_a_corner_without_pull_are_exact():
    # The unconstrained minimum is a corner, so neither the zeros nor their multipliers are positive.
    y = np.array([1.0, 0, 0, 0])
    A = sparse.csr_array(np.ones((1, 4)))
    P = np.diag([1.0, 0.5, 0.3, 0.1])
    found = minimise(DenseHessian(P), P @ y, A, np.ones(1), np.full(4, 0.25))
    assert (found == y).all()


def test_equal_blocks_give_what_the_whole_matrix_gives(rng):
    block = np.cov(rng.standard_normal((3, 10))) / 4
    weights = np.array([1.0, 0.2, 0.5, 0.7])
    whole = np.pad(np.kron(np.diag(weights), block), (0, 2))
    q = np.append(rng.standard_normal(12), [0, 0])
    A = sparse.csr_array(np.vstack([np.kron(np.ones(4), np.eye(3)), np.zeros((1, 12))]))
    A = sparse.csr_array(sparse.hstack([A, [[-1, 0], [-1, 0], [-1, 0], [1, 1]]]))
    b, start = np.array([0, 0, 0, 1.0]), np.append(np.full(12, 0.125), [0.5, 0.5])
    blocks = BlockHessian(block, weights, 2)
    assert_allclose(blocks @ q, whole @ q, rtol=1e-14)
    diagonal = rng.uniform(1, 2, 14)
    assert_allclose((whole + np.diag(diagonal)) @ blocks.factor(diagonal)(np.eye(14)), np.eye(14), atol=1e-12)
    assert_allclose(blocks.factor(diagonal)(q), np.linalg.solve(whole + np.diag(diagonal), q), rtol=1e-12)
    assert_allclose(minimise(blocks, q, A, b, start), minimise(DenseHessian(whole), q, A, b, start), atol=1e-11)


def test_a_minimum_that_is_not_certified_is_refused(monkeypatch, rng):
    monkeypatch.setattr(quadratic_program, "_MAX_ITERATIONS", 2)
    with pytest.raises(RuntimeError, match="did not converge"):
        minimise(DenseHessian(np.eye(8)), rng.standard_normal(8), *NO_CONSTRAINTS, np.ones(8))

"""The chain that a model with memory ends in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from skmst.master_equation.kernels import companion_matrix, mori_kernels
from skmst.master_equation.stability import spectral_radius, with_modes_on_circle
from skmst.master_equation.time_local import (
    long_run_law,
    nearest_probabilities,
    nearest_transition_matrix,
    slow_step,
)
from tests.master_equation import lumped_chain
from tests.master_equation.chains import THREE, THREE_LAW, random_chain


def test_the_lumped_chain_ends_in_one_of_the_known_timescale():
    kernels = mori_kernels(lumped_chain.propagators(60))
    T = slow_step(companion_matrix(kernels), 2)
    assert_allclose(T.sum(axis=0), 1, atol=1e-6)
    assert -1 / np.log(np.sort(np.linalg.eigvals(T).real)[0]) == pytest.approx(lumped_chain.TIMESCALE, rel=1e-5)
    assert_allclose(T @ lumped_chain.LUMPED, lumped_chain.LUMPED, atol=1e-7)


def test_the_slow_step_solves_the_equation_of_the_kernels():
    rng = np.random.default_rng(0)
    kernels = np.array([0.8, 0.1, 0.1])[:, None, None] * np.stack([random_chain(rng, 3) + 5 * np.eye(3)] * 3) / 6
    T = slow_step(companion_matrix(kernels), 3)
    assert_allclose(T @ T @ T, kernels[0] @ T @ T + kernels[1] @ T + kernels[2], atol=1e-12)


def test_half_of_a_pair_of_conjugates_is_left_out():
    turn = 0.8 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1:3, 1:3], matrix[3, 3] = 1.0, turn, 0.5
    mixed = np.random.default_rng(0).standard_normal((4, 4))
    found = slow_step(mixed @ matrix @ np.linalg.inv(mixed), 2)
    assert_allclose(np.sort(np.linalg.eigvals(found)), [0.5, 1.0], atol=1e-10)


def test_modes_that_the_leading_variables_do_not_tell_apart_have_no_step():
    assert slow_step(np.diag([0.9, 0.8, 0.1]), 2) is not None
    # Both slow modes move the first variable only.
    assert slow_step([[0.9, 0.0, 1.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.8]], 2) is None


@given(seed=st.integers(0, 10**6), n=st.integers(1, 8), scale=st.floats(1e-3, 1e3))
def test_nearest_probabilities_are_probabilities_and_none_is_nearer(seed, n, scale):
    rng = np.random.default_rng(seed)
    rows = scale * rng.standard_normal((5, n))
    found = nearest_probabilities(rows)
    assert found.min() >= 0
    assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    # The condition of a projection on a convex set, at its corners.
    gap = (rows - found) @ np.eye(n) - np.sum((rows - found) * found, axis=1, keepdims=True)
    assert gap.max() <= 1e-9 * max(scale, 1)
    p = rng.dirichlet(np.ones(n), 5)
    assert_allclose(nearest_probabilities(p), p, atol=1e-12)


def test_the_nearest_transition_matrix_is_that_of_a_general_solver():
    matrix = np.array([[1.1, 0.2, -0.3], [-0.2, 0.9, 0.5], [0.1, -0.1, 0.8]])
    found = nearest_transition_matrix(matrix)
    sums = {"type": "eq", "fun": lambda t: t.reshape(3, 3).sum(axis=0) - 1}
    best = minimize(
        lambda t: np.sum((t - matrix.ravel()) ** 2),
        np.full(9, 1 / 3),
        bounds=[(0, 1)] * 9,
        constraints=sums,
        options={"ftol": 1e-14},
    )
    assert_allclose(found.ravel(), best.x, atol=1e-6)


def test_the_law_of_an_irreducible_chain_does_not_depend_on_the_start():
    for start in np.eye(3):
        assert_allclose(long_run_law(THREE, start), THREE_LAW, atol=1e-12)


def test_a_chain_that_passes_from_state_to_state_ends_where_powers_end():
    T = np.array([[0.5, 0, 0, 0.2], [0.3, 0.6, 0.4, 0], [0.2, 0.4, 0.6, 0.2], [0, 0, 0, 0.6]])
    for start in np.eye(4):
        assert_allclose(long_run_law(T, start), np.linalg.matrix_power(T, 400) @ start, atol=1e-12)


def test_only_modes_that_grow_are_moved():
    rng = np.random.default_rng(0)
    modes = rng.standard_normal((3, 3))
    matrix = modes @ np.diag([1.2, 0.9, -0.4]) @ np.linalg.inv(modes)
    moved = with_modes_on_circle(matrix, 1.0, n_windows=50)
    expected = modes @ np.diag([np.exp(-1 / 50), 0.9, -0.4]) @ np.linalg.inv(modes)
    assert_allclose(moved, expected, atol=1e-12)
    turning = 1.1 * np.array([[0.0, -1.0], [1.0, 0.0]])
    assert spectral_radius(with_modes_on_circle(turning, 1.0, 50)) == pytest.approx(1, abs=1e-14)
    assert with_modes_on_circle(np.array([[1.1, 1.0], [0.0, 1.1]]), 1.0, 50) is None

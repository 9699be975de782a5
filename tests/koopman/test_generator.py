"""Generators of operators that have one, and of those that have none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from skmst.koopman.generator import operator_logarithm
from skmst.master_equation import generator_of


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_generator_comes_back(seed, n):
    rng = np.random.default_rng(seed)
    L = rng.normal(size=(n, n))
    interval = 2 / np.linalg.norm(L, 2)  # no frequency reaches pi / interval
    found = operator_logarithm(expm(interval * L), interval)
    np.testing.assert_allclose(found.matrix, L, atol=1e-6)
    assert found.exists
    assert found.distance < 1e-10


def test_of_a_transition_matrix_it_is_that_of_the_master_equation():
    T = np.array([[0.9, 0.06, 0.01], [0.08, 0.9, 0.1], [0.02, 0.04, 0.89]])
    peer, found = generator_of(T, 0.5), operator_logarithm(T, 0.5)
    assert peer.embeddable
    np.testing.assert_allclose(found.matrix, peer.matrix, atol=1e-10)
    assert found.unique


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("whole_circles", [0, 1, -2])
def test_of_all_frequencies_that_alias_it_takes_the_slowest(whole_circles):
    found = operator_logarithm(0.9 * rotation(0.3 + 2 * np.pi * whole_circles), 0.1)
    np.testing.assert_allclose(np.linalg.eigvals(found.matrix).imag, [3, -3], atol=1e-10)
    assert found.exists
    assert not found.unique


def test_decay_alone_is_unique():
    found = operator_logarithm(np.array([[0.5, 0.2], [0.0, 0.25]]))
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(found.matrix)), np.log([0.25, 0.5]))
    assert found.exists
    assert found.unique


def test_an_eigenvalue_on_the_negative_axis_has_no_real_logarithm():
    with pytest.warns(UserWarning, match=r"eigenvalue of -0.5 lies on the negative real axis.*shorter lag"):
        found = operator_logarithm(np.diag([0.8, -0.5]))
    assert not found.exists
    assert found.distance == pytest.approx(1.0)  # exp gives +.5
    np.testing.assert_allclose(found.matrix, np.diag(np.log([0.8, 0.5])), atol=1e-12)


def test_what_is_forgotten_within_a_lag_has_no_rate():
    rng = np.random.default_rng(0)
    S = rng.normal(size=(4, 4))
    K = S @ np.diag([0.9, 0.5, 0.0, 0.0]) @ np.linalg.inv(S)
    found = operator_logarithm(K, 0.1)
    np.testing.assert_allclose(
        found.matrix, S @ np.diag([*np.log([0.9, 0.5]) / 0.1, 0, 0]) @ np.linalg.inv(S), atol=1e-9
    )
    assert found.unique
    assert found.distance < 1e-12


def test_an_operator_that_forgets_everything_has_the_generator_zero():
    np.testing.assert_array_equal(operator_logarithm(np.zeros((2, 2))).matrix, 0)


@pytest.mark.parametrize(
    ("matrix", "interval", "message"),
    [
        (np.ones((2, 3)), 1, "square"),
        (np.array([[np.nan]]), 1, "finite"),
        (np.eye(2), 0, "interval"),
        (np.array([[0.0, 1.0], [0.0, 0.0]]), 1, "defective"),
    ],
)
def test_what_cannot_be_is_said(matrix, interval, message):
    with pytest.raises(ValueError, match=message):
        operator_logarithm(matrix, interval)

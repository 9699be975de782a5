"""The parts of the stability guard."""

import numpy as np
import pytest

from skmst.master_equation.stability import (
    amplification,
    largest_drift,
    spectral_radius,
    stable_markov_term,
    stable_memory_fraction,
)


def test_half_of_the_largest_stable_memory_is_kept():
    assert stable_memory_fraction(lambda part: part < 0.4) == pytest.approx(0.2, abs=1e-3)


def test_where_no_memory_is_stable_none_is_kept():
    assert stable_memory_fraction(lambda part: part == 0) == 0


def test_a_fraction_that_is_unstable_itself_is_not_taken():
    """Sound up to .1 and from .3 to .51: bisection ends at .51, and half of that is not sound."""
    assert stable_memory_fraction(lambda part: part < 0.1 or 0.3 < part < 0.51) == 0


def test_amplification_is_the_variance_of_forecasts_over_that_of_the_data():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    A = np.diag([0.9, 0.5])
    assert amplification(A, covariance, covariance) <= 1
    assert amplification(2 * np.eye(2), covariance, covariance) == np.inf
    assert amplification(np.diag([-1.0, 0.3]), np.diag([3.0, 1.0]), np.diag([1.5, 1.0])) == pytest.approx(2)
    # Stable, but two modes that nearly cancel at first: x grows before it decays.
    nearly_defective = np.array([[0.99, 1.0], [0.0, 0.98]])
    assert amplification(nearly_defective, np.eye(2), np.eye(2)) > 100
    # What is not state does not count, and what does not vary neither.
    assert amplification(np.diag([0.5, 1.0]), np.diag([1.0, 9.0]), np.eye(1)) == pytest.approx(0.25)
    assert amplification(np.eye(2), np.zeros((2, 2)), np.zeros((2, 2))) == 0


def test_a_markov_term_that_grows_gets_the_longest_known_timescale():
    growing = np.array([[1.2, 3.0], [0.0, 0.3]])
    assert spectral_radius(stable_markov_term(growing, 50)) == pytest.approx(np.exp(-1 / 50))
    decaying = np.diag([0.9, 0.1])
    assert stable_markov_term(decaying, 50) is decaying


def test_a_drift_leads_to_the_fixed_point_or_away():
    assert largest_drift(np.array([[0.9]]), np.array([0.2]), np.array([4.0])) == pytest.approx(1)  # 2 of 2
    assert largest_drift(np.eye(1), np.array([0.2]), np.ones(1)) > 1e5
    assert largest_drift(np.array([[1.5]]), np.array([0.2]), np.ones(1)) == np.inf
    # A memory variable drives the state and is driven itself.
    assert largest_drift(np.array([[0.0, 1.0], [0.0, 0.5]]), np.array([0.0, 1.0]), np.ones(1)) == pytest.approx(2)
    assert largest_drift(np.eye(1), np.ones(1), np.zeros(1)) == 0

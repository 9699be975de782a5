"""Generators: exact where there is one, the nearest where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.linalg import expm

from skmst.master_equation.generators import fit_generator, generator_of, nearest_generator
from skmst.master_equation.rates import check_generator, stationary_distribution
from tests.master_equation.chains import THREE, random_chain, two_states


def random_generator(rng, n, speed=1.0):
    Q = rng.exponential(speed, (n, n))
    np.fill_diagonal(Q, 0)
    return Q - np.diag(Q.sum(axis=0))


@given(a=st.floats(1e-6, 0.49), b=st.floats(1e-6, 0.49))
def test_two_states_have_their_rates_in_closed_form(a, b):
    found = generator_of(two_states(a, b), interval=0.5)
    speed = -np.log(1 - a - b) / (a + b) / 0.5
    assert found.embeddable
    assert_allclose(found.matrix, speed * (two_states(a, b) - np.eye(2)), rtol=1e-7)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_generator_of_an_exponential_is_recovered(n, rng):
    Q = random_generator(rng, n)
    found = generator_of(expm(0.1 * Q), 0.1)
    assert found.embeddable
    assert_allclose(found.matrix, Q, atol=1e-12 * n)
    assert found.distance < 1e-13


def test_losses_are_recovered_too(rng):
    Q = random_generator(rng, 4) - np.diag(rng.uniform(0, 1, 4))
    found = generator_of(expm(0.2 * Q), 0.2, substochastic=True)
    assert found.embeddable
    assert_allclose(found.matrix, Q, atol=1e-12)


def test_two_states_that_swap_have_no_generator_and_get_the_nearest():
    # The eigenvalue 1 - a - b is negative, that of an exponential is positive: the nearest limit is immediate mixing.
    T = two_states(0.8, 0.7)
    found = generator_of(T)
    assert not found.embeddable
    assert_allclose(expm(found.matrix), np.outer([7, 8], [1, 1]) / 15, atol=0.02)
    assert found.distance == pytest.approx(np.linalg.norm(expm(found.matrix) - T), rel=1e-12)
    check_generator(found.matrix)


def test_the_embedding_problem_of_the_chain_of_three_states():
    # It has a zero where two steps lead, so no generator: for short times exp(t Q) is positive there as soon as t > 0.
    found = generator_of(THREE)
    assert not found.embeddable
    check_generator(found.matrix)
    projected = nearest_generator(np.real(np.asarray(logarithm(THREE))))
    assert found.distance < np.linalg.norm(expm(projected) - THREE) < 0.02


def logarithm(T):
    values, vectors = np.linalg.eig(T)
    return vectors @ np.diag(np.log(values)) @ np.linalg.inv(vectors)


@pytest.mark.parametrize("detailed_balance", [False, True])
def test_no_rates_nearby_are_nearer(detailed_balance, rng):
    for _ in range(5):
        symmetric = rng.random((4, 4)) + 0.02
        T = symmetric + symmetric.T
        T = T / T.sum(axis=0) if detailed_balance else random_chain(rng, 4)
        law = stationary_distribution(T)
        found = generator_of(T, detailed_balance=detailed_balance)
        assert not found.embeddable
        flux = found.matrix * law
        if detailed_balance:
            assert_allclose(flux, flux.T, atol=1e-12)
        for _ in range(50):
            change = 1e-3 * rng.standard_normal((4, 4))
            other = np.maximum(flux + (change + change.T if detailed_balance else change), 0) / law
            np.fill_diagonal(other, 0)
            other -= np.diag(other.sum(axis=0))
            assert np.linalg.norm(expm(other) - T) >= found.distance - 1e-9


def test_a_generator_in_detailed_balance_is_found_as_such():
    law = np.array([0.5, 0.3, 0.2])
    flux = np.array([[0.0, 0.1, 0.02], [0.1, 0.0, 0.05], [0.02, 0.05, 0.0]])
    Q = flux / law
    Q -= np.diag(Q.sum(axis=0))
    found = generator_of(expm(Q), detailed_balance=True)
    assert found.embeddable
    assert_allclose(found.matrix, Q, atol=1e-13)


def test_an_absorbing_state_stays_absorbing():
    T = np.array([[0.2, 0.7, 0.0], [0.7, 0.1, 0.0], [0.1, 0.2, 1.0]])
    found = generator_of(T)
    assert not found.embeddable
    assert (found.matrix[:, 2] == 0).all()
    lossy = generator_of(T[:2, :2], substochastic=True)
    assert_allclose(lossy.matrix, found.matrix[:2, :2], atol=1e-6)


@given(st.integers(2, 6), st.integers(0, 10**6))
def test_the_projection_on_generators_is_the_nearest_point_of_a_convex_set(n, seed):
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((n, n))
    Q = check_generator(nearest_generator(M))
    # The difference makes an obtuse angle with every direction into the set.
    for other in (random_generator(rng, n), random_generator(rng, n, 0.1), np.zeros((n, n))):
        assert np.sum((M - Q) * (other - Q)) <= 1e-12
    assert_allclose(nearest_generator(Q), Q, atol=1e-14)


@pytest.mark.parametrize("conserving", [True, False])
def test_rates_are_fitted_exactly_to_exact_derivatives(conserving, rng):
    Q = random_generator(rng, 5, 100.0)
    Q[3, 1] = 0.0
    np.fill_diagonal(Q, 0)
    Q -= np.diag(Q.sum(axis=0) + (0 if conserving else rng.uniform(0, 1, 5)))
    p = rng.dirichlet(np.ones(5), 100)
    gram = p.T @ p / 100
    assert_allclose(fit_generator(gram, Q @ gram, conserving=conserving), Q, atol=1e-9)


def test_fitted_rates_are_the_least_squares_under_the_constraints(rng):
    p, speed = rng.dirichlet(np.ones(4), 100), rng.standard_normal((100, 4))
    gram, cross = p.T @ p / 100, speed.T @ p / 100
    for conserving in (True, False):
        Q = fit_generator(gram, cross, conserving=conserving)
        assert (Q[~np.eye(4, dtype=bool)] >= 0).all()
        losses = -Q.sum(axis=0)
        assert_allclose(losses, 0, atol=1e-12) if conserving else None
        assert losses.min() >= -1e-12
        slope = Q @ gram - cross
        pull = slope - np.diag(slope)  # of a rate from column to row
        assert pull[~np.eye(4, dtype=bool)].min() > -1e-9
        assert np.abs(pull * (Q - np.diag(np.diag(Q)))).max() < 1e-9
        if not conserving:
            assert (-np.diag(slope)).min() > -1e-9
            assert np.abs(np.diag(slope) * losses).max() < 1e-9


def test_one_state_has_no_rates():
    assert fit_generator([[1.0]], [[0.3]]) == [[0.0]]
    assert fit_generator([[1.0]], [[-0.3]], conserving=False) == pytest.approx(-0.3)
    assert generator_of([[1.0]]).matrix == [[0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generator_of([[0.5, 0.5]]), "transition_matrix must be a square matrix"),
        (lambda: generator_of(np.eye(2), interval=0.0), "interval must be positive, got 0.0"),
        (
            lambda: generator_of(0.5 * np.eye(2), substochastic=True, detailed_balance=True),
            "substochastic and detailed_balance exclude each other",
        ),
        (
            lambda: generator_of([[0.5, 0.0], [0.5, 1.0]], detailed_balance=True),
            "the chain leaves state 0 for good: there is no detailed balance",
        ),
        (lambda: nearest_generator([[1.0, np.nan], [0, 0]]), "matrix must be square and finite"),
        (lambda: fit_generator(np.eye(2), np.eye(3)), r"must both have shape \(d, d\), got \(2, 2\) and \(3, 3\)"),
        (lambda: fit_generator(np.diag([1.0, 0.0]), np.eye(2)), "state 1 is never occupied"),
        (lambda: fit_generator(np.eye(2), np.full((2, 2), np.nan)), "gram and cross must be finite"),
    ],
)
def test_wrong_requests_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

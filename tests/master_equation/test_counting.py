"""Counting transitions, and the maximum-likelihood chains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmst.master_equation.counting import connected_sets, markov_chain, transition_counts, transition_matrix
from tests.master_equation.chains import THREE, birth_death, two_states, walk


def log_likelihood(counts, T):
    seen = counts > 0
    return np.sum(counts[seen] * np.log(T[seen]))


@given(
    runs=st.lists(st.lists(st.integers(-1, 3), min_size=4, max_size=12), min_size=1, max_size=4),
    lag=st.integers(1, 3),
    sliding=st.booleans(),
)
def test_counts_are_those_of_a_plain_loop(runs, lag, sliding):
    expected = np.zeros((4, 4), int)
    for run in runs:
        for t in range(0, len(run) - lag, 1 if sliding else lag):
            if run[t] >= 0 and run[t + lag] >= 0:
                expected[run[t + lag], run[t]] += 1
    if expected.any():
        arrays = [np.array(run) for run in runs]
        assert_array_equal(transition_counts(arrays, lag, n_states=4, sliding=sliding), expected)
    else:
        with pytest.raises(ValueError, match=r"no step in any state|no trajectory has a transition|^$"):
            transition_counts(runs, lag, sliding=sliding)


def test_one_trajectory_an_array_of_them_and_a_list_of_them_are_counted_alike():
    run = [0, 1, 1, 0, 2, 2, 1]
    expected = transition_counts(run)
    assert_array_equal(transition_counts(np.array(run)), expected)
    assert_array_equal(transition_counts(np.array([run, run])), 2 * expected)
    assert_array_equal(transition_counts([np.array(run), np.array(run[:1] + run)]), 2 * expected + np.diag([1, 0, 0]))
    assert_array_equal(transition_counts(np.array(run, float)), expected)


def test_transitions_do_not_lead_from_one_trajectory_to_the_next():
    assert_array_equal(transition_counts([[0, 0], [1, 1]]), np.eye(2))


def test_counting_leaves_the_trajectories_alone():
    run = np.array([0, 1, 0, -1, 1])
    given = run.copy()
    transition_counts([run], 1)
    assert_array_equal(run, given)


@pytest.mark.parametrize(
    ("trajectories", "keywords", "message"),
    [
        ([[0, 1], [0, 1, 0]], {"lag": 2}, "trajectory 0 has 2 steps, too few for a transition over lag=2"),
        ([[0, 1], [0, -2, 1]], {}, "trajectory 1 has state -2 at step 1: states must be -1 or more"),
        ([[0, 1], [0, 4, 1]], {"n_states": 3}, "trajectory 1 has state 4 at step 1: states must be between -1 and"),
        ([[0, 0.5]], {}, "trajectory 0 holds float64 values"),
        ([[0, 1], [0, np.inf]], {}, "trajectory 1 holds float64 values"),
        ([[0, 1], np.zeros(0, int)], {}, "trajectory 1 has 0 steps, too few for a transition"),
        ([np.zeros((2, 2), int)], {}, "trajectory 0 has 2 axes"),
        ([], {}, "trajectories is empty"),
        ([[-1, -1]], {}, "no step in any state"),
        ([[0, -1, 1]], {}, "no trajectory has a transition between states"),
        ([[0, 1]], {"lag": 0}, "lag"),
        ([[0, 1]], {"n_states": 0}, "n_states"),
    ],
)
def test_wrong_trajectories_are_named(trajectories, keywords, message):
    with pytest.raises(ValueError, match=message):
        transition_counts(trajectories, **keywords)


def test_connected_sets_can_be_reached_both_ways():
    # 0 <-> 1 -> 2 <-> 3 <-> 4 -> 5
    counts = np.zeros((6, 6), int)
    for start, end in [(0, 1), (1, 0), (1, 2), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5)]:
        counts[end, start] = 1
    assert [s.tolist() for s in connected_sets(counts)] == [[2, 3, 4], [0, 1], [5]]
    counts[:2, :2] = 9
    assert [s.tolist() for s in connected_sets(counts[:4, :4])] == [[0, 1], [2, 3]]


def test_the_estimate_of_many_transitions_is_the_chain():
    rng = np.random.default_rng(0)
    counts = np.stack(
        [rng.multinomial(n, column) for n, column in zip([10**4, 10**5, 10**6], THREE.T, strict=True)], axis=1
    )
    error = np.sqrt(THREE * (1 - THREE) / counts.sum(axis=0))
    assert_array_equal(np.abs(transition_matrix(counts) - THREE) <= 4 * error, True)


def test_the_reversible_estimate_of_symmetric_counts_is_their_fraction():
    counts = np.array([[5.0, 2, 1], [2, 0, 3], [1, 3, 7]])
    assert_allclose(transition_matrix(counts, reversible=True), counts / counts.sum(axis=0), rtol=1e-12)


def test_a_chain_of_two_states_is_reversible_whatever_the_counts():
    counts = np.array([[90.0, 7], [11, 1000]])
    assert_allclose(transition_matrix(counts, reversible=True), transition_matrix(counts), rtol=1e-12)


@pytest.mark.parametrize("n", [3, 10, 60])
def test_the_reversible_estimate_obeys_the_fixed_point_equations_and_detailed_balance(n, rng):
    counts = rng.poisson(3.0, (n, n)).astype(float)
    T = transition_matrix(counts, reversible=True)
    law = np.linalg.matrix_power(T, 2**14)[:, 0]
    flux = T * law
    assert_allclose(flux, flux.T, atol=1e-14)
    out = counts.sum(axis=0)
    # Trendelkamp-Schroer et al. (2015), eq. (25), with x the fluxes and c_i / x_i the counts over the law.
    v = out / law
    assert_allclose(flux, (counts + counts.T) / (v[:, None] + v), rtol=1e-9)


def test_no_reversible_chain_nearby_is_more_likely(rng):
    counts = rng.poisson(20.0, (5, 5)).astype(float)
    T = transition_matrix(counts, reversible=True)
    law = np.linalg.matrix_power(T, 2**12)[:, 0]
    best = log_likelihood(counts, T)
    assert log_likelihood(counts, transition_matrix(counts)) > best
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(50):
            change = rng.standard_normal((5, 5))
            flux = T * law * np.exp(size * (change + change.T))
            assert log_likelihood(counts, flux / flux.sum(axis=0)) < best


def test_the_reversible_estimate_of_a_metastable_chain_is_right_to_the_last_digits():
    # A tree of transitions is balanced by itself as soon as forward and backward counts agree with each other.
    up, down = np.array([1e-7, 0.3, 1e-6]), np.array([1e-3, 0.2, 0.4])
    T = birth_death(up, down)
    law = np.cumprod(np.r_[1.0, up / down])
    assert_allclose(transition_matrix(1e9 * T * law, reversible=True), T, rtol=1e-9)


def test_more_data_bring_the_reversible_estimate_to_the_chain(rng):
    T = birth_death([0.1, 0.05, 0.2], [0.1, 0.1, 0.05])
    errors = [
        np.abs(markov_chain(walk(T, n, rng), reversible=True).transition_matrix - T).max() for n in (1000, 100_000)
    ]
    assert errors[1] < 0.01
    assert errors[1] < errors[0] / 3


def test_a_chain_is_restricted_to_its_largest_connected_set():
    run = [7, 0, 2, 0, 0, 2, 5, 5, 5]  # 7 is never reached, 5 never left, 1, 3, 4 and 6 are never visited
    for reversible in (False, True):
        chain = markov_chain(run, reversible=reversible)
        assert chain.states.tolist() == [0, 2]
        assert chain.counts.tolist() == [[1, 1], [2, 0]]
        assert_allclose(chain.transition_matrix, [[1 / 3, 1], [2 / 3, 0]], rtol=1e-12)
        assert_allclose(chain.stationary_distribution, [0.6, 0.4], rtol=1e-12)


def test_the_lag_of_a_chain_counts_steps(rng):
    T = two_states(0.3, 0.1)
    chain = markov_chain(walk(T, 200_000, rng), lag=3)
    assert chain.lag == 3
    assert_allclose(chain.transition_matrix, np.linalg.matrix_power(T, 3), atol=0.01)


@pytest.mark.parametrize(
    ("counts", "reversible", "message"),
    [
        ([[1, 0, 1], [1, 0, 1], [1, 0, 1]], False, "no transition leaves state 1: never visited, or only at the end"),
        (
            [[1, 1, 0], [1, 1, 0], [0, 0, 3]],
            True,
            r"the chain is reducible: states \[2\] are not connected .* set 0, 1",
        ),
        ([[1, -1], [1, 1]], False, "counts must be finite and not negative"),
        ([[1, np.nan], [1, 1]], False, "counts must be finite and not negative"),
        ([[1, 1]], False, r"counts must be a square matrix, got shape \(1, 2\)"),
    ],
)
def test_counts_without_an_estimate_are_named(counts, reversible, message):
    with pytest.raises(ValueError, match=message):
        transition_matrix(counts, reversible=reversible)


def test_a_run_that_never_returns_has_no_chain():
    with pytest.raises(ValueError, match=r"no state is reached again from another at lag=1"):
        markov_chain([0, 1, 2, 3])

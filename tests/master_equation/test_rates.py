"""Stationary laws, timescales and passage times against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.master_equation.rates import (
    check_generator,
    check_transition_matrix,
    implied_timescales,
    mean_first_passage_times,
    stationary_distribution,
)
from tests.master_equation.chains import THREE, THREE_LAW, birth_death, birth_death_law, random_chain, two_states

RATES = st.floats(1e-6, 1.0)


@given(a=RATES, b=RATES)
def test_two_states(a, b):
    T = two_states(a, b)
    assert_allclose(stationary_distribution(T), [b / (a + b), a / (a + b)], rtol=1e-12)
    assert_allclose(mean_first_passage_times(T, interval=0.5), [[0, 0.5 / b], [0.5 / a, 0]], rtol=1e-9)
    if 1e-3 < abs(1 - a - b) < 1 - 1e-6:
        assert_allclose(implied_timescales(T, 0.5), [-0.5 / np.log(abs(1 - a - b))], rtol=1e-7)


def test_the_law_of_the_chain_of_three_states_and_its_timescale():
    assert_allclose(stationary_distribution(THREE), THREE_LAW, rtol=1e-14)
    assert_allclose(implied_timescales(THREE)[0], 12.1431, atol=5e-5)


@given(st.lists(st.tuples(st.floats(1e-9, 0.5), st.floats(1e-9, 0.5)), min_size=1, max_size=12))
def test_the_law_of_a_birth_death_chain_is_a_product_to_the_last_digits(steps):
    up, down = np.array(steps).T
    assert_allclose(stationary_distribution(birth_death(up, down)), birth_death_law(up, down), rtol=1e-11)


def test_passage_times_of_a_birth_death_chain():
    up, down = np.array([0.2, 0.1, 0.3]), np.array([0.3, 0.1, 0.05])
    law = birth_death_law(up, down)
    # From k to k + 1: the probability below and at k over the flux up from k.
    climb = np.cumsum(law)[:-1] / (law[:-1] * up)
    fall = np.cumsum(law[::-1])[::-1][1:] / (law[1:] * down)
    times = mean_first_passage_times(birth_death(up, down))
    assert_allclose(times[3], np.r_[np.cumsum(climb[::-1])[::-1], 0], rtol=1e-12)
    assert_allclose(times[0], np.r_[0, np.cumsum(fall)], rtol=1e-12)


def test_a_walk_on_a_ring_takes_k_times_n_minus_k_steps():
    n = 9
    T = 0.5 * (np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0))
    k = np.arange(n)
    assert_allclose(mean_first_passage_times(T, 0), k * (n - k), rtol=1e-12, atol=1e-12)
    assert_allclose(mean_first_passage_times(T)[0], k * (n - k), rtol=1e-12, atol=1e-12)


def test_a_state_recurs_after_the_inverse_of_its_probability(rng):
    T = random_chain(rng, 6)
    times = mean_first_passage_times(T, interval=3.0)
    recurrence = 3.0 + np.einsum("ij,ji->j", T, times)
    assert_allclose(recurrence, 3.0 / stationary_distribution(T), rtol=1e-12)


def test_a_target_of_several_states_is_reached_when_one_of_them_is(rng):
    T = random_chain(rng, 6)
    merged = np.zeros((5, 5))
    merged[:4, :4] = T[:4, :4]
    merged[4, :4] = T[4:, :4].sum(axis=0)
    merged[4, 4] = 1.0
    assert_allclose(mean_first_passage_times(T, [5, 4])[:4], mean_first_passage_times(merged, 4)[:4], rtol=1e-12)
    assert_allclose(mean_first_passage_times(T, [5, 4])[4:], 0, atol=0)


def test_rates_and_probabilities_of_short_intervals_agree(rng):
    Q = random_chain(rng, 5) * 7
    Q -= np.diag(Q.sum(axis=0))
    law = stationary_distribution(Q, generator=True)
    assert_allclose(Q @ law, 0, atol=1e-14)
    step = 1e-3
    T = np.eye(5) + step * Q
    assert_allclose(stationary_distribution(T), law, rtol=1e-10)
    times = mean_first_passage_times(Q, interval=None)
    # Uniformisation: exactly the same times, not only in the limit.
    assert_allclose(times, mean_first_passage_times(T, interval=step), rtol=1e-9)
    assert_allclose(mean_first_passage_times([[-2.0, 0.5], [2.0, -0.5]], interval=None), [[0, 2], [0.5, 0]])


def test_states_that_are_left_for_good_have_no_probability():
    T = np.array([[0.5, 0.0, 0.0], [0.5, 0.2, 0.4], [0.0, 0.8, 0.6]])
    assert_allclose(stationary_distribution(T), [0, 1 / 3, 2 / 3], rtol=1e-12)
    times = mean_first_passage_times(T)
    assert_allclose(times[0], [0, np.inf, np.inf])
    assert_allclose(times[1], [2, 0, 2.5])
    # From a state that may be caught elsewhere the mean is infinite, too.
    T = np.array([[1.0, 0.3, 0.0], [0.0, 0.3, 0.0], [0.0, 0.4, 1.0]])
    assert_allclose(mean_first_passage_times(T, 0), [0, np.inf, np.inf])
    assert_allclose(mean_first_passage_times(T, [0, 2]), [0, 1 / 0.7, 0])


def test_an_absorbing_state_has_all_the_probability():
    assert_allclose(stationary_distribution([[0.9, 0.0], [0.1, 1.0]]), [0, 1], atol=0)


def test_timescales_of_conserved_and_of_vanishing_deviations():
    assert_allclose(implied_timescales(np.eye(3)), [np.inf, np.inf])
    assert_allclose(implied_timescales([[0.5, 0.5], [0.5, 0.5]]), [0.0], atol=0.05)
    swap = implied_timescales([[0.0, 1.0], [1.0, 0.0]])  # turns, and does not decay
    assert_allclose(swap, [np.inf])
    assert len(implied_timescales([[1.0]])) == 0


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, 0.5]], r"must be a square matrix, got shape \(1, 2\)"),
        ([[0.5, np.nan], [0.5, 1]], "holds NaN or infinity"),
        ([[1.1, 0.0], [-0.1, 1.0]], r"has the entry -0.1 at \(1, 0\)"),
        ([[0.9, 0.1], [0.3, 0.7]], "column 0 of matrix sums to 1.2, not to 1 .*its rows do: pass its transpose"),
        ([[0.9, 0.1], [0.3, 0.3]], "column 0 of matrix sums to 1.2, not to 1 .*columns hold the probabilities"),
    ],
)
def test_what_is_no_transition_matrix_is_named(matrix, message):
    with pytest.raises(ValueError, match=message):
        check_transition_matrix(matrix)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, -0.5], [-0.5, 0.5]], r"has the rate -0.5 at \(0, 1\)"),
        ([[-1.0, 1.0], [2.0, -2.0]], "column 0 of matrix sums to 1, not to 0 .*its rows do: pass its transpose"),
        ([[-1.0, 1.0], [2.0, -1.0]], "column 0 of matrix sums to 1, not to 0 .*conserves"),
    ],
)
def test_what_is_no_generator_is_named(matrix, message):
    with pytest.raises(ValueError, match=message):
        check_generator(matrix)


def test_a_substochastic_matrix_may_lose_but_not_gain():
    assert_allclose(check_transition_matrix([[0.5]], substochastic=True), [[0.5]])
    with pytest.raises(ValueError, match=r"column 0 of matrix sums to 1.5"):
        check_transition_matrix([[1.5]], substochastic=True)


def test_a_reducible_chain_has_no_single_law():
    with pytest.raises(ValueError, match=r"the chain is reducible: .*\{0\}, \{1, 2\}"):
        stationary_distribution([[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])


@pytest.mark.parametrize("target", [3, [-1], [], [0.5]])
def test_targets_that_do_not_exist_are_named(target):
    with pytest.raises(ValueError, match="target must be numbers of states between 0 and 2"):
        mean_first_passage_times(THREE, target)


def test_matrices_are_left_alone():
    T = THREE.copy()
    stationary_distribution(T)
    mean_first_passage_times(T)
    implied_timescales(T)
    assert (T == THREE).all()

"""The Chapman-Kolmogorov comparison and timescales over lags: flat for a Markov chain, not for a lumped one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst.master_equation.validation import chapman_kolmogorov, timescales_by_lag
from tests.master_equation.chains import THREE, THREE_LAW, birth_death, two_states, walk

LUMP = np.array([0, 1, 1])


@pytest.fixture(scope="module")
def runs():
    rng = np.random.default_rng(0)
    return [walk(THREE, 50_000, rng, start=start) for start in (0, 1, 2, 2)]


def test_a_markov_chain_agrees_with_itself_at_longer_lags(runs):
    found = chapman_kolmogorov(runs, 1, 5)
    assert found.lags.tolist() == [1, 2, 3, 4, 5]
    assert found.states.tolist() == [0, 1, 2]
    for lag, predicted, estimated in zip(found.lags, found.predicted, found.estimated, strict=True):
        assert_allclose(predicted, np.linalg.matrix_power(THREE, lag), atol=0.02)
        assert_allclose(estimated, predicted, atol=0.03)
    assert_allclose(found.predicted[0], found.estimated[0], rtol=1e-12)


def test_a_lumped_chain_forgets_too_fast(runs):
    found = chapman_kolmogorov([LUMP[run] for run in runs], 1, 10)
    # By lumping with its stationary weights the chain is followed exactly.
    weights = np.array([[1, 0, 0], [0, *THREE_LAW[1:] / THREE_LAW[1:].sum()]]).T
    lump = np.array([[1, 0, 0], [0, 1, 1]])
    exact = lump @ np.linalg.matrix_power(THREE, 10) @ weights
    assert_allclose(found.estimated[-1], exact, atol=0.02)
    assert found.predicted[-1][0, 0] < exact[0, 0] - 0.03


def test_sets_of_states_start_with_their_stationary_probabilities(runs):
    sets = chapman_kolmogorov(runs, 1, 3, memberships=np.eye(2)[LUMP])
    lumped = chapman_kolmogorov([LUMP[run] for run in runs], 1, 3)
    assert_allclose(sets.estimated.sum(axis=1), 1, atol=1e-12)
    assert_allclose(sets.estimated, lumped.estimated, atol=2e-3)
    assert_allclose(sets.predicted[0], lumped.predicted[0], atol=2e-3)


def test_numbers_of_states_may_have_holes(runs):
    spread = chapman_kolmogorov([3 * run + 1 for run in runs], 2, 2, reversible=True)
    dense = chapman_kolmogorov(runs, 2, 2, reversible=True)
    assert spread.states.tolist() == [1, 4, 7]
    assert spread.lags.tolist() == [2, 4]
    assert_allclose(spread.predicted, dense.predicted, rtol=1e-10)
    assert_allclose(spread.estimated, dense.estimated, rtol=1e-10)


def test_timescales_of_a_markov_chain_do_not_depend_on_the_lag(runs):
    exact = -1 / np.log(np.sort(np.linalg.eigvals(THREE))[::-1][1:3])
    found = timescales_by_lag(runs, [1, 2, 3, 5], 3, dt=0.5)
    assert_allclose(found[:, 0], 0.5 * exact[0], rtol=0.05)
    assert_allclose(found[:3, 1], 0.5 * exact[1], rtol=0.15)
    assert np.isnan(found[:, 2]).all()


def test_timescales_of_a_lumped_chain_grow_with_the_lag_to_the_true_one(runs):
    found = timescales_by_lag([LUMP[run] for run in runs], [1, 10, 40], 1)[:, 0]
    # 9.056 and 10.619 for exact probabilities; the true one is 12.1431.
    assert_allclose(found[:2], [9.056, 10.619], rtol=0.05)
    assert found[0] < found[1] < found[2]


def test_reversible_and_plain_timescales_agree_for_a_chain_in_balance(rng):
    run = walk(birth_death([0.1, 0.2], [0.2, 0.1]), 100_000, rng)
    plain, balanced = (timescales_by_lag(run, [1, 4], 2, reversible=reversible) for reversible in (False, True))
    assert_allclose(balanced, plain, rtol=0.02)


def test_wrong_requests_are_named(runs):
    short = [walk(two_states(0.5, 0.5), 30, np.random.default_rng(1))]
    with pytest.raises(ValueError, match="memberships has 1 rows, but the trajectories have state 1"):
        chapman_kolmogorov(short, memberships=[[1.0]])
    with pytest.raises(ValueError, match="set 1 of memberships has no state of the connected set"):
        chapman_kolmogorov(short, memberships=[[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="trajectory 0 has 30 steps, too few for a transition over lag=30"):
        chapman_kolmogorov(short, 10, 3)
    with pytest.raises(ValueError, match="state 1 is not left in any trajectory at lag=2: lower n_multiples"):
        chapman_kolmogorov([[0, 0, 0, 0, 1, 0]], 1, 3)

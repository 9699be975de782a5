"""Windows never cross runs; segments keep order."""

import numpy as np
import pytest

from skmst.trajectories import segments, windows
from tests.linear_systems import noisy_runs, stacked_windows


@pytest.mark.parametrize("lag", [1, 3])
def test_windows_are_those_of_a_plain_loop(lag):
    X = noisy_runs(2, 12)
    past, _ = stacked_windows(X, 3, lag)
    found = windows(X, 3, lag=lag)[:, :-lag]
    np.testing.assert_array_equal(found.reshape(-1, 9), past)


def test_windows_of_unequal_runs_are_a_list():
    X = noisy_runs(2, 12)
    assert [w.shape for w in windows([X[0], X[1, :5]], 4)] == [(9, 12), (2, 12)]


def test_a_window_longer_than_a_run_is_refused():
    with pytest.raises(ValueError, match="spans 7 steps but the shortest run has 5"):
        windows(np.zeros((5, 1)), 3, lag=3)


@pytest.mark.parametrize(("n_terms", "lag"), [(0, 1), (1, 0)])
def test_windows_need_a_term_and_a_lag(n_terms, lag):
    with pytest.raises(ValueError, match="must be at least 1"):
        windows(np.zeros((5, 1)), n_terms, lag=lag)


def test_segments_are_in_order_and_drop_the_remainder():
    X = np.arange(23.0)[:, None] * [1.0, 10.0]
    cut = segments(X, 5)
    assert cut.shape == (4, 5, 2)
    np.testing.assert_array_equal(cut.reshape(-1, 2), X[:20])
    assert np.shares_memory(cut, X)


def test_segments_of_several_runs_do_not_cross_them():
    cut = segments([np.arange(7.0), 100 + np.arange(4.0), np.zeros(2)], 3)
    np.testing.assert_array_equal(cut, [[0, 1, 2], [3, 4, 5], [100, 101, 102]])


@pytest.mark.parametrize("n_steps", [0, 24])
def test_segments_must_fit(n_steps):
    with pytest.raises(ValueError, match="between 1 and the longest run's 23 steps"):
        segments(np.zeros((23, 2)), n_steps)

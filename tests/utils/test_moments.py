"""Moments of windows against explicit windows; any chunking adds up to the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context

from skmst.utils.moments import pieces, sum_windows, window_moments
from tests.linear_systems import noisy_runs, stacked_windows


def outputs_of(X):
    return np.stack([X[..., 0] ** 2, X[..., 1] - X[..., 2]], axis=-1)


@pytest.mark.parametrize(("n_terms", "lag"), [(1, 1), (1, 3), (3, 1), (3, 2)])
def test_moments_are_those_of_explicit_windows(n_terms, lag):
    X = noisy_runs(3, 15) + 100.0
    past, future = stacked_windows(X, n_terms, lag)
    W = np.c_[future, past]
    Y = np.concatenate([outputs_of(run)[(n_terms - 1) * lag : len(run) - lag] for run in X])
    found = window_moments(X, outputs_of(X), n_terms, lag)
    assert found.n_windows == len(W)
    np.testing.assert_allclose(found.mean, W.mean(axis=0))
    np.testing.assert_allclose(found.covariance(), np.cov(W.T, bias=True), atol=1e-12)
    joint = np.cov(np.c_[W, Y].T, bias=True)
    np.testing.assert_allclose(found.cross / len(W), joint[W.shape[1] :, : W.shape[1]], atol=1e-10)
    np.testing.assert_allclose(found.output_scatter / len(W), np.diag(joint)[W.shape[1] :])


@pytest.mark.parametrize(("n_runs", "n_steps", "lag"), [(1, 30, 1), (3, 30, 4), (40, 3, 1)])
@pytest.mark.parametrize("growth", [0.1, 1.0, 5.0])
def test_moments_of_wide_states_are_those_of_explicit_windows(n_runs, n_steps, lag, growth):
    """Also where the first or the last step outweighs all others."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_runs, n_steps, 200)) * growth ** np.arange(n_steps)[:, None]
    past, future = stacked_windows(X, 1, lag)
    W = np.c_[future, past]
    found, Y = window_moments(X, outputs_of(X), 1, lag), np.concatenate([outputs_of(run)[:-lag] for run in X])
    np.testing.assert_allclose(found.mean, W.mean(axis=0), atol=1e-14 * np.abs(W).max())
    exact, size = np.cov(W.T, bias=True), W.std(axis=0)
    np.testing.assert_allclose(found.covariance() / np.outer(size, size), exact / np.outer(size, size), atol=1e-13)
    cross = (Y - Y.mean(axis=0)).T @ (W - W.mean(axis=0)) / np.outer(Y.std(axis=0), size)
    np.testing.assert_allclose(found.cross / np.outer(Y.std(axis=0), size), cross, atol=1e-11)


@settings(deadline=None, max_examples=25)
@given(cuts=st.sets(st.integers(1, 11)), offset=st.sampled_from([0.0, 1e6]))
def test_any_chunking_adds_up_to_the_same(cuts, offset):
    X = noisy_runs(12, 8) + offset
    whole = window_moments(X, outputs_of(X - offset), 2, 1)
    bounds = [0, *sorted(cuts), 12]
    parts = [window_moments(X[a:b], outputs_of(X[a:b] - offset), 2, 1) for a, b in pairwise(bounds)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    np.testing.assert_allclose(total.scatter, whole.scatter, atol=1e-7 if offset else 1e-11)
    np.testing.assert_allclose(total.cross, whole.cross, atol=1e-7 if offset else 1e-11)
    np.testing.assert_allclose(total.mean, whole.mean)
    assert total.n_windows == whole.n_windows


@settings(deadline=None)
@given(n_runs=st.integers(1, 7), n_steps=st.integers(2, 20), span=st.integers(1, 6), budget=st.integers(0, 40))
def test_pieces_hold_every_window_once(n_runs, n_steps, span, budget):
    if n_steps <= span:
        return
    seen = []
    for runs, steps in pieces(n_runs, n_steps, span, budget):
        n_windows = steps.stop - steps.start - span
        held = range(*runs.indices(n_runs))
        assert n_windows * len(held) <= max(budget, 1)
        seen += [(run, steps.start + w) for run in held for w in range(n_windows)]
    assert sorted(seen) == [(run, w) for run in range(n_runs) for w in range(n_steps - span)]


def test_little_memory_gives_the_same_moments():
    X = noisy_runs(3, 200)
    whole = sum_windows([X], [X[..., :0]], 2, 1)
    with config_context(working_memory=0.01):
        pieced = sum_windows([X], [X[..., :0]], 2, 1)
    np.testing.assert_allclose(pieced.scatter, whole.scatter, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_has_no_variance_but_for_rounding(value):
    X = noisy_runs(2, 50)
    X[..., 1] = value
    covariance = window_moments(X, X[..., :0], 2, 1).covariance()
    np.testing.assert_array_equal(covariance[1::3], 0.0)
    np.testing.assert_array_equal(covariance[:, 1::3], 0.0)
    assert (np.diag(covariance)[0::3] > 0).all()

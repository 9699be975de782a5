"""Gaps: no window reaches across them, and models of what remains are those of whole runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmst import KoopmanRegressor, MasterEquationPredictor
from skmst.trajectories import cut_gaps
from tests.koopman.test_controls import driven
from tests.linear_systems import READ, A, linear_runs, noisy_runs


def with_gaps(X, part=0.1, seed=0):
    """NaN at random steps: in all features at some, in one at others."""
    X, rng = X.copy(), np.random.default_rng(seed)
    at = rng.random(X.shape[:-1]) < part
    X[at & (rng.random(at.shape) < 0.5)] = np.nan
    X[at, 0] = np.nan
    return X


class TestRuns:
    @settings(deadline=None, max_examples=50)
    @given(missing=st.lists(st.booleans(), min_size=1, max_size=30), min_steps=st.integers(1, 4))
    def test_the_pieces_are_those_of_a_plain_loop(self, missing, min_steps):
        X = np.arange(len(missing), dtype=float)[:, None]
        X[missing] = np.nan
        expected, piece = [], []
        for value in [*X[:, 0], np.nan]:
            if not np.isnan(value):
                piece.append(value)
            elif piece:
                expected.append(piece)
                piece = []
        expected = [piece for piece in expected if len(piece) >= min_steps]
        if expected:
            assert [run[:, 0].tolist() for run in cut_gaps(X, min_steps=min_steps)] == expected
        else:
            with pytest.raises(ValueError, match="no run of min_steps="):
                cut_gaps(X, min_steps=min_steps)

    def test_arrays_lists_and_single_runs_are_cut_alike(self):
        X = with_gaps(noisy_runs(3, 40))
        each = [run for x in X for run in cut_gaps(x)]
        for found in (cut_gaps(X), cut_gaps(list(X))):
            assert len(found) == len(each)
            for a, b in zip(found, each, strict=True):
                np.testing.assert_array_equal(a, b)

    def test_what_is_given_at_the_same_steps_is_cut_at_the_gaps_of_both(self):
        X, times = noisy_runs(2, 20), np.tile(np.arange(20.0), (2, 1))
        X[0, 5, 1] = times[0, 9] = np.nan
        runs, stamps = cut_gaps(X, list(times))
        assert [len(run) for run in runs] == [5, 3, 10, 20]
        assert [run[0] for run in stamps] == [0, 6, 10, 0]

    def test_whole_runs_stay_whole(self):
        X = noisy_runs(3, 20)
        np.testing.assert_array_equal(cut_gaps(X), X)

    def test_steps_must_agree(self):
        with pytest.raises(ValueError, match="array 2 of 2 must have the trajectories and steps of X"):
            cut_gaps(np.zeros((5, 2)), np.zeros((4, 2)))
        with pytest.raises(ValueError, match="X must hold numbers"):
            cut_gaps(np.array([["a"], ["b"]]))
        with pytest.raises(ValueError, match="min_steps must be a whole number"):
            cut_gaps(np.zeros((5, 2)), min_steps=0)

    def test_nothing_of_the_callers_is_changed(self):
        X = with_gaps(noisy_runs(2, 20))
        before = X.copy()
        cut_gaps(X, X)
        np.testing.assert_array_equal(X, before)


class TestModels:
    def test_linear_dynamics_are_exact_across_gaps(self):
        X = with_gaps(linear_runs(6, 60))
        model = KoopmanRegressor().fit(cut_gaps(X))
        np.testing.assert_allclose(model.koopman_matrix_, A, atol=1e-9)

    @pytest.mark.parametrize("make", [KoopmanRegressor, MasterEquationPredictor])
    def test_outputs_are_cut_with_the_states(self, make):
        X = linear_runs(6, 60)
        runs, outputs = cut_gaps(with_gaps(X), X @ READ.T, min_steps=6)
        model = make().fit(runs, outputs)
        np.testing.assert_allclose(model.forecast(X[:, :10], 8), X[:, 10:18] @ READ.T, atol=1e-8)

    def test_so_are_inputs(self):
        X, u = driven(6, 60)
        runs, inputs = cut_gaps(with_gaps(X), u)
        np.testing.assert_allclose(KoopmanRegressor().fit(runs, inputs=inputs).koopman_matrix_, A, atol=1e-9)

    def test_gaps_that_are_not_cut_are_refused(self):
        X = with_gaps(linear_runs(6, 60))
        with pytest.raises(ValueError, match="NaN"):
            KoopmanRegressor().fit(X)
        with pytest.raises(ValueError, match="NaN"):
            KoopmanRegressor().fit(linear_runs(6, 60)).forecast(X, 3)

"""Intervals of eigenvalues: the resamples are refits, and they cover."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmst import KoopmanRegressor
from skmst.datasets import make_ornstein_uhlenbeck
from skmst.koopman.intervals import eigenvalue_intervals, matched
from tests.linear_systems import EIGENVALUES, linear_runs, noisy_runs

SETTINGS = [
    {},
    {"lag": 2, "n_delays": 3},
    {"rank": 2, "n_delays": 2},
    {"solver": "reduced_rank", "rank": 2},
    {"solver": "tls"},
    {"solver": "vamp", "rank": 2, "alpha": 0.1},
    {"n_delays": 2, "alpha": 0.1},
]


class TestEigenvalueIntervals:
    @pytest.mark.parametrize("params", SETTINGS)
    def test_the_estimate_is_that_of_the_regressor(self, params):
        X = noisy_runs(6, 30)
        model = KoopmanRegressor(**params).fit(X)
        found = eigenvalue_intervals(X, n_resamples=2, random_state=0, **params)
        np.testing.assert_allclose(found.eigenvalues, model.eigenvalues_, atol=1e-10)
        np.testing.assert_allclose(found.residuals, model.residuals_, atol=1e-9)

    @pytest.mark.parametrize("params", [{}, {"lag": 2, "n_delays": 2}])
    def test_a_resample_is_a_refit_on_the_trajectories_drawn(self, params):
        X = list(noisy_runs(6, 30)) + list(noisy_runs(3, 20, seed=1))
        found = eigenvalue_intervals(X, n_resamples=5, random_state=7, **params)
        drawn = np.random.RandomState(7).multinomial(9, np.full(9, 1 / 9), 5)
        for row, counts in zip(found.resampled, drawn, strict=True):
            repeated = [run for run, n in zip(X, counts, strict=True) for _ in range(n)]
            refit = KoopmanRegressor(**params).fit(repeated).eigenvalues_
            np.testing.assert_allclose(np.sort_complex(row), np.sort_complex(refit), atol=1e-9)

    def test_exact_data_leave_no_doubt(self):
        found = eigenvalue_intervals(linear_runs(6, 20), random_state=0)
        for end in (found.low, found.high, found.eigenvalues):
            np.testing.assert_allclose(end, EIGENVALUES, atol=1e-9)

    @pytest.mark.parametrize("n", [6, 12, 40])
    def test_ninety_per_cent_of_intervals_hold_the_truth(self, n):
        """Of 200 draws, within three standard errors; the square of the process has tails that few runs do not show."""
        hits = np.zeros(2)
        for seed in range(200):
            x = make_ornstein_uhlenbeck(n, 100, theta=1.0, dt=0.3, random_state=seed)
            found = eigenvalue_intervals(np.concatenate([x, x**2], axis=-1), n_resamples=1, random_state=0)
            low, high = found.of(lambda eigenvalue: -np.log(np.abs(eigenvalue)) / 0.3)
            hits += (low <= [1, 2]) & (high >= [1, 2])
        assert abs(hits[0] / 200 - 0.9) < 0.065
        assert hits[1] / 200 > 0.82

    def test_the_ends_are_those_of_the_jackknife(self):
        X = noisy_runs(5, 30)[..., :1]
        low, high = eigenvalue_intervals(X, n_resamples=2, level=0.8, random_state=0).of(np.abs)
        whole = np.abs(KoopmanRegressor().fit(X).eigenvalues_)
        without = np.array([np.abs(KoopmanRegressor().fit(np.delete(X, i, axis=0)).eigenvalues_) for i in range(5)])
        reach = 1.5332062740589443 * 2 * without.std(axis=0)  # the quantile at 0.9 for 4 degrees of freedom
        np.testing.assert_allclose(low, whole - reach, atol=1e-9)
        np.testing.assert_allclose(high, whole + reach, atol=1e-9)

    def test_many_trajectories_are_left_out_in_groups(self):
        X = noisy_runs(150, 5)
        found = eigenvalue_intervals(X, n_resamples=2, random_state=0)
        assert found.left_out.shape == (100, 3)
        group = KoopmanRegressor().fit(X[np.arange(150) % 100 != 7]).eigenvalues_
        np.testing.assert_allclose(np.sort_complex(found.left_out[7]), np.sort_complex(group), atol=1e-9)

    @pytest.mark.filterwarnings("ignore:the model is unstable")
    @pytest.mark.parametrize("n_runs", [1, 12])
    def test_bags_of_whole_fits(self, n_runs):
        rng, rates = np.random.default_rng(0), np.array([-0.03 + 0.3j, -0.05 + 1.0j])
        amplitudes, modes = (rng.normal(size=(n, 2, 2)) @ [1, 1j] for n in (n_runs, 8))
        X = ((amplitudes[:, None] * np.exp(np.multiply.outer(np.arange(60), rates))) @ modes.T).real
        X += 0.1 * rng.normal(size=X.shape)
        model = KoopmanRegressor(4, solver="optdmd").fit(X)
        found = model.eigenvalue_intervals(X, n_resamples=50, level=0.999, random_state=0)
        np.testing.assert_allclose(found.eigenvalues, model.eigenvalues_, atol=0.02)
        low, high = found.of(np.abs)
        truth = np.repeat(np.exp(rates.real), 2)
        assert ((low < truth) & (truth < high)).all()
        assert (high - low < 0.05).all()

    def test_a_higher_level_is_wider(self):
        ends = [eigenvalue_intervals(noisy_runs(9, 30), level=level, random_state=0) for level in (0.5, 0.95)]
        inner, outer = ends
        assert (outer.low.real <= inner.low.real).all()
        assert (inner.high.real <= outer.high.real).all()
        assert (outer.high.real - outer.low.real > 1.5 * (inner.high.real - inner.low.real)).all()

    def test_a_function_may_be_infinite(self):
        low, high = eigenvalue_intervals(noisy_runs(9, 30), random_state=0).of(
            lambda e: np.where(e.real > 9, 1, np.inf)
        )
        assert np.isinf(low).all()
        assert np.isinf(high).all()

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"solver": "optdmd"}, "no second moments"),
            ({"level": 1.0}, "level must lie"),
            ({"n_resamples": 0}, "n_resamples must be"),
            ({"n_delays": 0}, "n_delays must be"),
            ({"lag": 40}, "too short"),
        ],
    )
    def test_what_cannot_be_is_said(self, params, message):
        with pytest.raises(ValueError, match=message):
            eigenvalue_intervals(noisy_runs(9, 30), **params)

    def test_one_trajectory_is_not_enough(self):
        with pytest.raises(ValueError, match="segments"):
            eigenvalue_intervals(noisy_runs(1, 30))


points = st.lists(st.complex_numbers(max_magnitude=2), min_size=1, max_size=5)


class TestMatching:
    @given(points, points)
    def test_no_other_assignment_is_shorter(self, a, b):
        a, b = np.array(a), np.array(b)
        found = matched(a, b)
        paired = ~np.isnan(found)
        assert paired.sum() == min(len(a), len(b))
        few, many = (a, b) if len(a) <= len(b) else (b, a)
        shortest = min(np.abs(few - many[list(p)]).sum() for p in permutations(range(len(many)), len(few)))
        assert np.abs(a - found)[paired].sum() == pytest.approx(shortest, abs=1e-12)

    def test_crossing_eigenvalues_keep_their_names(self):
        np.testing.assert_array_equal(matched(np.array([0.9, 0.5j]), np.array([0.6j, 0.8])), [0.8, 0.6j])

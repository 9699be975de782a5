"""How long memory lasts, where that is known."""

import numpy as np
import pytest

from skmst.master_equation import kernel_interval, memory_plateau, trajectory_moments
from skmst.master_equation.kernels import mori, regression
from tests.linear_systems import noisy_runs, stacked_windows
from tests.master_equation import hidden_variable, lumped_chain


class TestMomentsOfTrajectories:
    runs = [noisy_runs(1, n, seed=n)[0] + 5 for n in (20, 30, 20, 25)]

    def test_a_resample_is_a_fit_to_the_trajectories_drawn(self):
        weights = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 4, 0, 0]])
        found = trajectory_moments(self.runs, 2, lag=3)
        # The packing of runs of equal length together is not the caller's order.
        order = np.argsort([0, 2, 1, 3], kind="stable")
        for w, C in zip(weights, found.covariances(weights[:, [0, 2, 1, 3]].astype(float)), strict=True):
            drawn = [run for run, times in zip(self.runs, w, strict=True) for _ in range(times)]
            past, future = stacked_windows(drawn, 2, 3)
            np.testing.assert_allclose(C, np.cov(np.hstack([future, past]).T, bias=True), atol=1e-11)
        np.testing.assert_array_equal(found.n_windows[order], [14, 24, 14, 19])

    def test_resamples_draw_as_many_trajectories_as_there_are(self):
        moments = trajectory_moments(self.runs, 1)
        drawn = list(moments.resampled(7, np.random.RandomState(0)))
        assert len(drawn) == 7
        assert len({round(C[0, 0], 12) for C in drawn}) > 3

    def test_constant_features_stay_constant(self):
        X = noisy_runs(4, 30)
        X[..., 1] = 1e8 + 0.1
        drawn = np.array(list(trajectory_moments(X, 2).resampled(5, np.random.RandomState(0))))
        assert not drawn[:, 1::3].any()
        assert not drawn[:, :, 1::3].any()


class TestPlateau:
    def test_geometric_kernels_are_over_when_five_per_cent_are_left(self):
        kernels = lumped_chain.kernels(60)
        found = memory_plateau(kernels, dt=2.0)
        # The rest after l kernels of memory is ratio^l of all.
        expected = int(np.ceil(np.log(0.05) / np.log(lumped_chain.RATIO)))
        assert found.memory_time == 2.0 * (expected + 1)
        assert found.reached
        total = np.linalg.norm(kernels[1:].sum(axis=0)) / 2.0 / 2
        expected = total * np.array([0, 1 - lumped_chain.RATIO**5, 1])
        np.testing.assert_allclose(found.integral[[0, 5, 59]], expected, atol=1e-6)

    def test_memory_that_goes_on_is_said_to(self):
        found = memory_plateau(lumped_chain.kernels(4))
        assert not found.reached
        assert found.memory_time == 4.0

    def test_no_memory_is_one_term(self):
        kernels = np.zeros((5, 2, 2))
        kernels[0] = np.eye(2)
        assert memory_plateau(kernels, dt=0.5).memory_time == 0.5
        assert memory_plateau(kernels[:1]).memory_time == 1.0

    def test_kernels_are_a_series_of_square_matrices(self):
        with pytest.raises(ValueError, match="n_terms, d, d"):
            memory_plateau(np.zeros((3, 2)))


class TestKernelInterval:
    def test_kernels_are_those_of_all_the_data(self):
        X = noisy_runs(10, 40)
        past, future = stacked_windows(X, 3, 2)
        covariance = np.cov(np.hstack([future, past]).T, bias=True)
        for method in (mori, regression):
            found = kernel_interval(X, 3, kernels=method, lag=2, n_resamples=50, random_state=0)
            np.testing.assert_allclose(found.kernels, method(covariance, 3, 0.0), atol=1e-10)
            assert (found.low < found.high).all()

    def test_intervals_cover_the_truth_as_often_as_they_say(self):
        exact = hidden_variable.kernels(6)
        inside = []
        for seed in range(60):
            found = kernel_interval(hidden_variable.runs(50, 60, seed), 6, n_resamples=200, random_state=0)
            inside.append((found.low <= exact) & (exact <= found.high))
        assert 0.83 < np.mean(inside) < 0.95

    def test_noise_and_shuffled_time_have_no_memory(self):
        rng = np.random.default_rng(0)
        rows = [hidden_variable.runs(50, 60, seed).reshape(-1, 1) for seed in range(20)]
        shuffled = [rng.permutation(x).reshape(50, 60, 1) for x in rows]
        noise = [rng.normal(size=(50, 60, 2)) for _ in range(20)]
        for data in (noise, shuffled):
            found = [kernel_interval(X, 6, n_resamples=200, random_state=0) for X in data]
            assert np.mean([f.plateau.memory_time == 1.0 for f in found]) >= 0.8
            assert 0.8 < np.mean([(f.low <= 0) & (f.high >= 0) for f in found]) < 0.97

    def test_memory_is_found_where_there_is_some(self):
        found = kernel_interval(hidden_variable.runs(100, 200), 16, dt=0.5, random_state=0).plateau
        exact = memory_plateau(hidden_variable.kernels(60), dt=0.5)
        assert found.reached
        assert abs(found.memory_time - exact.memory_time) <= 1.0
        assert (found.low <= found.integral + 1e-12).all()
        assert (found.integral <= found.high + 1e-12).all()

    def test_units_change_the_kernels_and_not_the_plateau(self):
        X = noisy_runs(20, 60)
        units = np.array([1e-4, 1.0, 1e6])
        plain, scaled = (kernel_interval(x, 4, n_resamples=50, random_state=0) for x in (X, X * units))
        np.testing.assert_allclose(scaled.kernels * units / units[:, None], plain.kernels, atol=1e-8)
        np.testing.assert_allclose(scaled.plateau.integral, plain.plateau.integral, rtol=1e-8)

    @pytest.mark.parametrize("params", [{"level": 1.0}, {"n_memory": 0}, {"n_resamples": 0}])
    def test_numbers_out_of_range_are_named(self, params):
        (name,) = params
        with pytest.raises(ValueError, match=name):
            kernel_interval(noisy_runs(4, 20), **{"n_memory": 2, **params})

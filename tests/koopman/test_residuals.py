"""Residuals and pseudospectra against explicit errors, and of operators whose spectrum is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmst.datasets import make_slow_manifold, make_stuart_landau
from skmst.koopman.operators import edmd
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.spectrum import mode_table, rates, residuals, spectrum, verified
from tests.linear_systems import EIGENVALUES, A, noisy_runs


def pairs_of(runs):
    """Deviations of states and successors from their means, and their moments."""
    X, Y = (part.reshape(-1, runs.shape[-1]) for part in (runs[:, :-1], runs[:, 1:]))
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return X, Y, PairMoments.of(X, Y)


def spectrum_of(pairs):
    return spectrum(*edmd(pairs), pairs.before, pairs.cross, pairs.after)


def residuals_of(found, pairs):
    return residuals(found.eigenvalues, found.left, pairs.before, pairs.cross, pairs.after)


class TestResiduals:
    def test_they_are_the_errors_on_other_data(self):
        found = spectrum_of(pairs_of(noisy_runs(5, 30))[2])
        X, Y, held_out = pairs_of(noisy_runs(4, 50, seed=1))
        for u, eigenvalue, value in zip(found.left, found.eigenvalues, residuals_of(found, held_out), strict=True):
            error = np.linalg.norm(Y @ u - eigenvalue * (X @ u)) / np.linalg.norm(X @ u)
            assert value == pytest.approx(error, rel=1e-10)

    def test_on_the_training_data_they_are_those_of_the_spectrum(self):
        pairs = pairs_of(noisy_runs(5, 30))[2]
        found = spectrum_of(pairs)
        np.testing.assert_allclose(residuals_of(found, pairs), found.residuals, rtol=1e-12)

    def test_other_data_expose_an_operator_that_learned_noise(self):
        noise = np.random.default_rng(0).normal(size=(2, 1, 40, 15))
        found = spectrum_of(pairs_of(noise[0])[2])
        best = np.abs(found.eigenvalues).argmax()
        assert abs(found.eigenvalues[best]) > 0.7
        assert found.residuals[best] < 0.75 < 1 < residuals_of(found, pairs_of(noise[1])[2])[best]

    def test_shuffled_time_has_no_eigenvalue_with_a_small_residual(self):
        runs = make_stuart_landau(50, 40, initial_radius=(1, 1), random_state=0)
        shuffled = np.random.default_rng(0).permutation(runs, axis=1)
        assert spectrum_of(pairs_of(runs)[2]).residuals.min() < 1e-6
        assert spectrum_of(pairs_of(shuffled)[2]).residuals.min() > 0.8

    def test_functions_that_do_not_vary_are_exact_if_their_successors_do_not_either(self):
        nothing, varies = np.zeros((1, 1)), np.ones((1, 1))
        assert residuals(np.ones(1), np.ones((1, 1)), nothing, nothing, nothing) == 0
        assert residuals(np.ones(1), np.ones((1, 1)), nothing, nothing, varies) == np.inf


class TestVerified:
    def test_the_exact_eigenvalues_are_told_from_those_of_noise(self):
        # x, y, x^2 span an invariant space: rates mu, lambda, 2 mu. Six features of noise do not.
        runs = make_slow_manifold(50, 40, mu=-0.05, lambda_=-1.0, dt=0.5, random_state=0)
        noise = np.random.default_rng(0).normal(size=(*runs.shape[:2], 6))
        X = np.concatenate([runs, runs[..., :1] ** 2, noise], axis=-1)
        found = spectrum_of(pairs_of(X)[2])
        assert len(found.eigenvalues) == 9
        kept = verified(found, 1e-4)
        np.testing.assert_allclose(rates(kept.eigenvalues, 0.5), [-0.05, -0.1, -1], atol=1e-6)
        np.testing.assert_allclose(kept.left @ kept.right, np.eye(3), atol=1e-8)

    def test_residuals_of_other_data_decide_where_they_are_given(self):
        found = spectrum_of(pairs_of(noisy_runs(5, 30))[2])
        assert len(verified(found, 0.5, np.array([0.1, 0.6, 0.2])).eigenvalues) == 2

    def test_a_tolerance_is_positive(self):
        with pytest.raises(ValueError, match="tolerance must be positive"):
            verified(spectrum_of(pairs_of(noisy_runs(5, 30))[2]), 0.0)


class TestTable:
    def test_a_damped_wave(self):
        rate = -0.5 + 4j * np.pi
        K = np.exp(rate.real * 0.1) * np.array(
            [[np.cos(0.4 * np.pi), -np.sin(0.4 * np.pi)], [np.sin(0.4 * np.pi), np.cos(0.4 * np.pi)]]
        )
        found = spectrum(K, np.eye(2), np.eye(2), K, K @ K.T)
        table = mode_table(found, 3 * found.right, 0.1)
        np.testing.assert_allclose(table["frequency"], [2, -2])
        np.testing.assert_allclose(table["growth"], -0.5)
        np.testing.assert_allclose(table["half_life"], np.log(2) / 0.5)
        # 9 + 9 is the mean square of the observables; conjugate modes are uncorrelated and share it.
        np.testing.assert_allclose(table["energy"], 9)
        np.testing.assert_allclose(table["residual"], 0, atol=1e-7)
        np.testing.assert_allclose(table["eigenvalue"], np.exp([0.1 * rate, 0.1 * rate.conjugate()]))

    @pytest.mark.parametrize(
        ("modes", "interval", "message"), [(np.ones((2, 1)), 1, "column"), (np.ones((2, 3)), 0, "interval")]
    )
    def test_what_does_not_fit_is_refused(self, modes, interval, message):
        with pytest.raises(ValueError, match=message):
            mode_table(spectrum_of(pairs_of(noisy_runs(5, 30))[2]), modes, interval)


X, Y, NOISY = pairs_of(noisy_runs(5, 40, n_features=4))


class TestPseudospectrum:
    @given(st.complex_numbers(max_magnitude=3))
    def test_it_is_the_smallest_error_of_any_function(self, point):
        Q, R = np.linalg.qr(X)
        smallest = np.linalg.svd(Y @ np.linalg.inv(R) - point * Q, compute_uv=False)[-1]
        assert pseudospectrum(NOISY, point) == pytest.approx(smallest, rel=1e-8)

    @given(st.complex_numbers(max_magnitude=3), st.complex_numbers(max_magnitude=3))
    def test_it_is_lipschitz_and_symmetric(self, a, b):
        at_a, at_b, conjugate = pseudospectrum(NOISY, [a, b, a.conjugate()])
        assert abs(at_a - at_b) <= abs(a - b) + 1e-12
        assert at_a == pytest.approx(conjugate, rel=1e-10)

    def test_no_eigenpair_beats_it(self):
        found = spectrum_of(NOISY)
        assert (pseudospectrum(NOISY, found.eigenvalues) <= found.residuals + 1e-12).all()

    def test_of_a_rotation_it_is_the_distance_to_the_spectrum(self):
        # Waves of three frequencies over whole periods: the operator is unitary.
        phase = 2 * np.pi * np.outer(np.arange(64), [1, 5, 12]) / 64
        waves = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
        eigenvalues = np.exp(2j * np.pi * np.array([1, 5, 12, -1, -5, -12]) / 64)
        grid = np.linspace(-1.5, 1.5, 7)[:, None] + 1j * np.linspace(-1.5, 1.5, 6)
        distance = np.abs(grid[..., None] - eigenvalues).min(axis=-1)
        found = pseudospectrum(PairMoments.of(waves, np.roll(waves, -1, axis=0)), grid)
        assert found.shape == grid.shape
        np.testing.assert_allclose(found, distance, atol=1e-7)

    def test_eigenvalues_of_a_skewed_operator_are_deep_but_its_pseudospectrum_is_wide(self):
        G = np.eye(3)
        pairs = PairMoments(G, A @ G, A @ G @ A.T)
        np.testing.assert_allclose(pseudospectrum(pairs, EIGENVALUES), 0, atol=1e-7)
        ring = EIGENVALUES[2] + 0.1 * np.exp(1j * np.linspace(0, 2 * np.pi, 9))
        assert (pseudospectrum(pairs, ring) < 0.1).all()

    @pytest.mark.parametrize("a", [0.0, 0.5, 0.9])
    def test_a_stationary_noisy_process_has_nothing_on_the_unit_circle(self, a):
        # x(t + 1) = a x(t) + noise, of variance one: |lambda|^2 - 2 a Re(lambda) + 1, a minimum of 1 - a^2 at a.
        pairs = PairMoments(np.eye(1), a * np.eye(1), np.eye(1))
        assert pseudospectrum(pairs, a) == pytest.approx(np.sqrt(1 - a**2))
        np.testing.assert_allclose(pseudospectrum(pairs, [1, 1j, -1]), np.sqrt([2 - 2 * a, 2, 2 + 2 * a]))

    def test_what_hardly_varies_may_be_noise(self):
        pairs = PairMoments(np.diag([1.0, 1e-6]), np.diag([0.5, 0.9e-6]), np.diag([0.25, 0.81e-6]))
        assert pseudospectrum(pairs, 0.9) < 1e-6
        assert pseudospectrum(pairs, 0.9, noise=1e-3) > 0.2

    def test_what_cannot_be_judged_is_refused(self):
        with pytest.raises(ValueError, match="finite"):
            pseudospectrum(NOISY, [1.0, np.inf])
        with pytest.raises(ValueError, match="nothing varies"):
            pseudospectrum(PairMoments(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1))), 1.0)

"""Canonical correlations and scores of processes for which they are known."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from skmst.koopman.canonical import singular_functions, vamp, vamp_score
from skmst.koopman.pairs import PairMoments
from tests.linear_systems import noisy_runs


class TestStationaryProcess:
    """x(t + 1) = M x(t) + noise with M = diag(.9, .5, .2) and unit variance: the correlations are the entries."""

    @staticmethod
    def pairs(n, seed):
        rng, decay = np.random.default_rng(seed), np.array([0.9, 0.5, 0.2])
        x = rng.normal(size=(n, 3))
        y = decay * x + np.sqrt(1 - decay**2) * rng.normal(size=(n, 3))
        mix = np.array([[1.0, 0.3, 0.0], [0.2, 2.0, -1.0], [0.0, 0.5, 10.0]])
        return PairMoments.of(x @ mix.T, y @ mix.T)

    def test_singular_values_are_the_correlations_in_any_units(self):
        np.testing.assert_allclose(singular_functions(self.pairs(100_000, 0)).values, [0.9, 0.5, 0.2], atol=0.01)

    def test_scores_on_held_out_pairs_approach_the_sums(self):
        found, held_out = singular_functions(self.pairs(100_000, 0)), self.pairs(100_000, 1)
        assert vamp_score(found, held_out, "1") == pytest.approx(1 + 1.6, abs=0.02)
        assert vamp_score(found, held_out, "2") == pytest.approx(1 + 1.1, abs=0.02)
        assert vamp_score(found, held_out, "E") == pytest.approx(1 + 1.1, abs=0.02)

    def test_only_the_score_of_the_operator_judges_overfitted_values(self):
        rng = np.random.default_rng(0)
        train = singular_functions(PairMoments.of(rng.normal(size=(30, 5)), rng.normal(size=(30, 5))))
        held_out = PairMoments.of(rng.normal(size=(5000, 5)), rng.normal(size=(5000, 5)))
        assert vamp_score(train, held_out, "E") < 0.9
        assert vamp_score(train, held_out, "2") == pytest.approx(1, abs=0.05)


pairs = PairMoments.of_runs(noisy_runs(5, 60, n_features=4), center=True)


def test_functions_are_those_of_canonical_correlation_analysis():
    X = noisy_runs(5, 60, n_features=4)
    past, future = X[:, :-1].reshape(-1, 4), X[:, 1:].reshape(-1, 4)
    peer = CCA(2, scale=False, max_iter=5000, tol=1e-12).fit(past, future)
    scores = zip(*peer.transform(past, future), strict=True)
    expected = np.corrcoef(np.array([np.r_[x, y] for x, y in scores]).T)[[0, 1], [2, 3]]
    np.testing.assert_allclose(singular_functions(pairs, rank=2).values, np.abs(expected), atol=1e-6)


def test_functions_are_uncorrelated_and_correlate_by_their_values():
    found = singular_functions(pairs)
    np.testing.assert_allclose(found.before @ pairs.before @ found.before.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(found.after @ pairs.after @ found.after.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(found.after @ pairs.cross @ found.before.T, np.diag(found.values), atol=1e-12)


def test_training_scores_are_sums_of_powers():
    found = singular_functions(pairs, rank=3)
    for kind, power in [("1", 1), ("2", 2), ("E", 2)]:
        assert vamp_score(found, pairs, kind) == pytest.approx(1 + np.sum(found.values**power), abs=1e-12)
    with pytest.raises(ValueError, match="kind='3' is no VAMP score"):
        vamp_score(found, pairs, "3")


def test_the_score_is_the_norm_of_the_whitened_cross_covariance():
    """VAMP-2 is 1 + |C00^(-1/2) C01 C11^(-1/2)|^2 (Wu & Noe 2020)."""

    def inverse_root(C):
        values, vectors = np.linalg.eigh(C)
        return vectors / np.sqrt(values) @ vectors.T

    whitened = inverse_root(pairs.before) @ pairs.cross.T @ inverse_root(pairs.after)
    assert vamp_score(singular_functions(pairs), pairs) == pytest.approx(1 + np.sum(whitened**2), rel=1e-12)


def test_the_operator_of_a_rank_does_not_depend_on_units():
    units = np.array([1.0, 1e3, 1e-2, 5.0])
    scaled = PairMoments(
        pairs.before * units[:, None] * units,
        pairs.cross * units[:, None] * units,
        pairs.after * units[:, None] * units,
    )
    one, other = (left @ right for left, right in (vamp(pairs, rank=2), vamp(scaled, rank=2)))
    np.testing.assert_allclose(other / units[:, None] * units, one, atol=1e-10)

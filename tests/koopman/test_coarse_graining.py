"""Block spins and sums over the lattice against plain loops."""

from itertools import combinations

import numpy as np
import pytest

from skmst.koopman.coarse_graining import block_spins, coarse_graining_pairs, even_observables, odd_observables

SPINS = np.random.default_rng(0).choice([-1.0, 1.0], size=(3, 6, 8))


class TestBlockSpins:
    def test_the_majority_rules(self):
        found = block_spins(SPINS, random_state=0)
        for s, blocks in zip(SPINS, found, strict=True):
            for i in range(3):
                for j in range(4):
                    total = s[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].sum()
                    assert blocks[i, j] == np.sign(total) or total == 0

    def test_ties_fall_either_way(self):
        ties = np.tile([[1.0, -1.0], [-1.0, 1.0]], (1, 50, 50))
        assert abs(block_spins(ties, random_state=0).mean()) < 0.1

    def test_blocks_of_three_have_no_ties(self):
        spins = SPINS[:, :, :6]
        a, b = (block_spins(spins, 3, random_state=seed) for seed in (0, 1))
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(block_spins(-spins, 3), -a)

    @pytest.mark.parametrize(
        ("spins", "b", "message"),
        [(SPINS, 4, "divides"), (SPINS, 1, "at least 2"), (SPINS[0], 2, "shape"), (0.5 * SPINS, 2, "values -1 and 1")],
    )
    def test_what_cannot_be_is_said(self, spins, b, message):
        with pytest.raises(ValueError, match=message):
            block_spins(spins, b)


def distances(shape):
    """Squared distances between all pairs of sites on the torus."""
    sites = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    apart = np.abs(sites[:, None] - sites)
    return np.sum(np.minimum(apart, np.array(shape) - apart) ** 2, axis=-1)


class TestObservables:
    @pytest.mark.parametrize(("column", "squared"), list(enumerate([1, 2, 4, 5, 8])))
    def test_pairs_are_counted_once(self, column, squared):
        at = np.argwhere(np.triu(distances((6, 8)) == squared))
        expected = [np.sum(np.prod(s.ravel()[at], axis=1)) for s in SPINS]
        np.testing.assert_allclose(even_observables(SPINS)[:, column], expected)

    @pytest.mark.parametrize(("column", "sides"), list(enumerate([{1, 2}, {1, 4}, {2, 8}], start=1)))
    def test_triples_are_counted_once(self, column, sides):
        # Corners have sides 1, 1, sqrt 2; rows 1, 1, 2; diagonals sqrt 2, sqrt 2, 2 sqrt 2.
        apart, triples = distances((6, 8)), []
        for i in range(48):
            near = np.flatnonzero((apart[i] <= 8) & (np.arange(48) > i))
            triples += [
                (i, j, k)
                for j, k in combinations(near, 2)
                if sorted((apart[i, j], apart[i, k], apart[j, k])) == [min(sides), min(sides), max(sides)]
            ]
        expected = [np.sum(np.prod(s.ravel()[triples], axis=1)) for s in SPINS]
        np.testing.assert_allclose(odd_observables(SPINS)[:, column], expected)

    def test_when_all_spins_flip_some_stay_and_some_change_sign(self):
        np.testing.assert_array_equal(even_observables(-SPINS), even_observables(SPINS))
        np.testing.assert_array_equal(odd_observables(-SPINS), -odd_observables(SPINS))
        np.testing.assert_array_equal(odd_observables(SPINS)[:, 0], SPINS.sum(axis=(1, 2)))

    def test_aligned_spins_count_the_terms(self):
        ones = np.ones((1, 6, 8))
        np.testing.assert_array_equal(even_observables(ones) / 48, [[2, 2, 2, 4, 2, 1, 1]])
        np.testing.assert_array_equal(odd_observables(ones) / 48, [[1, 4, 2, 2]])


def test_pairs_run_from_the_coarse_scale_to_the_fine_one():
    fine, coarse = np.ones((5, 2)), np.zeros((5, 2))
    X = coarse_graining_pairs(fine, coarse)
    assert X.shape == (5, 2, 2)
    np.testing.assert_array_equal(X[:, 0], coarse)
    with pytest.raises(ValueError, match="one shape"):
        coarse_graining_pairs(fine, coarse[:4])

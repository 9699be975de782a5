"""Metastable sets of chains whose sets are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, expm

from skmst.datasets.prinz import _potential
from skmst.master_equation.pcca import coarse_transition_matrix, pcca
from skmst.master_equation.rates import implied_timescales, stationary_distribution
from tests.master_equation.chains import birth_death, two_states


def weakly_coupled(sizes, coupling, rng):
    """A reversible chain of blocks that mix at once inside and rarely between."""
    flux = block_diag(*(rng.uniform(0.5, 1, (n, n)) for n in sizes))
    flux = flux + coupling * rng.uniform(0.5, 1, flux.shape)
    flux = flux + flux.T
    return flux / flux.sum(axis=0)


@pytest.mark.parametrize("sizes", [(4, 3), (5, 4, 3), (6, 4, 3, 2, 3)])
def test_blocks_that_hardly_mix_are_the_sets(sizes, rng):
    n = sum(sizes)
    shuffle = rng.permutation(n)
    truth = np.repeat(np.arange(len(sizes)), sizes)[shuffle]
    T = weakly_coupled(sizes, 1e-4, rng)[np.ix_(shuffle, shuffle)]
    memberships = pcca(T, len(sizes))
    assert memberships.min() >= 0
    assert_allclose(memberships.sum(axis=1), 1, atol=1e-14)
    assert memberships.max(axis=1).min() > 0.99
    found = memberships.argmax(axis=1)
    assert len({(a, b) for a, b in zip(found, truth, strict=True)}) == len(sizes)
    law = stationary_distribution(T) @ memberships
    assert (np.diff(law) <= 0).all()


def test_two_sets_have_memberships_in_closed_form():
    T = birth_death([0.1, 0.01, 0.1], [0.1, 0.01, 0.1])
    # The second eigenfunction of this symmetric chain is odd; scaled to [0, 1] it is the membership.
    second = np.linalg.eigh(T)[1][:, -2]
    expected = (second - second.min()) / np.ptp(second)
    found = pcca(T, 2)
    assert_allclose(np.sort(found, axis=1), np.sort(np.c_[expected, 1 - expected], axis=1), atol=1e-12)


def test_the_chain_between_sets_keeps_law_and_slow_timescales(rng):
    T = weakly_coupled((6, 5, 4), 0.02, rng)
    memberships = pcca(T, 3)
    coarse = coarse_transition_matrix(T, memberships)
    assert_allclose(coarse.sum(axis=0), 1, atol=1e-13)
    law = stationary_distribution(T) @ memberships
    assert_allclose(coarse @ law, law, atol=1e-13)
    # The sets span an invariant subspace, so the eigenvalues are the same and not only near.
    assert_allclose(implied_timescales(coarse), implied_timescales(T)[:2], rtol=1e-10)


def test_the_chain_between_single_states_is_the_chain():
    T = two_states(0.2, 0.4)
    assert_allclose(coarse_transition_matrix(T, np.eye(2)), T, atol=1e-15)
    assert_allclose(coarse_transition_matrix(T, np.ones((2, 1))), [[1.0]], atol=1e-15)
    assert_allclose(pcca(T, 1), np.ones((2, 1)))
    assert_allclose(np.sort(pcca(T, 2), axis=1), [[0, 1], [0, 1]], atol=1e-12)


def test_the_sets_of_the_prinz_potential_are_its_wells():
    x = np.linspace(-1.1, 1.1, 111)
    energy = _potential(x)
    hop = 1 / (x[1] - x[0]) ** 2
    Q = hop * (np.diag(np.exp(-np.diff(energy) / 2), -1) + np.diag(np.exp(np.diff(energy) / 2), 1))
    Q -= np.diag(Q.sum(axis=0))
    sets = pcca(np.maximum(expm(0.01 * Q), 0), 4).argmax(axis=1)
    borders = x[1:][np.diff(sets) != 0]
    assert_allclose(borders, [-0.5, 0.0, 0.5], atol=0.06)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pcca(0.1 + 0.7 * np.roll(np.eye(3), 1, 0), 2),
            "not in detailed balance: estimate it with reversible=True",
        ),
        (lambda: pcca(np.eye(2), 3), "n_sets must lie between 1 and the number of states, 2; got 3"),
        (lambda: pcca(np.eye(2), 2), "the chain is reducible"),
        (lambda: pcca([[0.5, 0.0], [0.5, 1.0]], 2), "the chain leaves state 0 for good"),
        (lambda: coarse_transition_matrix(two_states(0.1, 0.1), np.eye(3)), "memberships has 3 rows for 2 states"),
        (
            lambda: coarse_transition_matrix(two_states(0.1, 0.1), np.full((2, 2), 0.5)),
            "memberships are linearly dependent",
        ),
    ],
)
def test_wrong_requests_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

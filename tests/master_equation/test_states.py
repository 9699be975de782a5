"""Fractions of energy, clusters and memberships as states of a master equation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skmst.master_equation.states import (
    assign_clusters,
    check_memberships,
    check_probabilities,
    energy_fractions,
    find_clusters,
    indicators,
)


@given(seed=st.integers(0, 10**6), n_bands=st.integers(1, 6), scale=st.floats(1e-200, 1e200))
def test_fractions_of_decaying_energy_are_probabilities(seed, n_bands, scale):
    rng = np.random.default_rng(seed)
    decay = np.cumprod(np.concatenate([np.ones((3, 1)), rng.uniform(0, 1, (3, 9))], axis=1), axis=1)
    energies = scale * decay[..., None] * rng.dirichlet(np.ones(n_bands), (3, 10))
    p = energy_fractions(energies)
    assert p.shape == (3, 10, n_bands + 1)
    assert p.min() >= 0
    assert_allclose(p.sum(axis=-1), 1, atol=1e-14)
    assert_allclose(p[..., -1], 1 - decay, atol=1e-13)
    assert_allclose(p[..., :-1], energies / energies[:, :1].sum(axis=-1, keepdims=True), rtol=1e-12)


def test_energy_that_rounding_lets_grow_is_still_a_probability():
    energies = np.array([[1.0, 1.0], [1.0 + 1e-13, 1.0], [1.0, 1.0 + 2e-13]])
    p = energy_fractions(energies)
    assert p.min() >= 0
    assert_allclose(p.sum(axis=-1), 1, atol=1e-15)
    assert (p[:, -1] < 1e-15).all()
    single = energies.astype(np.float32) * np.array([[1.0], [1.000001], [1.0]], np.float32)
    assert energy_fractions(single).dtype == np.float64


def test_energy_may_die_out_and_may_be_zero_in_a_band():
    assert_allclose(energy_fractions([[1.0, 0.0], [0.0, 0.0]]), [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("energies", "message"),
    [
        (
            [[[1.0, 1.0]] * 3, [[1.0, 1.0], [0.5, 0.5], [0.8, 0.5]]],
            "trajectory 1 grows at step 2, by 0.15 of the initial",
        ),
        ([[[1.0, 1.0], [0.5, np.nan]]], "trajectory 0 has the energy nan in band 1 at step 1"),
        ([[[1.0, 1.0], [-0.5, 0.5]]], "trajectory 0 has the energy -0.5 in band 0 at step 1"),
        ([[[1.0, 1.0]], [[0.0, 0.0]]], "trajectory 1 starts without energy"),
        ([1.0, 2.0], r"energies must have shape \(..., n_steps, n_bands\), got \(2,\)"),
    ],
)
def test_energies_that_give_no_probabilities_are_named(energies, message):
    with pytest.raises(ValueError, match=message):
        energy_fractions(energies)


def test_slow_growth_adds_up_and_is_refused():
    grows = (1 + 0.4e-10) ** np.arange(10)
    with pytest.raises(ValueError, match="grows at step 3"):
        energy_fractions(grows[:, None])
    assert_allclose(energy_fractions(grows[:, None], tolerance=1e-8)[:, 0], 1, atol=1e-15)


def test_messages_number_trajectories_as_asked():
    with pytest.raises(ValueError, match="trajectory 7 starts without energy"):
        energy_fractions(np.zeros((1, 2, 2)), numbers=[7])
    with pytest.raises(ValueError, match=r"of trajectory 7 at step 1 sum to 0\.9"):
        check_probabilities([[[0.5, 0.5], [0.5, 0.4]]], numbers=[7])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[[0.5, 0.5]], [[1.1, -0.1]]], "trajectory 1 has the probability -0.1 of state 1 at step 0"),
        ([[0.5, 0.5], [np.nan, 0.5]], "trajectory 0 has the probability nan of state 0 at step 1"),
        ([[0.5, 0.5], [0.5, 0.4]], "the probabilities of trajectory 0 at step 1 sum to 0.9, not to 1"),
        ([0.5, 0.5], r"probabilities must have shape \(..., n_steps, n_states\), got \(2,\)"),
    ],
)
def test_rows_that_are_no_probabilities_are_named(rows, message):
    with pytest.raises(ValueError, match=message):
        check_probabilities(rows)


def test_probabilities_pass_as_they_are(rng):
    p = rng.dirichlet(np.ones(3), (2, 5))
    assert (check_probabilities(p) == p).all()
    assert check_probabilities(p.astype(np.float32)).dtype == np.float64


def test_clusters_of_separate_clouds_are_the_clouds_whatever_the_seed(rng):
    places = np.array([[3.0, 0.0], [-2.0, 1.0], [0.0, 5.0]])
    truth = rng.integers(0, 3, 300)
    rows = places[truth] + 0.1 * rng.standard_normal((300, 2))
    order = np.argsort(places[:, 0])
    for seed in (0, 1):
        centres = find_clusters(rows, 3, random_state=seed)
        assert_allclose(centres, places[order], atol=0.05)
        labels = assign_clusters(rows.reshape(30, 10, 2), centres)
        assert labels.shape == (30, 10)
        assert (order[labels.ravel()] == truth).all()


def test_more_clusters_than_states_are_refused():
    with pytest.raises(ValueError, match="n_clusters=3 is more than the 2 distinct states"):
        find_clusters([[0.0], [1.0], [1.0]], 3)


def test_indicators_of_unequal_runs_are_a_list():
    found = indicators([[0, 1], [1, 1, 0]], 2)
    assert [run.shape for run in found] == [(2, 2), (3, 2)]
    assert_allclose(found[1], [[0, 1], [0, 1], [1, 0]])
    with pytest.raises(ValueError, match="labels must lie between 0 and n_states - 1 = 1"):
        indicators([[0, 1], [1, -1, 0]], 2)


def test_indicators_are_certain_probabilities():
    p = indicators([[0, 2], [1, 1]], 3)
    assert p.tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]
    with pytest.raises(ValueError, match="labels must lie between 0 and n_states - 1 = 1"):
        indicators([0, 2], 2)
    with pytest.raises(ValueError, match="labels must lie between"):
        indicators([-1, 0], 2)


@pytest.mark.parametrize(
    ("memberships", "message"),
    [
        ([0.5, 0.5], r"memberships must have shape \(n_states, n_sets\), got \(2,\)"),
        ([[1.0, 0.0], [0.7, 0.2]], "memberships of state 1"),
        ([[1.1, -0.1], [0.5, 0.5]], "memberships of state 0"),
        ([[np.nan, 0.5], [0.5, 0.5]], "memberships of state 0"),
    ],
)
def test_wrong_memberships_are_named(memberships, message):
    with pytest.raises(ValueError, match=message):
        check_memberships(memberships)

"""Members of a model of probabilities are in one state at a time, drawn from what their past makes probable."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmst import MasterEquationPredictor
from skmst.datasets import make_double_well
from skmst.master_equation import indicators, transition_counts, transition_matrix
from skmst.master_equation.simulation import JumpStep
from tests.master_equation.chains import THREE, random_chain, walk

N = 20_000


def lumped_walks(n_runs, n_steps):
    """Walks on four states of which two are seen as one, so that there is memory."""
    rng = np.random.default_rng(0)
    T = random_chain(rng, 4)
    return indicators(np.array([0, 0, 1, 2])[[walk(T, n_steps, rng) for _ in range(n_runs)]], 3)


@pytest.mark.parametrize("constraint", ["stochastic", "substochastic", "detailed_balance"])
@pytest.mark.parametrize("lag", [1, 2])
def test_their_mean_is_the_forecast_of_probabilities_at_every_lead(constraint, lag):
    X = lumped_walks(60, 60)
    model = MasterEquationPredictor(3, constraint=constraint, lag=lag).fit(X)
    p = model.forecast_probabilities(X[:3, :9], 8)
    states = model.forecast_probabilities(X[:3, :9], 8, n_ensemble=N, random_state=0)
    assert states.shape == (N, *p.shape)
    assert_array_equal(np.unique(states), [0, 1])
    assert_array_equal(states.sum(axis=-1), 1)
    error = np.sqrt(p * (1 - p) / N)
    assert (np.abs(states.mean(axis=0) - p) <= 4.5 * error + 1e-12).all()


def test_their_jumps_are_those_of_the_chain():
    X = indicators(np.array([walk(THREE, 400, np.random.default_rng(k)) for k in range(20)]), 3)
    model = MasterEquationPredictor(1, constraint="stochastic").fit(X)
    states = model.sample(400, 200, random_state=0).argmax(axis=-1)
    counts = transition_counts(states)
    assert_allclose(transition_matrix(counts), model.transition_matrix_, atol=0.02)
    assert (counts[THREE == 0] == 0).all()


def test_they_remember_as_the_kernels_say():
    # P(x_t | x_{t-1}, x_{t-2}) is the sum of a column of each kernel (Raftery 1985).
    X = lumped_walks(60, 100)
    model = MasterEquationPredictor(2, constraint="stochastic").fit(X)
    states = model.sample(2000, 100, random_state=0)
    now, before, next_ = states[:, 1:-1], states[:, :-2], states[:, 2:]
    seen = np.einsum("nti,ntj,ntk->ijk", next_, now, before)
    kernels = model.memory_kernel_
    expected = kernels[0][:, :, None] + kernels[1][:, None, :]
    assert_allclose(seen / seen.sum(axis=0), expected, atol=0.03)
    assert np.ptp(expected, axis=2).max() > 0.1  # there is memory to remember


def test_members_of_clusters_are_forecast_as_their_means():
    x = make_double_well(60, 300, beta=3.0, dt=0.1, random_state=0)
    model = MasterEquationPredictor(2, state="clusters", n_states=2, constraint="stochastic", random_state=0).fit(x)
    members = model.forecast(x[:4], 30, n_ensemble=2000, random_state=0)
    assert members.shape == (2000, 4, 30, 1)
    assert len(np.unique(members.round(9))) == 2
    assert_allclose(members.mean(axis=0), model.forecast(x[:4], 30), atol=0.1)
    assert model.forecast(x[0], 5, n_ensemble=3).shape == (3, 5, 1)
    first, again = (model.forecast(x[0], 5, n_ensemble=3, random_state=7) for _ in range(2))
    assert_array_equal(first, again)


def test_a_state_of_probability_zero_is_never_drawn():
    p = np.array([[0.0, 0.5, 0.0, 0.5, 0.0]])
    step = JumpStep(lambda Z: np.broadcast_to(p, (len(Z), 5)), 5, np.random.default_rng(0))
    drawn = step(np.zeros((10_000, 5)))
    assert_array_equal(np.flatnonzero(drawn.sum(axis=0)), [1, 3])


@pytest.mark.parametrize(
    ("params", "X"),
    [
        ({"state": np.eye(3)}, lumped_walks(4, 50)),
        ({"state": "energy", "constraint": "stochastic"}, 0.9 ** np.arange(8)[:, None] * np.ones((4, 1, 3))),
    ],
    ids=["free", "energy"],
)
def test_what_members_cannot_be_drawn_from_is_said(params, X):
    model = MasterEquationPredictor(1, **params).fit(X)
    for draw in (
        lambda: model.forecast(X, 2, n_ensemble=2),
        lambda: model.forecast_probabilities(X, 2, n_ensemble=2),
        model.sample,
    ):
        with pytest.raises(ValueError, match=r"takes a constraint .*forecast without n_ensemble"):
            draw()


def test_noise_would_lead_off_the_probabilities():
    X = lumped_walks(4, 50)
    model = MasterEquationPredictor(1, constraint="stochastic").fit(X)
    with pytest.raises(ValueError, match="noise would lead off the probabilities"):
        model.forecast(X, 5, n_ensemble=3, noise=model.orthogonal_noise(X))
    with pytest.raises(ValueError, match="n_ensemble must be a whole number"):
        model.forecast_probabilities(X, 5, n_ensemble=0)

"""Constrained least squares: optimal by its certificate, exact on exact data, and probabilities for ever."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from skmst.master_equation.constraints import stochastic_kernels, with_dissipated_state
from skmst.master_equation.kernels import companion_matrix
from tests.master_equation.chains import THREE, THREE_LAW, birth_death, birth_death_law, random_chain


def moments(histories, targets):
    n = len(histories)
    return histories.T @ histories / n, targets.T @ histories / n


def noisy_moments(rng, d, n_terms, n=400, concentration=0.3):
    histories = rng.dirichlet(np.ones(d), (n, n_terms)).reshape(n, -1)
    return moments(histories, rng.dirichlet(concentration * np.ones(d), n))


def gradient(kernels, gram, cross, weights=None):
    """Derivative of the squared error over two, of the shape of the kernels."""
    n_terms, d, _ = kernels.shape
    rows = kernels.transpose(1, 0, 2).reshape(d, -1) @ gram - cross
    if weights is not None:
        rows = rows * weights[:, None]
    return rows.reshape(d, n_terms, d).transpose(1, 0, 2)


def squared_error(kernels, gram, cross):
    rows = kernels.transpose(1, 0, 2).reshape(len(cross), -1)
    return np.trace(rows @ gram @ rows.T) - 2 * np.trace(rows @ cross.T)


def free_run(kernels, history, n_steps):
    """All states of a free run, in plain steps; history has the latest state first."""
    window, step = np.concatenate(history), kernels.transpose(1, 0, 2).reshape(kernels.shape[1], -1)
    d = len(step)
    states = np.empty((n_steps, d))
    for t in range(n_steps):
        window = np.concatenate([step @ window, window[:-d]])
        states[t] = window[:d]
    return states


@pytest.mark.parametrize(("d", "n_terms"), [(2, 1), (5, 1), (5, 4), (12, 3), (30, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_stochastic_kernels_meet_the_conditions_of_a_minimum(d, n_terms, weighted, rng):
    gram, cross = noisy_moments(rng, d, n_terms)
    weights = rng.uniform(0.1, 10, d) if weighted else None
    kernels = stochastic_kernels(gram, cross, weights=weights)
    shares = kernels.sum(axis=1)
    assert kernels.min() >= 0
    assert_allclose(shares, np.broadcast_to(shares[:, :1], shares.shape), atol=1e-14)
    assert shares[:, 0].sum() == pytest.approx(1, abs=1e-14)
    # In a column, only the entries of smallest gradient are positive; between kernels, only those of smallest sum.
    slope = gradient(kernels, gram, cross, weights)
    least = slope.min(axis=1, keepdims=True)
    assert np.sum((slope - least) * kernels) < 1e-12
    cost = least.sum(axis=(1, 2))
    assert np.sum((cost - cost.min()) * shares[:, 0]) < 1e-12


@pytest.mark.parametrize("n_terms", [1, 3])
def test_substochastic_kernels_meet_the_conditions_of_a_minimum(n_terms, rng):
    gram, cross = noisy_moments(rng, 5, n_terms)
    kernels = stochastic_kernels(gram, 0.9 * cross, constraint="substochastic")
    assert kernels.min() >= 0
    shares = kernels.sum(axis=1)
    assert shares.max(axis=1).sum() <= 1 + 1e-14
    # As with one more row, whose gradient is zero.
    slope = gradient(kernels, gram, 0.9 * cross)
    least = np.minimum(slope.min(axis=1, keepdims=True), 0)
    assert np.sum((slope - least) * kernels) < 1e-12
    lost = shares.max(axis=1, keepdims=True) - shares
    assert np.sum(-least[:, 0] * lost) < 1e-12


@pytest.mark.parametrize("constraint", ["stochastic", "substochastic", "detailed_balance"])
@pytest.mark.parametrize("n_terms", [1, 2])
def test_a_general_solver_finds_the_same_minimum(constraint, n_terms, rng):
    gram, cross = noisy_moments(rng, 3, n_terms)
    cross = 0.9 * cross if constraint == "substochastic" else cross
    law = np.array([0.2, 0.3, 0.5])
    found = stochastic_kernels(gram, cross, constraint=constraint, stationary=law)

    def unpack(x):
        return x[:-n_terms].reshape(n_terms, 3, 3), x[-n_terms:]

    sums = {
        "type": "ineq" if constraint == "substochastic" else "eq",
        "fun": lambda x: (unpack(x)[1][:, None] - unpack(x)[0].sum(axis=1)).ravel(),
    }
    conditions = [sums, {"type": "eq", "fun": lambda x: unpack(x)[1].sum() - 1}]
    if constraint == "detailed_balance":
        i, j = np.triu_indices(3, 1)
        balance = {
            "type": "eq",
            "fun": lambda x: (unpack(x)[0] * law - (unpack(x)[0] * law).transpose(0, 2, 1))[:, i, j],
        }
        conditions.append({**balance, "fun": lambda x: balance["fun"](x).ravel()})
    start = np.r_[np.tile(law[:, None], (n_terms, 1, 3)).ravel() / n_terms, np.full(n_terms, 1 / n_terms)]
    best = minimize(
        lambda x: squared_error(unpack(x)[0], gram, cross),
        start,
        method="SLSQP",
        bounds=[(0, None)] * len(start),
        constraints=conditions,
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert squared_error(found, gram, cross) <= best.fun + 1e-12
    histories = rng.dirichlet(np.ones(3), (50, n_terms))
    forecasts = [np.einsum("lij,tlj->ti", kernels, histories) for kernels in (found, unpack(best.x)[0])]
    assert_allclose(*forecasts, atol=1e-5)


@pytest.mark.parametrize("constraint", ["stochastic", "substochastic", "detailed_balance"])
def test_a_markov_chain_is_recovered_from_exact_data_with_its_zeros(constraint, rng):
    p = rng.dirichlet(np.ones(3), 200)
    kernels = stochastic_kernels(*moments(p, p @ THREE.T), constraint=constraint)
    assert_allclose(kernels[0], THREE, atol=1e-12)
    assert (kernels[0][THREE == 0] == 0).all()


def test_a_markov_chain_leaves_nothing_to_the_kernels_of_earlier_states(rng):
    T = random_chain(rng, 4)
    histories = rng.dirichlet(np.ones(4), (500, 3))
    kernels = stochastic_kernels(*moments(histories.reshape(500, -1), histories[:, 0] @ T.T))
    assert_allclose(kernels, [T, 0 * T, 0 * T], atol=1e-10)


def test_a_mixture_over_lags_is_recovered(rng):
    parts = np.stack([c * random_chain(rng, 4) for c in (0.5, 0.2, 0.3)])
    for part in parts[1:]:
        part[np.arange(4), rng.permutation(4)] = 0  # what all columns share could as well be the latest kernel's
        part *= rng.uniform(0.2, 0.3) / part.sum(axis=0)
    parts[0] *= (1 - parts[1:].sum(axis=(0, 1))) / parts[0].sum(axis=0)
    histories = rng.dirichlet(np.ones(4), (500, 3))
    targets = np.einsum("lij,tlj->ti", parts, histories)
    assert_allclose(stochastic_kernels(*moments(histories.reshape(500, -1), targets)), parts, atol=1e-11)


def test_two_states_with_noise_have_the_projection_in_closed_form():
    # Column j is (t_j, 1 - t_j): the error is quadratic in two numbers, here with both unconstrained optima inside.
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    y = np.array([[0.8, 0.2], [0.6, 0.4], [0.45, 0.55], [0.5, 0.5]])
    t = np.linalg.lstsq(p, y[:, 0], rcond=None)[0]
    assert_allclose(stochastic_kernels(*moments(p, y))[0], [t, 1 - t], atol=1e-12)


def test_detailed_balance_is_exact_and_keeps_the_law(rng):
    up, down = np.array([0.1, 0.02, 0.3]), np.array([0.2, 0.1, 0.05])
    T, law = birth_death(up, down), birth_death_law(up, down)
    p = rng.dirichlet(np.ones(4), 300)
    targets = p @ T.T + 0.02 * rng.standard_normal((300, 4))
    targets /= targets.sum(axis=1, keepdims=True)
    for n_terms in (1, 2):
        histories = np.concatenate([p] + [rng.dirichlet(np.ones(4), 300)] * (n_terms - 1), axis=1)
        kernels = stochastic_kernels(*moments(histories, targets), constraint="detailed_balance", stationary=law)
        flux = kernels * law
        assert_allclose(flux, flux.transpose(0, 2, 1), atol=1e-15)
        assert_allclose(kernels.sum(axis=0) @ law, law, atol=1e-14)
        assert_allclose(kernels.sum(axis=(0, 1)), 1, atol=1e-14)
    own = stochastic_kernels(*moments(p, p @ CYCLE.T), constraint="detailed_balance")[0]
    assert_allclose(own * 0.25, (own * 0.25).T, atol=1e-14)


#: A cycle through four states: as far from detailed balance as can be, with the uniform law.
CYCLE = 0.2 * np.eye(4) + 0.8 * np.roll(np.eye(4), 1, axis=0)


def test_data_on_which_a_bold_interior_point_method_cycles_are_fitted():
    # Exact data of a chain of two states, for which predictor and corrector steps alone go round in three for ever.
    gram = [[0.05696640367596091, 0.16405837049257255], [0.16405837049257255, 0.6149168553388958]]
    cross = [[0.05517696520844208, 0.16158958635885526], [0.16584780896009127, 0.6173856394726133]]
    kernels = stochastic_kernels(gram, cross, constraint="detailed_balance")
    assert_allclose(kernels[0], np.linalg.solve(gram, np.transpose(cross)).T, atol=1e-10)


def test_non_negative_kernels_with_a_stochastic_sum_alone_do_not_keep_probabilities():
    # Why the columns of each kernel have equal sums here: this pair adds up to the identity.
    kernels = np.array([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    assert_allclose(kernels.sum(axis=0), np.eye(2))
    state = free_run(kernels, [np.array([1.0, 0.0]), np.array([0.0, 1.0])], 1)[0]
    assert state.sum() == 2


@pytest.mark.parametrize("constraint", ["stochastic", "detailed_balance"])
@pytest.mark.parametrize("n_terms", [1, 5])
def test_free_runs_of_a_hundred_thousand_steps_stay_probabilities(constraint, n_terms, rng):
    kernels = stochastic_kernels(*noisy_moments(rng, 6, n_terms), constraint=constraint)
    states = free_run(kernels, rng.dirichlet(np.ones(6), n_terms), 100_000)
    assert states.min() >= 0
    assert np.abs(states[:10_000].sum(axis=1) - 1).max() < 1e-12
    assert np.abs(states.sum(axis=1) - 1).max() < 1e-10
    assert np.abs(np.linalg.eigvals(companion_matrix(kernels))).max() < 1 + 1e-12


def test_free_runs_of_lossy_kernels_never_gain_and_end_dissipated(rng):
    gram, cross = noisy_moments(rng, 6, 3)
    kernels = stochastic_kernels(gram, 0.999 * cross, constraint="substochastic")
    history = rng.dirichlet(np.ones(6), 3)
    states = free_run(kernels, history, 100_000)
    total = states.sum(axis=1)
    assert states.min() >= 0
    assert total.max() <= 1 + 1e-14
    assert total[-1] < 1e-6
    # With the dissipated state the same run conserves.
    whole = with_dissipated_state(kernels)
    assert whole.min() >= 0
    shares = whole.sum(axis=1)
    assert_allclose(shares, np.broadcast_to(shares[:, :1], shares.shape), atol=1e-15)
    run = free_run(whole, np.pad(history, ((0, 0), (0, 1))), 10_000)
    assert_allclose(run[:, :-1], states[:10_000], atol=1e-13)
    assert_allclose(run.sum(axis=1), 1, atol=1e-12)


def test_what_cannot_be_dissipated_is_named():
    with pytest.raises(ValueError, match="kernels are not sub-stochastic"):
        with_dissipated_state(1.1 * np.eye(2)[None])
    with pytest.raises(ValueError, match=r"kernels must have shape \(n_terms, d, d\), got \(2, 2\)"):
        with_dissipated_state(np.eye(2))


def test_a_larger_ridge_gives_flatter_kernels(rng):
    p = rng.dirichlet(np.ones(3), 200)
    gram, cross = moments(p, p @ THREE.T)
    spread = [np.ptp(stochastic_kernels(gram, cross, ridge=ridge)) for ridge in (0, 0.1, 10)]
    assert spread[0] > spread[1] > spread[2]


def test_the_law_of_the_data_is_taken_for_detailed_balance(rng):
    p = rng.dirichlet(np.ones(3), 200)
    kernels = stochastic_kernels(*moments(p, p @ THREE.T), constraint="detailed_balance")
    assert_allclose(kernels[0] @ THREE_LAW, THREE_LAW, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"constraint": "positive"},
            "constraint must be one of 'stochastic', 'substochastic', 'detailed_balance'; got",
        ),
        ({"gram": np.eye(4)}, r"got \(4, 4\) and \(3, 3\)"),
        ({"gram": np.diag([1.0, 0.0, 1.0])}, "state 1 has no probability in any step"),
        ({"gram": np.full((3, 3), np.nan)}, "gram and cross must be finite"),
        ({"weights": [1, 0, 1]}, "weights must hold 3 positive numbers"),
        ({"constraint": "detailed_balance", "stationary": [0.5, 0.5, 0.0]}, "stationary must hold 3 positive"),
    ],
)
def test_wrong_moments_are_named(change, message):
    keywords = {"gram": np.eye(3), "cross": np.eye(3), **change}
    with pytest.raises(ValueError, match=message):
        stochastic_kernels(**keywords)


def test_moments_are_left_alone(rng):
    gram, cross = noisy_moments(rng, 3, 2)
    given = gram.copy(), cross.copy()
    stochastic_kernels(gram, cross, ridge=0.1)
    assert (gram == given[0]).all()
    assert (cross == given[1]).all()

"""States that are probabilities, through the estimator: what is exact, what stays a probability, what is refused."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmst import MasterEquationPredictor
from skmst.datasets import make_burgers, make_double_well
from skmst.master_equation import (
    implied_timescales,
    indicators,
    markov_chain,
    mean_first_passage_times,
    timescales_by_lag,
    transition_counts,
    transition_matrix,
)
from tests.master_equation import lumped_chain
from tests.master_equation.chains import THREE, THREE_LAW, birth_death, birth_death_law, random_chain, walk


def runs_of_probabilities(T, n_runs, n_steps, seed=0):
    """Exact probabilities of a chain from random starts, shape (n_runs, n_steps, n_states)."""
    starts = np.random.default_rng(seed).dirichlet(np.ones(len(T)), n_runs)
    return np.stack([starts @ np.linalg.matrix_power(T, k).T for k in range(n_steps)], axis=1)


def runs_of_energies(decay, n_runs, n_steps, seed=0):
    """Energies that decay by a factor per step in each band, shape (n_runs, n_steps, n_bands)."""
    starts = np.random.default_rng(seed).uniform(0.2, 5, (n_runs, 1, len(decay)))
    return starts * np.asarray(decay) ** np.arange(n_steps)[:, None]


def walks(T, n_runs, n_steps, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([walk(T, n_steps, rng, start=rng.integers(len(T))) for _ in range(n_runs)])


wells = make_double_well(60, 300, beta=3.0, dt=0.1, random_state=0)


class TestExactData:
    @pytest.mark.parametrize("constraint", [None, "stochastic", "detailed_balance"])
    @pytest.mark.parametrize("n_memory", [1, 3])
    def test_a_markov_chain_is_found(self, constraint, n_memory):
        up, down = [0.2, 0.1, 0.3], [0.1, 0.2, 0.05]
        T, law = birth_death(up, down), birth_death_law(up, down)
        X = runs_of_probabilities(T, 12, 12)
        model = MasterEquationPredictor(n_memory, state=np.eye(4), constraint=constraint, dt=0.5).fit(X[:8])
        assert_allclose(model.forecast(X[8:, :3], 9), X[8:, 3:], atol=1e-8)
        assert_allclose(model.stationary_distribution_, law, atol=1e-8)
        if n_memory == 1:
            assert_allclose(model.transition_matrix_, T, atol=1e-8)
            assert model.transition_time_ == 0.5
            assert_allclose(model.mean_first_passage_times(), mean_first_passage_times(T, interval=0.5), rtol=1e-6)

    def test_memberships_lump_the_chain_whose_timescale_is_known(self):
        X = runs_of_probabilities(THREE, 20, 20)
        model = MasterEquationPredictor(2, state=lumped_chain.READ.T, dt=2.0).fit(X)
        # Two sets of a chain of three states: two terms hold all that is hidden.
        assert_allclose(model.forecast_probabilities(X[:, :2], 18), X[:, 2:] @ lumped_chain.READ.T, atol=1e-9)
        assert_allclose(model.timescales_[0], 2 * lumped_chain.TIMESCALE, rtol=1e-5)
        assert_allclose(model.stationary_distribution_, lumped_chain.LUMPED, atol=1e-9)
        slow = implied_timescales(model.transition_matrix_, model.transition_time_)
        assert_allclose(slow, [2 * lumped_chain.TIMESCALE], rtol=1e-5)
        assert_allclose(model.probabilities(X), X @ lumped_chain.READ.T, atol=1e-12)

    def test_decay_of_energy_is_loss_only_at_the_rates_of_the_bands(self):
        rates, dt = np.array([3.0, 1.0, 0.25]), 0.1
        X = runs_of_energies(np.exp(-rates * dt), 10, 15)
        model = MasterEquationPredictor(1, state="energy", constraint="stochastic", dt=dt).fit(X)
        expected = np.diag(np.r_[-rates, 0])
        expected[-1, :-1] = rates
        found = model.generator_
        assert found.embeddable
        assert_allclose(found.matrix, expected, atol=1e-7)
        assert_allclose(model.stationary_distribution_, [0, 0, 0, 1], atol=1e-12)
        assert_allclose(model.mean_first_passage_times(3)[:3], dt / (1 - np.exp(-rates * dt)), rtol=1e-7)

    @pytest.mark.parametrize("constraint", [None, "stochastic", "substochastic"])
    def test_energies_are_forecast_in_the_units_of_each_run(self, constraint):
        X = runs_of_energies([0.5, 0.9], 12, 15)
        X[6:] *= 10.0 ** np.arange(6)[:, None, None]
        model = MasterEquationPredictor(2, state="energy", constraint=constraint, horizon=5).fit(X[:6])
        assert_allclose(model.forecast(X[6:, :4], 11), X[6:, 4:], rtol=1e-6)
        assert_allclose(model.predict(X[6:])[:, 1:-1], X[6:, 2:], rtol=1e-6)
        assert model.score(X[6:]) > 1 - 1e-10
        assert_allclose(model.predict(X[6]), model.predict(X[6:])[0], rtol=1e-12)

    def test_bands_without_energy_stay_without(self):
        X = np.insert(runs_of_energies([0.5, 0.9], 6, 10), 1, 0.0, axis=-1)
        model = MasterEquationPredictor(2, state="energy", constraint="stochastic").fit(X)
        assert_allclose(model.forecast(X[:, :5], 5), X[:, 5:], rtol=1e-6, atol=1e-12)

    def test_observables_are_read_off_the_probabilities(self):
        X = runs_of_probabilities(THREE, 12, 12)
        y = 3 + X @ [[1.0], [2.0], [-4.0]]
        model = MasterEquationPredictor(1, constraint="stochastic").fit(X[:6], y[:6])
        assert_allclose(model.forecast(X[6:, :2], 10), y[6:, 2:], atol=1e-7)
        assert_allclose(model.forecast(X[6:, :2], 10, state=True), X[6:, 2:], atol=1e-7)


class TestClusters:
    def test_without_memory_it_is_the_chain_of_counted_transitions(self):
        model = MasterEquationPredictor(1, state="clusters", n_states=3, random_state=0, dt=0.1).fit(wells)
        labels = model.probabilities(wells).argmax(axis=-1)
        T = transition_matrix(transition_counts(labels))
        assert_allclose(model.transition_matrix_, T, atol=1e-12)
        assert_allclose(model.stationary_distribution_, markov_chain(labels).stationary_distribution, atol=1e-12)
        lags = [1, 3, 10]
        assert_allclose(model.timescales_by_lag(wells, lags, 2), timescales_by_lag(labels, lags, 2, dt=0.1), rtol=1e-9)

    def test_the_forecast_of_features_is_the_mean_of_the_clusters(self):
        model = MasterEquationPredictor(1, state="clusters", n_states=3, random_state=0).fit(wells)
        p = model.probabilities(wells)[:, :-1].reshape(-1, 3)  # the last step of a run has no successor
        means = p.T @ wells[:, :-1].reshape(-1, 1) / p.sum(axis=0)[:, None]
        found = model.forecast(wells, 5)
        assert_allclose(found, model.forecast_probabilities(wells, 5) @ means, atol=1e-10)

    def test_metastable_sets_of_many_clusters_are_the_wells(self):
        model = MasterEquationPredictor(2, state="clusters", n_states=2, n_microstates=15, random_state=0).fit(wells)
        right = model.probabilities(wells)[..., 0].astype(bool)
        x = wells[..., 0]
        clear = np.abs(x) > 0.3
        assert len(np.unique(right[clear & (x > 0)])) == 1
        assert (right[clear & (x > 0)] != right[clear & (x < 0)][0]).all()

    def test_memory_finds_the_slow_rate_that_a_short_lag_misses(self):
        # beta = 3: 0.0806199, from the Fokker-Planck operator (sinc-DVR).
        x = make_double_well(400, 400, beta=3.0, dt=0.1, random_state=1)
        times = {}
        for n_memory in (1, 12):
            model = MasterEquationPredictor(
                n_memory, state=lambda rows: np.eye(3)[np.digitize(rows[:, 0], [-0.7, 0.3])], dt=0.1
            ).fit(x)
            times[n_memory] = implied_timescales(model.transition_matrix_, model.transition_time_)[0]
        assert times[1] < 0.5 / 0.0806199
        assert times[12] == pytest.approx(1 / 0.0806199, rel=0.06)


CONSTRAINED = {
    "probabilities": (
        {"constraint": "stochastic"},
        runs_of_probabilities(random_chain(np.random.default_rng(3), 5), 9, 9),
    ),
    "balanced": (
        {"constraint": "detailed_balance"},
        indicators(walks(birth_death([0.3, 0.2], [0.2, 0.4]), 20, 60), 3),
    ),
    "losses": ({"constraint": "substochastic"}, runs_of_probabilities(THREE, 9, 9) * 0.98 ** np.arange(9)[:, None]),
    "energy": ({"state": "energy", "constraint": "stochastic"}, runs_of_energies([0.99, 0.9, 0.5], 9, 20)),
    "clusters": ({"state": "clusters", "constraint": "stochastic", "n_states": 3, "random_state": 0}, wells[:30]),
    "metastable": (
        {"state": "clusters", "constraint": "detailed_balance", "n_states": 2, "n_microstates": 8, "random_state": 0},
        wells[:30],
    ),
    "memberships": (
        {"state": [[1, 0], [0.5, 0.5], [0, 1]], "constraint": "stochastic"},
        indicators(walks(THREE, 20, 60), 3),
    ),
}


class TestProbabilitiesStayProbabilities:
    @pytest.mark.parametrize(
        ("name", "n_known", "n_steps"),
        [(name, 1, 100_000) for name in CONSTRAINED] + [(name, 4, 5000) for name in CONSTRAINED],
    )
    def test_for_a_hundred_thousand_steps(self, name, n_known, n_steps):
        params, X = CONSTRAINED[name]
        model = MasterEquationPredictor(3, **params).fit(X)
        p = model.forecast_probabilities(X[:2, :n_known], n_steps)
        assert p.min() >= 0
        assert p.max() <= 1 + 1e-12
        assert_allclose(p.sum(axis=-1), 1, atol=1e-12)
        assert_allclose(p[:, -1], np.broadcast_to(model.stationary_distribution_, p[:, -1].shape), atol=1e-6)
        kernels = model.memory_kernel_
        assert kernels.min() >= 0
        assert_allclose(np.ptp(kernels.sum(axis=1), axis=1), 0, atol=1e-12)  # whatever the history, sums are one
        assert_allclose(kernels.sum(axis=(0, 1)), 1, atol=1e-12)

    def test_a_chain_that_never_leaves_sets_of_states_ends_where_it_began(self):
        T = np.array([[0.9, 0.2, 0, 0], [0.1, 0.8, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]])
        X = runs_of_probabilities(T, 12, 9)
        model = MasterEquationPredictor(1, constraint="stochastic").fit(X)
        share = X[:, :-1, :2].sum(axis=-1).mean()
        assert_allclose(model.stationary_distribution_, [share * 2 / 3, share / 3, (1 - share) / 2, (1 - share) / 2])
        assert_allclose(model.forecast(X[0], 10_000)[-1, :2].sum(), X[0, 0, :2].sum(), atol=1e-12)
        assert np.isinf(model.mean_first_passage_times()[0, 2])

    def test_energy_of_burgers_is_only_dissipated(self):
        u = make_burgers(20, 20, viscosity=0.03, n_x=64, dt=0.1, random_state=0)
        power = np.abs(np.fft.rfft(u - u.mean(axis=-1, keepdims=True))) ** 2
        X = np.stack([power[..., a:b].sum(axis=-1) for a, b in ((1, 2), (2, 4), (4, 8), (8, 33))], axis=-1)
        model = MasterEquationPredictor(3, state="energy", constraint="stochastic").fit(X)
        total = model.forecast(X[:, :3], 10_000).sum(axis=-1)
        assert (np.diff(total, axis=1) <= 1e-12 * total[:, :1]).all()
        assert (total[:, -1] < 1e-3 * X[:, 0].sum(axis=-1)).all()


class TestFitting:
    @pytest.mark.parametrize("name", ["probabilities", "losses", "energy", "memberships"])
    def test_chunks_give_the_model_of_all(self, name):
        params, X = CONSTRAINED[name]
        whole, parts = (MasterEquationPredictor(1, **params) for _ in range(2))
        whole.fit(X)
        for part in (X[:4], X[4:5], X[5:]):
            parts.partial_fit(part)
        assert_allclose(parts.memory_kernel_, whole.memory_kernel_, atol=1e-8)
        assert_allclose(parts.forecast(X, 5), whole.forecast(X, 5), rtol=1e-6)

    def test_runs_of_unequal_length_are_one_data_set(self):
        X = runs_of_energies([0.9, 0.6], 4, 12)
        model = MasterEquationPredictor(2, state="energy", constraint="stochastic").fit([X[0], X[1, :8], X[2], X[3]])
        assert_allclose(model.forecast([X[1, :5], X[2, :7]], 3), [X[1, 5:8], X[2, 7:10]], rtol=1e-6)

    def test_nonlinear_projections_take_states_too(self):
        X = runs_of_probabilities(THREE, 9, 9)
        model = MasterEquationPredictor(2, state=lumped_chain.READ.T, method="nonlinear").fit(X)
        assert_allclose(model.forecast_probabilities(X[:, :2], 3), X[:, 2:5] @ lumped_chain.READ.T, atol=1e-6)


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        (
            {"constraint": "stochastic"},
            [[[0.5, 0.5]] * 3, [[0.5, 0.5], [0.5, 0.4], [1, 0]]],
            "trajectory 1 at step 1 sum",
        ),
        (
            {"constraint": "stochastic"},
            [[[0.5, 0.5]] * 3, [[1.5, -0.5]] * 3],
            "trajectory 1 has the probability -0.5",
        ),
        ({"constraint": "substochastic"}, [[[0.5, 0.6]] * 3], "sum to 1.1, not to at most 1"),
        ({"constraint": "stochastic"}, [[[0.5, 0, 0.5]] * 3], "state 1 has no probability in any step"),
        ({"state": "energy"}, [[[2.0, 1]] * 3, [[2.0, 1], [1, 1], [1, 1.5]]], "trajectory 1 grows at step 2"),
        ({"state": "energy"}, [[[2.0, 1.0]] * 3, [[0.0, 0.0]] * 3], "trajectory 1 starts without energy"),
        (
            {"state": "energy", "constraint": "detailed_balance"},
            [[[2.0, 1.0]] * 3],
            "what is dissipated does not come back",
        ),
        ({"constraint": "stochastic", "method": "mori"}, [[[0.5, 0.5]] * 3], "constraint='stochastic' is for method="),
        ({"state": [[1, 0], [0, 1]]}, [[[0.5, 0.2, 0.3]] * 3], "memberships of 2 states, but X has 3 features"),
        ({"state": [[1, 0], [0.2, 0.2]]}, [[[0.5, 0.5]] * 3], "memberships of state 1 are"),
        ({"state": [[1, 0], [0, 1]]}, [[[0.5, 0.4]] * 3], "trajectory 0 at step 0 sum to 0.9"),
        ({"state": lambda rows: rows[:, 0]}, [[[0.5, 0.5]] * 3], r"must give an array of shape \(n_rows, n_states\)"),
        ({"state": lambda rows: 2 * rows}, [[[0.5, 0.5]] * 3], "trajectory 0 at step 0 sum to 2"),
        (
            {"state": "clusters", "n_states": 3},
            [[[0.0], [1.0], [0.0]]],
            "n_states=3 is more than the 2 distinct states",
        ),
        (
            {"state": "clusters", "n_states": 3, "n_microstates": 2},
            [[[0.0], [1.0], [2.0]]],
            "n_microstates=2 is less than",
        ),
        (
            {"state": "clusters", "n_states": 2, "n_microstates": 3},
            [[[0.0], [1.0], [2.0], [2.0]]],
            "only 1 of 3 clusters are connected",
        ),
        ({"constraint": "stochastic", "n_memory": 3}, [[[0.5, 0.5]] * 3], r"too short \(trajectory 0\): n_memory=3"),
    ],
)
def test_what_is_no_state_is_named(params, X, message):
    before = np.array(X, dtype=float)
    data = before.copy()
    with pytest.raises(ValueError, match=message):
        MasterEquationPredictor(**{"n_memory": 1, **params}).fit(data)
    assert (data == before).all()


def test_the_short_run_of_a_list_is_named():
    runs = [np.full((5, 2), 0.5), np.full((2, 2), 0.5)]
    with pytest.raises(ValueError, match=r"n_samples=2 steps is too short \(trajectory 1\)"):
        MasterEquationPredictor(2, constraint="stochastic").fit(runs)


def test_a_forecast_is_refused_what_the_fit_is_refused():
    model = MasterEquationPredictor(1, state="energy").fit(runs_of_energies([0.9, 0.5], 3, 6))
    with pytest.raises(ValueError, match="the total energy of trajectory 1 grows at step 1"):
        model.forecast([[[1.0, 1.0], [0.5, 0.5]], [[1.0, 1.0], [1.5, 0.8]]], 3)


def test_features_that_are_no_probabilities_have_no_chain():
    model = MasterEquationPredictor(1).fit(runs_of_probabilities(THREE, 5, 6))
    for name in (
        "probabilities",
        "forecast_probabilities",
        "mean_first_passage_times",
        "generator_",
        "timescales_by_lag",
    ):
        assert not hasattr(model, name)


def test_a_chain_without_rates_says_so():
    swap = np.array([[0.1, 0.9], [0.9, 0.1]])
    model = MasterEquationPredictor(1, constraint="stochastic").fit(runs_of_probabilities(swap, 5, 6))
    with pytest.warns(UserWarning, match=re.escape("no rates give the transition matrix")):
        assert not model.generator_.embeddable


def test_the_stationary_law_of_three_states_is_that_of_the_chain():
    model = MasterEquationPredictor(2, constraint="detailed_balance").fit(runs_of_probabilities(THREE, 9, 9))
    assert_allclose(model.stationary_distribution_, THREE_LAW, atol=1e-6)

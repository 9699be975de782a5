"""The chain that a model ends in: its time scale is the model's, or the user is told; and what makes no chain."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmst import MasterEquationPredictor
from skmst.datasets import make_double_well
from skmst.master_equation import implied_timescales, indicators
from skmst.master_equation.time_local import slow_step
from tests.master_equation.chains import THREE, two_states, walk

CUTS = [-0.7, 0.3]
x = make_double_well(100, 200, beta=3.0, dt=0.1, random_state=0)


def three_states(rows):
    return indicators(np.digitize(rows[:, 0], CUTS), 3)


def slowest(model):
    return implied_timescales(model.transition_matrix_, model.transition_time_)[0]


@pytest.mark.filterwarnings("ignore:the model is unstable:UserWarning")
@pytest.mark.parametrize("method", ["regression", "mori", "qmsm", "igme", "tcl", "embedding"])
@pytest.mark.parametrize("n_memory", [1, 4, 8])
def test_its_slowest_timescale_is_that_of_the_model(method, n_memory):
    model = MasterEquationPredictor(n_memory, method=method, state=three_states, dt=0.1).fit(x)
    assert slowest(model) == pytest.approx(model.timescales_[0], rel=1e-6)


def test_where_no_step_is_a_probability_the_nearest_chain_is_said_to_be_one():
    """Little data: steps of free models have negative entries over any number of lags."""
    rng, n_said = np.random.default_rng(0), 0
    for _ in range(30):
        runs = x[rng.choice(len(x), 6, replace=False), :60]
        if len(np.unique(np.digitize(runs, CUTS))) < 3:
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = MasterEquationPredictor(6, state=three_states, dt=0.1).fit(runs)
        said = [w for w in caught if "no transition probabilities over any number of lags" in str(w.message)]
        n_said += len(said)
        assert model.transition_matrix_.min() >= 0
        assert_allclose(model.transition_matrix_.sum(axis=0), 1, atol=1e-12)
        if said:
            assert said[0].filename == __file__
            assert "Use constraint, fewer terms" in str(said[0].message)
            numbers = re.search(r"scale of (\S+) lags where the model has (\S+)\.", str(said[0].message)).groups()
            times = [slowest(model), model.timescales_[0]]
            assert_allclose(0.1 * np.array(numbers, float), times, rtol=0.01)
            assert abs(np.log2(times[0] / times[1])) < 1  # the chain nearest over one lag is off by up to thirty times
        elif np.isfinite(slowest(model)):
            assert slowest(model) == pytest.approx(model.timescales_[0], rel=0.052)
    assert n_said > 3


def test_modes_that_the_leading_variables_do_not_see_are_no_part_of_their_step():
    T = two_states(0.2, 0.3)
    hidden = np.zeros((4, 4))
    hidden[:2, :2], hidden[2:, :2], hidden[2:, 2:] = T, 0.4, 0.99 * np.eye(2)  # slow, and driven, but never read
    assert_allclose(slow_step(hidden, 2), T, atol=1e-12)


@pytest.mark.parametrize("constraint", [None, "stochastic"])
@pytest.mark.parametrize("visit", [None, -1])
def test_a_state_that_is_never_left_is_named(constraint, visit):
    states = walk(two_states(0.2, 0.3), 200, np.random.default_rng(0))
    if visit is not None:
        states[visit] = 2
    with pytest.raises(ValueError, match="state 2 has no probability in any step that another follows"):
        MasterEquationPredictor(2, state=lambda r: np.eye(3)[r[:, 0].astype(int)], constraint=constraint).fit(
            states[:, None].astype(float)
        )


def test_a_band_without_energy_keeps_what_it_has_without_a_constraint_too():
    starts = np.random.default_rng(0).uniform(1, 2, (6, 1, 2))
    E = np.insert(starts * np.array([0.5, 0.9]) ** np.arange(10)[:, None], 1, 0.0, axis=-1)
    T = MasterEquationPredictor(1, state="energy").fit(E).transition_matrix_
    expected = np.diag([0.5, 1, 0.9, 1])
    expected[3, [0, 2]] = 0.5, 0.1
    assert_allclose(T, expected, atol=1e-10)


@pytest.mark.parametrize("lag", [2, 3])
@pytest.mark.parametrize("constraint", [None, "stochastic", "detailed_balance"])
def test_at_a_longer_lag_forecasts_are_still_powers_of_the_step(lag, constraint):
    T = two_states(0.2, 0.3)
    start = np.random.default_rng(0).dirichlet([1, 1], 8)
    p = np.stack([start @ np.linalg.matrix_power(T, k).T for k in range(30)], axis=1)
    model = MasterEquationPredictor(2, state=np.eye(2), constraint=constraint, lag=lag, dt=0.5).fit(p[:6])
    assert_allclose(model.forecast_probabilities(p[6:, : 2 * lag], 20), p[6:, 2 * lag : 2 * lag + 20], atol=1e-10)
    assert_allclose(model.transition_matrix_, np.linalg.matrix_power(T, lag), atol=1e-8)
    assert model.transition_time_ == lag * 0.5
    assert_allclose(model.timescales_, [-0.5 / np.log(0.5)], rtol=1e-8)


@pytest.mark.parametrize("constraint", [None, "stochastic", "substochastic", "detailed_balance"])
def test_one_state_is_all_there_is(constraint):
    data = np.random.default_rng(0).normal(size=(5, 20, 2))
    model = MasterEquationPredictor(2, state="clusters", n_states=1, constraint=constraint, random_state=0).fit(data)
    p = model.forecast_probabilities(data[0, :3], 4)
    assert_array_equal(p[:, 0], 1)
    assert_allclose(model.forecast(data[0], 3), np.tile(data[:, 1:-1].mean(axis=(0, 1)), (3, 1)), atol=1e-10)


P = np.stack([np.eye(3)[k % 3] @ np.linalg.matrix_power(THREE, n).T for k in range(6) for n in range(8)]).reshape(
    6, 8, 3
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"constraint": "stochastic"}),
        ({"constraint": "stochastic"}, {"constraint": None}),
        ({"constraint": "stochastic"}, {"constraint": "substochastic"}),
        ({"constraint": "stochastic"}, {"state": np.eye(3)}),
        ({"state": np.eye(3)}, {"state": np.eye(3)[:, [0, 2, 1]]}),
        ({"state": "clusters", "n_states": 2}, {"state": "energy"}),
    ],
)
def test_states_do_not_change_between_chunks(before, after):
    model = MasterEquationPredictor(1, **before).partial_fit(P[:3])
    with pytest.raises(
        ValueError, match=r"state and constraint must not change between calls of partial_fit.*call fit"
    ):
        model.set_params(**after).partial_fit(P[3:])


def test_kinds_of_constraint_that_count_alike_may_change_between_chunks():
    model = MasterEquationPredictor(1, constraint="stochastic").partial_fit(P[:3])
    model.set_params(constraint="detailed_balance").partial_fit(P[3:])
    whole = MasterEquationPredictor(1, constraint="detailed_balance").fit(P)
    assert_allclose(model.transition_matrix_, whole.transition_matrix_, atol=1e-8)
    with pytest.raises(ValueError, match="is for method='regression'"):
        model.set_params(method="mori").partial_fit(P)

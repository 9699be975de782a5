"""The memory that held-out trajectories ask for."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.model_selection import LeaveOneGroupOut, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmst import KoopmanRegressor, MasterEquationPredictor, PerSnapshot
from skmst.model_selection import memory_curve


def autoregressive(n_runs, n_steps, seed=0):
    """x(t) = .5 x(t-1) - .4 x(t-3) + unit noise; shape (n_runs, n_steps, 1)."""
    noise = np.random.default_rng(seed).normal(size=(n_runs, n_steps + 50))
    return lfilter([1.0], [1.0, -0.5, 0.0, 0.4], noise)[:, 50:, None]


X = autoregressive(30, 150)


@pytest.mark.parametrize(
    ("model", "parameter"),
    [
        (MasterEquationPredictor(horizon=2), None),
        (make_pipeline(PerSnapshot(StandardScaler()), MasterEquationPredictor(horizon=2)), None),
        (KoopmanRegressor(horizon=2), "n_delays"),
    ],
)
def test_three_terms_are_chosen_where_the_state_three_steps_ago_matters(model, parameter):
    found = memory_curve(model, X, n_memory=[5, 1, 2, 3, 4], parameter=parameter, random_state=0)
    assert found.n_memory.tolist() == [1, 2, 3, 4, 5]
    assert found.selected == 3
    assert (found.low <= found.error).all()
    assert (found.error <= found.high).all()
    assert found.high[2] < found.low[1]


def test_the_error_is_that_of_the_forecasts():
    # One step ahead with all terms: unit noise over the variance of the process.
    found = memory_curve(MasterEquationPredictor(), X, n_memory=[3], horizon=1, random_state=0)
    np.testing.assert_allclose(found.error, 1 / X.var(), rtol=0.03)


def test_time_is_in_the_units_of_the_model():
    model = MasterEquationPredictor(lag=2, dt=0.25, horizon=2)
    found = memory_curve(make_pipeline(model), X, n_memory=[1, 4], random_state=0)
    assert found.time.tolist() == [0.5, 2.0]


def test_noise_asks_for_one_term():
    noise = np.random.default_rng(0).normal(size=(30, 60, 2))
    assert memory_curve(MasterEquationPredictor(horizon=3), noise, random_state=0).selected == 1


def test_observables_and_runs_of_unequal_length_are_taken():
    runs = [run[: 100 + 5 * (i % 3)] for i, run in enumerate(X)]
    y = [np.stack([run[:, 0], 2 * run[:, 0]], axis=-1) for run in runs]
    found = memory_curve(MasterEquationPredictor(horizon=2), runs, y, n_memory=[1, 3], random_state=0)
    assert found.selected == 3


def test_a_forecast_that_explodes_is_infinitely_wrong_and_not_chosen():
    class Explodes(MasterEquationPredictor):
        def hindcast(self, X, y=None, *, horizon=None):
            past = super().hindcast(X, y, horizon=horizon)
            return replace(past, y_pred=np.full_like(past.y_pred, np.nan)) if self.n_memory > 2 else past

    found = memory_curve(Explodes(horizon=2), X, n_memory=[1, 2, 3], random_state=0)
    assert np.isinf([found.error[2], found.low[2], found.high[2]]).all()
    assert np.isfinite(found.high[:2]).all()
    assert found.selected == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[0]}, "one trajectory.*segments"),
        ({"n_memory": []}, "n_memory must hold"),
        ({"n_memory": [0, 1]}, "n_memory must hold"),
        ({"level": 2}, "level must lie"),
        ({"parameter": "memory"}, "has 0 parameters 'memory'"),
        ({"X": np.ones((6, 30, 1))}, "does not vary"),
    ],
)
def test_what_is_not_valid_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        memory_curve(**{"model": MasterEquationPredictor(), "X": X, "random_state": 0, **arguments})


def test_splitters_split_trajectories():
    found = memory_curve(
        MasterEquationPredictor(horizon=2), X, n_memory=[1, 3], cv=ShuffleSplit(4, random_state=0), random_state=0
    )
    assert found.selected == 3
    with pytest.raises(ValueError, match="groups"):
        memory_curve(MasterEquationPredictor(), X, cv=LeaveOneGroupOut())

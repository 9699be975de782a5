"""scikit-learn's searches and splitters on trajectories give the numbers that one gets by hand."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skmst.forecasting import forecast
from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.metrics import forecast_scorer
from skmst.trajectories import PerSnapshot, segments
from tests.linear_systems import A, linear_runs, noisy_runs

X = noisy_runs(12, 25)
Y = X @ np.array([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]]) + 3.0
LENGTHS = [25, 20, 15, 25, 18, 25, 25, 22, 25, 16, 25, 19]
RUNS, OBSERVED = ([run[:n] for run, n in zip(data, LENGTHS, strict=True)] for data in (X, Y))
SPLITTERS = [KFold(3), KFold(3, shuffle=True, random_state=0), ShuffleSplit(3, random_state=0)]


def pipeline():
    return Pipeline(
        [
            ("scale", PerSnapshot(StandardScaler())),
            ("pca", PerSnapshot(PCA(2))),
            ("dynamics", MasterEquationPredictor(n_memory=2, n_context=4, horizon=3)),
        ]
    )


def by_hand(runs, y, train, test, n_memory=2):
    """Scale, project, fit and score one split with numpy's own indexing."""

    def pick(data, index):
        return [data[i] for i in index]

    rows = np.concatenate(pick(runs, train))
    scaler = StandardScaler().fit(rows)
    pca = PCA(2).fit(scaler.transform(rows))
    latent = [pca.transform(scaler.transform(run)) for run in runs]
    model = MasterEquationPredictor(n_memory, n_context=4, horizon=3).fit(pick(latent, train), pick(y, train))
    return model.score(pick(latent, test), pick(y, test))


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
@pytest.mark.parametrize(("runs", "y"), [(X, Y), (RUNS, OBSERVED)], ids=["array", "list"])
def test_cross_validation_is_what_one_does_by_hand(splitter, runs, y):
    found = cross_validate(pipeline(), runs, y, cv=splitter, error_score="raise")["test_score"]
    expected = [by_hand(runs, y, train, test) for train, test in splitter.split(runs)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_trajectories_without_observables_can_be_cross_validated():
    model = KoopmanRegressor(horizon=3)
    found = cross_val_score(model, X, cv=3, error_score="raise")
    expected = [clone(model).fit(X[i]).score(X[j]) for i, j in KFold(3).split(X)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("runs", "y"), [(X, Y), (RUNS, OBSERVED)], ids=["array", "list"])
def test_a_parallel_search_over_memory_is_what_one_does_by_hand(runs, y):
    search = GridSearchCV(pipeline(), {"dynamics__n_memory": [1, 3]}, cv=3, n_jobs=2, error_score="raise")
    search.fit(runs, y)
    for n_memory, mean in zip([1, 3], search.cv_results_["mean_test_score"], strict=True):
        expected = [by_hand(runs, y, i, j, n_memory) for i, j in KFold(3).split(runs)]
        assert mean == pytest.approx(np.mean(expected), abs=1e-12)
    direct = search.best_estimator_
    np.testing.assert_array_equal(forecast(search, runs, 4), forecast(direct, runs, 4))
    np.testing.assert_array_equal(search.predict(X), direct.predict(X))


@pytest.mark.parametrize(("runs", "y"), [(X, Y), (RUNS, OBSERVED)], ids=["array", "list"])
def test_a_halving_search_runs_on_trajectories(runs, y):
    search = HalvingGridSearchCV(
        pipeline(), {"dynamics__n_memory": [1, 2, 3]}, cv=2, min_resources=4, random_state=0, error_score="raise"
    )
    search.fit(runs, y)
    assert search.n_resources_[-1] == len(runs)  # the last round has all trajectories: the numbers of plain folds
    best = clone(pipeline()).set_params(**search.best_params_)
    assert search.best_score_ == pytest.approx(cross_val_score(best, runs, y, cv=2).mean(), abs=1e-12)


def test_several_horizons_at_once():
    scoring = {"h1": forecast_scorer(1), "h5": forecast_scorer(5)}
    search = GridSearchCV(pipeline(), {"dynamics__n_memory": [1, 2]}, cv=2, scoring=scoring, refit="h5")
    search.fit(X, Y)
    assert (search.cv_results_["mean_test_h1"] > search.cv_results_["mean_test_h5"]).all()


@pytest.mark.parametrize("splitter", [KFold(4), KFold(4, shuffle=True, random_state=1), TimeSeriesSplit(3)])
def test_segments_of_one_linear_run_give_the_exact_operator_on_every_split(splitter):
    cut = segments(linear_runs(1, 60)[0], 10)
    model = KoopmanRegressor(horizon=3)
    found = cross_validate(model, cut, cv=splitter, return_estimator=True, error_score="raise")
    np.testing.assert_allclose(found["test_score"], 1, atol=1e-10)
    for fitted in found["estimator"]:
        np.testing.assert_allclose(fitted.koopman_matrix_, A, atol=1e-8)

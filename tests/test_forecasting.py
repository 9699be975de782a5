"""forecast() is the steps of a Pipeline by hand, forth and back."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmst.forecasting import forecast, hindcast
from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from skmst.trajectories import PerSnapshot
from tests.linear_systems import READ, linear_runs

TRAIN, TEST = linear_runs(6, 30), linear_runs(4, 30, seed=1)
SEEN, UNSEEN = TEST[:, :10], TEST[:, 10:]


class GlobalCoefficients(TransformerMixin, BaseEstimator):
    """Stands for a scattering transform that averages over the grid, or does not."""

    def __init__(self, T="global"):
        self.T = T

    @property
    def determines_fields(self):
        return self.T != "global"

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X

    def inverse_transform(self, X):
        return X


def model(*steps):
    return make_pipeline(*steps, PerSnapshot(StandardScaler()), PerSnapshot(PCA()), KoopmanRegressor())


@pytest.mark.parametrize("last", [KoopmanRegressor(), MasterEquationPredictor(2)])
def test_an_estimator_forecasts_as_by_its_own_method(last):
    last = last.fit(TRAIN)
    np.testing.assert_array_equal(forecast(last, SEEN, 20), last.forecast(SEEN, 20))
    np.testing.assert_allclose(forecast(last, SEEN, 20, inverse=True), UNSEEN, atol=1e-9)


def test_a_pipeline_forecasts_the_observables_or_the_way_back():
    pipe = model().fit(TRAIN, TRAIN @ READ.T)
    np.testing.assert_allclose(forecast(pipe, SEEN, 20), UNSEEN @ READ.T, atol=1e-9)
    np.testing.assert_allclose(forecast(pipe, SEEN, 20, inverse=True), UNSEEN, atol=1e-9)
    np.testing.assert_allclose(forecast(pipe, SEEN[0], 20, inverse=True), UNSEEN[0], atol=1e-9)
    starts = [SEEN[0], SEEN[1, 4:]]
    np.testing.assert_allclose(forecast(pipe, starts, 20, inverse=True), UNSEEN[:2], atol=1e-9)


def test_without_observables_a_pipeline_forecasts_its_last_features():
    pipe = model().fit(TRAIN)
    np.testing.assert_allclose(forecast(pipe, SEEN, 20), pipe[:-1].transform(UNSEEN), atol=1e-9)


def test_a_pipeline_may_end_in_a_pipeline():
    inner = make_pipeline(PerSnapshot(PCA(2)), KoopmanRegressor())
    nested = make_pipeline(PerSnapshot(StandardScaler()), inner).fit(TRAIN, TRAIN)
    flat = make_pipeline(PerSnapshot(StandardScaler()), PerSnapshot(PCA(2)), KoopmanRegressor()).fit(TRAIN, TRAIN)
    for inverse in (False, True):
        np.testing.assert_array_equal(
            forecast(nested, SEEN, 4, inverse=inverse), forecast(flat, SEEN, 4, inverse=inverse)
        )


def test_a_search_forecasts_by_its_best_estimator():
    search = GridSearchCV(model(), {"koopmanregressor__rank": [1, 3]}, cv=2).fit(TRAIN, TRAIN)
    assert search.best_params_ == {"koopmanregressor__rank": 3}
    np.testing.assert_allclose(forecast(search, SEEN, 20, inverse=True), UNSEEN, atol=1e-9)


def test_parameters_reach_the_last_step():
    pipe = model().fit(TRAIN, TRAIN @ READ.T)
    expected = pipe[-1].forecast(pipe[:-1].transform(SEEN), 3, state=True)
    np.testing.assert_array_equal(forecast(pipe, SEEN, 3, state=True), expected)


def test_passthrough_steps_and_nested_pipelines_lead_back():
    nested = make_pipeline(StandardScaler(), "passthrough", PCA())
    pipe = Pipeline([("none", "passthrough"), ("both", PerSnapshot(nested)), ("last", KoopmanRegressor())])
    np.testing.assert_allclose(forecast(pipe.fit(TRAIN), SEEN, 20, inverse=True), UNSEEN, atol=1e-9)


def test_hindcasts_go_through_the_steps():
    pipe = model().fit(TRAIN, TRAIN @ READ.T)
    past = hindcast(pipe, TEST, TEST @ READ.T, horizon=5)
    np.testing.assert_allclose(past.y_pred, past.y_true, atol=1e-9)
    assert past.y_true.shape == (4 * 25, 5, 2)


def refuse_work(X):
    raise AssertionError("no work before the check")


@pytest.mark.parametrize(
    "step",
    [
        PerSnapshot(FeatureUnion([("scale", StandardScaler())])),
        FunctionTransformer(np.cbrt),
        PerSnapshot(make_pipeline(FunctionTransformer(np.cbrt), StandardScaler())),
    ],
)
def test_a_step_without_inverse_is_named_before_any_work(step):
    pipe = make_pipeline(step, KoopmanRegressor()).fit(TRAIN)
    pipe[-1].forecast = refuse_work
    with pytest.raises(TypeError, match=r"(FeatureUnion|FunctionTransformer) has none"):
        forecast(pipe, SEEN, 2, inverse=True)


def test_global_coefficients_do_not_lead_back_to_a_field():
    pipe = make_pipeline(GlobalCoefficients(), KoopmanRegressor()).fit(TRAIN)
    with pytest.raises(ValueError, match="synthesis"):
        forecast(pipe, SEEN, 2, inverse=True)
    assert forecast(pipe, SEEN, 2).shape == (4, 2, 3)
    local = make_pipeline(GlobalCoefficients(T=4), KoopmanRegressor()).fit(TRAIN)
    assert forecast(local, SEEN, 2, inverse=True).shape == (4, 2, 3)


@pytest.mark.parametrize(
    "unfitted",
    [KoopmanRegressor(), model(), GridSearchCV(model(), {"koopmanregressor__rank": [1]})],
    ids=["estimator", "pipeline", "search"],
)
def test_an_unfitted_model_is_refused(unfitted):
    with pytest.raises(NotFittedError):
        forecast(unfitted, SEEN, 2)


def test_a_search_without_refit_is_refused():
    search = GridSearchCV(model(), {"koopmanregressor__rank": [1, 3]}, cv=2, refit=False).fit(TRAIN, TRAIN)
    with pytest.raises(NotFittedError, match="refit on"):
        forecast(search, SEEN, 2)


def test_a_model_that_cannot_forecast_is_refused():
    with pytest.raises(TypeError, match="StandardScaler cannot forecast"):
        forecast(StandardScaler().fit(TRAIN[0]), SEEN, 2)


@pytest.mark.parametrize("n_steps", [0, -3, 1.5, None])
def test_the_number_of_steps_is_checked_first(n_steps):
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        forecast(model(), SEEN, n_steps)


def test_a_start_shorter_than_the_lag_is_refused():
    pipe = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor(lag=3)).fit(TRAIN)
    with pytest.raises(ValueError, match="at least 3 observed steps"):
        forecast(pipe, SEEN[:, :2], 5)

"""PerSnapshot does to every snapshot what the transformer does to rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skmst.koopman import KoopmanRegressor
from skmst.trajectories import PerSnapshot
from tests.linear_systems import noisy_runs

X = noisy_runs(5, 20)
ROWS = X.reshape(-1, 3)


class CountingScaler(StandardScaler):
    """Counts how often it is fitted."""

    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).n_fits += 1
        return super().fit(X, y, sample_weight)


def test_trajectories_are_transformed_like_their_rows():
    expected = PCA(2).fit_transform(ROWS).reshape(5, 20, 2)
    step = PerSnapshot(PCA(2)).fit(X)
    np.testing.assert_allclose(step.transform(X), expected, atol=1e-12)
    np.testing.assert_allclose(step.transform(X[0]), expected[0], atol=1e-12)
    assert step.n_features_in_ == 3


def test_a_list_of_runs_comes_back_as_a_list():
    runs = [X[0], X[1, :7]]
    step = PerSnapshot(StandardScaler())
    out = step.fit_transform(runs)
    expected = StandardScaler().fit_transform(np.concatenate(runs))
    np.testing.assert_allclose(np.concatenate(out), expected)
    assert [run.shape for run in out] == [(20, 3), (7, 3)]
    for back, run in zip(step.inverse_transform(out), runs, strict=True):
        np.testing.assert_allclose(back, run)


def test_the_inverse_leads_back():
    step = PerSnapshot(PCA()).fit(X)
    np.testing.assert_allclose(step.inverse_transform(step.transform(X)), X, atol=1e-12)


def test_there_is_an_inverse_only_where_the_transformer_has_one():
    assert not hasattr(PerSnapshot(FeatureUnion([("pca", PCA())])), "inverse_transform")
    assert hasattr(PerSnapshot(PCA()), "inverse_transform")


def test_fit_transform_fits_once_and_leaves_the_given_transformer_alone():
    inner = CountingScaler()
    CountingScaler.n_fits = 0
    PerSnapshot(inner).fit_transform(X)
    assert CountingScaler.n_fits == 1
    assert not hasattr(inner, "mean_")


def test_float32_stays():
    assert PerSnapshot(PCA(2)).fit_transform(X.astype(np.float32)).dtype == np.float32


def test_feature_unions_and_column_transformers_act_on_the_last_axis():
    union = FeatureUnion([("scale", StandardScaler()), ("pca", PCA(2))])
    assert PerSnapshot(union).fit_transform(X).shape == (5, 20, 5)
    columns = ColumnTransformer([("one", StandardScaler(), [0]), ("rest", "passthrough", [2])])
    out = PerSnapshot(columns).fit_transform(X)
    np.testing.assert_array_equal(out[..., 1], X[..., 2])
    assert out.shape == (5, 20, 2)


def test_targets_are_flattened_with_the_snapshots():
    y = X @ [[1.0], [2.0], [3.0]]
    pls = PLSRegression(1, scale=False).fit(ROWS, y.reshape(-1, 1))
    found = PerSnapshot(PLSRegression(1, scale=False)).fit(X, y).transformer_
    np.testing.assert_allclose(found.coef_, pls.coef_)
    listed = PerSnapshot(PLSRegression(1, scale=False)).fit(list(X), list(y)).transformer_
    np.testing.assert_allclose(listed.coef_, pls.coef_)


@pytest.mark.parametrize(
    ("runs", "y"),
    [(X, np.zeros((5, 19))), (X, np.zeros(5)), (list(X), [np.zeros(20)] * 4), (list(X), [np.zeros(3)] * 5)],
)
def test_targets_of_another_length_are_refused(runs, y):
    with pytest.raises(ValueError, match=r"^y "):
        PerSnapshot(StandardScaler()).fit(runs, y)


def test_fields_on_a_grid_are_refused():
    with pytest.raises(ValueError, match="Flatten the grid"):
        PerSnapshot(PCA(1)).fit(np.zeros((2, 3, 4, 4)))


def test_a_transformer_that_returns_sparse_rows_is_refused_for_trajectories():
    with pytest.raises(ValueError, match="dense"):
        PerSnapshot(OneHotEncoder()).fit_transform(np.zeros((2, 3, 1)))


def test_partial_fit_on_chunks_is_the_fit_on_all():
    whole = StandardScaler().fit(ROWS)
    step = PerSnapshot(StandardScaler()).partial_fit(X[:2]).partial_fit(X[2:])
    np.testing.assert_allclose(step.transformer_.mean_, whole.mean_)
    assert not hasattr(PerSnapshot(PCA()), "partial_fit")
    assert hasattr(PerSnapshot(IncrementalPCA()), "partial_fit")


def test_data_frames_come_out_of_2d_input_only():
    frame = pd.DataFrame(X[0], columns=["a", "b", "c"])
    step = PerSnapshot(StandardScaler()).set_output(transform="pandas").fit(frame)
    assert list(step.transform(frame).columns) == ["a", "b", "c"]
    fresh = PerSnapshot(PCA(2)).set_output(transform="pandas").fit(X)
    assert isinstance(fresh.transform(X), np.ndarray)
    assert isinstance(fresh.transform(list(X)), list)
    assert list(fresh.transform(X[0]).columns) == ["pca0", "pca1"]


def test_parameters_of_the_inner_transformer_can_be_searched():
    model = Pipeline([("pca", PerSnapshot(PCA())), ("koopman", KoopmanRegressor(horizon=2))])
    search = GridSearchCV(model, {"pca__transformer__n_components": [1, 3]}, cv=2).fit(X, X)
    assert search.cv_results_["mean_test_score"][0] < search.cv_results_["mean_test_score"][1]
    assert clone(search.best_estimator_).get_params()["pca__transformer__n_components"] == 3


def test_a_failed_fit_leaves_the_fitted_state():
    step = PerSnapshot(FunctionTransformer(np.log, check_inverse=False)).fit(np.ones((4, 2)))
    step.set_params(transformer=PCA(7))
    with pytest.raises(ValueError, match="n_components"):
        step.fit(X)
    np.testing.assert_array_equal(step.transform(np.ones((4, 2))), np.zeros((4, 2)))

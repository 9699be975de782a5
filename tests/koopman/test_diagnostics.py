"""What a fitted model says about itself agrees with the functions behind it, and searches can use it."""

import pickle

import numpy as np
import pytest
from scipy.linalg import expm
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skmst import KoopmanRegressor, PerSnapshot
from skmst.datasets import make_ornstein_uhlenbeck
from skmst.koopman.canonical import singular_functions, vamp_score
from skmst.koopman.pairs import PairMoments
from skmst.koopman.pseudospectra import pseudospectrum
from skmst.koopman.scoring import vamp_scorer
from tests.linear_systems import EIGENVALUES, linear_runs, noisy_runs

TRAIN, TEST = noisy_runs(6, 40)[:3], noisy_runs(6, 40)[3:]
SQUARES = PolynomialFeatures(2, include_bias=False)


def lifted(X):
    return SQUARES.fit_transform(X.reshape(-1, 3)).reshape(*X.shape[:2], -1)


class TestResiduals:
    @pytest.mark.parametrize("params", [{}, {"n_delays": 2, "lag": 2}, {"rank": 2}, {"observables": SQUARES}])
    def test_on_the_training_data_they_are_the_attribute(self, params):
        model = KoopmanRegressor(**params).fit(TRAIN)
        np.testing.assert_allclose(model.residuals(TRAIN), model.residuals_, rtol=1e-8)

    def test_on_other_data_they_are_larger_where_the_model_overfits(self):
        model = KoopmanRegressor(n_delays=8).fit(TRAIN)
        assert np.median(model.residuals(TEST)) > 1.02 * np.median(model.residuals_)


class TestScore:
    @pytest.mark.parametrize("kind", ["1", "2", "E"])
    def test_it_is_that_of_the_lifted_data(self, kind):
        model = KoopmanRegressor(4, observables=SQUARES).fit(TRAIN)
        train, test = (PairMoments.of_runs(lifted(X), center=True) for X in (TRAIN, TEST))
        expected = vamp_score(singular_functions(train, rank=4), test, kind)
        assert model.vamp_score(TEST, kind=kind) == pytest.approx(expected, rel=1e-8)

    def test_it_serves_searches_and_pipelines(self):
        pipeline = make_pipeline(PerSnapshot(PCA()), KoopmanRegressor())
        grid = {"persnapshot__transformer__n_components": [1, 2, 3]}
        search = GridSearchCV(pipeline, grid, scoring=vamp_scorer(), cv=3).fit(noisy_runs(6, 200))
        assert search.best_params_["persnapshot__transformer__n_components"] == 3
        assert vamp_scorer()(search, TEST) == vamp_scorer()(search.best_estimator_, TEST)
        assert vamp_scorer()(search.best_estimator_, TEST) > 2

    def test_it_grows_with_the_slow_processes_that_are_seen(self):
        # An Ornstein-Uhlenbeck process: 1 + e^(-2 t) + e^(-4 t) + ... with each Hermite polynomial.
        x = make_ornstein_uhlenbeck(60, 500, theta=1.0, dt=0.2, random_state=0)
        for degree in (1, 2):
            model = KoopmanRegressor(observables=PolynomialFeatures(degree, include_bias=False))
            scores = cross_val_score(model, x, scoring=vamp_scorer(), cv=3)
            assert scores.mean() == pytest.approx(1 + sum(np.exp(-0.4 * n) for n in range(1, degree + 1)), abs=0.02)

    def test_scorers_are_pickled_and_say_what_they_cannot_score(self):
        scorer = pickle.loads(pickle.dumps(vamp_scorer("E")))
        assert repr(scorer) == "vamp_scorer('E')"
        with pytest.raises(TypeError, match="PCA has no singular functions"):
            scorer(PCA(), TEST)
        with pytest.raises(ValueError, match="no VAMP score"):
            vamp_scorer("3")


def test_pseudospectrum_of_training_and_of_other_data():
    model, points = KoopmanRegressor(observables=SQUARES).fit(TRAIN), [[1.0, 0.5j], [0.0, -1]]
    for X, found in ((TRAIN, model.pseudospectrum(points)), (TEST, model.pseudospectrum(points, TEST))):
        expected = pseudospectrum(PairMoments.of_runs(lifted(X), center=True), points)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_intervals_are_about_the_eigenvalues_of_the_model():
    model = KoopmanRegressor(observables=SQUARES, lag=2, alpha=0.01).fit(noisy_runs(8, 40))
    found = model.eigenvalue_intervals(noisy_runs(8, 40), n_resamples=20, random_state=0)
    np.testing.assert_allclose(found.eigenvalues, model.eigenvalues_, atol=1e-9)
    assert found.resampled.shape == (20, 9)


def test_the_generator_leads_to_the_operator():
    model = KoopmanRegressor(lag=2, dt=0.1).fit(linear_runs(6, 30))
    np.testing.assert_allclose(expm(0.2 * model.generator().matrix), model.koopman_matrix_, atol=1e-9)
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(model.generator().matrix)),
        np.sort_complex(np.log(EIGENVALUES) / 0.1),
        atol=1e-6,
    )


def test_an_operator_without_a_generator_says_so():
    x = (-0.5) ** np.arange(20.0)[:, None]
    with pytest.warns(UserWarning, match="negative real axis"):
        assert not KoopmanRegressor().fit(x).generator().exists


def test_the_table_has_a_row_for_each_mode():
    model = KoopmanRegressor(dt=0.1).fit(linear_runs(6, 30))
    table = model.mode_table()
    np.testing.assert_allclose(table["frequency"], model.rates_.imag / (2 * np.pi))
    np.testing.assert_allclose(table["half_life"], np.log(2) * model.timescales_)
    np.testing.assert_array_equal(table["residual"], model.residuals_)
    assert table["energy"].shape == (3,)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.residuals(TEST),
        lambda m: m.vamp_score(TEST),
        lambda m: m.pseudospectrum(1.0),
        lambda m: m.eigenvalue_intervals(TEST),
        lambda m: m.mode_table(),
        lambda m: m.generator(),
    ],
)
def test_before_the_fit_there_is_nothing_to_say(ask):
    with pytest.raises(NotFittedError):
        ask(KoopmanRegressor())


def test_runs_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match="needs at least 7"):
        KoopmanRegressor(n_delays=3, lag=2).fit(TRAIN).residuals(TEST[:, :6])

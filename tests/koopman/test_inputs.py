"""The regressor with inputs: exact systems, searches that pass inputs along, and what is refused."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.fixes import parse_version

import skmst
from skmst import KoopmanRegressor, PerSnapshot
from skmst.koopman import controlled_operator, vamp_scorer
from skmst.metrics import forecast_scorer
from tests.koopman.test_controls import OFFSET, B, N, driven
from tests.koopman.test_solvers import PHYSICAL
from tests.linear_systems import EIGENVALUES, READ, A

TRAIN, TEST = driven(6, 40), driven(4, 30, seed=5)
BILINEAR_TRAIN, BILINEAR_TEST = driven(8, 30, 0.3), driven(4, 20, 0.3, seed=5)


@pytest.fixture(scope="module")
def model():
    return KoopmanRegressor().fit(TRAIN[0], inputs=TRAIN[1])


class TestExactDynamics:
    def test_matrices_spectrum_and_residuals_are_those_of_the_unforced_system(self, model):
        np.testing.assert_allclose(model.koopman_matrix_, A, atol=1e-10)
        np.testing.assert_allclose(model.input_matrix_, B, atol=1e-10)
        np.testing.assert_allclose(model.intercept_, OFFSET, atol=1e-10)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES, atol=1e-10)
        assert model.residuals_.max() < 1e-6
        assert model.pseudospectrum(EIGENVALUES).max() < 1e-6

    @pytest.mark.parametrize("n_observed", [1, 10])
    @pytest.mark.parametrize("surplus", [0, 1])
    def test_forecasts_follow_new_inputs_and_are_no_step_off(self, model, n_observed, surplus):
        (x, u), n_steps = TEST, 20 - n_observed
        found = model.forecast(x[:, :n_observed], n_steps, inputs=u[:, : 19 + surplus])
        np.testing.assert_allclose(found, x[:, n_observed:20], atol=1e-10)
        found = model.forecast(x[0, :n_observed], n_steps, inputs=u[0, : 19 + surplus])
        np.testing.assert_allclose(found, x[0, n_observed:20], atol=1e-10)

    def test_predictions_are_the_data_one_step_later(self, model):
        x, u = TEST
        np.testing.assert_allclose(model.predict(x, inputs=u)[:, :-1], x[:, 1:], atol=1e-10)

    def test_scores_are_one(self, model):
        x, u = TEST
        assert 1 - model.score(x, inputs=u) < 1e-12
        assert 1 - model.score(list(x), inputs=list(u)) < 1e-12
        past = skmst.hindcast(model, x, horizon=7, inputs=u)
        np.testing.assert_allclose(past.y_pred, past.y_true, atol=1e-10)

    def test_runs_of_unequal_length(self, model):
        lengths = (40, 25, 31, 40, 12, 25)
        runs, inputs = ([a[:n] for a, n in zip(part, lengths, strict=True)] for part in TRAIN)
        found = KoopmanRegressor().fit(runs, inputs=inputs)
        np.testing.assert_allclose(found.koopman_matrix_, model.koopman_matrix_, atol=1e-10)
        x, u = TEST
        starts, given = [x[0, :3], x[1, :9], x[2, :3]], [u[0, :7], u[1], u[2, :8]]
        expected = [x[0, 3:8], x[1, 9:14], x[2, 3:8]]
        np.testing.assert_allclose(found.forecast(starts, 5, inputs=given), expected, atol=1e-10)

    def test_other_observables(self):
        model = KoopmanRegressor().fit(TRAIN[0], TRAIN[0] @ READ.T, inputs=TRAIN[1])
        x, u = TEST
        np.testing.assert_allclose(model.forecast(x[:, :5], 10, inputs=u), x[:, 5:15] @ READ.T, atol=1e-10)
        np.testing.assert_allclose(model.forecast(x[:, :5], 10, inputs=u, state=True), x[:, 5:15], atol=1e-10)
        assert 1 - model.score(x, x @ READ.T, inputs=u) < 1e-12

    def test_delays_replace_what_is_hidden(self):
        # Cayley-Hamilton: three delays of output and inputs replace a state of three components.
        model = KoopmanRegressor(n_delays=3).fit(TRAIN[0][..., :1], inputs=TRAIN[1])
        x, u = TEST
        np.testing.assert_allclose(model.forecast(x[:, :3, :1], 20, inputs=u), x[:, 3:23, :1], atol=1e-6)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES, atol=1e-6)
        assert model.input_matrix_.shape == (1, 6)

    def test_bilinear(self):
        model = KoopmanRegressor(bilinear=True).fit(BILINEAR_TRAIN[0], inputs=BILINEAR_TRAIN[1])
        np.testing.assert_allclose(model.koopman_matrix_, A, atol=1e-9)
        np.testing.assert_allclose(model.bilinear_matrices_[0], 0.3 * N, atol=1e-9)
        x, u = BILINEAR_TEST
        np.testing.assert_allclose(model.forecast(x[:, :2], 18, inputs=u), x[:, 2:], rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("step", ["linear", "relift"])
    def test_observables_are_driven(self, step):
        # x' = .9 x, y' = .5 y + x^2 + u: linear in (x, y, x^2).
        rng = np.random.default_rng(0)
        u, X = rng.normal(size=(10, 20, 1)), np.empty((10, 20, 2))
        X[:, 0] = rng.normal(size=(10, 2))
        for t in range(19):
            X[:, t + 1, 0] = 0.9 * X[:, t, 0]
            X[:, t + 1, 1] = 0.5 * X[:, t, 1] + X[:, t, 0] ** 2 + u[:, t, 0]
        monomials = PolynomialFeatures(2, include_bias=False)
        model = KoopmanRegressor(observables=monomials, step=step).fit(X[:6, :12], inputs=u[:6, :12])
        found = model.forecast(X[6:, :4], 16, inputs=u[6:])
        np.testing.assert_allclose(found, X[6:, 4:], atol=1e-7)


SOLVERS = ("edmd", "reduced_rank", "tls", "forward_backward", "vamp")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("rank", [None, 3])
@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("n_delays", [1, 2])
class TestEverySolver:
    def model(self, solver, rank, lag, n_delays):
        return KoopmanRegressor(rank, solver=solver, lag=lag, n_delays=n_delays).fit(TRAIN[0], inputs=TRAIN[1])

    def test_forecasts_are_exact_whatever_the_lag(self, solver, rank, lag, n_delays):
        model, (x, u) = self.model(solver, rank, lag, n_delays), TEST
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES**lag, atol=1e-9)
        assert model.residuals_.max() < 1e-6
        assert 1 - model.score(x, inputs=u) < 1e-12
        for n_observed in (lag, 8):
            found = model.forecast(x[:, :n_observed], 20, inputs=u[:, : n_observed + 19])
            np.testing.assert_allclose(found, x[:, n_observed : n_observed + 20], atol=1e-8)
        found = model.forecast([x[0, :5], x[1, :9]], 15, inputs=[u[0, :19], u[1]])
        np.testing.assert_allclose(found, [x[0, 5:20], x[1, 9:24]], atol=1e-8)

    def test_other_data_are_judged_with_their_inputs(self, solver, rank, lag, n_delays):
        model, (x, u) = self.model(solver, rank, lag, n_delays), TEST
        assert model.residuals(x, inputs=u).max() < 1e-6
        assert model.pseudospectrum(EIGENVALUES**lag, x, inputs=u).max() < 1e-6
        assert model.vamp_score(x, inputs=u) == pytest.approx(4, abs=1e-8)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_inputs_between_a_state_and_its_successor_have_coefficients_of_their_own(lag):
    model = KoopmanRegressor(lag=lag).fit(TRAIN[0], inputs=TRAIN[1])
    expected = [np.linalg.matrix_power(A, lag - 1 - k) @ B for k in range(lag)]
    np.testing.assert_allclose(model.input_matrix_, np.hstack(expected), atol=1e-9)
    np.testing.assert_allclose(model.koopman_matrix_, np.linalg.matrix_power(A, lag), atol=1e-9)


def test_the_last_predictions_of_a_long_lag_use_later_inputs_or_hold_the_last():
    (x, u), model = TEST, KoopmanRegressor(lag=3).fit(TRAIN[0], inputs=TRAIN[1])
    np.testing.assert_allclose(model.predict(x[:, :20], inputs=u[:, :22])[:, -3:], x[:, 20:23], atol=1e-9)
    np.testing.assert_allclose(model.predict(x[:, :20], inputs=u[:, :20])[:, :-2], x[:, 3:21], atol=1e-9)
    held = np.concatenate([u[:, :20], u[:, 19:20], u[:, 19:20]], axis=1)
    expected = model.predict(x[:, :20], inputs=held)
    np.testing.assert_array_equal(model.predict(x[:, :20], inputs=u[:, :20]), expected)


def test_noise_in_the_states_biases_least_squares_most():
    rng, errors = np.random.default_rng(0), {"edmd": [], "tls": [], "forward_backward": []}
    for seed in range(10):
        x, u = driven(20, 40, seed=seed)
        x = x + 1.5 * rng.normal(size=x.shape)
        for solver, found in errors.items():
            found.append(KoopmanRegressor(solver=solver).fit(x, inputs=u).eigenvalues_[0] - EIGENVALUES[0])
    mean = {solver: abs(np.mean(found)) for solver, found in errors.items()}
    assert mean["tls"] < 0.2 * mean["edmd"]
    assert mean["forward_backward"] < 0.5 * mean["edmd"]


@pytest.mark.parametrize("solver", ["self_adjoint", "unitary", "causal"])
def test_known_physics_with_inputs(solver, rng):
    matrix = PHYSICAL[solver]
    x, u = np.empty((8, 30, 3)), rng.normal(size=(8, 30, 2))
    x[:, 0] = rng.normal(size=(8, 3))
    for t in range(29):
        x[:, t + 1] = x[:, t] @ matrix.T + u[:, t] @ B.T
    model = KoopmanRegressor(solver=solver).fit(x, inputs=u)
    np.testing.assert_allclose(model.koopman_matrix_, matrix, atol=1e-9)
    np.testing.assert_allclose(model.input_matrix_, B, atol=1e-9)
    np.testing.assert_allclose(model.forecast(x[:, :3], 20, inputs=u), x[:, 3:23], atol=1e-8)


@pytest.mark.parametrize("solver", ["edmd", "vamp", "reduced_rank"])
@pytest.mark.parametrize("rank", [None, 3])
def test_a_noisy_operator_is_that_of_regression_on_states_and_inputs(solver, rank):
    rng = np.random.default_rng(3)
    x, u = TRAIN[0] + 0.3 * rng.normal(size=TRAIN[0].shape), TRAIN[1]
    design = np.concatenate([x[:, :-2], u[:, :-2], u[:, 1:-1], np.ones((6, 38, 1))], axis=-1).reshape(-1, 8)
    expected = np.linalg.lstsq(design, x[:, 2:].reshape(-1, 3), rcond=None)[0].T
    model = KoopmanRegressor(rank, solver=solver, lag=2).fit(x, inputs=u)
    np.testing.assert_allclose(model.koopman_matrix_, expected[:, :3], atol=1e-10)
    np.testing.assert_allclose(model.input_matrix_, expected[:, 3:7], atol=1e-10)
    np.testing.assert_allclose(model.intercept_, expected[:, 7], atol=1e-9)


def test_noisy_data_give_the_penalised_least_squares_of_the_function():
    rng = np.random.default_rng(3)
    x, u = TRAIN[0] + 0.3 * rng.normal(size=TRAIN[0].shape), TRAIN[1]
    model = KoopmanRegressor(n_delays=2, alpha=0.01).fit(x, inputs=u)
    expected = controlled_operator(x, u, n_delays=2, alpha=0.01)
    np.testing.assert_allclose(model.koopman_matrix_[:3], np.hstack(list(expected.states)), atol=1e-11)
    np.testing.assert_allclose(model.input_matrix_, np.hstack(list(expected.inputs)), atol=1e-11)
    np.testing.assert_allclose(
        model.forecast(x[:, :9], 12, inputs=u), expected.forecast(x[:, :9], u, 12), rtol=1e-9, atol=1e-9
    )


def test_inputs_that_are_left_out_spoil_the_spectrum():
    x, u = driven(40, 50, feedback=0.05)
    without, given = KoopmanRegressor().fit(x), KoopmanRegressor().fit(x, inputs=u)
    assert np.abs(without.eigenvalues_[0] - EIGENVALUES[0]) > 0.05
    np.testing.assert_allclose(given.eigenvalues_, EIGENVALUES, atol=1e-9)


@pytest.mark.parametrize("bilinear", [False, True])
def test_any_chunking_gives_the_model_of_all_the_data(bilinear):
    x, u = BILINEAR_TRAIN
    whole = KoopmanRegressor(n_delays=2, alpha=0.01, bilinear=bilinear).fit(x, inputs=u)
    parts = KoopmanRegressor(n_delays=2, alpha=0.01, bilinear=bilinear)
    for at in (slice(3), slice(3, 4), slice(4, None)):
        parts.partial_fit(x[at], inputs=u[at])
    np.testing.assert_allclose(parts.koopman_matrix_, whole.koopman_matrix_, atol=1e-11)
    np.testing.assert_allclose(
        parts.forecast(x, 4, inputs=np.pad(u, ((0, 0), (0, 3), (0, 0)))),
        whole.forecast(x, 4, inputs=np.pad(u, ((0, 0), (0, 3), (0, 0)))),
        atol=1e-9,
    )


def test_files_larger_than_memory_are_read_in_chunks_with_their_inputs(tmp_path):
    x, u = driven(20, 500)
    np.save(tmp_path / "x.npy", x)
    with sklearn.config_context(working_memory=0.2):
        found = KoopmanRegressor().fit(np.load(tmp_path / "x.npy", mmap_mode="r"), inputs=u)
    np.testing.assert_allclose(found.koopman_matrix_, A, atol=1e-9)


class TestDiagnostics:
    def test_intervals_hold_the_eigenvalues_of_the_unforced_system(self):
        x, u = driven(12, 40, seed=2)
        found = KoopmanRegressor(rank=3).fit(x, inputs=u).eigenvalue_intervals(x, inputs=u, n_resamples=2)
        for end in (found.eigenvalues, found.low, found.high):
            np.testing.assert_allclose(end, EIGENVALUES, atol=1e-8)
        x += 0.1 * np.random.default_rng(0).normal(size=x.shape)
        model = KoopmanRegressor().fit(x, inputs=u)
        low, high = model.eigenvalue_intervals(x, inputs=u, n_resamples=2).of(np.abs)
        assert ((low < np.abs(model.eigenvalues_)) & (np.abs(model.eigenvalues_) < high)).all()

    @pytest.mark.parametrize("n_delays", [1, 2])
    def test_eigenfunctions_grow_by_their_eigenvalues_where_inputs_rest(self, n_delays):
        x, u = TRAIN
        model = KoopmanRegressor(n_delays=n_delays).fit(x, inputs=u)
        rest = np.zeros((20, 2))
        rest[:5] = u[0, :5]
        run = np.concatenate([x[0, :5], model.forecast(x[0, :5], 15, inputs=rest)])
        values = model.eigenfunctions(run, inputs=rest)[6:]
        np.testing.assert_allclose(values[1:], model.eigenvalues_ * values[:-1], atol=1e-8)

    def test_residuals_on_noisy_data_are_those_of_the_unforced_successors(self, model):
        x, u = driven(4, 30, seed=8)
        x += 0.2 * np.random.default_rng(1).normal(size=x.shape)
        X, Y = x[:, :-1].reshape(-1, 3), (x[:, 1:] - u[:, :-1] @ model.input_matrix_.T).reshape(-1, 3)
        X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
        left = np.linalg.inv(np.linalg.eig(model.koopman_matrix_)[1])
        values = np.linalg.eig(model.koopman_matrix_)[0]
        error = np.linalg.norm(Y @ left.T - (X @ left.T) * values, axis=0)
        expected = error / np.linalg.norm(X @ left.T, axis=0)
        np.testing.assert_allclose(np.sort(model.residuals(x, inputs=u)), np.sort(expected), rtol=1e-7)


class TestSearches:
    @pytest.mark.parametrize(("scorer", "best"), [(forecast_scorer(5), 1), (vamp_scorer(), 4)])
    def test_scorers_are_passed_inputs(self, scorer, best):
        x, u = TRAIN
        pipeline = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor())
        for model in (KoopmanRegressor(lag=2), pipeline):
            for scoring in (scorer, {"score": scorer}):
                with sklearn.config_context(enable_metadata_routing=True):
                    found = cross_validate(model, x, params={"inputs": u}, scoring=scoring, cv=3, error_score="raise")
                np.testing.assert_allclose(found["test_score"], best, atol=1e-8)

    def test_scorers_serve_models_without_inputs_as_before(self):
        with sklearn.config_context(enable_metadata_routing=True):
            for scorer in (forecast_scorer(2), vamp_scorer()):
                found = cross_validate(KoopmanRegressor(), TRAIN[0], scoring=scorer, cv=3, error_score="raise")
                assert np.isfinite(found["test_score"]).all()

    def test_with_routing_a_search_passes_inputs_without_being_asked_to(self):
        (x, u), (x_new, u_new) = BILINEAR_TRAIN, BILINEAR_TEST
        with sklearn.config_context(enable_metadata_routing=True):
            search = GridSearchCV(KoopmanRegressor(), {"bilinear": [False, True]}, cv=3, error_score="raise")
            search.fit(x, inputs=u)
            assert 1 - search.score(x_new, inputs=u_new) < 1e-9
        assert search.best_params_ == {"bilinear": True}
        assert search.cv_results_["mean_test_score"][0] < 0.99
        found = skmst.forecast(search, x_new[:, :3], 17, inputs=u_new)
        np.testing.assert_allclose(found, x_new[:, 3:], rtol=1e-6, atol=1e-6)

    @pytest.mark.skipif(
        parse_version(sklearn.__version__) < parse_version("1.8"),
        reason="before 1.8 scikit-learn keeps metadata from the score of a Pipeline (mended by its pull request 31898)",
    )
    def test_a_pipeline_is_cross_validated_with_inputs(self):
        x, u = TRAIN
        with sklearn.config_context(enable_metadata_routing=True):
            model = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor())
            scores = cross_validate(model, x, params={"inputs": u}, cv=3, error_score="raise")["test_score"]
        assert (1 - scores < 1e-12).all()

    def test_a_pipeline_passes_inputs_to_its_last_step(self):
        (x, u), (x_new, u_new) = TRAIN, TEST
        with sklearn.config_context(enable_metadata_routing=True):
            model = make_pipeline(PerSnapshot(StandardScaler()), KoopmanRegressor()).fit(x, inputs=u)
        found = skmst.forecast(model, x_new[:, :3], 20, inverse=True, inputs=u_new)
        np.testing.assert_allclose(found, x_new[:, 3:23], atol=1e-9)


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"lag": 2, "bilinear": True}, "bilinear=True goes with .* lag=1, not with .* lag=2"),
            ({"rank": 2, "bilinear": True}, "rank=None and lag=1, not with solver='edmd', rank=2"),
            ({"solver": "tls", "bilinear": True}, "not with solver='tls'"),
            ({"solver": "optdmd"}, "inputs do not go with solver='optdmd', which fits the exponentials"),
        ],
    )
    def test_what_does_not_go_with_inputs(self, params, message):
        with pytest.raises(ValueError, match=message):
            KoopmanRegressor(**params).fit(TRAIN[0], inputs=TRAIN[1])

    @pytest.mark.parametrize(
        ("x", "u", "message"),
        [
            (TRAIN[0], TRAIN[1][:, :-1], r"inputs has shape \(6, 39, 2\) where \(6, 40\) is needed"),
            (TRAIN[0], np.full((6, 40, 1), np.nan), "inputs contains NaN"),
            (list(TRAIN[0]), TRAIN[1], "inputs must be a list with one array for each"),
            (list(TRAIN[0]), list(TRAIN[1][:, 1:]), r"inputs\[0\] has shape \(39, 2\)"),
        ],
    )
    def test_inputs_that_do_not_fit(self, x, u, message):
        with pytest.raises(ValueError, match=message):
            KoopmanRegressor().fit(x, inputs=u)

    def test_inputs_of_a_forecast(self, model):
        x, u = TEST
        for call in (
            lambda: model.forecast(x[:, :5], 10),
            lambda: model.predict(x),
            lambda: model.score(x),
            lambda: model.hindcast(x),
        ):
            with pytest.raises(ValueError, match="fitted with 2 inputs: pass inputs="):
                call()
        with pytest.raises(ValueError, match=r"inputs has shape \(4, 13, 2\) where \(4, 14\) is needed"):
            model.forecast(x[:, :5], 10, inputs=u[:, :13])
        with pytest.raises(ValueError, match="1 inputs where the model was fitted with 2"):
            model.forecast(x[:, :5], 10, inputs=u[..., :1])
        with pytest.raises(ValueError, match="fitted without inputs, so it takes none"):
            KoopmanRegressor().fit(x).forecast(x, 3, inputs=u)

    def test_chunks_with_and_without_inputs(self, model):
        (x, u), parts = TRAIN, KoopmanRegressor().fit(*TRAIN[:1], inputs=TRAIN[1])
        with pytest.raises(ValueError, match="the same in every chunk"):
            parts.partial_fit(x)
        with pytest.raises(ValueError, match="the same in every chunk"):
            parts.partial_fit(x, inputs=u[..., :1])
        with pytest.raises(ValueError, match="the same in every chunk"):
            parts.set_params(bilinear=True).partial_fit(x, inputs=u)

    def test_spectra_of_other_data(self, model):
        for call in (model.residuals, model.vamp_score, model.eigenvalue_intervals, model.eigenfunctions):
            with pytest.raises(ValueError, match="fitted with 2 inputs: pass inputs="):
                call(TEST[0])


def test_nothing_of_the_callers_is_changed(model):
    (x, u), before = TEST, TEST[1].copy()
    model.predict(x, inputs=u), model.forecast(x, 1, inputs=u), model.score(x, inputs=u)
    np.testing.assert_array_equal(u, before)


def test_parameters_set_after_the_fit_wait_for_the_next_one():
    x, u = BILINEAR_TEST
    model = KoopmanRegressor(bilinear=True).fit(BILINEAR_TRAIN[0], inputs=BILINEAR_TRAIN[1])
    expected = model.forecast(x[:, :3], 5, inputs=u)
    model.set_params(bilinear=False, n_delays=3, lag=2)
    np.testing.assert_array_equal(model.forecast(x[:, :3], 5, inputs=u), expected)

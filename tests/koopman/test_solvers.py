"""Every solver behind the regressor: exact on exact data, honest about noise, clear about what it cannot do."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmst.koopman import KoopmanRegressor
from skmst.metrics import forecast_scorer
from tests.linear_systems import EIGENVALUES, FIXED_POINT, READ, A, linear_runs, noisy_runs

GENERAL = ["edmd", "reduced_rank", "tls", "forward_backward", "vamp", "optdmd"]
PHYSICAL = {
    "self_adjoint": np.array([[0.8, 0.1, 0.0], [0.1, 0.5, -0.2], [0.0, -0.2, 0.3]]),
    "unitary": linalg.expm(np.array([[0, 0.3, 0.1], [-0.3, 0, 0.7], [-0.1, -0.7, 0]])),
    "causal": np.array([[0.8, 0.0, 0.0], [0.3, 0.5, 0.0], [-0.4, 0.2, 0.6]]),
}
TRAIN, TEST = linear_runs(6, 30), linear_runs(4, 30, seed=1)
UNEQUAL = [run[:n] for run, n in zip(TRAIN, [30, 20, 25, 20, 30, 15], strict=True)]


def continued(start, matrix, n_steps):
    powers = [np.linalg.matrix_power(matrix, k) for k in range(1, n_steps + 1)]
    return np.stack([(start - FIXED_POINT) @ P.T + FIXED_POINT for P in powers], axis=1)


@pytest.mark.parametrize("solver", GENERAL)
@pytest.mark.parametrize("rank", [None, 3])
@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("n_delays", [1, 3])
class TestExactlyLinearData:
    def model(self, solver, rank, lag, n_delays):
        return KoopmanRegressor(rank, solver=solver, lag=lag, n_delays=n_delays)

    @pytest.mark.parametrize("data", [TRAIN, UNEQUAL, TRAIN[0]], ids=["array", "list", "one run"])
    def test_score_is_one_and_forecasts_are_powers_of_the_matrix(self, solver, rank, lag, n_delays, data):
        model = self.model(solver, rank, lag, n_delays).fit(data)
        assert 1 - model.score(TEST) < 1e-12
        assert 1 - forecast_scorer(5)(model, TEST) < 1e-12
        np.testing.assert_allclose(model.forecast(TEST[:, :10], 15), continued(TEST[:, 9], A, 15), atol=1e-9)
        np.testing.assert_allclose(model.predict(TEST)[:, :-lag], TEST[:, lag:], atol=1e-9)

    def test_other_observables_and_eigenvalues(self, solver, rank, lag, n_delays):
        model = self.model(solver, rank, lag, n_delays).fit(TRAIN, TRAIN @ READ.T)
        np.testing.assert_allclose(model.forecast(TEST[:, :10], 20), TEST[:, 10:] @ READ.T, atol=1e-9)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES**lag, atol=1e-9)
        np.testing.assert_allclose(model.residuals_, 0, atol=1e-6)


def similar(matrix, seed=0):
    basis = np.eye(len(matrix)) + 0.5 * np.random.default_rng(seed).normal(size=(len(matrix), len(matrix)))
    return basis @ matrix @ np.linalg.inv(basis)


HARD = {
    "conserved": similar(np.diag([1.0, 0.8, 0.5])),
    "equal": similar(np.diag([0.9, 0.9, 0.5])),
    "defective": np.array([[0.9, 1.0, 0.0], [0.0, 0.9, 1.0], [0.0, 0.0, 0.9]]),
    "quarter turn": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -0.9]]),
    "fast": similar(np.diag([0.99, 1e-3, 0.4])),
}


@pytest.mark.parametrize("solver", GENERAL)
@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("lag", [1, 2])
class TestHardSpectra:
    """Equal, defective and unit eigenvalues, and those that are lost in a step."""

    def test_score_is_one_and_forecasts_are_exact(self, solver, kind, lag, rng):
        X = continued(rng.normal(size=(12, 3)) + FIXED_POINT, HARD[kind], 30)
        model = KoopmanRegressor(solver=solver, lag=lag).fit(X[:8])
        assert 1 - model.score(X[8:]) < 1e-12
        np.testing.assert_allclose(model.forecast(X[8:, :5], 25), X[8:, 5:], atol=1e-6)


@pytest.mark.parametrize("solver", GENERAL)
@pytest.mark.parametrize("units", [[1e-6, 1, 1e6], [1, 1, 1e-7], [1e12, 1e12, 1e12], [1e-12, 1e-12, 1e-12]])
def test_units_do_not_matter_without_noise(solver, units):
    model = KoopmanRegressor(solver=solver).fit((TRAIN - FIXED_POINT) * units)
    found = model.forecast((TEST - FIXED_POINT)[:, :10] * units, 15) / units
    # Optimised dynamic mode decomposition works in common units, to their rounding.
    last_digits = 1e-3 if solver == "optdmd" and max(units) > 1e11 * min(units) else 1e-6
    np.testing.assert_allclose(found, (TEST - FIXED_POINT)[:, 10:25], atol=last_digits)


@pytest.mark.parametrize("solver", GENERAL)
@pytest.mark.parametrize("n_delays", [1, 3])
def test_single_precision_is_noise_and_no_direction_of_its_own(solver, n_delays):
    model = KoopmanRegressor(solver=solver, n_delays=n_delays).fit(TRAIN.astype(np.float32))
    assert 1 - model.score(TEST) < 1e-9


@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_what_is_conserved_stays_so_in_noise(noise, rng):
    """Runs that tend to different constants have no modes of exponentials: least squares on smoothed runs has."""
    X = continued(3 * rng.normal(size=(8, 3)), HARD["conserved"], 30)
    found = KoopmanRegressor(solver="optdmd").fit(X + noise * rng.normal(size=X.shape)).eigenvalues_
    np.testing.assert_allclose(found, [1, 0.8, 0.5], atol=0.03)


@pytest.mark.parametrize("solver", PHYSICAL)
def test_exact_dynamics_of_the_kind_are_forecast_exactly(solver, rng):
    """Centred data of runs have no fixed mean, so runs start at opposite states."""
    start = rng.normal(size=(10, 3))
    X = continued(np.concatenate([start, -start]) + FIXED_POINT, PHYSICAL[solver], 20)
    model = KoopmanRegressor(solver=solver).fit(X)
    np.testing.assert_allclose(model.koopman_matrix_, PHYSICAL[solver], atol=1e-12)
    assert 1 - model.score(X) < 1e-12
    np.testing.assert_allclose(model.forecast(X[:, :5], 15), X[:, 5:], atol=1e-10)


@pytest.mark.parametrize("solver", [*GENERAL, *PHYSICAL])
class TestEverySolver:
    X = noisy_runs(8, 40)

    def test_chunks_give_the_model_of_all_data_or_are_not_offered(self, solver):
        whole = KoopmanRegressor(solver=solver).fit(self.X)
        if solver == "optdmd":
            assert not hasattr(whole, "partial_fit")
            with pytest.raises(AttributeError) as raised:
                whole.partial_fit(self.X)
            assert "'optdmd' fits whole trajectories, all at once" in str(raised.value.__cause__)
            return
        parts = KoopmanRegressor(solver=solver).partial_fit(self.X[:3]).partial_fit(self.X[3:])
        np.testing.assert_allclose(parts.koopman_matrix_, whole.koopman_matrix_, atol=1e-10)

    def test_a_penalty_never_makes_the_operator_larger(self, solver):
        free, shrunk = (KoopmanRegressor(solver=solver, alpha=a).fit(self.X).koopman_matrix_ for a in (0.0, 10.0))
        ratio = np.linalg.norm(shrunk) / np.linalg.norm(free)
        assert ratio == pytest.approx(1, abs=1e-12) if solver == "unitary" else ratio < 0.3

    @pytest.mark.filterwarnings("ignore:the model is unstable")  # total least squares of one noisy feature
    def test_data_that_do_not_vary_are_continued(self, solver):
        X = np.full((2, 10, 3), 7.0)
        np.testing.assert_allclose(KoopmanRegressor(solver=solver).fit(X).forecast(X[:, :3], 4), 7.0)
        X = self.X.copy()
        X[..., 1], X[..., 2] = 0.1, 0.0
        found = KoopmanRegressor(solver=solver).fit(X).forecast(X[:, :5], 4)[..., 1:]
        np.testing.assert_allclose(found, np.broadcast_to([0.1, 0.0], found.shape), atol=1e-14)

    def test_the_fit_depends_on_the_data_only(self, solver):
        model = KoopmanRegressor(solver=solver).fit(self.X)
        again = clone(model).fit(self.X.copy())
        np.testing.assert_array_equal(again.koopman_matrix_, model.koopman_matrix_)


class TestNoisyOscillations:
    """Two damped oscillations seen by 20 sensors: rates of the continuous fit are nearest, least squares is biased."""

    RATES = np.array([-0.01 + 0.4j, -0.02 + 1.0j])

    def error(self, solver, seed):
        rng = np.random.default_rng(seed)
        modes = rng.normal(size=(20, 2)) + 1j * rng.normal(size=(20, 2))
        X = (np.exp(np.multiply.outer(np.arange(150.0), self.RATES)) @ modes.T).real
        X += 0.5 * rng.normal(size=X.shape) + 5.0
        model = KoopmanRegressor(4, solver=solver).fit(X)
        return max(np.abs(model.rates_ - rate).min() for rate in self.RATES)

    def test_solvers_rank_by_what_they_assume_of_noise(self):
        median = {s: np.median([self.error(s, seed) for seed in range(10)]) for s in ("edmd", "tls", "optdmd")}
        assert median["optdmd"] < 0.3 * median["tls"] < 0.3 * 0.5 * median["edmd"]


def test_a_search_over_solvers_runs():
    X = noisy_runs(9, 30)
    search = GridSearchCV(KoopmanRegressor(), {"solver": [*GENERAL, *PHYSICAL]}, cv=3).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"solver": "causal", "rank": 2}, "solver='causal' takes no rank, but rank=2: set rank=None"),
        ({"solver": "unitary", "n_delays": 2}, "solver='unitary' constrains .* n_delays=2: set n_delays=1"),
        ({"solver": "optdmd", "rank": 9}, "no run long enough to fit 9 exponentials"),
    ],
)
def test_what_a_solver_cannot_do_is_said(params, message):
    with pytest.raises(ValueError, match=message):
        KoopmanRegressor(**params).fit(noisy_runs(2, 8))

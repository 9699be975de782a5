"""Memory models of processes whose kernels are known."""

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

from skmst.datasets import make_double_well, make_ornstein_uhlenbeck
from skmst.koopman import KoopmanRegressor
from skmst.master_equation import MasterEquationPredictor
from tests.linear_systems import EIGENVALUES, linear_runs, noisy_runs

AR3 = np.array([0.6, -0.5, 0.3])


def autoregressive(n_runs, n_steps, seed=0):
    """x(t) = .6 x(t-1) - .5 x(t-2) + .3 x(t-3) + unit noise, stationary; shape (n_runs, n_steps, 1)."""
    noise = np.random.default_rng(seed).normal(size=(n_runs, n_steps + 200))
    return lfilter([1.0], np.r_[1.0, -AR3], noise)[:, 200:, None]


class TestAutoregressiveProcess:
    X = autoregressive(50, 400)

    def test_kernels_are_the_coefficients(self):
        model = MasterEquationPredictor(n_memory=5).fit(self.X + 10)
        assert model.memory_kernel_.shape == (5, 1, 1)
        # 20 000 samples: a coefficient's standard error is about 1 / sqrt(20 000) = .007.
        np.testing.assert_allclose(model.memory_kernel_.ravel(), [*AR3, 0, 0], atol=0.02)
        np.testing.assert_allclose(model.intercept_, 10 * (1 - AR3.sum()), atol=0.3)

    def test_the_memory_is_three_terms_long(self):
        assert MasterEquationPredictor(n_memory=6, dt=0.5).fit(self.X).memory_time_ == 1.5
        assert MasterEquationPredictor(n_memory=6, alpha=1e-6).fit(self.X).memory_time_ == 3.0

    def test_eigenvalues_are_the_roots_of_the_characteristic_polynomial(self):
        model = MasterEquationPredictor(n_memory=3, dt=2.0).fit(self.X)
        roots = np.roots(np.r_[1.0, -model.memory_kernel_.ravel()])
        np.testing.assert_allclose(
            np.sort_complex(model.eigenvalues_), np.sort_complex(roots.astype(complex)), atol=1e-12
        )
        np.testing.assert_allclose(model.rates_, np.log(model.eigenvalues_) / 2)
        np.testing.assert_allclose(model.timescales_, -1 / model.rates_.real)

    def test_more_memory_forecasts_better(self):
        test = autoregressive(50, 100, seed=1)
        scores = [MasterEquationPredictor(m, horizon=3, n_context=5).fit(self.X).score(test) for m in (1, 2, 3)]
        assert scores[0] < scores[1] < scores[2]

    def test_one_term_is_a_koopman_model(self):
        X = noisy_runs(5, 40)
        memory, koopman = MasterEquationPredictor(1, alpha=0.1).fit(X), KoopmanRegressor(alpha=0.1).fit(X)
        np.testing.assert_allclose(memory.memory_kernel_[0], koopman.koopman_matrix_, atol=1e-12)
        np.testing.assert_allclose(memory.eigenvalues_, koopman.eigenvalues_, atol=1e-10)
        np.testing.assert_allclose(memory.residuals_, koopman.residuals_, atol=1e-10)
        np.testing.assert_allclose(memory.modes_, koopman.modes_, atol=1e-8)


class TestHiddenVariables:
    """One component of a linear system in three dimensions is exact with three terms of memory."""

    X, test = linear_runs(6, 30)[..., :1], linear_runs(3, 30, seed=1)[..., :1]

    @pytest.mark.parametrize("lag", [1, 2])
    def test_three_terms_hold_all_that_is_hidden(self, lag):
        model = MasterEquationPredictor(n_memory=3, lag=lag, dt=0.1).fit(self.X)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES**lag, atol=1e-8)
        np.testing.assert_allclose(model.rates_, np.log(EIGENVALUES) / 0.1, atol=1e-6)
        known = 3 * lag
        found = model.forecast(self.test[:, :known], 20)
        np.testing.assert_allclose(found, self.test[:, known : known + 20], atol=1e-7)
        assert model.memory_time_ == pytest.approx(3 * lag * 0.1)

    def test_superfluous_terms_add_no_eigenvalues(self):
        model = MasterEquationPredictor(n_memory=6).fit(self.X)
        np.testing.assert_allclose(model.eigenvalues_, EIGENVALUES, atol=1e-7)
        np.testing.assert_allclose(model.residuals_, 0, atol=1e-6)
        np.testing.assert_allclose(model.forecast(self.test[:, :6], 24), self.test[:, 6:], atol=1e-7)
        assert model.memory_time_ == 3.0

    def test_modes_have_the_shape_of_what_is_forecast(self):
        model = MasterEquationPredictor(n_memory=3).fit(self.X, np.concatenate([self.X, 2 * self.X], axis=-1))
        assert model.modes_.shape == (2, 3)
        np.testing.assert_allclose(model.modes_[1], 2 * model.modes_[0])


def indicators_of_runs(n_runs, n_steps, seed):
    """Indicator functions of three states along runs in the double well: little data, memory, conservation."""
    x = make_double_well(n_runs, n_steps, random_state=seed)[..., 0]
    return np.eye(3)[np.digitize(x, [-0.7, 0.3])]


class TestMemoryTime:
    @pytest.mark.parametrize("n_memory", [2, 8, 20, 100])
    def test_of_a_rotation_seen_through_one_coordinate_is_two_steps(self, n_memory):
        x = np.cos(0.3 * np.arange(400))[:, None]
        assert MasterEquationPredictor(n_memory=n_memory).fit(x).memory_time_ == 2.0

    @pytest.mark.parametrize("unit", [1.0, 1e-3])
    def test_does_not_depend_on_units(self, unit):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((2, 4000))
        for t in range(3, 4000):
            x[0, t] += 0.9 * x[0, t - 3]
            x[1, t] += 0.5 * x[1, t - 1]
        model = MasterEquationPredictor(n_memory=6).fit(np.c_[unit * x[0], x[1]])
        assert model.memory_time_ == 3.0

    def test_of_white_noise_is_one_step_however_many_terms_fit_it(self):
        x = np.random.default_rng(0).standard_normal((500, 3))
        assert MasterEquationPredictor(n_memory=12, alpha=1e-9).fit(x).memory_time_ == 1.0


class TestStability:
    growing = 1.1 ** np.arange(30)[:, None] * np.array([1.0, 2.0])[:, None, None]

    @pytest.mark.parametrize("stabilize", [True, False])
    def test_growth_that_the_data_show_is_kept_and_said(self, stabilize):
        with pytest.warns(UserWarning, match=r"modulus 1\.1.*[Rr]aise alpha") as record:
            model = MasterEquationPredictor(n_memory=2, stabilize=stabilize).fit(self.growing)
        assert len(record) == 1
        assert record[0].filename == __file__
        np.testing.assert_allclose(model.forecast(self.growing[:, :10], 20), self.growing[:, 10:], rtol=1e-6)

    def test_conserved_and_decaying_quantities_do_not_warn(self):
        t = np.arange(200)[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            MasterEquationPredictor(n_memory=4).fit(np.c_[np.cos(0.3 * t), np.sin(0.3 * t)])
            MasterEquationPredictor(n_memory=4).fit(0.9**t)

    @pytest.mark.parametrize("method", ["regression", "mori", "qmsm", "igme", "tcl", "embedding"])
    def test_no_model_of_little_data_diverges(self, method):
        """Resampled sets of data so short that free models are often unstable."""
        rng, pool = np.random.default_rng(0), indicators_of_runs(60, 24, seed=0)
        unstable, stable_differences = 0, []
        for _ in range(10):
            X = pool[rng.choice(len(pool), 5, replace=False)]
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                free = MasterEquationPredictor(8, method=method, stabilize=False).fit(X)
                n_free = len(caught)
                model = MasterEquationPredictor(8, method=method).fit(X)
            spoken = [str(w.message) for w in caught[n_free:] if "the model is unstable" in str(w.message)]
            was_unstable = any("the model is unstable" in str(w.message) for w in caught[:n_free])
            unstable += was_unstable
            assert np.abs(model.eigenvalues_).max() <= 1 + 1e-6
            far = model.forecast(X[:, :8], 3000)
            assert far.min() > -2
            assert far.max() < 3
            if was_unstable:
                assert "of its memory is kept" in spoken[0]
            elif not spoken:
                stable_differences.append(np.abs(model.forecast(X, 20) - free.forecast(X, 20)).max())
        assert unstable > 0, "the data have become too easy"
        assert max(stable_differences) == 0

    def test_a_chance_drift_of_a_conserved_mode_leads_nowhere(self):
        """Runs at levels of their own, with a little noise and a trend below it, that nothing would stop."""
        noise = np.random.default_rng(0).normal(size=(4, 30, 1))
        X = np.linspace(-1, 1, 4)[:, None, None] + 0.05 * noise + 5e-3 * np.arange(30)[:, None]
        free = MasterEquationPredictor(1, stabilize=False).fit(X)
        with pytest.warns(UserWarning, match="drifts to .* standard deviations off the data"):
            model = MasterEquationPredictor(1).fit(X)
        far, free_far = (np.abs(m.forecast(X, 20_000)[:, -1] - X.mean()).max() / X.std() for m in (model, free))
        assert free_far > 3
        assert far < 1

    def test_a_transient_that_is_real_stays(self):
        """x -> .999 x decays far below what was seen; without noise that is no guess."""
        X = 0.999 ** np.arange(100)[:, None] * np.array([1.0, 2.0])[:, None, None]
        model = MasterEquationPredictor(2).fit(X)
        np.testing.assert_allclose(model.forecast(X, 3000)[:, -1], X[:, -1] * 0.999**3000, atol=1e-6)


class TestStationaryMethods:
    moving = make_ornstein_uhlenbeck(30, 40, random_state=0) + 5 * np.exp(-np.arange(40) / 10)[:, None]

    @pytest.mark.parametrize("method", ["mori", "qmsm", "igme", "tcl"])
    def test_they_say_that_a_transient_is_not_for_them(self, method):
        with pytest.warns(
            UserWarning, match=f"method='{method}' takes the data for stationary.*stationarity_test"
        ) as w:
            MasterEquationPredictor(1, method=method).fit(self.moving)
        assert w[0].filename == __file__
        MasterEquationPredictor(1, method=method).fit(make_ornstein_uhlenbeck(30, 100, random_state=0))

    @pytest.mark.parametrize("method", ["regression", "embedding"])
    def test_regressions_need_no_stationarity(self, method):
        MasterEquationPredictor(2, method=method).fit(self.moving)

    def test_with_much_data_memory_helps_all(self):
        """A slow and a fast process, seen as a sum: the one-lag model forgets too fast."""
        noise = np.random.default_rng(0).normal(size=(2, 120, 500))
        x = sum(np.sqrt(1 - a * a) * lfilter([1.0], [1.0, -a], e) for a, e in zip((0.9, 0.2), noise, strict=True))
        X, test = x[:100, 100:, None], x[100:, 100:, None]
        score = {
            (n, method): MasterEquationPredictor(n, method=method, horizon=10, n_context=8).fit(X).score(test)
            for n, method in [(1, "regression"), *((8, m) for m in ("regression", "mori", "igme", "tcl", "embedding"))]
        }
        one = score.pop((1, "regression"))
        assert min(score.values()) > one + 0.02
        assert max(score, key=score.get)[1] in ("regression", "embedding")  # which know more than the present

    def test_noise_of_observation_does_not_enter_kernels_that_start_late(self):
        """x(t + 1) = .9 x(t) + noise, observed with white noise of the same variance."""
        rng = np.random.default_rng(0)
        x = lfilter([1.0], [1.0, -0.9], rng.normal(size=(200, 600)))[:, 100:, None]
        observed = x + x.std() * rng.normal(size=x.shape)
        late = MasterEquationPredictor(3, method="qmsm").fit(observed).memory_kernel_[0, 0, 0]
        early = MasterEquationPredictor(3, method="mori").fit(observed).memory_kernel_[0, 0, 0]
        assert late == pytest.approx(0.9, abs=0.02)
        assert early == pytest.approx(0.45, abs=0.02)


@pytest.mark.parametrize("params", [{"state": "energies"}, {"constraint": "positive"}, {"method": "ols"}])
def test_what_is_not_implemented_is_said_so(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MasterEquationPredictor must be"):
        MasterEquationPredictor(**params).fit(noisy_runs(2, 20))

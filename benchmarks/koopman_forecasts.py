"""Forecasts with Koopman operators: systems on which the accuracy of published libraries is known.

Duffing (x'' + x'/2 - x + x^3 = 0) and Van der Pol (mu = 1): monomials to degree 5, 100 runs of 50 steps from [-2, 2]^2
to learn from, the root mean square error at step 40 of 50 new runs; multiplied by K, or lifted again at each step.
Double well (V = (x^2 - 1)^2, beta = 2.5): the second implied time scale by splines; exact: 7.453. Burgers (nu = .03,
from time 2 on): median relative error over 30 steps of .1 of 50 new runs, monomials of 10 principal components, beside
what 10 components cannot hold and persistence. Kuramoto-Sivashinsky (L = 22): 32 runs of 1000 steps of .25, 8 new ones
with 12 origins each; the time until the error of the first 8 Fourier coefficients exceeds half a standard deviation, in
Lyapunov times of 22, with its standard error over runs. Their cubic monomials, re-lifted, against dictionaries of
scattering coefficients, from which they are read off. Penalties are chosen on the last 4 training runs.

    python benchmarks/koopman_forecasts.py
"""

import time

import numpy as np
from scipy.integrate import solve_ivp
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

from skmst import KoopmanRegressor, PerSnapshot, ScatteringTransformer
from skmst.datasets import make_burgers, make_double_well, make_kuramoto_sivashinsky
from skmst.metrics import valid_prediction_time

LYAPUNOV_TIME = 22.0


def monomials(degree):
    return PolynomialFeatures(degree, include_bias=False)


def quadratic_of(lift, n_components=30):
    """Products of the leading components of features, and the features that they are of."""
    return make_pipeline(lift, StandardScaler(), PCA(n_components), StandardScaler(), monomials(2))


def runs(acceleration, n_runs, n_steps, dt, seed):
    def velocity(t, state):
        x, v = state.reshape(2, n_runs)
        return np.concatenate([v, acceleration(x, v)])

    start = np.random.default_rng(seed).uniform(-2, 2, 2 * n_runs)
    times = dt * np.arange(n_steps)
    solved = solve_ivp(velocity, (0, times[-1]), start, t_eval=times, rtol=1e-10, atol=1e-12)
    return solved.y.reshape(2, n_runs, n_steps).transpose(1, 2, 0)


def oscillator(name, acceleration):
    for dt in (0.1, 0.05):
        train, test = runs(acceleration, 100, 50, dt, 0), runs(acceleration, 50, 41, dt, 1)
        for step in ("linear", "relift"):
            started = time.process_time()
            model = KoopmanRegressor(observables=monomials(5), step=step).fit(train)
            error = np.sqrt(np.mean((model.forecast(test[:, :1], 40)[:, -1] - test[:, 40]) ** 2))
            print(f"{name:16}dt = {dt:<8g}{step:10}{error:12.2g}{time.process_time() - started:8.2f} s")


def double_well(lags=(2, 5, 10), dt=0.1, exact=7.453):
    x = make_double_well(400, 1000, beta=2.5, dt=dt, random_state=3)
    splines = SplineTransformer(14, knots="quantile", include_bias=False, extrapolation="constant")
    for lag in lags:
        started = time.process_time()
        found = KoopmanRegressor(observables=splines, lag=lag, dt=dt, step="linear").fit(x).timescales_[0]
        percent, seconds = 100 * (found / exact - 1), time.process_time() - started
        print(f"{'Double well':16}lag {lag:<8}{percent:+8.1f} %{found:12.3f}{seconds:8.2f} s")


def valid_times(model, X, z, origins, n_steps):
    """Lyapunov times (n_runs, n_origins); zero for all where a forecast leaves the range of numbers."""
    starts = np.concatenate([X[:, o - 10 : o] for o in origins])
    truth = np.concatenate([z[:, o : o + n_steps] for o in origins])
    scale = np.sqrt(z.var(axis=(0, 1)).mean())
    try:
        found = model.forecast(starts, n_steps)
    except OverflowError:
        return np.zeros((len(z), len(origins)))
    valid = valid_prediction_time(truth, found, dt=0.25, scale=scale) / LYAPUNOV_TIME
    return valid.reshape(len(origins), len(z)).T


def kuramoto_sivashinsky(n_train=32, n_chosen_on=4, n_steps=600):
    u = make_kuramoto_sivashinsky(40, 1000, dt=0.25, random_state=0)
    waves = np.fft.rfft(u)[..., 1:9]
    z = np.concatenate([waves.real, waves.imag], axis=-1) / 64
    cubic = make_pipeline(StandardScaler(), monomials(3))
    local = {"J": 3, "T": 8, "grid_shape": (64,)}
    models = {
        "coefficients": (z, {}),
        "20 delays of them": (z, {"n_delays": 20}),
        "their cubic monomials": (z, {"observables": cubic}),
        "global scattering": (u, {"observables": ScatteringTransformer(J=5, log=True)}),
        "local scattering": (u, {"observables": ScatteringTransformer(**local, log=True)}),
        "the same, quadratic": (u, {"observables": quadratic_of(ScatteringTransformer(**local, log=True))}),
        "orthonormal, phases": (
            u,
            {"observables": ScatteringTransformer(wavelet="orthonormal", rectifier="heisenberg")},
        ),
    }
    fit, choose, test = slice(n_train - n_chosen_on), slice(n_train - n_chosen_on, n_train), slice(n_train, None)
    for name, (X, params) in models.items():
        started, scores = time.process_time(), {}
        y = z if X is u else None
        for alpha in (1e-8, 1e-7, 1e-6, 1e-4):
            model = KoopmanRegressor(alpha=alpha, **params).fit(X[fit], None if y is None else y[fit])
            scores[alpha] = valid_times(model, X[choose], z[choose], range(10, 400, 65), n_steps).mean()
        alpha = max(scores, key=scores.get)
        model = KoopmanRegressor(alpha=alpha, **params).fit(X[:n_train], None if y is None else y[:n_train])
        by_run = valid_times(model, X[test], z[test], range(10, 400, 33), n_steps).mean(axis=1)
        spread, seconds = by_run.std(ddof=1) / np.sqrt(len(by_run)), time.process_time() - started
        print(f"{name:24}{model.step_:8}alpha {alpha:<8g}{by_run.mean():6.2f} +- {spread:.2f}{seconds:8.1f} s")


def burgers(n_train=100, n_steps=30, first=20):
    u = make_burgers(150, first + n_steps + 1, random_state=0)[:, first:]
    pca = PerSnapshot(PCA(10)).fit(u[:n_train])
    z, truth = pca.transform(u), u[n_train:, 1:]

    def report(name, fields):
        error = np.linalg.norm(fields - truth, axis=(1, 2)) / np.linalg.norm(truth, axis=(1, 2))
        print(f"{'Burgers':16}{name:26}{np.median(error):8.3f}")

    report("persistence", np.repeat(u[n_train:, :1], n_steps, axis=1))
    report("10 components", pca.inverse_transform(z[n_train:, 1:]))
    for degree, name in enumerate(("linear", "quadratic, re-lifted"), start=1):
        lift = make_pipeline(monomials(degree), StandardScaler())
        model = KoopmanRegressor(observables=lift, alpha=1e-4).fit(z[:n_train])
        report(name, pca.inverse_transform(model.forecast(z[n_train:, :1], n_steps)))


if __name__ == "__main__":
    oscillator("Duffing", lambda x, v: -0.5 * v + x - x**3)
    oscillator("Van der Pol", lambda x, v: (1 - x**2) * v - x)
    double_well()
    burgers()
    kuramoto_sivashinsky()

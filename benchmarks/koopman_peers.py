"""Accuracy and time side by side with PyDMD, deeptime and kooplearn, on the same arrays; medians over seeds.

Linear: eigenvalues of three damped oscillations seen by 50 sensors at 200 steps with 10 % noise (as in
koopman_noise.py), 20 seeds. Van der Pol (mu = 1): 100 runs of 50 steps of .1 to learn from, monomials to degree 5; root
mean square error of 50 new runs at step 40, 5 seeds. Double well (beta = 2.5): relative error of the slowest time
scale, 7.453, from 200 runs of 1000 steps of .1, 14 splines, lag 5; 5 seeds. Kuramoto-Sivashinsky (L = 22): 16 runs of
1000 steps of .25, cubic monomials of 8 Fourier coefficients, 8 new runs; valid time in Lyapunov times (longer is
better), 3 seeds. All libraries are given the same monomials and splines, without a penalty or with the least one that
they take. Where they forecast, the others multiply by their operator; that of skmst lifts again where it can, and is
shown multiplying, too. Methods take turns on each seed.

    OMP_NUM_THREADS=1 python benchmarks/koopman_peers.py
"""

import time
import warnings

import numpy as np
from deeptime.decomposition import DMD as DeeptimeDMD
from deeptime.decomposition import EDMD, TICA
from kooplearn.kernel import NystroemKernelRidge
from kooplearn.linear_model import Ridge
from koopman_forecasts import LYAPUNOV_TIME, monomials, runs
from koopman_noise import EXACT, RANK, TIMES, data
from pydmd import BOPDMD, DMD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler

from skmst import KoopmanRegressor
from skmst.datasets import make_double_well, make_kuramoto_sivashinsky
from skmst.metrics import valid_prediction_time


def compare(title, problem, n_seeds, spec):
    """Print the median error and time of each method; a problem gives methods and what judges their results."""
    errors, seconds = {}, {}
    for seed in range(n_seeds):
        methods, judge = problem(seed)
        for name, method in methods.items():
            start = time.perf_counter()
            try:
                error = judge(method())
            except Exception as reason:
                error, failed = np.nan, reason
                print(f"{name}: {failed}")
            errors.setdefault(name, []).append(error)
            seconds.setdefault(name, []).append(time.perf_counter() - start)
    print(f"\n{title}")
    for name in errors:
        median, spread = np.median(errors[name]), np.percentile(errors[name], [25, 75])
        cells = f"{median:{spec}} [{spread[0]:{spec}}, {spread[1]:{spec}}]"
        print(f"{name:42}{cells:>28}{1e3 * np.median(seconds[name]):10.1f} ms", flush=True)


def kooplearn_pairs(x, y, **params):
    """Ridge regression on pairs: as one trajectory of which the second half follows the first."""
    return Ridge(reduced_rank=False, lag_time=len(x), copy_X=False, **params).fit(np.concatenate([x, y]))


def linear(seed):
    X = data(0.1, seed)
    methods = {
        "skmst": lambda: KoopmanRegressor(RANK).fit(X).eigenvalues_,
        'skmst, solver="reduced_rank"': lambda: KoopmanRegressor(RANK, solver="reduced_rank").fit(X).eigenvalues_,
        'skmst, solver="optdmd"': lambda: KoopmanRegressor(RANK, solver="optdmd").fit(X).eigenvalues_,
        "PyDMD DMD": lambda: DMD(svd_rank=RANK).fit(X.T).eigs,
        "PyDMD BOPDMD": lambda: np.exp(BOPDMD(svd_rank=RANK).fit(X.T, TIMES).eigs),
        "deeptime DMD": lambda: DeeptimeDMD(rank=RANK).fit((X[:-1], X[1:])).fetch_model().eigenvalues,
        "kooplearn Ridge": lambda: Ridge(RANK, alpha=1e-10).fit(X).eig(),
    }
    return methods, lambda found: max(np.abs(found - z).min() for z in EXACT)


def rollouts(train, lift, skmst):
    """Methods that learn to forecast: each gives a function of starts (n_runs, n_features) and steps."""
    n, psi = train.shape[-1], make_pipeline(lift, PolynomialFeatures(1)).fit(train.reshape(-1, train.shape[-1]))
    features = psi.transform(train.reshape(-1, n)).reshape(*train.shape[:2], -1)
    x, y = (features[:, part].reshape(-1, features.shape[-1]) for part in (slice(-1), slice(1, None)))
    states = [train[:, part].reshape(-1, n) for part in (slice(-1), slice(1, None))]
    back = np.linalg.lstsq(x, states[0], rcond=None)[0]  # states are among the monomials

    def multiplied(operator):
        def forecast(starts, n_steps):
            z, out = psi.transform(starts), []
            for _ in range(n_steps):
                z = z @ operator
                out.append(z @ back)
            return np.stack(out, axis=1).real

        return forecast

    def pydmd():
        model = DMD(svd_rank=-1, exact=True).fit(x.T, y.T)
        return multiplied(((model.modes * model.eigs) @ np.linalg.pinv(model.modes)).T)

    def ours(**params):
        model = KoopmanRegressor(**skmst, **params).fit(train)
        return lambda starts, n_steps: model.forecast(starts[:, None], n_steps)

    return {
        "skmst": ours,
        "skmst, multiplying": lambda: ours(step="linear"),
        "PyDMD DMD of the monomials": pydmd,
        "deeptime EDMD": lambda: multiplied(EDMD(psi.transform).fit(tuple(states)).fetch_model().operator),
        "kooplearn Ridge": lambda: multiplied(kooplearn_pairs(x, y, alpha=1e-10).estimator_),
    }


def van_der_pol(seed):
    def acceleration(x, v):
        return (1 - x**2) * v - x

    train, test = (runs(acceleration, n, 50, 0.1, 2 * seed + i) for i, n in enumerate((100, 50)))
    methods = rollouts(train, monomials(5), {"observables": monomials(5)})
    return methods, lambda forecast: np.sqrt(np.mean((forecast(test[:, 0], 40)[:, -1] - test[:, 40]) ** 2))


def double_well(seed, lag=5, dt=0.1, exact=7.453):
    X = make_double_well(200, 1000, beta=2.5, dt=dt, random_state=seed)
    spline = SplineTransformer(14, knots="quantile", include_bias=False, extrapolation="constant")
    features = spline.fit_transform(X.reshape(-1, 1)).reshape(*X.shape[:2], -1)
    x, y = (features[:, part].reshape(-1, features.shape[-1]) for part in (slice(-lag), slice(lag, None)))
    x, y = np.c_[x, np.ones(len(x))], np.c_[y, np.ones(len(y))]
    joined = X[:20].reshape(-1, 1)  # it takes centres from one trajectory only
    nystroem = dict(kernel="rbf", gamma=2.0, n_centers=100, reduced_rank=True, alpha=1e-6, random_state=0)

    def tica():
        return TICA(lagtime=lag).fit_from_timeseries(list(features)).fetch_model().timescales()[0] * dt

    def slowest(eigenvalues):
        """Of those less than that of the constant, which is 1."""
        return -lag * dt / np.log(np.sort(np.abs(eigenvalues))[-2])

    methods = {
        "skmst": lambda: KoopmanRegressor(lag=lag, dt=dt).fit(features).timescales_[0],
        "PyDMD DMD of the splines": lambda: slowest(DMD(svd_rank=-1).fit(x.T, y.T).eigs),
        "deeptime EDMD": lambda: slowest(EDMD(lambda z: z, n_eigs=13).fit((x, y)).fetch_model().eigenvalues),
        "deeptime TICA": lambda: (
            TICA(lagtime=lag).fit_from_timeseries(list(features)).fetch_model().timescales()[0] * dt
        ),
        "kooplearn Ridge": lambda: slowest(kooplearn_pairs(x, y, alpha=1e-10).eig()),
        "kooplearn NystroemKernelRidge, 20 runs": lambda: slowest(
            NystroemKernelRidge(10, lag_time=lag, **nystroem).fit(joined).eig()
        ),
    }
    return methods, lambda found: abs(found / exact - 1)


def kuramoto_sivashinsky(seed, n_train=16, n_steps=600):
    u = make_kuramoto_sivashinsky(24, 1000, dt=0.25, random_state=seed)
    waves = np.fft.rfft(u)[..., 1:9]
    z = np.concatenate([waves.real, waves.imag], axis=-1) / 64
    scale, origins, test = np.sqrt(z[n_train:].var(axis=(0, 1)).mean()), range(10, 400, 65), z[n_train:]
    truth = np.concatenate([test[:, o : o + n_steps] for o in origins])

    def judge(forecast):
        with np.errstate(over="ignore", invalid="ignore"):
            found = forecast(np.concatenate([test[:, o - 1] for o in origins]), n_steps)
        return valid_prediction_time(truth, found, dt=0.25, scale=scale).mean() / LYAPUNOV_TIME

    cubic = make_pipeline(StandardScaler(), monomials(3))
    return rollouts(z[:n_train], cubic, {"observables": cubic, "alpha": 1e-7}), judge


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # PyDMD's fits end at its own tolerance and say so
    compare("Linear, 10 % noise: error of the worst eigenvalue", linear, 20, ".1e")
    compare("Van der Pol: error at step 40", van_der_pol, 5, ".1e")
    compare("Double well: relative error of the slowest time scale", double_well, 5, ".3f")
    compare("Kuramoto-Sivashinsky: valid time in Lyapunov times", kuramoto_sivashinsky, 3, ".2f")
